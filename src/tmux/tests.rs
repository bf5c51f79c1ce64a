//! The room on a real tmux, on private sockets; each test ends its own server.

use super::*;
use crate::api::name::Uid;
use crate::process::spawn::Call;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_secs(30);

/// A private socket with no server yet.
struct Scene {
    folder: TempDir,
    config: ServerConfig,
    server: Arc<Server>,
}

impl Scene {
    fn new() -> Self {
        Self::with_deadline(PATIENCE)
    }

    fn with_deadline(deadline: Duration) -> Self {
        let folder = TempDir::new().unwrap();
        let tmux_tmpdir = Some(folder.path().to_owned());
        let config = ServerConfig { socket_name: "scene".to_owned(), tmux_tmpdir, deadline };
        Self { server: Arc::new(Server::new(config.clone())), config, folder }
    }

    fn socket(&self) -> PathBuf {
        let user = rustix::process::getuid().as_raw();
        self.folder.path().canonicalize().unwrap().join(format!("tmux-{user}/scene"))
    }

    /// Asks the server by a tmux of its own, as a person does.
    async fn tmux(&self, args: &[&str]) -> String {
        let call = Call::new("tmux", PATIENCE).without("TMUX").arg("-S").arg(self.socket());
        let printed = call.args(["-u", "-f", "/dev/null"]).args(args).run().await.unwrap();
        String::from_utf8(printed).unwrap().trim_end().to_owned()
    }

    async fn server_pid(&self) -> String {
        self.tmux(&["display-message", "-p", "#{pid}"]).await
    }

    async fn list(&self) -> Vec<Session> {
        self.server.list().await.unwrap()
    }

    /// Makes a session that lasts.
    async fn make(&self, name: &str) -> Session {
        self.server.new_session(&new(name, self.folder.path(), &["sleep", "1000"])).await.unwrap()
    }

    /// Looks again, though single looks may fail, until the sessions have these names.
    async fn until_listed(&self, names: &[&str]) {
        let look = async || {
            let seen = self.server.list().await;
            seen.is_ok_and(|seen| {
                seen.iter().map(|one| one.name.as_str()).eq(names.iter().copied())
            })
        };
        until(look).await;
    }
}

impl Drop for Scene {
    #[expect(clippy::disallowed_methods, reason = "nothing can be awaited here")]
    fn drop(&mut self) {
        let mut tmux = std::process::Command::new("tmux");
        let quiet = tmux.arg("-S").arg(self.socket()).arg("kill-server");
        drop(quiet.stderr(std::process::Stdio::null()).status());
    }
}

fn owner(name: &str) -> Owner {
    Owner { task: name.parse().unwrap(), uid: Uid::derive(1, name) }
}

