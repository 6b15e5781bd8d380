//! Properties that hold for every network and every setting.

use super::rig::{Fate, Rig};
use super::{Event, MIN_LOST, ProbeMachine, ProbeTiming};
use crate::evidence::Verdict;
use crate::rules::proves;
use crate::time::MonoMs;
use proptest::prelude::*;

fn timings() -> impl Strategy<Value = ProbeTiming> {
    (5_u64..2_000, 1_u32..6, 1_u32..5, 1_u64..200, 1_u64..2_000).prop_map(
        |(interval, fall, rise, floor, ceiling)| ProbeTiming::new(interval, fall, rise, floor, ceiling),
    )
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => (0_u64..3_000).prop_map(|rtt_ms| Fate::Answer { rtt_ms }),
        4 => (0_u64..30).prop_map(|rtt_ms| Fate::Answer { rtt_ms }),
        6 => Just(Fate::Lost),
        1 => Just(Fate::Refused),
        1 => Just(Fate::NotSent),
    ]
}

/// Phases of a network: for so many probes, this fate.
fn networks() -> impl Strategy<Value = Vec<(usize, Fate)>> {
    prop::collection::vec((1_usize..40, fates()), 1..20)
}

fn fate_of(network: &[(usize, Fate)], seq: u64) -> Fate {
    let mut left = usize::try_from(seq).unwrap_or(usize::MAX);
    for (count, fate) in network {
        match left.checked_sub(*count) {
            Some(rest) => left = rest,
            None => return *fate,
        }
    }
    Fate::Lost
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Judged from outside, by what was sent and answered, not by the machine's own books.
    #[test]
    fn down_means_that_nothing_sent_in_the_window_was_answered(timing in timings(), network in networks()) {
        proves("probe.down-needs-whole-window");
        let mut rig = Rig::new(timing);
        let total: usize = network.iter().map(|(count, _)| count).sum();
        while rig.sent.len() < total {
            let before = rig.changes.len();
            let next = rig.machine.next_deadline();
            rig.step(next, &mut |seq, _| fate_of(&network, seq));
            let Some((at, Verdict::Down)) = rig.changes[before..].last().copied() else { continue };
            let answered_by_now = |fate: Fate, sent: MonoMs| {
                matches!(fate, Fate::Answer { rtt_ms } if sent.plus_ms(rtt_ms) < at)
            };
            let lost: Vec<_> =
                rig.sent.iter().rev().take_while(|sent| !answered_by_now(sent.fate, sent.at)).collect();
            let start = lost.last().map_or(at, |sent| sent.at);
            prop_assert!(lost.len() >= MIN_LOST as usize, "only {} lost", lost.len());
            prop_assert!(at.since_ms(start) >= timing.window_ms());
        }
    }

    #[test]
    fn steady_answers_never_leave_up(timing in timings(), rtts in prop::collection::vec(0_u64..20, 10..200)) {
        proves("probe.up-needs-rise");
        // Whatever the timeout is, these are in time or arrive within the window.
        prop_assume!(timing.window_ms() > 60);
        let mut rig = Rig::new(timing);
        let count = rtts.len() as u64;
        rig.run_for(timing.interval_ms() * count, |seq, _| Fate::Answer { rtt_ms: rtts[(seq % count) as usize] });
        prop_assert!(rig.changes.len() <= 1, "{:?}", rig.changes);
        prop_assert!(rig.changes.iter().all(|(_, state)| *state == Verdict::Up));
    }

    #[test]
    fn a_dead_target_is_down_within_the_window_that_the_status_names(timing in timings(), rtt_ms in 0_u64..500) {
        proves("probe.down-needs-whole-window");
        prop_assume!(rtt_ms <= timing.timeout_max_ms());
        // A pending set that is full from long timeouts skips slots, and then promises nothing.
        prop_assume!(timing.timeout_max_ms() < 10 * timing.interval_ms());
        let mut rig = Rig::new(timing);
        rig.run_until(Verdict::Up, 200 * timing.interval_ms() + 1_000, |_, _| Fate::Answer { rtt_ms });
        rig.run_for(50 * timing.interval_ms(), |_, _| Fate::Answer { rtt_ms });
        prop_assume!(rig.machine.state() == Verdict::Up && !rig.machine.suspects());
        let first = rig.sent.len();
        let window_ms = rig.machine.status().window_ms;
        rig.run_until(Verdict::Down, 100_000, |_, _| Fate::Lost);
        prop_assert!(rig.now.since_ms(rig.sent[first].at) <= window_ms + rtt_ms);
    }

    /// No events, in no order, at no times, break it; the deadline always moves on.
    #[test]
    fn no_sequence_of_events_breaks_it(
        timing in timings(),
        events in prop::collection::vec((0_u64..400, 0_u8..5, 0_u64..300, any::<u64>()), 1..300),
    ) {
        proves("probe.stall-is-no-evidence");
        let mut now = MonoMs(77);
        let mut machine = ProbeMachine::new(timing, now, now);
        let mut next_seq = 0;
        for (wait_ms, kind, seq, rtt_us) in events {
            now = if kind == 0 { machine.next_deadline().max(now) } else { now.plus_ms(wait_ms) };
            let event = match kind {
                2 => Event::Answered { seq, rtt_us },
                3 => Event::Failed { seq, error: String::new() },
                4 => Event::NotSent { seq, error: String::new() },
                _ => Event::Timer,
            };
            let effects = machine.handle(now, event);
            if let Some(send) = effects.send {
                prop_assert_eq!(send.seq, next_seq);
                next_seq += 1;
                prop_assert!(send.listen_ms >= machine.status().timeout_ms);
            }
            prop_assert!(machine.next_deadline() > now);
            prop_assert!(machine.pending() <= super::MAX_PENDING);
        }
    }

    /// A prober that is stalled over and over, and never sees an answer or a loss on time, never says Down.
    #[test]
    fn stalls_alone_never_make_down(timing in timings(), stalls in prop::collection::vec(1_u64..100_000, 1..50)) {
        proves("probe.stall-is-no-evidence");
        let mut rig = Rig::up(ProbeTiming::new(timing.interval_ms(), 2, 1, 50, 500), 1);
        for stall_ms in stalls {
            let due_ms = rig.machine.next_deadline().since_ms(rig.now);
            rig.stall(due_ms + timing.interval_ms() + stall_ms, |_, _| Fate::Lost);
            prop_assert_eq!(rig.machine.state(), Verdict::Up);
        }
    }
}
