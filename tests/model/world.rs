//! World: all that the contenders of the model share, and where each of them stands. It holds values
//! alone; what may happen to them is said elsewhere.

/// How many tasks there are. The first two want a path in common, the third has its own.
pub(crate) const TASKS: usize = 3;
/// How many contenders there are at the most.
pub(crate) const ACTORS: usize = 3;
/// No run of the model comes to this generation.
pub(crate) const GENERATIONS: usize = 8;
/// The paths each task wants, a bit for each.
pub(crate) const WANTS: [u8; TASKS] = [0b0011, 0b0110, 0b1000];

/// What a claim file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Claim {
    pub(crate) holder: u8,
    pub(crate) generation: u8,
    pub(crate) nonce: u8,
    pub(crate) paths: u8,
    /// Its lease has not lapsed.
    pub(crate) fresh: bool,
}

/// `.task-locks/TASK.lock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum File {
    Absent,
    Whole(Claim),
    Torn,
}

/// What the ledger says of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) generation: u8,
    pub(crate) nonce: u8,
    pub(crate) released: bool,
}

/// The tree of `refs/reconciler/locks`. Its commit is told by it: no tree comes twice, as long as
/// generations only grow.
pub(crate) type Ledger = [Option<Entry>; TASKS];

/// What was seen of a task in the ledger, before the files were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Glance {
    NotYet,
    Saw(Option<Entry>),
}

/// Where who changes claims stands: the loop, or a person's command. What it remembers dies with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum At {
    Idle,
    /// It has looked at something too early. In two mutants alone.
    Looked(Glance),
    /// Has read the files: the one of its task, and the paths it may take.
    Deciding {
        file: Option<Claim>,
        last: Glance,
        paths: u8,
    },
    /// Knows the claim that it will publish.
    Chosen(Claim),
    /// Its claim is published; nothing says that the ledger has it.
    Published(Claim),
    /// Has read the ledger, and will commit on top of that.
    Committing(Claim, Ledger),
    /// The ledger has its claim.
    Recorded(Claim),
    /// Is alone in the worktree of its task, and will note its generation there.
    Noting(Claim),
    /// Its worker was started.
    Holds(Claim),
    /// Has read the claim that it ends.
    Releasing(End),
    /// Will commit the tombstone on top of this ledger.
    Entombing(End, Ledger),
    /// The end of its own claim is on record; it waits for the table lock.
    Entombed(End),
    /// Will remove the file.
    Removing(End),
}

/// The end of a claim that somebody is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct End {
    pub(crate) task: usize,
    pub(crate) claim: Claim,
    pub(crate) how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum How {
    /// By its holder, who takes the table lock when the end is on record.
    Own,
    /// By a person, who has the table lock all along.
    Force,
}

/// What commits in the worktree of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Worker {
    None,
    Idle(Claim),
    /// The verdict let its commit pass; git has not moved the branch yet.
    Judged(Claim),
    /// It ended, and that commit of its did not: git lives on, unseen.
    Stray(Claim),
}

/// What renews a claim: the shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Renewer {
    None,
    Idle(Claim),
    /// Has read that the claim is its own.
    Read(Claim),
}

/// What completes the ledger by the files, and ends in it what has no file any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Healer {
    Idle,
    /// Has read the ledger.
    Ledger(Ledger),
    /// Has read the files. In one mutant alone.
    Files([File; TASKS]),
    /// Has read both, and will commit this.
    Both(Ledger),
}

/// Who holds the table lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lock {
    Free,
    Claimer(usize),
    Renewer(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Actor {
    pub(crate) at: At,
    pub(crate) claims_left: u8,
    pub(crate) force_left: bool,
    pub(crate) worker: Worker,
    pub(crate) renewer: Renewer,
}

/// How often each fault may still strike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    /// A claimer or a renewer is killed, between any two steps.
    pub(crate) kills: u8,
    /// A lease lapses, whoever lives.
    pub(crate) lapses: u8,
    /// A person removes a claim file.
    pub(crate) removals: u8,
    /// A claim file becomes unreadable.
    pub(crate) tears: u8,
    /// The ref of the ledger is removed.
    pub(crate) losses: u8,
    /// A commit to the ledger gets no answer.
    pub(crate) unheard: u8,
}

