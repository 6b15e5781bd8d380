//! From accepted intents to calls, and the time that passes meanwhile.

use super::Moves;
use crate::model::bounds::{CALL, STALL, Setting};
use crate::model::clause::Habit;
use crate::model::entry::{Act, Wish};
use crate::model::step::Step;
use crate::model::verdict;
use crate::model::world::{Call, Pending, Stage, World};

impl Moves<'_> {
    /// A process sends what it has proposed, also when it has lost its office meanwhile.
    pub(super) fn calls_of(&mut self, n: u8) {
        let me = self.world.nodes[usize::from(n)];
        for (place, pending) in me.pending.iter().enumerate() {
            let committed = self
                .ledger
                .entry(me.commit, pending.index)
                .is_some_and(|entry| entry.kind.wishes().any(|wish| wish == pending.wish));
            let fresh = pending.age <= pending.window || self.has(Habit::NoWindow);
            let in_time = fresh && (!pending.halted || self.has(Habit::HaltIgnored));
            match pending.stage {
                Stage::Proposed if in_time && (committed || self.has(Habit::SendsBeforeCommit)) => {
                    let world = self.with_pending(n, place, |it| it.stage = Stage::Checked(0));
                    self.comes(Step::Check { node: n, id: pending.wish.id }, world);
                }
                Stage::Checked(_) => self.send(n, place, pending),
                _ => {}
            }
            let again = committed && self.has(Habit::ProposesAgain) && me.leads;
            let late = committed && self.has(Habit::WindowFromCommit);
            if pending.stage == Stage::Proposed && (again || late) && pending.age > 0 {
                let world = self.with_pending(n, place, |it| it.age = 0);
                self.comes(Step::Again { node: n, id: pending.wish.id }, world);
            }
        }
        if self.has(Habit::SendsOthers) {
            self.takes_up(n);
        }
    }

    /// A bug: a process finds an accepted intent in the log that it did not propose, and goes about sending it.
    fn takes_up(&mut self, n: u8) {
        let me = self.world.nodes[usize::from(n)];
        let commit = me.commit;
        let doubts = self.ledger.facts(commit).doubts;
        for doubt in doubts.iter() {
            let its_own = me.pending.iter().any(|pending| pending.wish.id == doubt.id);
            let sent = self.world.calls.iter().any(|call| call.id == doubt.id);
            let found = self.ledger.entries(commit).find_map(|(index, entry, _)| {
                entry.kind.wishes().find(|wish| wish.id == doubt.id).map(|wish| (index, wish))
            });
            let Some((index, wish)) = found.filter(|_| !its_own && !sent && !me.pending.is_full()) else {
                continue;
            };
            let mut world = self.world;
            world.nodes[usize::from(n)].pending.push(Pending {
                wish,
                index,
                window: 1,
                ..Pending::default()
            });
            self.comes(Step::TakesUp { node: n, id: doubt.id }, world);
        }
    }

    fn with_pending(&self, n: u8, place: usize, change: impl FnOnce(&mut Pending)) -> World {
        let mut world = self.world;
        if let Some(pending) = world.nodes[usize::from(n)].pending.iter_mut().nth(place) {
            change(pending);
        }
        world
    }

    fn send(&mut self, n: u8, place: usize, pending: &Pending) {
        if self.world.calls.is_full() {
            return;
        }
        let mut world = self.with_pending(n, place, |it| it.stage = Stage::Sent);
        let Wish { id, act, .. } = pending.wish;
        let call = Call { id, act, index: pending.index, ..Call::default() };
        world.calls.push(call);
        world.calls.sort_by_key(|call| (call.index, call.id));
        let step = Step::Send { node: n, id, act };
        match verdict::initiates(&mut world, &pending.wish, pending.index, self.ledger) {
            Some(violation) => self.breaks(step, violation),
            None => self.comes(step, world),
        }
    }

    pub(super) fn landings(&mut self) {
        let calls = self.world.calls;
        for (place, call) in calls.iter().enumerate().filter(|(_, call)| !call.landed) {
            let mut world = self.world;
            if let Some(it) = world.calls.iter_mut().nth(place) {
                it.landed = true;
            }
            // Whoever has given up does not hear that it has landed.
            world.calls.retain(|call| !call.landed || call.age <= CALL);
            let step = Step::Land { id: call.id, act: call.act };
            match verdict::lands(&mut world, call, self.ledger) {
                Some(violation) => self.breaks(step, violation),
                None => self.comes(step, world),
            }
        }
    }

    /// Time passes for all alike: rates differ by a bounded error only, for which W has its quarter.
    pub(super) fn tick(&mut self) {
        let world = self.passes(None);
        self.comes(Step::Tick, world);
    }

    /// A hypervisor takes a tick from a node: its own clock stands still, everybody else's goes on. Between the last
    /// check and the socket write that counts within p, like every stall.
    pub(super) fn halt(&mut self, n: u8) {
        if self.world.left.halts > 0 {
            let mut world = self.passes(Some(n));
            world.left.halts -= 1;
            self.comes(Step::Halt { node: n }, world);
        }
    }

    fn passes(&self, halted: Option<u8>) -> World {
        let mut world = self.world;
        for (n, node) in (0..).zip(&mut world.nodes) {
            let stands = halted == Some(n);
            if !stands {
                node.ages();
            }
            for pending in node.pending.iter_mut() {
                pending.halted |= stands;
                if !stands {
                    pending.age = (pending.age + 1).min(pending.window + 1);
                }
                // A stall is no longer than p: then it has been sent, or never will be.
                pending.stage = match pending.stage {
                    Stage::Checked(stalled) if stalled < STALL => Stage::Checked(stalled + 1),
                    Stage::Checked(_) => Stage::Proposed,
                    stage => stage,
                };
                if pending.stage == Stage::Proposed && self.has(Habit::NoWindow) {
                    pending.age = pending.age.min(pending.window);
                }
            }
        }
        for call in world.calls.iter_mut() {
            call.age = (call.age + 1).min(CALL + 1);
            if call.age > CALL && self.has(Habit::Retries) && !call.again && !call.landed {
                (call.age, call.again) = (0, true);
            }
            if self.has(Habit::NoTimeout) {
                call.age = call.age.min(CALL);
            }
        }
        let late = matches!(world.left.setting, Setting::LateStops | Setting::VeryLateStops);
        let may_land = |call: &Call| late && !call.landed && matches!(call.act, Act::Stop(_));
        world.calls.retain(|call| call.age <= CALL || may_land(call));
        world
    }
}
