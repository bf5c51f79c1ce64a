//! The laws and their tables. To depart from one, change its line here and say why in
//! `ARCHITECTURE.md`; there is no other way around it.

use crate::reader::{File, Name, Place};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What each room may name, where its floor alone would allow more.
const NARROW: [(&str, &[&str]); 14] = [
    ("fault", &[]),
    ("disk", &["fault"]),
    ("process", &["api", "fault"]),
    ("git", &["api", "disk", "process"]),
    ("github", &["api", "process"]),
    ("locks", &["api", "disk", "fault", "process"]),
    ("records", &["api", "disk", "fault", "process"]),
    ("tmux", &["api", "disk", "fault", "process"]),
    ("shim", &["api", "disk", "fault", "locks", "process", "records"]),
    ("store", &["api", "plan", "disk", "git"]),
    ("engine", &["api", "plan", "world"]),
    ("mcp", &["api", "client"]),
    ("serve", &["api", "client"]),
    ("cli", &["api", "client", "fault", "mcp", "serve", "shim"]),
];

/// Where each outside crate may be named.
const WALLS: [(&str, Within); 35] = [
    ("base64", Within::Rooms(&["serve"])),
    ("clap", Within::Rooms(&["cli"])),
    ("clap_complete", Within::Rooms(&["cli"])),
    ("comfy_table", Within::Rooms(&["cli"])),
    ("flate2", Within::Rooms(&["git"])),
    ("form_urlencoded", Within::Rooms(&["serve"])),
    ("fs2", Within::Rooms(&["locks"])),
    ("futures_util", Within::FromFloor(FIRST_IMPURE)),
    ("git2", Within::Rooms(&["git"])),
    ("http", Within::Rooms(&["github"])),
    ("http_body_util", Within::Rooms(&["github", "serve"])),
    ("hyper", Within::Rooms(&["serve"])),
    ("hyper_util", Within::Rooms(&["serve"])),
    ("jiff", Within::Anywhere),
    ("jsonc_parser", Within::Rooms(&["api", "client"])),
    ("jsonschema", Within::Rooms(&["api"])),
    ("nix", Within::Rooms(&["shim"])),
    ("notify", Within::Rooms(&["store"])),
    ("octocrab", Within::Rooms(&["github"])),
    ("pty_process", Within::Rooms(&["shim"])),
    ("regex", Within::Rooms(&["api", "shim"])),
    ("rmcp", Within::Rooms(&["mcp"])),
    ("rustix", Within::Rooms(&["cli", "disk", "fault", "process", "shim", "tmux"])),
    ("schemars", Within::Rooms(&["api", "mcp"])),
    ("serde", Within::Anywhere),
    ("serde_json", Within::Anywhere),
    ("sha2", Within::Rooms(&["api"])),
    ("strsim", Within::Rooms(&["api"])),
    ("tempfile", Within::Rooms(&["disk", "git", "client"])),
    ("thiserror", Within::Anywhere),
    ("tokio", Within::FromFloor(FIRST_IMPURE)),
    ("tracing", Within::FromFloor(FIRST_IMPURE)),
    ("tracing_subscriber", Within::Rooms(&["cli"])),
    ("uuid", Within::Rooms(&["world"])),
    ("vte", Within::Rooms(&["shim"])),
];

/// The files that may do what clippy's `disallowed-methods` forbid, and what for.
const DOORS: [(&str, &str); 4] = [
    ("src/process/clock.rs", "the one clock"),
    ("src/process/spawn.rs", "every other program"),
    ("src/cli/context.rs", "the one reading of the environment"),
    ("src/cli/attach.rs", "tmux takes the place of this process"),
];

/// The lowest floor that may touch the world; the floors below only compute.
const FIRST_IMPURE: u32 = 3;
/// The most lines of a file.
const LINES_MAX: usize = 600;
/// Modules of `std` that touch the world.
const EFFECTS: [&str; 5] = ["env", "fs", "net", "process", "thread"];
const PRINTS: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

enum Within {
    Anywhere,
    FromFloor(u32),
    Rooms(&'static [&'static str]),
}

