//! The world as it was: for describes that are to be stale.

use crate::faults::LONGEST_STALENESS_MS;
use crate::world::World;
use std::collections::VecDeque;

/// How many changes are remembered. A world is some KiB in the reference case and 200 KiB with 1,000 routes, so
/// this is 50 MiB at the very worst; beyond it a stale look shows the oldest that is left.
const KEPT: usize = 256;

/// The world after each change, by rising time.
#[derive(Debug)]
pub(super) struct History {
    snapshots: VecDeque<(u64, World)>,
}

impl History {
    pub(super) fn new(world: &World) -> Self {
        Self { snapshots: VecDeque::from([(0, world.clone())]) }
    }

    /// Remembers the world as it is since `now_ms`.
    pub(super) fn remember(&mut self, now_ms: u64, world: &World) {
        self.snapshots.push_back((now_ms, world.clone()));
        // The newest of those that are too old is still the state at the bound, so it stays. And in the first two
        // minutes nothing is too old: a look may go back to before the first change.
        let too_old = now_ms.checked_sub(LONGEST_STALENESS_MS);
        let outlived = |row: Option<&(u64, World)>| row.is_some_and(|(at, _)| Some(*at) <= too_old);
        while self.snapshots.len() > KEPT || outlived(self.snapshots.get(1)) {
            self.snapshots.pop_front();
        }
    }

    /// The world as it was at `at_ms`, or the oldest that is remembered; none stands for a time before the first.
    pub(super) fn at(&self, at_ms: Option<u64>) -> Option<World> {
        let Some(at_ms) = at_ms else { return self.snapshots.front().map(|(_, world)| world.clone()) };
        let after = self.snapshots.partition_point(|(since_ms, _)| *since_ms <= at_ms);
        let (_, world) = self.snapshots.get(after.saturating_sub(1))?;
        let mut world = world.clone();
        world.advance(at_ms);
        Some(world)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Act, INSTANCE_1, InstanceState};

    #[test]
    fn a_look_back_shows_each_state_in_its_time() {
        let mut world = World::reference();
        let mut history = History::new(&world);
        world.stop(Act::by_hand(1_000), &[INSTANCE_1.to_owned()], false).unwrap();
        history.remember(1_000, &world);
        let state = |at| history.at(Some(at)).unwrap().instance(INSTANCE_1).unwrap().state;
        assert_eq!(state(0), InstanceState::Running);
        assert_eq!(state(999), InstanceState::Running);
        assert_eq!(state(1_000), InstanceState::Stopping);
        assert_eq!(state(3_000), InstanceState::Stopped, "what time did counts as well");
    }

    #[test]
    fn before_the_first_moment_it_was_as_it_began() {
        let mut world = World::reference();
        let mut history = History::new(&world);
        world.set_instance_state(Act::by_hand(0), INSTANCE_1, InstanceState::Stopped).unwrap();
        world.take_changes();
        history.remember(0, &world);
        assert_eq!(history.at(None), Some(World::reference()));
        assert_eq!(history.at(Some(0)), Some(world));
    }

    #[test]
    fn it_is_bounded_and_keeps_the_state_at_the_bound() {
        let world = World::reference();
        let mut history = History::new(&world);
        for at in 1..=KEPT as u64 * 2 {
            history.remember(at, &world);
        }
        assert_eq!(history.snapshots.len(), KEPT);
        history.remember(LONGEST_STALENESS_MS * 3, &world);
        assert_eq!(history.snapshots.len(), 2);
    }
}