/// What must never happen, where the state alone does not show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Broken {
    /// Two nonces of one task are on record in one generation.
    TwoNonces,
    /// A claim was published at a generation that is on record already.
    Anew,
    /// Something works under a claim that the ledger never had.
    Unrecorded,
    /// A commit was accepted after one of a later generation.
    StaleCommit,
    /// The verdict let pass who does not hold the claim.
    FencedPasses,
    /// A release ended another claim than the one that it read.
    ForeignRelease,
    /// The ledger was told of the end of a claim whose file stands.
    FalseTombstone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) files: [File; TASKS],
    pub(crate) ledger: Ledger,
    pub(crate) table: Lock,
    /// The generation that is noted in the worktree of each task; 0 is none.
    pub(crate) notes: [u8; TASKS],
    pub(crate) actors: [Actor; ACTORS],
    pub(crate) healer: Healer,
    pub(crate) left: Budget,
    /// Which nonce each generation of each task was first recorded with; 0 is none.
    pub(crate) recorded: [[u8; GENERATIONS]; TASKS],
    /// The generation of the last accepted commit of each task.
    pub(crate) accepted: [u8; TASKS],
    /// A person removed a claim file: then a generation that nothing recorded may come again.
    pub(crate) meddled: bool,
    pub(crate) broken: Option<Broken>,
}

impl World {
    /// Returns the claim in the file of a task.
    pub(crate) fn held(&self, task: usize) -> Option<Claim> {
        match self.files[task] {
            File::Whole(claim) => Some(claim),
            File::Absent | File::Torn => None,
        }
    }

    /// Returns the paths that the file of a task holds: a torn one, all that its task wants.
    pub(crate) fn paths(&self, task: usize) -> u8 {
        match self.files[task] {
            File::Absent => 0,
            File::Whole(claim) => claim.paths,
            File::Torn => WANTS[task],
        }
    }

    /// Returns the last generation of a task that was ever on record.
    pub(crate) fn last_recorded(&self, task: usize) -> u8 {
        let last = (0..GENERATIONS).rev().find(|&at| self.recorded[task][at] != 0);
        last.map_or(0, |at| u8::try_from(at).expect("there are few generations"))
    }

    pub(crate) fn break_law(&mut self, broken: Broken) {
        self.broken.get_or_insert(broken);
    }

    /// Sets the ledger, as a commit does, and keeps the history.
    pub(crate) fn set_ledger(&mut self, ledger: Ledger) {
        self.ledger = ledger;
        for (task, entry) in ledger.iter().enumerate() {
            let Some(entry) = entry else { continue };
            let first = &mut self.recorded[task][usize::from(entry.generation)];
            if *first == 0 {
                *first = entry.nonce;
            } else if *first != entry.nonce {
                self.break_law(Broken::TwoNonces);
            }
        }
    }
}

impl Entry {
    /// Returns what the ledger says after the end of this.
    pub(crate) fn ended(self) -> Self {
        Self { released: true, ..self }
    }
}

impl Claim {
    /// Returns what the ledger says while it is held.
    pub(crate) fn entry(self) -> Entry {
        Entry { generation: self.generation, nonce: self.nonce, released: false }
    }

    /// Returns what the ledger says after its end.
    pub(crate) fn tombstone(self) -> Entry {
        self.entry().ended()
    }
}

impl Worker {
    /// Returns the claim of a worker that can be seen to live.
    pub(crate) fn claim(self) -> Option<Claim> {
        match self {
            Self::None | Self::Stray(_) => None,
            Self::Idle(claim) | Self::Judged(claim) => Some(claim),
        }
    }
}
