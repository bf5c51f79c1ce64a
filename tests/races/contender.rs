//! Who contends: a command that is run by the built program, and how it ended. A kill is drawn from
//! the seed: at one of its effects, or after some milliseconds.

use crate::common::{Said, TestEnvironment};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// How long a race may take.
const DEADLINE: Duration = Duration::from_mins(2);
/// No command of a contender passes more points than this.
const POINTS: u64 = 24;

/// Numbers drawn from a seed (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let at = self.below(all.len().try_into().unwrap());
        &all[usize::try_from(at).unwrap()]
    }
}

/// How a contender ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    Refused,
    Killed,
}

/// When a contender is killed.
#[derive(Debug, Clone, Copy)]
enum Kill {
    Never,
    At(u64),
    After(Duration),
}

#[derive(Debug, Clone)]
pub(crate) struct Contender {
    arguments: Vec<String>,
    pub(crate) seat: String,
    /// All that it asks for.
    pub(crate) paths: Vec<String>,
    /// The task, if it claims one.
    pub(crate) task: Option<String>,
    kill: Kill,
}

impl Contender {
    fn new(person: &str, words: &[&str], paths: &[&str]) -> Self {
        let own = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let mut arguments: Vec<String> = own(words);
        arguments.extend(["--as".to_owned(), person.to_owned()]);
        let seat = format!("{person}-1");
        Self { arguments, seat, paths: own(paths), task: None, kill: Kill::Never }
    }

    pub(crate) fn claim(person: &str, task: &str, files: &[&str]) -> Self {
        let task_name = Some(task.to_owned());
        Self { task: task_name, ..Self::new(person, &["claim", task], files) }
    }

    pub(crate) fn acquire(person: &str, paths: &[&str]) -> Self {
        Self::new(person, &[&["locks", "acquire"], paths].concat(), paths)
    }

    pub(crate) fn release(name: &str) -> Self {
        Self::new("judge", &["release", name, "--force", "--reason", "the race is over"], &[])
    }

    pub(crate) fn killed_at(self, point: u64) -> Self {
        Self { kill: Kill::At(point), ..self }
    }

    fn spawn(&self, env: &TestEnvironment, number: usize) -> Child {
        let mut command = env.reconciler(&[]);
        command.args(&self.arguments);
        if let Kill::At(point) = self.kill {
            let file = env.out(&format!("points-{number}"));
            std::fs::remove_file(file.with_added_extension("fired")).ok();
            command.env("RECONCILER_FAULT", format!("claim:kill:{point}:{}", file.display()));
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub(crate) fn run(&self, env: &TestEnvironment) -> Ended {
        self.ended(self.spawn(env, 0))
    }

    /// Waits for the end. What is said is a few lines: no pipe is full of it.
    fn ended(&self, child: Child) -> Ended {
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        let said = Said { status: output.status, stdout, stderr };
        let ended = match (said.status.code(), said.status.signal()) {
            (Some(0), _) => Some(Ended::Done),
            (Some(6), _) => Some(Ended::Refused),
            (None, Some(9)) => Some(Ended::Killed),
            _ => None,
        };
        assert!(ended.is_some(), "{self:?} ended otherwise: {said:?}");
        ended.unwrap()
    }
}

/// Lets all run at once, some of them killed on the way.
pub(crate) fn run_all(
    env: &TestEnvironment,
    contenders: &[Contender],
    random: &mut Random,
) -> Vec<Ended> {
    let mut drawn = |one: &Contender| {
        let kill = match random.below(8) {
            0 => Kill::At(1 + random.below(POINTS)),
            1 => Kill::After(Duration::from_millis(random.below(400))),
            _ => Kill::Never,
        };
        Contender { kill, ..one.clone() }
    };
    let contenders: Vec<Contender> = contenders.iter().map(&mut drawn).collect();
    let start = Instant::now();
    let spawn = |(number, one): (usize, &Contender)| one.spawn(env, number);
    let mut children: Vec<Child> = contenders.iter().enumerate().map(spawn).collect();
    let mut to_kill: Vec<(Duration, usize)> = contenders
        .iter()
        .enumerate()
        .filter_map(|(at, one)| match one.kill {
            Kill::After(time) => Some((time, at)),
            Kill::Never | Kill::At(_) => None,
        })
        .collect();
    to_kill.sort_unstable();
    for (time, at) in to_kill {
        while start.elapsed() < time {
            std::thread::park_timeout(time.saturating_sub(start.elapsed()));
        }
        // One that has ended is not killed any more.
        children[at].kill().unwrap();
    }
    let ended = contenders.iter().zip(children).map(|(one, child)| one.ended(child)).collect();
    assert!(start.elapsed() < DEADLINE, "a race took {:?}", start.elapsed());
    ended
}