/// All that the laws judge.
pub(crate) struct House {
    /// `Cargo.toml`.
    pub(crate) manifest: String,
    /// The files of `src`, `tests` and `benches`.
    pub(crate) files: Vec<File>,
}

/// One break of one law.
pub(crate) struct Broken {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) rule: &'static str,
    pub(crate) what: String,
    pub(crate) reason: &'static str,
    pub(crate) way_out: &'static str,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, rule, what, reason, way_out } = self;
        write!(f, "{file}:{line}: {rule}: {what}\n  why: {reason}\n  way out: {way_out}")
    }
}

/// A law: its name, its reason and the way out; and what is wrong, by line.
struct Law {
    rule: &'static str,
    reason: &'static str,
    way_out: &'static str,
    judge: fn(&Case<'_>) -> Vec<(usize, String)>,
}

/// One file, and what a law must know besides.
struct Case<'a> {
    file: &'a File,
    /// The room it belongs to; `None` for `lib.rs`, `main.rs`, and all that is not `src`.
    room: Option<&'a str>,
    floors: &'a BTreeMap<String, u32>,
    rooms_on_disk: &'a BTreeSet<&'a str>,
    crates: &'a BTreeSet<String>,
}

const LAWS: [Law; 9] = [
    Law {
        rule: "floors",
        reason: "what is below must be understood, tested and replaced without what is above",
        way_out: "move the type down to where both see it, or hand it in from above",
        judge: floors,
    },
    Law {
        rule: "map",
        reason: "lib.rs is the map of the house, and a map with holes misleads",
        way_out: "declare the room under a `// Floor N:` heading of lib.rs, as src/ROOM/mod.rs",
        judge: map,
    },
    Law {
        rule: "narrowing",
        reason: "a surface that names a driver, or a driver that names another, decides alone",
        way_out: "make it a verb of `client` (or of `world`); or change the line of NARROW",
        judge: narrowing,
    },
    Law {
        rule: "walls",
        reason: "a crate that one room names can be replaced in one afternoon",
        way_out: "ask the room that owns the crate; a new crate gets a line in WALLS",
        judge: walls,
    },
    Law {
        rule: "purity",
        reason: "the same values must give the same plan, on any day and any machine",
        way_out: "take the value as a parameter, or move the effect to floor 3 or above",
        judge: purity,
    },
    Law {
        rule: "doors",
        reason: "every clock, program and reading of the environment has one place to look at",
        way_out: "go through process::clock, process::spawn or the context of the command line",
        judge: doors,
    },
    Law {
        rule: "shape",
        reason: "a file is read whole or not at all",
        way_out: "split it along its nouns; begin it with `//!`: what it is for, what it never does",
        judge: shape,
    },
    Law {
        rule: "one name",
        reason: "a thing that two rooms offer has two homes",
        way_out: "let its user name the room that owns it",
        judge: one_name,
    },
    Law {
        rule: "spellings",
        reason: "these spellings hide from readers, and from this test, where a path leads",
        way_out: "write the path out, from `crate::` or `std::`",
        judge: spellings,
    },
];

/// Judges the house; returns all that is wrong.
pub(crate) fn broken(house: &House) -> Vec<Broken> {
    let lib = house.files.iter().find(|file| file.path == "src/lib.rs");
    let floors = floors_of(lib.map(|file| file.text.as_str()).unwrap_or_default());
    let crates = crates_of(&house.manifest);
    let rooms_on_disk = house.files.iter().filter_map(|file| room_of(&file.path)).collect();
    let tests = test_files(&house.files);
    let mut found = Vec::new();
    for file in &house.files {
        let room = room_of(&file.path);
        let case =
            Case { file, room, floors: &floors, rooms_on_disk: &rooms_on_disk, crates: &crates };
        let is_test = tests.iter().any(|test| file.path.starts_with(test.as_str()));
        let is_test = is_test || !file.path.starts_with("src/");
        for Law { rule, reason, way_out, judge } in &LAWS {
            if is_test && *rule != "shape" {
                continue;
            }
            found.extend(judge(&case).into_iter().map(|(line, what)| Broken {
                file: file.path.clone(),
                line,
                rule,
                what,
                reason,
                way_out,
            }));
        }
    }
    found
}

