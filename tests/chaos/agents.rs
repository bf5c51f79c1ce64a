//! What the workers do here: a small shell program that writes and commits files with unique marks,
//! and then ends, fails, hangs or refuses to. It writes down outside of the repository what it did.

use crate::world::World;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// A mark is written down only after its file is: so each that is known must be found again. A lock
/// that two of one task can never hold at once finds doubles, also of children left behind.
const PROGRAM: &str = r#"
O=$1 task=$2 kind=$3 steps=$4 area=$5
me=$$.$(cut -d' ' -f22 /proc/$$/stat)
exec 9>>"$O/locks/$task"
flock -n 9 || echo "two of $task at once: $me" >> "$O/doubles"
if [ "$area" != none ]; then
  exec 8>>"$O/locks/$area"
  flock -n 8 || echo "two in $area at once: $task $me" >> "$O/overlaps"
fi
echo "start $task $$ ${me#*.} $RECONCILER_ATTEMPT" >> "$O/agents"
d=.
[ "$area" = none ] || { d=$area; mkdir -p "$d"; }
mark() {
  printf 'mark %s %s\n' "$task" "$1" > "$1" && printf 'mark %s %s\n' "$task" "$1" >> "$O/marks"
}
work() {
  n=0
  while [ $n -lt "$steps" ]; do
    n=$((n + 1))
    mark "$d/w.$me.$n"
    mark "$d/w.$me.$n.ignored"
    case $n in 3 | 6 | 9) git add -A && git commit -qm "$task $n" ;; esac
    sleep 0.3
  done
}
forever() { while :; do sleep 1; done; }
case $kind in
  quick) mark "$d/w.$me.1"; git add -A; git commit -qm quick ;;
  work) work ;;
  fail) work; exit 3 ;;
  hang) work; forever ;;
  stubborn) trap '' HUP TERM INT; work ;;
  mule) trap '' HUP TERM INT; work; forever ;;
  litter) work; setsid sleep 300 & ;;
esac
echo "end $task $$" >> "$O/agents"
exit 0
"#;

/// What a task's program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It succeeds.
    Ends(&'static str),
    /// It fails.
    Fails,
    /// It runs for ever.
    Stays(&'static str),
}

const KINDS: [Kind; 8] = [
    Kind::Ends("quick"),
    Kind::Ends("work"),
    Kind::Ends("work"),
    Kind::Ends("stubborn"),
    Kind::Ends("litter"),
    Kind::Fails,
    Kind::Stays("hang"),
    Kind::Stays("mule"),
];

/// Puts the program into the folder of what workers write down.
pub(crate) fn install(out: &Path) {
    fs::create_dir(out.join("locks")).unwrap();
    fs::write(out.join("agent.sh"), PROGRAM).unwrap();
    for file in ["agents", "marks", "doubles", "overlaps"] {
        fs::write(out.join(file), "").unwrap();
    }
}

/// The agent that runs it.
pub(crate) fn agent(out: &Path) -> Value {
    let program = out.join("agent.sh");
    json!({"argv": ["/bin/sh", program, out, "{task}", "{argv}"], "stopGraceSeconds": 1})
}

/// A task that does something, never too many for ever.
pub(crate) fn draw(world: &mut World) -> Value {
    let stays = |spec: &&Value| matches!(kind(spec), Some(Kind::Stays(_)));
    let full = world.tasks().values().filter(stays).count() >= world.setting.workers / 4;
    let kind = loop {
        match *world.rng.pick(&KINDS) {
            Kind::Stays(_) if full => {}
            kind @ (Kind::Ends(_) | Kind::Fails | Kind::Stays(_)) => break kind,
        }
    };
    let steps = world.rng.below(10) + 1;
    // Who stays for ever keeps no files from others.
    let area = match kind {
        Kind::Ends(_) | Kind::Fails if world.rng.below(2) == 0 => {
            format!("area-{}", world.rng.below(world.setting.workers as u64))
        }
        Kind::Ends(_) | Kind::Fails | Kind::Stays(_) => "none".to_owned(),
    };
    let does = match kind {
        Kind::Ends(name) | Kind::Stays(name) => name,
        Kind::Fails => "fail",
    };
    let mut task = json!({"argv": [does, steps.to_string(), area], "retries": 1,
        "timeoutSeconds": 0, "priority": world.rng.below(5) + 1});
    if area != "none" {
        task["files"] = json!([format!("{area}/")]);
    }
    task
}

/// What the program of a task does.
pub(crate) fn kind(spec: &Value) -> Option<Kind> {
    let word = spec["argv"][0].as_str()?;
    KINDS.into_iter().find(|kind| match kind {
        Kind::Ends(name) | Kind::Stays(name) => *name == word,
        Kind::Fails => word == "fail",
    })
}
