//! A simulated network for one machine: it owns the clock, and checks at every step what must always hold.

use super::{Event, MAX_PENDING, ProbeMachine, ProbeTiming};
use crate::evidence::Verdict;
use crate::time::MonoMs;
use std::collections::BTreeSet;

/// What the network does with one probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Answer { rtt_ms: u64 },
    Lost,
    Refused,
    NotSent,
}

/// One probe as it was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) seq: u64,
    pub(super) at: MonoMs,
    pub(super) fate: Fate,
}

pub(super) struct Rig {
    pub(super) machine: ProbeMachine,
    pub(super) now: MonoMs,
    pub(super) sent: Vec<Sent>,
    pub(super) changes: Vec<(MonoMs, Verdict)>,
    /// Arrival, number, round trip.
    on_the_way: BTreeSet<(MonoMs, u64, u64)>,
}

/// Any time will do, except that zero would hide a forgotten base.
pub(super) const START: MonoMs = MonoMs(1_000_000);

impl Rig {
    pub(super) fn new(timing: ProbeTiming) -> Self {
        let machine = ProbeMachine::new(timing, START, START);
        Self { machine, now: START, sent: Vec::new(), changes: Vec::new(), on_the_way: BTreeSet::new() }
    }

    /// A machine that has been answered steadily until it is `Up`, its timeout settled just above the round
    /// trip. The last answer has just come.
    pub(super) fn up(timing: ProbeTiming, rtt_ms: u64) -> Self {
        let mut rig = Self::new(timing);
        rig.run_for(100 * timing.interval_ms() + rtt_ms, |_, _| Fate::Answer { rtt_ms });
        assert_eq!(rig.machine.state(), Verdict::Up);
        rig
    }

    /// Runs on time for that long.
    pub(super) fn run_for(&mut self, ms: u64, mut fate: impl FnMut(u64, MonoMs) -> Fate) {
        let until = self.now.plus_ms(ms);
        while self.step(until, &mut fate) {}
        self.now = until;
    }

    /// Runs on time until the state is that; panics after `limit_ms`.
    pub(super) fn run_until(
        &mut self,
        state: Verdict,
        limit_ms: u64,
        mut fate: impl FnMut(u64, MonoMs) -> Fate,
    ) {
        let until = self.now.plus_ms(limit_ms);
        while self.machine.state() != state {
            assert!(self.step(until, &mut fate), "not {state} within {limit_ms} ms: {:?}", self.machine);
        }
    }

    /// Nothing is handled for that long, answers wait in the buffer; then the timer is first, as it would be in
    /// the worst case.
    pub(super) fn stall(&mut self, ms: u64, fate: impl FnMut(u64, MonoMs) -> Fate) {
        self.now = self.now.plus_ms(ms);
        self.feed(Event::Timer, fate);
    }

    /// Handles the next thing, if it comes by `until`.
    pub(super) fn step(&mut self, until: MonoMs, fate: &mut impl FnMut(u64, MonoMs) -> Fate) -> bool {
        let deadline = self.machine.next_deadline();
        let arrival = self.on_the_way.first().copied();
        let next = arrival.map_or(deadline, |(at, ..)| at.min(deadline));
        if next > until {
            return false;
        }
        self.now = self.now.max(next);
        let event = match arrival {
            Some((at, seq, rtt_ms)) if at <= self.now => {
                self.on_the_way.pop_first();
                Event::Answered { seq, rtt_us: rtt_ms * 1_000 }
            }
            _ => Event::Timer,
        };
        self.feed(event, fate);
        true
    }

    pub(super) fn feed(&mut self, event: Event, mut fate: impl FnMut(u64, MonoMs) -> Fate) {
        let mut event = Some(event);
        while let Some(now_event) = event.take() {
            let effects = self.machine.handle(self.now, now_event);
            if let Some(state) = effects.changed {
                self.changes.push((self.now, state));
            }
            if let Some(send) = effects.send {
                let fate = match fate(send.seq, self.now) {
                    // Nobody listens for it any more.
                    Fate::Answer { rtt_ms } if rtt_ms > send.listen_ms => Fate::Lost,
                    fate => fate,
                };
                assert_eq!(send.seq, self.sent.len() as u64, "numbers count up by one");
                self.sent.push(Sent { seq: send.seq, at: self.now, fate });
                let error = || "test".to_owned();
                match fate {
                    Fate::Answer { rtt_ms } => {
                        self.on_the_way.insert((self.now.plus_ms(rtt_ms), send.seq, rtt_ms));
                    }
                    Fate::Lost => {}
                    Fate::Refused => event = Some(Event::Failed { seq: send.seq, error: error() }),
                    Fate::NotSent => event = Some(Event::NotSent { seq: send.seq, error: error() }),
                }
            }
        }
        self.check_what_always_holds();
    }

    fn check_what_always_holds(&self) {
        assert!(self.machine.next_deadline() > self.now, "the deadline stands still: {:?}", self.machine);
        assert!(self.machine.pending() <= MAX_PENDING);
        let status = self.machine.status();
        assert_eq!(status.since, self.changes.last().map_or(START, |(at, _)| *at));
        assert_eq!(status.state, self.machine.state());
        assert!(status.loss_permille <= 1_000);
        if status.state == Verdict::Down {
            assert!(!self.machine.suspects(), "there is nothing more to suspect");
        }
    }
}

/// A small generator with a seed, so that a failing run can be repeated. (SplitMix64.)
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// True in that many of a thousand cases.
    pub(super) fn permille(&mut self, permille: u64) -> bool {
        self.next() % 1_000 < permille
    }
}
