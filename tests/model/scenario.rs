//! Scenario: who takes part, and how often which fault may strike. Each also says what must be seen
//! in it, so that none of them is empty.

use crate::protocol::Protocol;
use crate::world::{At, Budget, File, Worker, World};

/// What one contender does.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) task: usize,
    /// How often it may take a claim anew.
    pub(crate) claims: u8,
    /// It takes over what has lapsed.
    pub(crate) takes_lapsed: bool,
    /// It ends the claim of this task by force, once.
    pub(crate) forces: Option<usize>,
    pub(crate) releases: bool,
    /// Somebody commits under its claim.
    pub(crate) works: bool,
    /// A shim renews its claim.
    pub(crate) renews: bool,
}

/// Something that must be seen.
type Shown = (&'static str, fn(&Protocol, &World) -> bool);

#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) parts: &'static [Part],
    pub(crate) faults: Budget,
    /// The ledger is compared with the files at times.
    pub(crate) heals: bool,
    /// The ledger may be lost although a release is on record there alone.
    pub(crate) loses_releases: bool,
    /// A commit in flight may outlive its worker, unseen.
    pub(crate) strays: bool,
    pub(crate) shows: &'static [Shown],
}

const NO_FAULT: Budget =
    Budget { kills: 0, lapses: 0, removals: 0, tears: 0, losses: 0, unheard: 0 };

const fn part(task: usize, claims: u8) -> Part {
    Part {
        task,
        claims,
        takes_lapsed: false,
        forces: None,
        releases: true,
        works: false,
        renews: false,
    }
}

impl Part {
    const fn works(self) -> Self {
        Self { works: true, ..self }
    }
    const fn renews(self) -> Self {
        Self { works: true, renews: true, ..self }
    }
    const fn takes_lapsed(self) -> Self {
        Self { takes_lapsed: true, ..self }
    }
    const fn forces(self, task: usize) -> Self {
        Self { forces: Some(task), ..self }
    }
}

const TAKEOVER: Shown = ("a lapsed claim is taken over", |_, world| {
    world.held(0).is_some_and(|now| {
        now.generation > 1
            && world.ledger[0].is_some_and(|was| !was.released && was.nonce != now.nonce)
    })
});
const FENCED: Shown = ("a worker lives on after its claim went to another", |_, world| {
    let holder = world.held(0).map(|claim| claim.nonce);
    let mut workers = world.actors.iter().filter_map(|actor| actor.worker.claim());
    workers.any(|claim| holder.is_some_and(|holder| holder != claim.nonce))
});
const SUCCESSOR: Shown = ("a successor's commit is accepted", |_, world| world.accepted[0] > 1);
const FILE_BEFORE_LEDGER: Shown = ("a kill leaves a file that is not on record", |_, world| {
    let is_left = |task: usize| {
        world.held(task).is_some_and(|claim| {
            world.ledger[task] != Some(claim.entry())
                && world.actors[usize::from(claim.holder)].at == At::Idle
                && world.recorded[task][usize::from(claim.generation)] == 0
        })
    };
    world.left.kills == 0 && (0..2).any(is_left)
});
const TOMBSTONE_BEFORE_FILE: Shown = ("a kill leaves a released claim's file", |_, world| {
    let is_idle = |actor: u8| world.actors[usize::from(actor)].at == At::Idle;
    world
        .held(0)
        .is_some_and(|claim| world.ledger[0] == Some(claim.tombstone()) && is_idle(0) && is_idle(1))
});
const STRAY: Shown = ("a commit in flight meets its successor", |_, world| {
    world.actors.iter().any(|actor| match actor.worker {
        Worker::Stray(claim) => world.notes[0] > claim.generation,
        Worker::None | Worker::Idle(_) | Worker::Judged(_) => false,
    })
});
const BOTH: Shown = ("both of two that overlap hold, one after the other", |_, world| {
    world.recorded[0][1] != 0 && world.recorded[1][1] != 0
});
const THREE: Shown = ("who is disjoint holds beside the others", |_, world| {
    world.held(2).is_some() && (world.held(0).is_some() || world.held(1).is_some())
});
const AGAIN: Shown = ("a task is claimed again after its release", |_, world| {
    world.recorded[0][2] != 0 || world.recorded[1][2] != 0
});
const TORN: Shown = ("a torn file keeps another waiting", |_, world| {
    world.files[0] == File::Torn && world.held(1).is_none()
});
const LOST: Shown =
    ("the ledger is written anew", |_, world| world.left.losses == 0 && world.ledger[0].is_some());
const UNHEARD: Shown = ("a commit without an answer is read again", |_, world| {
    world.left.unheard == 0 && world.actors.iter().any(|one| matches!(one.at, At::Recorded(_)))
});
const REMOVED: Shown =
    ("a removed claim is taken again", |_, world| world.meddled && world.held(0).is_some());

