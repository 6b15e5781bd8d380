//! The states of an instance: what calls, hands and time do to them.

use super::{
    Act, BootBehaviour, Cause, Check, Instance, InstanceState, Next, Refusal, StopBehaviour, What, World,
};

/// What a stop or a start did to one instance, as EC2's answer tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The instance.
    pub instance: String,
    /// The state that it was in.
    pub previous: InstanceState,
    /// The state that it is in.
    pub current: InstanceState,
}

impl World {
    /// Lets time pass until `now_ms`: whatever was due by then happens, in order, at its own time.
    pub fn advance(&mut self, now_ms: u64) {
        while let Some((at_ms, id)) = self.due(now_ms) {
            let Some(instance) = self.instances.get_mut(&id) else { return };
            let Some(next) = instance.next.take() else { return };
            if next.state == InstanceState::Running {
                // It came up on another host: what was wrong with the old one stayed behind.
                instance.boots += 1;
                instance.system_impaired = false;
                instance.instance_impaired = false;
            }
            self.enter(Act { now_ms: at_ms, cause: Cause::Time }, &id, next.state, None);
        }
    }

    /// When something happens by itself next.
    pub fn next_transition_ms(&self) -> Option<u64> {
        self.instances.values().filter_map(|instance| instance.next).map(|next| next.at_ms).min()
    }

    fn due(&self, now_ms: u64) -> Option<(u64, String)> {
        let due = self.instances.values().filter_map(|i| i.next.map(|next| (next.at_ms, &i.id)));
        due.filter(|(at_ms, _)| *at_ms <= now_ms).min().map(|(at_ms, id)| (at_ms, id.clone()))
    }

    fn enter(&mut self, act: Act, id: &str, state: InstanceState, next: Option<Next>) {
        let Some(instance) = self.instances.get_mut(id) else { return };
        instance.next = next;
        let before = std::mem::replace(&mut instance.state, state);
        if before != state {
            instance.since_ms = act.now_ms;
            self.note(act, What::Instance { instance: id.to_owned(), before, after: state });
        }
    }

    /// Stops instances, all or none. Stopping what is stopped or stopping is no error; with force, it hurries a
    /// stop that is under way.
    pub fn stop(&mut self, act: Act, ids: &[String], force: bool) -> Result<Vec<Transition>, Refusal> {
        for id in ids {
            let state = self.instance(id)?.state;
            // EC2 refuses to stop what is still booting.
            if matches!(
                state,
                InstanceState::Pending | InstanceState::ShuttingDown | InstanceState::Terminated
            ) {
                return Err(Refusal::incorrect_state(id, "stopped"));
            }
        }
        Ok(ids.iter().filter_map(|id| self.stop_one(act, id, force)).collect())
    }

    fn stop_one(&mut self, act: Act, id: &str, force: bool) -> Option<Transition> {
        let timings = self.timings;
        let instance = self.instances.get_mut(id)?;
        let previous = instance.state;
        if matches!(previous, InstanceState::Running | InstanceState::Stopping) {
            let stuck = match instance.stop {
                StopBehaviour::Normal => false,
                StopBehaviour::StuckUntilForced => !force,
                StopBehaviour::Stuck => true,
            };
            let wait_ms = if force { timings.force_stop_ms } else { timings.stop_ms };
            let fresh = Next { at_ms: act.now_ms.saturating_add(wait_ms), state: InstanceState::Stopped };
            // A second call may hurry a stop; it never puts it off.
            let next = match (stuck, instance.next) {
                (true, under_way) => under_way,
                (false, Some(under_way)) if under_way.at_ms <= fresh.at_ms => Some(under_way),
                (false, _) => Some(fresh),
            };
            self.enter(act, id, InstanceState::Stopping, next);
        }
        Some(self.transition(id, previous))
    }

    /// Starts instances, all or none. Starting what runs or boots is no error.
    pub fn start(&mut self, act: Act, ids: &[String]) -> Result<Vec<Transition>, Refusal> {
        for id in ids {
            let state = self.instance(id)?.state;
            if !matches!(state, InstanceState::Stopped | InstanceState::Pending | InstanceState::Running) {
                return Err(Refusal::incorrect_state(id, "started"));
            }
        }
        Ok(ids.iter().filter_map(|id| self.start_one(act, id)).collect())
    }

    fn start_one(&mut self, act: Act, id: &str) -> Option<Transition> {
        let boot_ms = self.timings.boot_ms;
        let instance = self.instances.get(id)?;
        let previous = instance.state;
        if previous == InstanceState::Stopped {
            let state = match instance.boot {
                BootBehaviour::Normal => InstanceState::Running,
                BootBehaviour::FallsBack => InstanceState::Stopped,
            };
            let next = Next { at_ms: act.now_ms.saturating_add(boot_ms), state };
            self.enter(act, id, InstanceState::Pending, Some(next));
        }
        Some(self.transition(id, previous))
    }