/// Returns the beginnings of the paths of all modules that are compiled for tests only.
fn test_files(files: &[File]) -> Vec<String> {
    let beneath = |file: &File| match file.path.rsplit_once('/') {
        Some((folder, "mod.rs" | "lib.rs" | "main.rs")) => folder.to_owned(),
        _ => file.path.trim_end_matches(".rs").to_owned(),
    };
    let both = |module: String| [format!("{module}.rs"), format!("{module}/")];
    let of = |file: &File| -> Vec<String> {
        let folder = beneath(file);
        file.test_modules.iter().flat_map(|name| both(format!("{folder}/{name}"))).collect()
    };
    files.iter().flat_map(of).collect()
}

/// Returns the floor of each room, by the headings of `lib.rs`.
fn floors_of(lib: &str) -> BTreeMap<String, u32> {
    let mut floors = BTreeMap::new();
    let mut floor = None;
    for line in lib.lines().map(str::trim) {
        if let Some(heading) = line.strip_prefix("// Floor ") {
            floor = heading.split(':').next().and_then(|number| number.parse().ok());
        }
        let room = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';'));
        if let (Some(room), Some(floor)) = (room, floor) {
            floors.insert(room.to_owned(), floor);
        }
    }
    floors
}

/// Returns the crates of `[dependencies]`, as code spells them.
fn crates_of(manifest: &str) -> BTreeSet<String> {
    let lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    let name = |line: &str| Some(line.split_once('=')?.0.trim().replace('-', "_"));
    lines.filter_map(name).collect()
}

/// Returns the room of a file: a folder of `src`, or a file beside `lib.rs`.
fn room_of(path: &str) -> Option<&str> {
    let room = path.strip_prefix("src/")?.split('/').next()?.trim_end_matches(".rs");
    (!["lib", "main"].contains(&room)).then_some(room)
}

impl Case<'_> {
    fn floor(&self) -> Option<u32> {
        self.floors.get(self.room?).copied()
    }

    /// Returns the other rooms that the file names.
    fn other_rooms(&self) -> impl Iterator<Item = (&Name, &str)> {
        let target =
            |name: &Name| name.ours.as_ref()?.first().map(String::as_str).map(str::to_owned);
        self.file.names.iter().filter_map(move |name| {
            let target = target(name)?;
            let (target, _) = self.floors.get_key_value(&target)?;
            (Some(target.as_str()) != self.room).then_some((name, target.as_str()))
        })
    }
}

fn floors(case: &Case<'_>) -> Vec<(usize, String)> {
    let (Some(room), Some(floor)) = (case.room, case.floor()) else { return Vec::new() };
    let other = |(name, target): (&Name, &str)| {
        let above = case.floors.get(target).copied().filter(|above| *above >= floor)?;
        Some((name.line, format!("{room} (floor {floor}) names {target} (floor {above})")))
    };
    case.other_rooms().filter_map(other).collect()
}

fn map(case: &Case<'_>) -> Vec<(usize, String)> {
    if case.file.path == "src/lib.rs" {
        let absent = case.floors.keys().filter(|room| !case.rooms_on_disk.contains(room.as_str()));
        return absent.map(|room| (1, format!("{room} has a floor and no folder"))).collect();
    }
    let homeless = case.room.filter(|room| !case.floors.contains_key(*room));
    homeless.map(|room| (1, format!("{room} has no floor"))).into_iter().collect()
}

fn narrowing(case: &Case<'_>) -> Vec<(usize, String)> {
    let allowed = NARROW.iter().find(|(room, _)| Some(*room) == case.room);
    // `main.rs` only hands over to the command line.
    let main: &[&str] = &["cli"];
    let allowed = match (allowed, case.file.path.as_str()) {
        (Some((_, allowed)), _) => *allowed,
        (None, "src/main.rs") => main,
        (None, _) => return Vec::new(),
    };
    let refused = case.other_rooms().filter(|(_, target)| !allowed.contains(target));
    let who = case.room.unwrap_or("main.rs");
    refused
        .map(|(name, target)| (name.line, format!("{who} names {target}; it may name {allowed:?}")))
        .collect()
}