fn new(name: &str, directory: &Path, command: &[&str]) -> NewSession {
    NewSession {
        owner: owner(name),
        attempt: 2,
        seat: None,
        directory: directory.to_owned(),
        environment: BTreeMap::new(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
    }
}

async fn until(mut look: impl AsyncFnMut() -> bool) {
    let looks = async {
        while !look().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looks).await.expect("it comes true in time");
}

async fn signal(signal: &str, pid: &str) {
    Call::new("kill", PATIENCE).args([signal, pid]).run().await.unwrap();
}

#[tokio::test]
async fn looking_where_no_server_is_starts_none_and_leaves_no_file() {
    let scene = Scene::new();
    assert_eq!(scene.list().await, []);
    assert!(!scene.server.kill_session(SessionId(1), &owner("a")).await.unwrap());
    scene.server.shut_down().await.unwrap();
    assert_eq!(std::fs::read_dir(scene.folder.path()).unwrap().count(), 0);
    let mark = scene.folder.path().display().to_string();
    assert_eq!(crate::process::identity::with_mark("TMUX_TMPDIR", &mark).unwrap(), []);
}

#[tokio::test]
async fn a_session_is_listed_as_it_was_made() {
    let scene = Scene::new();
    let made = scene.make("fix-login").await;
    assert_eq!((made.name.as_str(), made.attempt), ("fix-login", Some(2)));
    assert_eq!(made.owner, Some(owner("fix-login")));
    assert!(crate::process::identity::of(made.pane_pid).unwrap().is_some());
    assert_eq!(scene.list().await, [made]);
    // The processes of the test above would be found: the mark is in these.
    let mark = scene.folder.path().display().to_string();
    assert_ne!(crate::process::identity::with_mark("TMUX_TMPDIR", &mark).unwrap(), []);
}

#[tokio::test]
async fn a_name_is_given_once() {
    let scene = Scene::new();
    let made = scene.make("a").await;
    let again = NewSession { attempt: 3, ..new("a", Path::new("/"), &["sleep", "1"]) };
    let error = scene.server.new_session(&again).await.unwrap_err();
    assert!(matches!(&error, Error::Exists { name } if name == "a"), "{error}");
    assert_eq!(scene.list().await, [made]);
}

#[tokio::test]
async fn words_variables_and_directories_arrive_as_they_are() {
    let scene = Scene::new();
    let odd = "  a 'b' \"c\" $HOME ${HOME} #{pid} ## #[x] #(id) ~ ; \\ \\n \\; é✓ {} %if `id` \t \u{1b}; ";
    for (number, part) in ["a b#{pid}'$HOME;", "#[fg=red]##[x]#", "%H~é\"\\"].iter().enumerate() {
        let directory = scene.folder.path().canonicalize().unwrap().join(part);
        std::fs::create_dir(&directory).unwrap();
        let script = "printf '%s|' \"$PWD\" \"$ODD\" \"$@\" >tmp; mv tmp out; exec sleep 1000";
        let words = ["sh", "-c", script, "sh", odd, "", "--x", "~", ";", "a;", "-"];
        let mut session = new(&format!("n{number}"), &directory, &words);
        session.environment.insert("ODD".to_owned(), odd.to_owned());
        scene.server.new_session(&session).await.unwrap();
        let out = directory.join("out");
        until(async || out.try_exists().unwrap()).await;
        let here = directory.display();
        let expected = format!("{here}|{odd}|{odd}||--x|~|;|a;|-|");
        assert_eq!(std::fs::read_to_string(out).unwrap(), expected);
    }
}

#[tokio::test]
async fn what_cannot_be_said_makes_nothing() {
    let scene = Scene::new();
    let line_end = new("a", Path::new("/"), &["sleep", "1\nkill-server"]);
    let error = scene.server.new_session(&line_end).await.unwrap_err();
    assert!(matches!(error, Error::Unquotable { .. }), "{error}");
    let error = scene.server.new_session(&new("a", Path::new("/"), &["sleep"])).await.unwrap_err();
    assert!(matches!(error, Error::NoArgument { .. }), "{error}");
    assert_eq!(std::fs::read_dir(scene.folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn only_the_marked_session_is_killed() {
    let scene = Scene::new();
    let (a, b) = (scene.make("a").await, scene.make("b").await);
    assert!(!scene.server.kill_session(a.id, &owner("b")).await.unwrap());
    scene.tmux(&["set-option", "-t", "=b:", "@reconciler-owner", "mine"]).await;
    assert!(!scene.server.kill_session(b.id, &owner("b")).await.unwrap());
    assert!(scene.server.kill_session(a.id, &owner("a")).await.unwrap());
    assert!(!scene.server.kill_session(a.id, &owner("a")).await.unwrap(), "it is gone");
    assert_eq!(scene.list().await, [Session { owner: None, attempt: None, ..b }]);
}

#[tokio::test]
async fn an_absent_target_is_not_taken_for_the_current_session() {
    let scene = Scene::new();
    scene.make("a").await;
    let mark = owner("a").to_string();
    scene.tmux(&["set-option", "-t", "=_keeper:", "@reconciler-owner", &mark]).await;
    assert!(!scene.server.kill_session(SessionId(77), &owner("a")).await.unwrap());
}

#[tokio::test]
async fn sessions_of_people_are_listed_without_an_owner() {
    let scene = Scene::new();
    let ours = scene.make("a").await;
    scene.tmux(&["new-session", "-d", "-s", "my own é", "-e", "A=b", "sleep 1000"]).await;
    scene.tmux(&["split-window", "-t", "=a:", "sleep 1000"]).await;
    let odd = "x\nreconciler:a:b";
    scene.tmux(&["set-option", "-t", "=my own é:", "@reconciler-owner", odd]).await;
    scene.tmux(&["set-option", "-t", "=my own é:", "@reconciler-attempt", "1 2"]).await;
    let seen = scene.list().await;
    let theirs: Vec<_> = seen.iter().filter(|one| one.owner.is_none()).collect();
    assert_eq!((theirs.len(), theirs[0].name.as_str(), theirs[0].attempt), (1, "my own é", None));
    assert_eq!(seen[0], ours, "the person's pane in it is not ours");
}

#[tokio::test]
async fn a_dead_pane_that_a_person_keeps_is_listed() {
    let scene = Scene::new();
    scene.make("a").await;
    scene.tmux(&["set-option", "-w", "-t", "=a:", "remain-on-exit", "on"]).await;
    let pid = scene.list().await[0].pane_pid.to_string();
    signal("-KILL", &pid).await;
    // Debian's tmux may not see the death before another SIGCHLD.
    let server = scene.server_pid().await;
    until(async || {
        signal("-CHLD", &server).await;
        scene.list().await[0].pane_dead
    })
    .await;
}

/// A session that `w-1` keeps, and in which this script has ended.
async fn kept(scene: &Scene, script: &str) -> Session {
    let made = scene.server.new_session(&for_seat("a", scene, script)).await.unwrap();
    until(async || crate::process::identity::of(made.pane_pid).unwrap().is_none()).await;
    made
}

fn for_seat(task: &str, scene: &Scene, script: &str) -> NewSession {
    let seat = Some("w-1".to_owned().try_into().unwrap());
    NewSession { seat, ..new(task, scene.folder.path(), &["sh", "-c", script]) }
}

#[tokio::test]
async fn a_kept_session_does_task_after_task_below_each_other() {
    let scene = Scene::new();
    let mut first = for_seat("a", &scene, "printf \"one $ODD\\033[2J\\033[H\"");
    first.environment.insert("ODD".to_owned(), "of the first".to_owned());
    let made = scene.server.new_session(&first).await.unwrap();
    assert_eq!((made.name.as_str(), made.attempt), ("worker/w-1", Some(2)));
    until(async || crate::process::identity::of(made.pane_pid).unwrap().is_none()).await;
    let script = "echo \"two ${ODD-none} $NEW in $PWD\"; exec sleep 1000";
    let mut second = NewSession { attempt: 7, ..for_seat("b", &scene, script) };
    second.environment.insert("NEW".to_owned(), "'new' #{pid}".to_owned());
    second.directory = "/".into();
    let pid = scene.server.respawn(&made, &second).await.unwrap().unwrap();
    assert!(crate::process::identity::of(pid).unwrap().is_some());
    let (owner, attempt) = (Some(owner("b")), Some(7));
    let now = Session { owner, attempt, pane_pid: pid, pane_dead: false, ..made.clone() };
    assert_eq!(scene.list().await, [now]);
    let text = || scene.tmux(&["capture-pane", "-p", "-S", "-", "-t", "=worker/w-1:"]);
    until(async || text().await.contains("two")).await;
    let text = text().await;
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines, ["one of the first", "two none 'new' #{pid} in /"]);
}

#[tokio::test]
async fn a_session_in_which_something_else_runs_by_now_is_left_as_it_is() {
    let scene = Scene::new();
    let seen = kept(&scene, "exit 0").await;
    let next = for_seat("b", &scene, "exec sleep 1000");
    assert!(scene.server.respawn(&seen, &next).await.unwrap().is_some());
    let before = scene.list().await;
    let other = NewSession { attempt: 9, ..for_seat("c", &scene, "exec sleep 1000") };
    assert_eq!(scene.server.respawn(&seen, &other).await.unwrap(), None);
    assert!(!scene.server.end_kept(&seen).await.unwrap());
    assert_eq!(scene.list().await, before);
    let gone = Session { id: SessionId(77), pane: PaneId(77), ..seen };
    assert_eq!(scene.server.respawn(&gone, &other).await.unwrap(), None);
}

#[tokio::test]
async fn a_session_that_waits_is_ended() {
    let scene = Scene::new();
    let seen = kept(&scene, "exit 3").await;
    let other = Session { seat: Some("w-2".to_owned().try_into().unwrap()), ..seen.clone() };
    assert!(!scene.server.end_kept(&other).await.unwrap(), "it is another's");
    assert!(scene.server.end_kept(&seen).await.unwrap());
    assert_eq!(scene.list().await, []);
    assert!(!scene.server.end_kept(&seen).await.unwrap(), "it is gone");
}

#[tokio::test]
async fn a_server_that_people_started_is_used() {
    let scene = Scene::new();
    let parent = scene.socket().parent().unwrap().to_owned();
    crate::disk::make_folder(&parent).unwrap();
    scene.tmux(&["new-session", "-d", "-s", "theirs", "sleep 1000"]).await;
    assert_eq!(scene.list().await[0].name, "theirs");
    scene.server.shut_down().await.unwrap();
    scene.tmux(&["has-session", "-t", "=theirs"]).await;
}

#[tokio::test]
async fn two_hundred_at_once_are_all_made() {
    let scene = Scene::new();
    let mut makers = JoinSet::new();
    for number in 0..200 {
        let server = Arc::clone(&scene.server);
        let session = new(&format!("n{number}"), scene.folder.path(), &["sleep", "1000"]);
        makers.spawn(async move { server.new_session(&session).await.map(|made| made.name) });
    }
    let names = makers.join_all().await.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(names.len(), 200);
    let seen = scene.list().await;
    assert!(seen.iter().all(|one| one.owner == Some(owner(&one.name)) && one.attempt == Some(2)));
    assert_eq!(seen.len(), 200);
}

#[tokio::test]
async fn of_many_makers_of_one_name_one_wins() {
    let scene = Scene::new();
    let mut makers = JoinSet::new();
    for _ in 0..8 {
        let config = scene.config.clone();
        let session = new("a", scene.folder.path(), &["sleep", "1000"]);
        makers.spawn(async move { Server::new(config).new_session(&session).await });
    }
    let made = makers.join_all().await;
    let lost = made.iter().filter(|one| matches!(one, Err(Error::Exists { .. }))).count();
    assert_eq!((made.iter().filter(|one| one.is_ok()).count(), lost), (1, 7), "{made:?}");
}

#[tokio::test]
async fn the_end_of_a_session_wakes() {
    let scene = Scene::new();
    let made = scene.make("a").await;
    let mut wakes = scene.server.wakes();
    signal("-KILL", &made.pane_pid.to_string()).await;
    tokio::time::timeout(PATIENCE, wakes.changed()).await.unwrap().unwrap();
    scene.until_listed(&[]).await;
}

#[tokio::test]
async fn a_killed_server_wakes_and_is_started_again() {
    let scene = Scene::new();
    for end in ["-KILL", "-TERM"] {
        scene.make("a").await;
        let mut wakes = scene.server.wakes();
        signal(end, &scene.server_pid().await).await;
        tokio::time::timeout(PATIENCE, wakes.changed()).await.unwrap().unwrap();
        scene.until_listed(&[]).await;
        scene.make("b").await;
        scene.until_listed(&["b"]).await;
        scene.tmux(&["kill-server"]).await;
        scene.until_listed(&[]).await;
    }
}

#[tokio::test]
async fn a_stopped_server_is_unknown_until_it_goes_on() {
    let scene = Scene::with_deadline(Duration::from_millis(500));
    let made = scene.make("a").await;
    let pid = scene.server_pid().await;
    signal("-STOP", &pid).await;
    for _ in 0..2 {
        // On the old connection, then on a new one that does not come through.
        let error = scene.server.list().await.unwrap_err();
        assert!(matches!(error, Error::Deadline { .. }), "{error}");
    }
    let others = [scene.server.list(), scene.server.list(), scene.server.list()];
    let started = crate::process::clock::since_boot();
    for seen in futures_util::future::join_all(others).await {
        seen.unwrap_err();
    }
    let took = crate::process::clock::since_boot().saturating_sub(started);
    assert!(took < Duration::from_secs(15), "they do not wait for each other: {took:?}");
    signal("-CONT", &pid).await;
    scene.until_listed(&["a"]).await;
    assert_eq!(scene.list().await, [made]);
}

#[tokio::test]
async fn a_connection_given_up_before_it_came_through_harms_nobody() {
    let scene = Scene::new();
    scene.make("a").await;
    let pid = scene.server_pid().await;
    signal("-STOP", &pid).await;
    for _ in 0..3 {
        let call = Call::new("tmux", PATIENCE).without("TMUX").arg("-S").arg(scene.socket());
        let call = call.args(["-N", "-C", "attach-session", "-t", "=_keeper"]);
        let turn = std::fs::File::open(scene.folder.path()).unwrap();
        let opened = connection::Connection::open(call, turn, watch::Sender::new(0)).unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(300), opened.through()).await;
        assert!(waited.is_err(), "the server is stopped");
    }
    signal("-CONT", &pid).await;
    until(async || scene.tmux(&["list-clients"]).await.lines().count() == 1).await;
    assert_eq!(scene.server_pid().await, pid);
}

#[tokio::test]
async fn a_killed_client_is_replaced() {
    let scene = Scene::new();
    scene.make("a").await;
    let clients = scene.tmux(&["list-clients", "-F", "#{client_pid}"]).await;
    let mut wakes = scene.server.wakes();
    signal("-KILL", &clients).await;
    tokio::time::timeout(PATIENCE, wakes.changed()).await.unwrap().unwrap();
    assert_eq!(scene.list().await.len(), 1);
    assert_ne!(scene.tmux(&["list-clients", "-F", "#{client_pid}"]).await, clients);
}

#[tokio::test]
async fn a_killed_keeper_is_made_again() {
    let scene = Scene::new();
    scene.make("a").await;
    let mut wakes = scene.server.wakes();
    scene.tmux(&["kill-session", "-t", "=_keeper"]).await;
    tokio::time::timeout(PATIENCE, wakes.changed()).await.unwrap().unwrap();
    scene.until_listed(&["a"]).await;
    scene.tmux(&["has-session", "-t", "=_keeper"]).await;
}

#[tokio::test]
async fn a_socket_that_may_not_be_seen_is_unknown() {
    let scene = Scene::new();
    // The place of the socket's folder is taken: neither "no such file" nor "nobody listens".
    std::fs::write(scene.socket().parent().unwrap(), "").unwrap();
    let error = scene.server.list().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_dead_servers_socket_is_no_server() {
    let scene = Scene::new();
    scene.make("a").await;
    signal("-KILL", &scene.server_pid().await).await;
    scene.until_listed(&[]).await;
    assert!(scene.socket().symlink_metadata().is_ok(), "its socket is still there");
}

#[tokio::test]
async fn the_last_one_out_ends_the_server() {
    let scene = Scene::new();
    let made = scene.make("a").await;
    let pid: u32 = scene.server_pid().await.parse().unwrap();
    scene.server.shut_down().await.unwrap();
    assert_eq!(scene.list().await, [made], "a session is left, so the server is");
    let id = scene.list().await[0].id;
    assert!(scene.server.kill_session(id, &owner("a")).await.unwrap());
    scene.server.shut_down().await.unwrap();
    until(async || crate::process::identity::of(pid).unwrap().is_none()).await;
    scene.until_listed(&[]).await;
}

#[tokio::test]
async fn a_dropped_handle_leaves_no_client() {
    let scene = Scene::new();
    let other = Server::new(scene.config.clone());
    scene.make("a").await;
    other.list().await.unwrap();
    let clients = async || scene.tmux(&["list-clients"]).await.lines().count();
    assert_eq!(clients().await, 2);
    drop(other);
    until(async || clients().await == 1).await;
}

#[tokio::test]
async fn a_person_can_attach_by_the_shown_command() {
    let scene = Scene::new();
    scene.make("a").await;
    let words = scene.server.attach_command("a");
    let (program, args) = words.split_first().unwrap();
    // In control mode, because there is no terminal here.
    let call = Call::new(program, PATIENCE).without("TMUX").arg("-C").args(args);
    let said = call.input(b"display-message -p 'in #S'\n".to_vec()).run().await.unwrap();
    assert!(String::from_utf8_lossy(&said).contains("\nin a\n"));

    let usual = ServerConfig { socket_name: "r".to_owned(), tmux_tmpdir: None, deadline: DEADLINE };
    let words = Server::new(usual).attach_command("fix-login");
    assert_eq!(words.join(" "), "tmux -N -L r attach-session -t =fix-login");
}

#[tokio::test]
async fn others_attach_while_sessions_come_and_go() {
    let scene = Scene::new();
    scene.make("a").await;
    let pid = scene.server_pid().await;
    let mut attached = JoinSet::new();
    for _ in 0..8 {
        let other = Server::new(scene.config.clone());
        attached.spawn(async move { other.list().await.map(|seen| seen[0].name.clone()) });
    }
    while !attached.is_empty() {
        let made = scene.make("b").await;
        assert!(scene.server.kill_session(made.id, &owner("b")).await.unwrap());
        // Who makes and ends sessions without a pause keeps the others waiting.
        assert_eq!(scene.server_pid().await, pid);
        while let Some(seen) = attached.try_join_next() {
            assert_eq!(seen.unwrap().unwrap(), "a");
        }
    }
}
