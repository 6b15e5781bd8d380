//! Who watches a line: the real probe machine under virtual time, or a script that pings three times.

use super::network::{Dice, Traffic};
use arbiter_core::evidence::Verdict;
use arbiter_core::probe::{Event, ProbeMachine, ProbeTiming};
use arbiter_core::time::MonoMs;
use std::collections::BTreeSet;

/// Any time will do.
const START: MonoMs = MonoMs(1_000_000);

/// A way of watching.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// Ours.
    Probe { interval_ms: u64, fall: u32, timeout_min_ms: u64, timeout_max_ms: u64 },
    /// Three pings of a second each, then a pause of two; Down when all three are lost. As the old script does it.
    ThreePings,
}

/// What was seen of a line that works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FalseAlarms {
    /// How often it was called Down: each is a failover for nothing.
    pub downs: u32,
    /// For how long in all.
    pub down_ms: u64,
}

impl Way {
    /// Watches a line that works for so many hours.
    pub fn false_alarms(self, line: super::network::Line, seed: u64, hours: u64) -> FalseAlarms {
        let until = START.plus_ms(hours * 3_600_000);
        let traffic = Traffic::new(line, seed, START);
        match self {
            Self::Probe { .. } => {
                let mut watch = Watch::new(self.timing(), traffic);
                while watch.now < until {
                    watch.step();
                }
                FalseAlarms { downs: watch.downs, down_ms: watch.down_ms }
            }
            Self::ThreePings => three_pings(traffic, until),
        }
    }

    /// Cuts the line at some moment, and says how long after that it is called Down, in milliseconds.
    pub fn delay(self, line: super::network::Line, seed: u64) -> u64 {
        let mut traffic = Traffic::new(line, seed, START);
        let mut dice = Dice::new(!seed);
        let cut = START.plus_ms(10_000 + dice.below(5_000));
        match self {
            Self::Probe { .. } => {
                let mut watch = Watch::new(self.timing(), traffic);
                while watch.next_at() < cut || watch.machine.state() != Verdict::Up {
                    watch.step();
                }
                // A burst may have held it Down at that moment; then it is cut when it has come Up again.
                let cut = watch.now.max(cut);
                watch.traffic.cut = true;
                watch.on_the_way.clear();
                while watch.machine.state() != Verdict::Down {
                    watch.step();
                }
                watch.now.since_ms(cut)
            }
            Self::ThreePings => {
                let mut round = START;
                loop {
                    let pings = [0, 1_000, 2_000].map(|after| round.plus_ms(after));
                    let mut lost = 0;
                    for ping in pings {
                        traffic.cut = ping >= cut;
                        lost += u32::from(traffic.round_trip(ping).is_none());
                    }
                    let end = round.plus_ms(3_000);
                    if lost == 3 && end > cut {
                        return end.since_ms(cut);
                    }
                    round = end.plus_ms(2_000);
                }
            }
        }
    }

    fn timing(self) -> ProbeTiming {
        match self {
            Self::Probe { interval_ms, fall, timeout_min_ms, timeout_max_ms } => {
                ProbeTiming::new(interval_ms, fall, 3, timeout_min_ms, timeout_max_ms)
            }
            Self::ThreePings => ProbeTiming::new(1_000, 3, 1, 1_000, 1_000),
        }
    }
}

fn three_pings(mut traffic: Traffic, until: MonoMs) -> FalseAlarms {
    let mut seen = FalseAlarms { downs: 0, down_ms: 0 };
    let (mut round, mut is_down) = (START, false);
    while round < until {
        let answered = [0, 1_000, 2_000].map(|after| traffic.round_trip(round.plus_ms(after)).is_some());
        let down = !answered.contains(&true);
        seen.downs += u32::from(down && !is_down);
        seen.down_ms += if down { 5_000 } else { 0 };
        is_down = down;
        round = round.plus_ms(5_000);
    }
    seen
}

/// The probe machine on a line.
struct Watch {
    machine: ProbeMachine,
    traffic: Traffic,
    now: MonoMs,
    /// Arrival, number, round trip.
    on_the_way: BTreeSet<(MonoMs, u64, u64)>,
    since: MonoMs,
    downs: u32,
    down_ms: u64,
}

impl Watch {
    fn new(timing: ProbeTiming, traffic: Traffic) -> Self {
        let machine = ProbeMachine::new(timing, START, START);
        let on_the_way = BTreeSet::new();
        Self { machine, traffic, now: START, on_the_way, since: START, downs: 0, down_ms: 0 }
    }

    /// When something happens next.
    fn next_at(&self) -> MonoMs {
        let deadline = self.machine.next_deadline();
        self.on_the_way.first().map_or(deadline, |(at, ..)| deadline.min(*at))
    }

    /// Handles whatever comes next: an answer, or the machine's own deadline.
    fn step(&mut self) {
        let deadline = self.machine.next_deadline();
        let event = match self.on_the_way.first().copied() {
            Some((at, seq, rtt_ms)) if at <= deadline => {
                self.on_the_way.pop_first();
                self.now = self.now.max(at);
                Event::Answered { seq, rtt_us: rtt_ms * 1_000 }
            }
            _ => {
                self.now = self.now.max(deadline);
                Event::Timer
            }
        };
        let before = self.machine.state();
        let effects = self.machine.handle(self.now, event);
        if let Some(state) = effects.changed {
            self.downs += u32::from(state == Verdict::Down);
            if before == Verdict::Down {
                self.down_ms += self.now.since_ms(self.since);
            }
            self.since = self.now;
        }
        if let Some(send) = effects.send
            && let Some(rtt_ms) = self.traffic.round_trip(self.now)
            && rtt_ms <= send.listen_ms
        {
            self.on_the_way.insert((self.now.plus_ms(rtt_ms), send.seq, rtt_ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::network::{Bursts, Line};
    use super::*;

    const CLEAN: Line = Line { name: "clean", loss_percent: 0.0, bursts: None, rtt_ms: 20, jitter_ms: 4 };
    const OURS: Way = Way::Probe { interval_ms: 100, fall: 2, timeout_min_ms: 20, timeout_max_ms: 500 };

    #[test]
    fn a_clean_line_is_never_down_and_a_dead_one_soon() {
        let none = FalseAlarms { downs: 0, down_ms: 0 };
        for way in [OURS, Way::ThreePings] {
            assert_eq!(way.false_alarms(CLEAN, 1, 1), none);
        }
        for seed in 0..50 {
            let ours = OURS.delay(CLEAN, seed);
            assert!((170..=320).contains(&ours), "{ours}");
            let pings = Way::ThreePings.delay(CLEAN, seed);
            assert!((3_000..=8_000).contains(&pings), "{pings}");
        }
    }

    #[test]
    fn a_line_that_is_gone_for_longer_than_the_window_is_down_meanwhile() {
        let bursts = Some(Bursts { length_ms: 2_000.0, apart_ms: 60_000.0 });
        let bad = Line { bursts, ..CLEAN };
        let seen = OURS.false_alarms(bad, 1, 1);
        // About sixty bursts an hour, nine of ten of which are longer than 200 ms.
        assert!((40..75).contains(&seen.downs), "{seen:?}");
        assert!((60_000..180_000).contains(&seen.down_ms), "{seen:?}");
        assert!(Way::ThreePings.false_alarms(bad, 1, 1).downs < seen.downs, "it looks only now and then");
    }
}