    fn transition(&self, id: &str, previous: InstanceState) -> Transition {
        let current = self.instances.get(id).map_or(previous, |instance| instance.state);
        Transition { instance: id.to_owned(), previous, current }
    }

    /// What an outside hand, or the host's fate, does: the instance is in that state at once.
    pub fn set_instance_state(&mut self, act: Act, id: &str, state: InstanceState) -> Result<(), Refusal> {
        self.instance(id)?;
        let next = match state {
            InstanceState::Stopping => Some((self.timings.stop_ms, InstanceState::Stopped)),
            InstanceState::Pending => Some((self.timings.boot_ms, InstanceState::Running)),
            InstanceState::ShuttingDown => Some((self.timings.terminate_ms, InstanceState::Terminated)),
            InstanceState::Running | InstanceState::Stopped | InstanceState::Terminated => None,
        };
        let next = next.map(|(ms, state)| Next { at_ms: act.now_ms.saturating_add(ms), state });
        self.enter(act, id, state, next);
        if state == InstanceState::Terminated {
            let attached: Vec<_> = self.interfaces_of(id).map(|interface| interface.id.clone()).collect();
            for interface in attached {
                self.attach(act, &interface, None)?;
            }
        }
        Ok(())
    }

    /// Says how the instance takes stops from now on. Healing it lets a stop that hangs go on.
    pub fn set_stop_behaviour(&mut self, act: Act, id: &str, stop: StopBehaviour) -> Result<(), Refusal> {
        self.instance(id)?;
        let stop_ms = self.timings.stop_ms;
        let Some(instance) = self.instances.get_mut(id) else { return Ok(()) };
        instance.stop = stop;
        let hangs = instance.state == InstanceState::Stopping && instance.next.is_none();
        if hangs && stop == StopBehaviour::Normal {
            let at_ms = act.now_ms.saturating_add(stop_ms);
            instance.next = Some(Next { at_ms, state: InstanceState::Stopped });
        }
        Ok(())
    }

