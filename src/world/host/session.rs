//! Sessions: a prepared attempt gets one of its own, or begins in the one that its seat keeps. Nothing
//! begins beside what may live of an attempt before.

use super::begun::{Before, owner_of};
use super::perform::{Answer, kill, refused};
use super::{HostWorld, OWNER, REPO};
use crate::api::attempt::{AttemptId, Exit, ExitReason, HANDED_ON, ProcessId};
use crate::api::name::{Owner, Seat};
use crate::api::worker::SessionOf;
use crate::fault;
use crate::process::identity;
use crate::tmux;
use crate::world::{ActionError, Outcome};
use std::path::Path;

/// What came of the opening of a session.
enum Opened {
    /// This process runs in it.
    Running(u32),
    /// It was not opened, and why.
    Not(String),
}

impl HostWorld {
    pub(super) async fn new_session(&self, id: &AttemptId, directory: &Path) -> Answer {
        let Some(files) = self.records.attempt(id)? else { return refused("it is not prepared") };
        let attempt = files.attempt?;
        if files.exit.is_some() || files.shim.is_some() {
            return refused("the attempt was taken or closed");
        }
        if !self.is_alone(id)?
            && let Some(why) = self.end_predecessor(&id.owner).await?
        {
            return refused(&why);
        }
        // Whatever it does from now on can be fenced off by a later generation.
        self.ownership.publish().await?;
        if let Some(why) = self.work_under_claim(&attempt, directory).await? {
            return refused(why);
        }
        self.repository.unlock(directory)?;
        let folder = self.records.folder(id).to_string_lossy().into_owned();
        let mut environment = self.setting.environment.clone();
        let handed_on = [&attempt.program.env_allow, &attempt.program.secret_env];
        environment.retain(|name, _| {
            HANDED_ON.contains(&name.as_str()) || handed_on.iter().any(|names| names.contains(name))
        });
        environment.insert(OWNER.to_owned(), id.owner.to_string());
        environment.insert(REPO.to_owned(), self.root_text());
        environment
            .extend(fault::handed_on().map(|text| (fault::VARIABLE.to_owned(), text.to_owned())));
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let program = text(&self.setting.program);
        let common_dir = text(self.repository.common_dir());
        let seat = (attempt.session == SessionOf::Worker).then(|| attempt.seat.clone());
        let new = tmux::NewSession {
            owner: id.owner.clone(),
            attempt: id.number,
            seat,
            directory: directory.to_owned(),
            environment,
            command: vec![program, "shim".to_owned(), folder, common_dir],
        };
        let pid = match self.open(&new).await? {
            Opened::Running(pid) => pid,
            Opened::Not(why) => return refused(&why),
        };
        self.begun.begin(id);
        if let Ok(Some(shim)) = identity::of(pid) {
            self.wake.on_end_of(&shim);
        }
        Ok(Outcome::Done)
    }

    /// Makes a session, or begins anew in the one that its seat keeps.
    async fn open(&self, new: &tmux::NewSession) -> Result<Opened, ActionError> {
        let kept = match &new.seat {
            Some(seat) => self.kept_by(seat).await?,
            None => None,
        };
        if let Some(kept) = kept {
            let busy = || Opened::Not(format!("something runs in session {}", kept.name));
            if !is_idle(&kept) {
                return Ok(busy());
            }
            let pid = self.sessions.respawn(&kept, new).await?;
            return Ok(pid.map_or_else(busy, Opened::Running));
        }
        match self.sessions.new_session(new).await {
            Ok(session) => Ok(Opened::Running(session.pane_pid)),
            Err(tmux::Error::Exists { name }) => {
                Ok(Opened::Not(format!("there is a session {name}")))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn kept_by(&self, seat: &Seat) -> Result<Option<tmux::Session>, tmux::Error> {
        let sessions = self.sessions.list().await?;
        Ok(sessions.into_iter().find(|one| one.seat.as_ref() == Some(seat)))
    }

    pub(super) async fn kill_session(&self, session: &str, owner: &Owner) -> Answer {
        let id = tmux::SessionId::parse(session);
        let id = id.ok_or_else(|| ActionError(format!("`{session}` is no session id")))?;
        let killed = self.sessions.kill_session(id, owner).await?;
        Ok(if killed { Outcome::Done } else { Outcome::AlreadySo })
    }

    pub(super) async fn end_session(&self, session: &str, seat: &Seat) -> Answer {
        let kept = self.kept_by(seat).await?.filter(|one| one.id.to_string() == session);
        let Some(kept) = kept else { return Ok(Outcome::AlreadySo) };
        if !is_idle(&kept) {
            return refused("something runs in it by now");
        }
        let ended = self.sessions.end_kept(&kept).await?;
        Ok(if ended { Outcome::Done } else { Outcome::AlreadySo })
    }

    /// Returns whether it is certain without a look at all processes that nothing lives of an earlier
    /// attempt: there was none, or this run of the loop began it and its own shim saw all of it end.
    fn is_alone(&self, id: &AttemptId) -> Result<bool, ActionError> {
        let earlier = match self.begun.before(id)? {
            Before::Nothing => return Ok(true),
            Before::Anything => return Ok(false),
            Before::Attempt(earlier) => earlier,
        };
        let exit = self.records.attempt(&earlier)?.and_then(|files| files.exit);
        // Those are what the loop itself may have written.
        let by_loop =
            |exit: &Exit| matches!(exit.reason, ExitReason::Lost | ExitReason::Stopped { .. });
        Ok(exit.is_some_and(|exit| exit.is_ok_and(|exit| !by_loop(&exit))))
    }

    /// Ends what lives of an earlier attempt whose records are lost, and says so. The plan knows of
    /// none that lives; what bears the task's mark nevertheless, of whatever uid, would work beside
    /// the next attempt. Another repository's task of the same name is not ours.
    pub(super) async fn end_predecessor(
        &self,
        owner: &Owner,
    ) -> Result<Option<String>, ActionError> {
        let repo = self.root_text().into_bytes();
        let of_task = |mark: &[u8]| owner_of(mark).is_some_and(|other| other.task == owner.task);
        let marked = identity::by_marks([OWNER, REPO])?.into_iter();
        let left = marked.filter(|([mark, root], _)| *root == repo && of_task(mark));
        let left: Vec<ProcessId> = left.flat_map(|(_, processes)| processes).collect();
        if left.is_empty() {
            return Ok(None);
        }
        let sessions = self.sessions.list().await?;
        let mut busy = sessions.iter().filter(|one| !is_idle(one));
        if busy.any(|one| one.owner.as_ref().is_some_and(|one| one.task == owner.task)) {
            return Ok(Some("a session of it is there".to_owned()));
        }
        kill(&left)?;
        Ok(Some(format!("{} processes of an earlier attempt lived, and are ended", left.len())))
    }
}

/// Returns whether nothing runs in a session that a seat keeps. tmux may learn of an end later than we
/// do; what cannot be seen runs.
pub(super) fn is_idle(session: &tmux::Session) -> bool {
    let has_ended = || identity::of(session.pane_pid).is_ok_and(|process| process.is_none());
    session.seat.is_some() && (session.pane_dead || has_ended())
}
