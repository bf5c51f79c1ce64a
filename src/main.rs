//! Hands the arguments to the command line and its answer to the shell.

use std::process::ExitCode;

fn main() -> ExitCode {
    reconciler::cli::main()
}
