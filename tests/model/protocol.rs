//! Protocol: the model that is checked: who takes part, which step may follow which, what must hold.
//! It decides nothing itself; the steps stand with what they are about.

use crate::mutant::Mutant;
use crate::recording::Answer;
use crate::scenario::{Part, Scenario};
use crate::world::{
    ACTORS, Actor, At, Broken, File, GENERATIONS, Healer, Lock, Renewer, TASKS, WANTS, Worker,
    World,
};
use stateright::{Model, Property};

/// The protocol as it should be, or with one bug, in one scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Protocol {
    pub(crate) scenario: &'static Scenario,
    pub(crate) mutant: Option<Mutant>,
}

/// One step of one of those who take part, or one fault. The number is an actor's, or a task's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Look(usize),
    ReadFiles(usize),
    Choose(usize),
    Publish(usize),
    ReadLedger(usize),
    Commit(usize, Answer),
    ReleaseOwn(usize),
    ReleaseByForce(usize),
    LookAgain(usize),
    Remove(usize),
    Enter(usize),
    Note(usize),
    Judge(usize),
    Accept(usize),
    EndWithoutGit(usize),
    End(usize),
    ReadForRenewal(usize),
    Renew(usize),
    EndRenewer(usize),
    HealFirst,
    HealSecond,
    HealCommit,
    Kill(usize),
    Lapse(usize),
    RemoveFile(usize),
    Tear(usize),
    LoseLedger,
}

/// What each of those who take part may do.
const OF_ACTOR: [fn(usize) -> Step; 22] = [
    Step::Look,
    Step::ReadFiles,
    Step::Choose,
    Step::Publish,
    Step::ReadLedger,
    |actor| Step::Commit(actor, Answer::Heard),
    |actor| Step::Commit(actor, Answer::LostAfter),
    |actor| Step::Commit(actor, Answer::LostBefore),
    Step::ReleaseOwn,
    Step::ReleaseByForce,
    Step::LookAgain,
    Step::Remove,
    Step::Enter,
    Step::Note,
    Step::Judge,
    Step::Accept,
    Step::EndWithoutGit,
    Step::End,
    Step::ReadForRenewal,
    Step::Renew,
    Step::EndRenewer,
    Step::Kill,
];
const OF_TASK: [fn(usize) -> Step; 3] = [Step::Lapse, Step::RemoveFile, Step::Tear];
const OF_NOBODY: [Step; 4] =
    [Step::HealFirst, Step::HealSecond, Step::HealCommit, Step::LoseLedger];

impl Protocol {
    /// Returns what an actor is to do.
    pub(crate) fn part(&self, actor: usize) -> Part {
        self.scenario.parts[actor]
    }

    /// Returns the actors that are for a task.
    pub(crate) fn on(&self, task: usize) -> impl Iterator<Item = usize> {
        let parts = self.scenario.parts.iter().enumerate();
        parts.filter(move |(_, part)| part.task == task).map(|(actor, _)| actor)
    }

    pub(crate) fn has(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    fn take(&self, world: &mut World, step: Step) -> Option<()> {
        match step {
            Step::Look(actor) => self.look(world, actor),
            Step::ReadFiles(actor) => self.read_files(world, actor),
            Step::Choose(actor) => self.choose(world, actor),
            Step::Publish(actor) => self.publish(world, actor),
            Step::ReadLedger(actor) => self.read_ledger(world, actor),
            Step::Commit(actor, answer) => self.commit(world, actor, answer),
            Step::ReleaseOwn(actor) => self.read_own(world, actor),
            Step::ReleaseByForce(actor) => self.read_any(world, actor),
            Step::LookAgain(actor) => self.look_again(world, actor),
            Step::Remove(actor) => self.remove(world, actor),
            Step::Enter(actor) => self.enter(world, actor),
            Step::Note(actor) => self.note(world, actor),
            Step::Judge(actor) => self.judge(world, actor),
            Step::Accept(actor) => self.accept(world, actor),
            Step::EndWithoutGit(actor) => self.end_without_git(world, actor),
            Step::End(actor) => Self::end(world, actor),
            Step::ReadForRenewal(actor) => self.read_for_renewal(world, actor),
            Step::Renew(actor) => self.renew(world, actor),
            Step::EndRenewer(actor) => Self::end_renewer(world, actor),
            Step::HealFirst => self.heal_first(world),
            Step::HealSecond => self.heal_second(world),
            Step::HealCommit => self.heal_commit(world),
            Step::Kill(actor) => Self::kill(world, actor),
            Step::Lapse(task) => Self::lapse(world, task),
            Step::RemoveFile(task) => Self::remove_file(world, task),
            Step::Tear(task) => Self::tear(world, task),
            Step::LoseLedger => self.lose_ledger(world),
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let actor = |at: usize| {
            let part = self.scenario.parts.get(at);
            Actor {
                at: At::Idle,
                claims_left: part.map_or(0, |part| part.claims),
                force_left: part.is_some_and(|part| part.forces.is_some()),
                worker: Worker::None,
                renewer: Renewer::None,
            }
        };
        vec![World {
            files: [File::Absent; TASKS],
            ledger: [None; TASKS],
            table: Lock::Free,
            notes: [0; TASKS],
            actors: std::array::from_fn::<_, ACTORS, _>(actor),
            healer: Healer::Idle,
            left: self.scenario.faults,
            recorded: [[0; GENERATIONS]; TASKS],
            accepted: [0; TASKS],
            meddled: false,
            broken: None,
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        // What follows from a broken law is of no interest.
        if world.broken.is_some() {
            return;
        }
        for actor in 0..self.scenario.parts.len() {
            steps.extend(OF_ACTOR.iter().map(|step| step(actor)));
        }
        for task in 0..TASKS {
            steps.extend(OF_TASK.iter().map(|step| step(task)));
        }
        steps.extend(OF_NOBODY);
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = *world;
        self.take(&mut next, step)?;
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = always();
        all.extend(
            self.scenario.shows.iter().map(|(name, shows)| Property::sometimes(name, *shows)),
        );
        all
    }
}

fn not(world: &World, broken: Broken) -> bool {
    world.broken != Some(broken)
}

/// Returns what must hold in every state.
fn always() -> Vec<Property<Protocol>> {
    vec![
        Property::always(
            "no two live claims overlap, and a torn one is live",
            |_, world: &World| {
                let paths = |task: usize| world.paths(task);
                (0..TASKS).all(|one| (0..one).all(|other| paths(one) & paths(other) == 0))
            },
        ),
        Property::always("a claim holds all that its task wants", |_, world: &World| {
            (0..TASKS).all(|task| world.held(task).is_none_or(|held| held.paths == WANTS[task]))
        }),
        Property::always("no two nonces are on record in one generation", |_, world| {
            not(world, Broken::TwoNonces)
        }),
        Property::always("generations never begin anew", |_, world| not(world, Broken::Anew)),
        Property::always("nothing works under a claim that is not on record", |_, world| {
            not(world, Broken::Unrecorded)
        }),
        Property::always("no commit follows one of a later generation", |_, world| {
            not(world, Broken::StaleCommit)
        }),
        Property::always("the verdict refuses who was fenced off", |_, world| {
            not(world, Broken::FencedPasses)
        }),
        Property::always("a release ends the claim that it read", |_, world| {
            not(world, Broken::ForeignRelease)
        }),
        Property::always("the ledger ends no claim whose file stands", |_, world| {
            not(world, Broken::FalseTombstone)
        }),
    ]
}