    /// What EC2's two status checks (of the system, of the instance) say at `now_ms`.
    pub fn checks(&self, instance: &Instance, now_ms: u64) -> (Check, Check) {
        if instance.state != InstanceState::Running {
            return (Check::NotApplicable, Check::NotApplicable);
        }
        // What ran before the endpoint started has long been checked.
        let young =
            instance.since_ms > 0 && now_ms < instance.since_ms.saturating_add(self.timings.checks_ms);
        let judge = |impaired| match (young, impaired) {
            (true, _) => Check::Initializing,
            (false, true) => Check::Impaired,
            (false, false) => Check::Ok,
        };
        (judge(instance.system_impaired), judge(instance.instance_impaired))
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;

    fn ids() -> Vec<String> {
        vec![INSTANCE_1.to_owned()]
    }

    fn state(world: &World) -> InstanceState {
        world.instance(INSTANCE_1).unwrap().state
    }

    fn at(now_ms: u64) -> Act {
        Act::by_hand(now_ms)
    }

    #[test]
    fn stop_and_start_take_their_time() {
        let mut world = World::reference();
        let stopped = world.stop(at(1_000), &ids(), false).unwrap();
        assert_eq!(
            (stopped[0].previous, stopped[0].current),
            (InstanceState::Running, InstanceState::Stopping)
        );
        assert_eq!(world.next_transition_ms(), Some(3_000));
        world.advance(2_999);
        assert_eq!(state(&world), InstanceState::Stopping);
        world.advance(9_000);
        assert_eq!(state(&world), InstanceState::Stopped);
        let started = world.start(at(10_000), &ids()).unwrap();
        assert_eq!(
            (started[0].previous, started[0].current),
            (InstanceState::Stopped, InstanceState::Pending)
        );
        world.advance(12_000);
        assert_eq!(state(&world), InstanceState::Running);
        assert_eq!(world.instance(INSTANCE_1).unwrap().boots, 1);
        let times: Vec<_> = world.take_changes().into_iter().map(|change| change.at_ms).collect();
        assert_eq!(
            times,
            [1_000, 3_000, 10_000, 12_000],
            "each change bears its own time, not that of the look"
        );
    }

    /// Every state against stop and start: what EC2 answers, and the state after.
    #[test]
    fn every_state_against_stop_and_start() {
        use InstanceState::*;
        let table = [
            (Pending, Err("IncorrectInstanceState"), Ok(Pending)),
            (Running, Ok(Stopping), Ok(Running)),
            (Stopping, Ok(Stopping), Err("IncorrectInstanceState")),
            (Stopped, Ok(Stopped), Ok(Pending)),
            (ShuttingDown, Err("IncorrectInstanceState"), Err("IncorrectInstanceState")),
            (Terminated, Err("IncorrectInstanceState"), Err("IncorrectInstanceState")),
        ];
        for (from, stop, start) in table {
            let mut world = World::reference();
            world.set_instance_state(at(0), INSTANCE_1, from).unwrap();
            let short = |result: Result<Vec<Transition>, Refusal>| {
                result.map(|t| t[0].current).map_err(|refusal| refusal.code)
            };
            let stop = stop.map_err(str::to_owned);
            let start = start.map_err(str::to_owned);
            assert_eq!(short(world.clone().stop(at(1), &ids(), false)), stop, "stop from {from:?}");
            assert_eq!(short(world.start(at(1), &ids())), start, "start from {from:?}");
        }
    }

    #[test]
    fn one_wrong_id_stops_nobody() {
        let mut world = World::reference();
        let both = [INSTANCE_1.to_owned(), "i-12345678".to_owned()];
        assert_eq!(world.stop(at(0), &both, false).unwrap_err().code, "InvalidInstanceID.NotFound");
        assert_eq!(world.start(at(0), &both).unwrap_err().code, "InvalidInstanceID.NotFound");
        assert_eq!(state(&world), InstanceState::Running);
    }

    #[test]
    fn force_hurries_a_stop_and_nothing_puts_it_off() {
        let mut world = World::reference();
        world.stop(at(0), &ids(), false).unwrap();
        world.stop(at(1_000), &ids(), false).unwrap();
        assert_eq!(world.next_transition_ms(), Some(2_000));
        world.stop(at(1_000), &ids(), true).unwrap();
        assert_eq!(world.next_transition_ms(), Some(1_500));
    }

    #[test]
    fn a_stuck_stop_hangs_until_forced_or_healed() {
        let mut world = World::reference();
        world.set_stop_behaviour(at(0), INSTANCE_1, StopBehaviour::StuckUntilForced).unwrap();
        world.stop(at(0), &ids(), false).unwrap();
        world.advance(1_000_000);
        assert_eq!(state(&world), InstanceState::Stopping);
        let mut healed = world.clone();
        world.stop(at(1_000_000), &ids(), true).unwrap();
        world.advance(1_000_500);
        assert_eq!(state(&world), InstanceState::Stopped);

        healed.set_stop_behaviour(at(1_000_000), INSTANCE_1, StopBehaviour::Stuck).unwrap();
        healed.stop(at(1_000_000), &ids(), true).unwrap();
        healed.advance(2_000_000);
        assert_eq!(state(&healed), InstanceState::Stopping, "force frees only what force can free");
        healed.set_stop_behaviour(at(2_000_000), INSTANCE_1, StopBehaviour::Normal).unwrap();
        healed.advance(2_002_000);
        assert_eq!(state(&healed), InstanceState::Stopped);
    }

    #[test]
    fn a_boot_can_fall_back_to_stopped() {
        let mut world = World::reference();
        world.set_instance_state(at(0), INSTANCE_1, InstanceState::Stopped).unwrap();
        world.set_boot_behaviour(INSTANCE_1, BootBehaviour::FallsBack).unwrap();
        world.start(at(0), &ids()).unwrap();
        world.advance(2_000);
        assert_eq!(state(&world), InstanceState::Stopped);
    }

    #[test]
    fn the_checks_follow_the_state() {
        let mut world = World::reference();
        let checks = |world: &World, now| world.checks(world.instance(INSTANCE_1).unwrap(), now);
        assert_eq!(checks(&world, 0), (Check::Ok, Check::Ok));
        world.set_impaired(INSTANCE_1, Some(true), None).unwrap();
        assert_eq!(checks(&world, 0), (Check::Impaired, Check::Ok));
        world.stop(at(0), &ids(), false).unwrap();
        assert_eq!(checks(&world, 0), (Check::NotApplicable, Check::NotApplicable));
        world.advance(2_000);
        world.start(at(3_000), &ids()).unwrap();
        world.advance(5_000);
        assert_eq!(checks(&world, 5_000), (Check::Initializing, Check::Initializing));
        assert_eq!(checks(&world, 7_000), (Check::Ok, Check::Ok), "another host, and the check passes again");
    }

    #[test]
    fn the_terminated_lose_their_interfaces() {
        let mut world = World::reference();
        world.set_instance_state(at(0), INSTANCE_1, InstanceState::ShuttingDown).unwrap();
        world.set_instance_state(at(1), INSTANCE_1, InstanceState::Terminated).unwrap();
        assert_eq!(world.interface(INTERFACE_1).unwrap().attached_to, None);
    }
}
