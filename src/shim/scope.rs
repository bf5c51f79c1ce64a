//! Scope: cpu and memory limits of a program, held by the kernel in a control group that systemd makes
//! for it. It starts nothing but `systemd-run`, and takes no limit for set that was not tried.

use crate::api::worker::ResourceLimits;
use crate::process::spawn::Call;
use std::time::Duration;

/// How long systemd may take to make a scope.
const DEADLINE: Duration = Duration::from_secs(10);
/// Where systemd keeps the sockets of a user, by the user's id.
const RUNTIME: &str = "XDG_RUNTIME_DIR";
/// Says which controls the scope of a try was handed, where that can be seen (cgroup v2).
const CONTROLS: &str = "cd /sys/fs/cgroup && [ -e cgroup.controllers ] || exit 0; \
     echo has: $(cat \".$(sed -n 's/^0:://p' /proc/self/cgroup)/cgroup.controllers\")";

/// What a program is started through, to be limited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// The beginning of its arguments.
    pub(super) argv: Vec<String>,
    /// Variables of the start, which the program itself does not get.
    pub(super) env: Vec<(&'static str, String)>,
}

impl Scope {
    fn new(limits: &ResourceLimits) -> Self {
        let user = rustix::process::geteuid();
        let of_user = (!user.is_root()).then_some("--user");
        let fixed = ["--scope", "--quiet", "--collect", "--no-ask-password"];
        let words = ["systemd-run"].into_iter().chain(of_user).chain(fixed);
        let mut argv: Vec<String> = words.map(str::to_owned).collect();
        let mut set = |property: String| argv.extend(["-p".to_owned(), property]);
        if let Some(megabytes) = limits.memory_megabytes {
            set(format!("MemoryMax={megabytes}M"));
            // Else it is as slow as the swap before it is killed, and everybody else with it.
            set("MemorySwapMax=0".to_owned());
        }
        if let Some(percent) = limits.cpu_percent {
            set(format!("CPUQuota={percent}%"));
        }
        argv.push("--".to_owned());
        let env = of_user.map(|_| (RUNTIME, format!("/run/user/{user}")));
        Self { argv, env: env.into_iter().collect() }
    }

    /// Returns what the program with these arguments is started as; its environment has these names.
    pub(super) fn around(&self, argv: Vec<String>, has: impl Fn(&str) -> bool) -> Vec<String> {
        let mut all = self.argv.clone();
        for (name, _) in self.env.iter().filter(|(name, _)| !has(name)) {
            all.extend(["env", "-u", name].map(str::to_owned));
        }
        all.extend(argv);
        all
    }
}

/// Returns what a program with these limits is started through.
///
/// # Errors
/// Why this machine does not hold such limits: start it without, and say so.
pub async fn open(limits: &ResourceLimits) -> Result<Scope, String> {
    if *limits == ResourceLimits::default() {
        return Ok(Scope::default());
    }
    let scope = Scope::new(limits);
    let (program, arguments) = scope.argv.split_first().expect("a scope has its program");
    let call = Call::new(program, DEADLINE).args(arguments).args(["sh", "-c", CONTROLS]);
    let call = scope.env.iter().fold(call, |call, (name, value)| call.env(name, value));
    let said = call.run().await.map_err(|error| {
        let last = error.stderr().trim().lines().last().unwrap_or_default().to_owned();
        if last.is_empty() { error.to_string() } else { format!("systemd-run: {last}") }
    })?;
    match missing(&String::from_utf8_lossy(&said), limits) {
        Some(control) => Err(format!("systemd hands on no control of {control} to this user")),
        None => Ok(scope),
    }
}

/// Returns the control that limits need and a scope does not have.
fn missing(said: &str, limits: &ResourceLimits) -> Option<&'static str> {
    let has = said.trim().strip_prefix("has:")?;
    let needed = [("memory", limits.memory_megabytes), ("cpu", limits.cpu_percent)];
    let mut needed = needed.into_iter().filter(|(_, limit)| limit.is_some()).map(|(name, _)| name);
    needed.find(|name| !has.split_whitespace().any(|one| one == *name))
}

/// Returns how many processes the kernel killed for their memory since the boot; `None` when that
/// cannot be seen.
pub(super) fn memory_kills() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/vmstat").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(memory_megabytes: Option<u32>, cpu_percent: Option<u32>) -> ResourceLimits {
        ResourceLimits { cpu_percent, memory_megabytes }
    }

    #[test]
    fn a_limit_that_systemd_would_not_hold_is_found() {
        let both = limits(Some(64), Some(50));
        assert_eq!(missing("has: cpuset cpu io memory pids\n", &both), None);
        assert_eq!(missing("has: memory pids\n", &both), Some("cpu"));
        assert_eq!(missing("has: memory pids\n", &limits(Some(64), None)), None);
        assert_eq!(missing("has:\n", &both), Some("memory"));
        assert_eq!(missing("", &both), None, "what cannot be seen is systemd's word");
    }

    #[test]
    fn the_way_to_systemd_is_no_variable_of_the_program() {
        let scope = Scope {
            argv: vec!["systemd-run".to_owned(), "--".to_owned()],
            env: vec![(RUNTIME, "/run/user/7".to_owned())],
        };
        let argv = |has| scope.around(vec!["true".to_owned()], |_| has).join(" ");
        assert_eq!(argv(false), "systemd-run -- env -u XDG_RUNTIME_DIR true");
        assert_eq!(argv(true), "systemd-run -- true");
    }
}