/// The loop for one task, a person for another that overlaps it, and one for a third.
pub(crate) const SMALL: &[Scenario] = &[
    Scenario {
        name: "two tasks overlap, claims come and go, killed and unheard",
        parts: &[part(0, 2), part(1, 2)],
        faults: Budget { kills: 1, lapses: 0, unheard: 1, ..NO_FAULT },
        heals: false,
        loses_releases: false,
        strays: false,
        shows: &[BOTH, AGAIN, FILE_BEFORE_LEDGER, UNHEARD],
    },
    Scenario {
        name: "one task, a person takes over what lapsed, both commit",
        parts: &[part(0, 1).works(), part(0, 1).works().takes_lapsed()],
        faults: Budget { kills: 1, lapses: 1, ..NO_FAULT },
        heals: false,
        loses_releases: false,
        strays: true,
        shows: &[TAKEOVER, FENCED, SUCCESSOR, STRAY, FILE_BEFORE_LEDGER],
    },
    Scenario {
        name: "a shim renews while a person releases by force",
        parts: &[part(0, 1).renews(), part(1, 1).forces(0)],
        faults: Budget { kills: 1, lapses: 1, ..NO_FAULT },
        heals: false,
        loses_releases: false,
        strays: false,
        shows: &[BOTH, TOMBSTONE_BEFORE_FILE],
    },
    Scenario {
        name: "a shim renews while a person takes over, twice",
        parts: &[part(0, 2).renews(), part(0, 1).takes_lapsed().forces(0)],
        faults: Budget { lapses: 1, ..NO_FAULT },
        heals: false,
        loses_releases: false,
        strays: false,
        shows: &[TAKEOVER, FENCED],
    },
    Scenario {
        name: "a person removes a claim file at the wrong moment",
        parts: &[part(0, 1).works(), part(0, 2).works()],
        faults: Budget { removals: 1, ..NO_FAULT },
        heals: false,
        loses_releases: false,
        strays: false,
        shows: &[REMOVED, FENCED],
    },
    Scenario {
        name: "a claim file is torn, and the ledger lost",
        parts: &[part(0, 1), part(1, 1)],
        faults: Budget { tears: 1, losses: 1, ..NO_FAULT },
        heals: true,
        loses_releases: false,
        strays: false,
        shows: &[TORN, LOST],
    },
    Scenario {
        name: "files and ledger are compared while claims change",
        parts: &[part(0, 1), part(0, 1).takes_lapsed().forces(0)],
        faults: Budget { kills: 1, lapses: 1, ..NO_FAULT },
        heals: true,
        loses_releases: false,
        strays: false,
        shows: &[TAKEOVER, TOMBSTONE_BEFORE_FILE],
    },
    Scenario {
        name: "three contend, one of them disjoint",
        parts: &[part(0, 1), part(1, 1), part(2, 1)],
        faults: NO_FAULT,
        heals: false,
        loses_releases: false,
        strays: false,
        shows: &[BOTH, THREE],
    },
    Scenario {
        name: "three contend for two tasks that overlap, and commit",
        parts: &[part(0, 1).works(), part(0, 1).works().takes_lapsed(), part(1, 1).forces(0)],
        faults: Budget { lapses: 1, ..NO_FAULT },
        heals: false,
        loses_releases: false,
        strays: true,
        shows: &[BOTH, TAKEOVER, FENCED, SUCCESSOR, STRAY],
    },
];

/// The same with more of everything.
pub(crate) const LARGE: &[Scenario] = &[
    Scenario {
        name: "three contend for two tasks that overlap, commit, and are killed",
        parts: &[part(0, 1).works(), part(0, 1).works().takes_lapsed(), part(1, 1).forces(0)],
        faults: Budget { kills: 1, lapses: 1, ..NO_FAULT },
        heals: false,
        loses_releases: false,
        strays: true,
        shows: &[BOTH, TAKEOVER, FENCED, SUCCESSOR, STRAY],
    },
    Scenario {
        name: "both renew and commit, killed and unheard",
        parts: &[part(0, 2).renews(), part(0, 2).renews().takes_lapsed().forces(0)],
        faults: Budget { kills: 1, lapses: 1, unheard: 1, ..NO_FAULT },
        heals: false,
        loses_releases: false,
        strays: true,
        shows: &[TAKEOVER, FENCED, SUCCESSOR, AGAIN, UNHEARD],
    },
    Scenario {
        name: "files are removed, and files and ledger compared",
        parts: &[part(0, 1).works(), part(0, 2).works().takes_lapsed(), part(1, 1)],
        faults: Budget { removals: 1, lapses: 1, ..NO_FAULT },
        heals: true,
        loses_releases: false,
        strays: false,
        shows: &[REMOVED, TAKEOVER, FENCED, BOTH],
    },
    Scenario {
        name: "three tasks, a torn file, a lost ledger",
        parts: &[part(0, 1).works(), part(1, 1).works(), part(2, 1).works()],
        faults: Budget { kills: 1, tears: 1, losses: 1, ..NO_FAULT },
        heals: true,
        loses_releases: false,
        strays: false,
        shows: &[BOTH, THREE, TORN, LOST],
    },
    Scenario {
        name: "three contend, renew, commit, take over and force",
        parts: &[
            part(0, 2).renews(),
            part(0, 1).works().takes_lapsed().forces(0),
            part(1, 1).works(),
        ],
        faults: Budget { kills: 1, lapses: 1, ..NO_FAULT },
        heals: false,
        loses_releases: false,
        strays: true,
        shows: &[BOTH, TAKEOVER, FENCED, SUCCESSOR, STRAY, AGAIN],
    },
];

/// What the protocol does not withstand, so that it is known.
pub(crate) const BEYOND: &[Scenario] = &[Scenario {
    name: "the ledger is lost after a release",
    parts: &[part(0, 2)],
    faults: Budget { losses: 1, ..NO_FAULT },
    heals: true,
    loses_releases: true,
    strays: false,
    shows: &[AGAIN],
}];
