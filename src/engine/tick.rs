//! One turn of the loop.

use super::executor::{self, Deed};
use crate::plan::check::{self, Broken};
use crate::plan::desired::Desired;
use crate::plan::observed::Sighting;
use crate::plan::{self, Plan};
use crate::world::{Look, Outcome, World};

/// What one turn saw, decided and did.
#[derive(Debug)]
pub struct Tick {
    /// What was seen.
    pub look: Look,
    /// What was decided.
    pub plan: Plan,
    /// Laws that the plan breaks; then nothing of it was done.
    pub broken: Vec<Broken>,
    /// What was tried, and what came of it.
    pub deeds: Vec<Deed>,
}

impl Tick {
    /// Returns whether anything was changed, so that another look is due at once.
    pub fn made_progress(&self) -> bool {
        self.deeds.iter().any(|deed| matches!(deed.result, Ok(Outcome::Done)))
    }
}

/// Looks, decides, checks and does, with at most `parallel` subjects at once.
pub async fn tick<W: World>(world: &W, parallel: usize) -> Tick {
    let look = world.observe().await;
    let (plan, broken) = decide(&look);
    let deeds = if broken.is_empty() {
        executor::execute(world, &look.observed, &plan, parallel).await
    } else {
        Vec::new()
    };
    Tick { look, plan, broken, deeds }
}

/// Decides what one look asks for, and checks it against the laws.
pub fn decide(look: &Look) -> (Plan, Vec<Broken>) {
    let desired: Sighting<&Desired> = match &look.desired {
        Sighting::Known(desired) => Sighting::Known(desired),
        Sighting::Unknown(why) => Sighting::Unknown(why.clone()),
    };
    let plan = plan::plan(&desired, &look.observed);
    let broken = match desired {
        Sighting::Known(desired) => check::laws(desired, &look.observed, &plan),
        Sighting::Unknown(_) => Vec::new(),
    };
    (plan, broken)
}
