//! Everything that can happen next to a world.

mod acting;
mod office;
mod raft;

use super::clause::Habit;
use super::ledger::Ledger;
use super::step::Step;
use super::verdict::{self, Violation};
use super::world::World;

/// What comes of a step: another world, or a broken promise.
pub type Next = (Step, Result<World, Violation>);

/// Looks for what can happen next.
pub struct Moves<'a> {
    ledger: &'a mut Ledger,
    habit: Option<Habit>,
    world: World,
    next: &'a mut Vec<Next>,
}

/// All that can happen next, into `next`.
pub fn all(world: World, ledger: &mut Ledger, habit: Option<Habit>, next: &mut Vec<Next>) {
    let mut moves = Moves { ledger, habit, world, next };
    for node in 0..3 {
        moves.raft(node);
        moves.leader(node);
        moves.calls_of(node);
        moves.halt(node);
    }
    moves.landings();
    moves.tick();
}

impl Moves<'_> {
    fn has(&self, habit: Habit) -> bool {
        self.habit == Some(habit)
    }

    fn comes(&mut self, step: Step, mut world: World) {
        world.forget(self.ledger, self.habit);
        if world != self.world {
            let checked = verdict::at_rest(&world, self.ledger).map_or(Ok(world), Err);
            self.next.push((step, checked));
        }
    }

    fn breaks(&mut self, step: Step, violation: Violation) {
        self.next.push((step, Err(violation)));
    }
}
