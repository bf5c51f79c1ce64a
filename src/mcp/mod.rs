//! The MCP server: what an agent may ask and say of its own attempt, over stdin and stdout. It decides
//! nothing and speaks for nobody but the attempt that its environment names.

mod answer;
mod tools;
mod words;

use crate::client::{Client, RULES};
use answer::Refusal;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::{IntoCallToolResult as _, ToolCallContext};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, Implementation, ServerCapabilities, ServerConfig,
};
use rmcp::service::{RequestContext, ServerInitializeError};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt as _, tool_handler};

/// Why the server ended otherwise than by its client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Whoever started it does not speak the protocol.
    #[error("no MCP client speaks on stdin")]
    Greeting(#[source] Box<ServerInitializeError>),
    /// It broke down.
    #[error("the MCP server broke down")]
    Broken(#[from] tokio::task::JoinError),
}

/// A server for one repository.
#[derive(Debug)]
struct Server {
    client: Client,
    tools: ToolRouter<Self>,
}

/// Serves a repository on stdin and stdout until the client goes. Nothing else may write to stdout.
///
/// # Errors
/// When stdin does not begin with the greeting of an MCP client.
pub async fn serve(client: Client) -> Result<(), Error> {
    let server = Server { client, tools: Server::tool_router() };
    let running = match server.serve(rmcp::transport::stdio()).await {
        Ok(running) => running,
        // It went before it said anything.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(Error::Greeting(Box::new(error))),
    };
    running.waiting().await?;
    Ok(())
}

#[tool_handler(router = self.tools)]
impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let lines = [
            "You are one of several workers in this repository. Call get_context first.",
            "Where these rules name a command, there is a tool for it:",
        ];
        let instructions = [&lines[..], &RULES[..]].concat().join("\n");
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("reconciler", env!("CARGO_PKG_VERSION")))
            .with_instructions(instructions)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let answer = self.tools.call(ToolCallContext::new(self, request, context)).await?;
        // Only arguments that cannot be read are refused without a structure.
        if let CallToolResponse::Complete(refused) = &answer
            && refused.is_error == Some(true)
            && refused.structured_content.is_none()
        {
            let texts = refused.content.iter().filter_map(|one| one.as_text());
            let texts: Vec<&str> = texts.map(|one| one.text.as_str()).collect();
            return Refusal::of_arguments(&texts.join("\n")).into_call_tool_result();
        }
        Ok(answer)
    }
}
