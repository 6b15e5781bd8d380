//! What a leader writes into its log. Whether it counts is for `apply` to say: a leader tries everything.

use super::Moves;
use crate::model::bounds::{CALL, Setting};
use crate::model::clause::Habit;
use crate::model::entry::{ACTS, Act, End, Entry, Id, Kind, Order, Wish};
use crate::model::few::Few;
use crate::model::step::Step;
use crate::model::verdict::Violation;
use crate::model::world::{Call, Pending, Stage, World};

impl Moves<'_> {
    pub(super) fn leader(&mut self, n: u8) {
        let me = self.world.nodes[usize::from(n)];
        if !me.leads {
            return;
        }
        if me.begin == 0 && !self.holds_office(n) {
            self.append(n, Kind::Begin, |world, index| world.nodes[usize::from(n)].begin = index);
        }
        for epoch in self.epochs(n).iter().copied() {
            self.intents(n, epoch);
            self.endings(n, epoch);
            self.settles(n, epoch);
            self.orders(n, epoch);
            self.closes(n, epoch);
        }
        self.calls_it_quiet(n);
    }

    /// The epochs that a process may name: its own, if it has begun one, however old; and, being hasty, the one that it
    /// finds in office. `apply` must see to it that only the right one counts.
    fn epochs(&self, n: u8) -> Few<u8, 2> {
        let me = &self.world.nodes[usize::from(n)];
        let office = self.ledger.facts(me.commit);
        let its_own_before = office.term == me.term && office.node == n;
        let mut epochs = Few::default();
        if me.epoch != 0 {
            epochs.push(me.epoch);
        }
        // After a restart in the same term nothing but the process's own habit keeps it from this.
        if office.epoch != me.epoch && (!its_own_before || self.has(Habit::NoNewEpoch)) {
            epochs.push(office.epoch);
        }
        epochs
    }

    /// Whether the process has begun an epoch in its term, or believes so.
    fn holds_office(&self, n: u8) -> bool {
        let me = &self.world.nodes[usize::from(n)];
        let facts = self.ledger.facts(me.commit);
        let inherits = self.has(Habit::NoNewEpoch) && facts.term == me.term && facts.node == n;
        // An epoch that is not an entry of this log is the one that every world begins with, of term 1.
        let term = self.ledger.entry(me.commit, me.epoch).map_or(1, |entry| entry.term);
        inherits || me.epoch != 0 && term == me.term
    }

    /// Appends an entry, if `apply` would accept it there: one that is refused changes nothing but the log's length.
    fn append(&mut self, n: u8, kind: Kind, then: impl FnOnce(&mut World, u8)) {
        let node = usize::from(n);
        let me = self.world.nodes[node];
        let entry = Entry { term: me.term, node: n, kind };
        let Some(log) = self.ledger.append(me.log, entry) else { return };
        let mut world = self.world;
        world.nodes[node].log = log;
        then(&mut world, self.ledger.index(log));
        let step = Step::Append { node: n, kind };
        match kind {
            // Nobody looks at a gateway that the policy has dropped.
            Kind::Close { gateway, seen: false, .. }
                if !self.ledger.facts(log).dropped[usize::from(gateway - 1)] =>
            {
                let promise =
                    format!("S5: the slot of strongswan-{gateway} closes, and no probe has seen it up");
                self.breaks(step, Violation(promise));
            }
            _ => self.comes(step, world),
        }
    }

    fn intents(&mut self, n: u8, epoch: u8) {
        let me = self.world.nodes[usize::from(n)];
        let facts = *self.ledger.facts(me.log);
        let policy = self.ledger.facts(me.commit).policy;
        let number = if facts.epoch == epoch { facts.last_intent + 1 } else { 1 };
        let id = Id { epoch, number };
        for act in ACTS {
            let left = match act {
                Act::Route(_) => self.world.left.routes,
                Act::Stop(_) => self.world.left.stops,
                Act::Start(_) => self.world.left.starts,
                Act::Other(_) if self.world.left.setting != Setting::Batches => 0,
                Act::Other(_) => self.world.left.routes,
            };
            if left == 0 {
                continue;
            }
            for carried in [true, false] {
                // What is in its slot, or is found stopped, may be started: there is no other evidence for it.
                if let Act::Start(gateway) = act {
                    let stopped = self.world.stopped[usize::from(gateway - 1)];
                    if !carried || facts.slot != Some(gateway) && !stopped {
                        continue;
                    }
                }
                let wish = Wish { id, act, policy, carried };
                match act {
                    Act::Route(_) if self.world.left.setting == Setting::Batches => {
                        self.intend(n, Kind::Batch(wish));
                    }
                    _ => self.intend(n, Kind::Intent(wish)),
                }
            }
        }
    }

    /// Appends intents, and has those under way that `apply` accepts.
    fn intend(&mut self, n: u8, kind: Kind) {
        let me = self.world.nodes[usize::from(n)];
        let room = me.pending.len() + kind.wishes().count() <= me.pending.room();
        if !room {
            return;
        }
        let window = self.ledger.facts(me.commit).window;
        let entry = Entry { term: me.term, node: n, kind };
        let Some(log) = self.ledger.append(me.log, entry) else { return };
        let doubts = self.ledger.facts(log).doubts;
        self.append(n, kind, |world, index| {
            let mut first = true;
            for wish in kind.wishes() {
                match wish.act {
                    Act::Route(_) => world.left.routes -= 1,
                    // Batches count as one.
                    Act::Other(_) if !first => {}
                    Act::Other(_) => world.left.routes -= 1,
                    Act::Stop(_) => world.left.stops -= 1,
                    Act::Start(_) => world.left.starts -= 1,
                }
                first = false;
                if doubts.iter().any(|doubt| doubt.id == wish.id) {
                    let pending = Pending { wish, index, window, ..Pending::default() };
                    world.nodes[usize::from(n)].pending.push(pending);
                }
            }
        });
    }

    /// Outcomes of calls that have ended, of intents that were never sent, and of intents that the process finds
    /// unsettled in its epoch without having them.
    fn endings(&mut self, n: u8, epoch: u8) {
        let me = self.world.nodes[usize::from(n)];
        for pending in me.pending.iter() {
            let Some(end) = self.end_of(pending) else { continue };
            let keeps = pending.stage != Stage::Sent && self.has(Habit::SendsAfterOutcome);
            let id = pending.wish.id;
            self.end(n, epoch, id, end, |world| {
                if !keeps {
                    world.nodes[usize::from(n)].pending.retain(|other| other.wish.id != id);
                }
            });
        }
        let doubts = self.ledger.facts(me.commit).doubts;
        for doubt in doubts.iter() {
            if !me.pending.iter().any(|pending| pending.wish.id == doubt.id) {
                self.end(n, epoch, doubt.id, End::NotSent, |_| ());
            }
        }
    }

    /// Writes an outcome, if the log does not hold an ending yet.
    fn end(&mut self, n: u8, epoch: u8, id: Id, end: End, then: impl FnOnce(&mut World)) {
        let log = self.world.nodes[usize::from(n)].log;
        if self.ledger.facts(log).doubts.iter().any(|doubt| doubt.id == id) {
            self.append(n, Kind::Outcome { epoch, id, end }, |world, _| then(world));
        }
    }

    fn end_of(&self, pending: &Pending) -> Option<End> {
        let given_up = |call: &Call| {
            let over = if self.has(Habit::NoTimeout) { call.age >= CALL } else { call.age > CALL };
            over || self.has(Habit::EndsEarly)
        };
        let unanswered = if self.has(Habit::TimeoutIsFailure) { End::Failed } else { End::NoAnswer };
        let call = self.world.calls.iter().find(|call| call.id == pending.wish.id);
        match (pending.stage, call) {
            (Stage::Proposed, _) if pending.age > pending.window || pending.halted => Some(End::NotSent),
            (Stage::Checked(_), _) if self.has(Habit::SendsAfterOutcome) => Some(End::NotSent),
            (Stage::Sent, None) => Some(unanswered),
            (Stage::Sent, Some(call)) if call.landed => Some(End::Done),
            (Stage::Sent, Some(call)) if given_up(call) => Some(unanswered),
            _ => None,
        }
    }

    fn settles(&mut self, n: u8, epoch: u8) {
        let me = self.world.nodes[usize::from(n)];
        let facts = *self.ledger.facts(me.commit);
        if facts.epoch != epoch || me.epoch != epoch {
            return;
        }
        let older = || me.known.iter().filter(|(id, _)| id.epoch < epoch);
        let oldest = older().map(|(_, age)| *age).max().unwrap_or(0);
        for (id, age) in older() {
            let Some(doubt) = facts.doubts.iter().find(|doubt| doubt.id == *id) else { continue };
            let shown = doubt.act == Act::Route(self.world.table);
            let waited = match self.habit {
                Some(Habit::NoWait) => true,
                Some(Habit::ReadBackSettles) if shown => true,
                Some(Habit::WaitWithoutStall) => *age >= doubt.wait,
                Some(Habit::WaitFromOldest) => oldest > doubt.wait,
                Some(Habit::WaitByPolicyInForce) => *age > facts.wait,
                _ => *age > doubt.wait,
            };
            if waited && self.ledger.facts(me.log).doubts.iter().any(|doubt| doubt.id == *id) {
                self.append(n, Kind::Settle { epoch, id: *id }, |_, _| ());
            }
        }
    }

    fn orders(&mut self, n: u8, epoch: u8) {
        let orders = [
            Order::Pause,
            Order::Observe,
            Order::Policy,
            Order::Drain(1),
            Order::Drain(2),
            Order::Replace(1),
            Order::Replace(2),
        ];
        for order in orders {
            if *orders_left(&mut self.world, order) > 0 {
                self.append(n, Kind::Operator { epoch, order }, |world, _| *orders_left(world, order) -= 1);
            }
        }
    }

    /// The slot closes on the word of probes, which may be as old as a report may be.
    fn closes(&mut self, n: u8, epoch: u8) {
        let log = self.world.nodes[usize::from(n)].log;
        let Some(gateway) = self.ledger.facts(log).slot else { return };
        for seen in [true, false] {
            self.append(n, Kind::Close { epoch, gateway, seen }, |_, _| ());
        }
    }

    /// The answer to whoever paused: nothing can land any more, but the start that is named.
    fn calls_it_quiet(&mut self, n: u8) {
        let me = self.world.nodes[usize::from(n)];
        let facts = *self.ledger.facts(me.commit);
        let still = facts.doubts.is_empty() || self.has(Habit::QuietInDoubt);
        let halted = facts.paused || facts.observing;
        if halted && facts.epoch == me.epoch && still && !self.world.quiet {
            let mut world = self.world;
            world.quiet = true;
            world.named = facts.slot.filter(|_| !self.has(Habit::QuietNamesNothing)).unwrap_or(0);
            self.comes(Step::Quiet { node: n, named: world.named }, world);
        }
    }
}

fn orders_left(world: &mut World, order: Order) -> &mut u8 {
    match order {
        Order::Pause => &mut world.left.pauses,
        Order::Observe => &mut world.left.observes,
        Order::Policy => &mut world.left.policies,
        Order::Drain(_) => &mut world.left.drains,
        Order::Replace(_) => &mut world.left.replaces,
    }
}