fn walls(case: &Case<'_>) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    if case.file.path == "src/lib.rs" {
        let listed: BTreeSet<String> = WALLS.iter().map(|(name, _)| (*name).to_owned()).collect();
        let differ = case.crates.symmetric_difference(&listed);
        found.extend(
            differ.map(|name| (1, format!("{name} is in Cargo.toml or in WALLS, not both"))),
        );
    }
    let is_import = |name: &Name| name.place != Place::Code;
    for name in case.file.names.iter().filter(|name| name.written.len() > 1 || is_import(name)) {
        let Some(first) = name.written.first() else { continue };
        let Some((outside, within)) = WALLS.iter().find(|(outside, _)| outside == first) else {
            continue;
        };
        let room = case.room.unwrap_or_default();
        let may = match within {
            Within::Anywhere => true,
            Within::FromFloor(lowest) => case.floor().is_some_and(|floor| floor >= *lowest),
            Within::Rooms(rooms) => rooms.contains(&room),
        };
        if !may {
            found.push((name.line, format!("{} names the crate {outside}", case.file.path)));
        }
    }
    found
}

fn purity(case: &Case<'_>) -> Vec<(usize, String)> {
    if case.floor().is_none_or(|floor| floor >= FIRST_IMPURE) {
        return Vec::new();
    }
    let is_impure = |name: &&Name| {
        let parts: Vec<&str> = name.written.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["std", module, ..] if EFFECTS.contains(module) => true,
            ["std", "time", "SystemTime" | "Instant" | "*", ..]
            | ["tokio" | "tracing", _, ..]
            | [_, .., "now"]
            | ["async" | "await"] => true,
            [.., last] => name.is_macro && PRINTS.contains(last),
            [] => false,
        }
    };
    let impure = case.file.names.iter().filter(is_impure);
    impure.map(|name| (name.line, format!("`{}`", name.written.join("::")))).collect()
}

fn doors(case: &Case<'_>) -> Vec<(usize, String)> {
    let is_door = DOORS.iter().any(|(path, _)| *path == case.file.path);
    let opened =
        case.file.names.iter().filter(|name| name.written == ["clippy", "disallowed_methods"]);
    opened
        .filter(|_| !is_door)
        .map(|name| (name.line, "opens a door of its own: `disallowed_methods`".to_owned()))
        .collect()
}

fn shape(case: &Case<'_>) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let lines = case.file.text.lines().count();
    if lines > LINES_MAX {
        found.push((lines, format!("{lines} lines; {LINES_MAX} are the most")));
    }
    if !case.file.text.starts_with("//! ") {
        found.push((1, "does not begin with `//!`".to_owned()));
    }
    found
}

fn one_name(case: &Case<'_>) -> Vec<(usize, String)> {
    let exported = case.other_rooms().filter(|(name, _)| name.place == Place::PubUse);
    exported.map(|(name, target)| (name.line, format!("re-exports a name of {target}"))).collect()
}

fn spellings(case: &Case<'_>) -> Vec<(usize, String)> {
    let refused = |name: &&Name| {
        let is_import = name.place != Place::Code;
        let supers = name.written.iter().filter(|part| *part == "super").count();
        let root = name.ours.as_deref().is_some_and(|path| match path {
            [] => is_import,
            [only] => only == "*",
            _ => false,
        });
        let parts: Vec<&str> = name.written.iter().map(String::as_str).collect();
        let std = matches!(
            parts.as_slice(),
            ["std" | "core" | "alloc"] | ["std" | "core" | "alloc", "*"]
        );
        supers > 2 || root || (is_import && std) || name.place == Place::ExternCrate
    };
    let found = case.file.names.iter().filter(refused);
    found.map(|name| (name.line, format!("`{}`", name.written.join("::")))).collect()
}

/// Returns the crates that have a line in the table of walls.
pub(crate) fn crates_listed() -> Vec<&'static str> {
    WALLS.iter().map(|(name, _)| *name).collect()
}
