//! The rules about probes, one test each.

use super::rig::{Dice, Fate, Rig};
use super::{BURST_FACTOR, Event, MIN_LOST, ProbeTiming};
use crate::evidence::Verdict;
use crate::rules::proves;

/// The defaults: interval 100 ms, fall 2, rise 3, timeout 20…500 ms.
fn defaults() -> ProbeTiming {
    ProbeTiming::new(100, 2, 3, 20, 500)
}

fn answer(_: u64, _: crate::time::MonoMs) -> Fate {
    Fate::Answer { rtt_ms: 2 }
}

fn lose(_: u64, _: crate::time::MonoMs) -> Fate {
    Fate::Lost
}

#[test]
fn it_goes_five_times_faster_after_the_first_miss_and_no_longer_than_its_window() {
    proves("probe.burst-after-first-miss");
    let mut rig = Rig::up(defaults(), 2);
    let steady: Vec<_> = rig.sent.windows(2).map(|pair| pair[1].at.since_ms(pair[0].at)).collect();
    assert!(steady.iter().all(|gap_ms| *gap_ms == 100), "{steady:?}");
    let before = rig.sent.len();
    rig.run_until(Verdict::Down, 1_000, lose);
    let lost = &rig.sent[before..];
    let offsets: Vec<_> = lost.iter().map(|sent| sent.at.since_ms(lost[0].at)).collect();
    assert_eq!(offsets, [0, 20, 40, 60, 80, 100, 120, 140, 160, 180]);
    assert_eq!(rig.now.since_ms(lost[0].at), 200, "Down comes exactly with the end of the window");
    let before = rig.sent.len();
    rig.run_for(1_000, lose);
    assert_eq!(rig.sent.len() - before, 10, "Down is probed at the interval");
}

#[test]
fn a_refusal_starts_the_burst_at_once() {
    proves("probe.burst-after-first-miss");
    let mut rig = Rig::up(defaults(), 2);
    let before = rig.sent.len();
    rig.run_until(Verdict::Down, 1_000, |_, _| Fate::Refused);
    let lost = &rig.sent[before..];
    assert_eq!(lost[1].at.since_ms(lost[0].at), 100 / BURST_FACTOR);
    assert_eq!(rig.now.since_ms(lost[0].at), 200, "a refusal is no reason to be hastier");
    assert_eq!(rig.machine.status().last_error.as_deref(), Some("test"));
}

#[test]
fn one_answer_anywhere_in_the_window_ends_the_burst_and_the_suspicion() {
    proves("probe.down-needs-whole-window");
    for survivor in 0..10 {
        // In time or so late that it only just beats the end of the window.
        for late in [false, true] {
            let mut rig = Rig::up(defaults(), 2);
            let first = rig.sent.len() as u64;
            let rtt_ms = if late { 199 - 20 * survivor } else { 2 };
            let fate = |seq, _| match seq - first {
                nth if nth == survivor => Fate::Answer { rtt_ms },
                // After the answer the network is sound again.
                nth if nth > survivor && !late => Fate::Answer { rtt_ms: 2 },
                _ => Fate::Lost,
            };
            rig.run_for(200, fate);
            assert_eq!(rig.machine.state(), Verdict::Up, "survivor {survivor}, late {late}");
            assert_eq!(rig.changes.len(), 1, "it never left Up");
        }
    }
}

#[test]
fn a_long_round_trip_stretches_the_window_until_enough_are_lost() {
    proves("probe.down-needs-whole-window");
    let mut rig = Rig::up(defaults(), 150);
    let window_ms = rig.machine.status().window_ms;
    let before = rig.sent.len();
    rig.run_until(Verdict::Down, 5_000, lose);
    let lost = rig.sent.len() - before;
    assert!(lost >= MIN_LOST as usize, "{lost}");
    assert!(window_ms > 200);
    assert!(rig.now.since_ms(rig.sent[before].at) <= window_ms, "the status tells how long it takes at most");
}

#[test]
fn up_needs_as_many_answers_in_a_row_as_rise_says() {
    proves("probe.up-needs-rise");
    for from in [Verdict::Unknown, Verdict::Down] {
        let mut rig = Rig::new(defaults());
        if from == Verdict::Down {
            rig.run_until(Verdict::Down, 10_000, lose);
        }
        let first = rig.sent.len() as u64;
        // Two answers, a loss, two answers, a loss: never three in a row.
        rig.run_for(
            6_000,
            |seq, _| if (seq - first) % 3 == 2 { Fate::Lost } else { Fate::Answer { rtt_ms: 2 } },
        );
        assert_eq!(rig.machine.state(), from);
        rig.run_until(Verdict::Up, 1_000, answer);
        let row = rig.sent.iter().rev().take_while(|sent| sent.fate != Fate::Lost).count();
        assert_eq!(row, 3, "from {from}");
    }
}

#[test]
fn hours_of_independent_loss_never_make_it_down() {
    proves("probe.loss-cannot-fake-down");
    // 1 % each way is 19.9 ‰ of round trips; 3 % each way is 59 ‰.
    for (loss_permille, rtt_ms, hours) in [(20, 2, 10), (20, 80, 10), (59, 2, 2)] {
        let mut dice = Dice(loss_permille + rtt_ms);
        let mut rig = Rig::up(defaults(), rtt_ms);
        let mut lost = 0_u32;
        for _ in 0..hours * 60 {
            rig.run_for(60_000, |_, _| {
                if dice.permille(loss_permille) {
                    lost += 1;
                    return Fate::Lost;
                }
                Fate::Answer { rtt_ms }
            });
        }
        assert!(u64::from(lost) > hours * 36_000 * loss_permille / 1_100, "the network did lose: {lost}");
        assert_eq!(rig.changes.len(), 1, "{loss_permille} ‰, {rtt_ms} ms: {:?}", rig.changes);
    }
}

#[test]
fn the_timeout_follows_the_round_trip_within_its_bounds() {
    proves("probe.timeout-adapts");
    for (rtt_ms, expected) in [(1, 20..=20), (15, 20..=20), (40, 41..=45), (300, 301..=330), (499, 500..=500)]
    {
        let rig = Rig::up(defaults(), rtt_ms);
        let timeout_ms = rig.machine.status().timeout_ms;
        assert!(expected.contains(&timeout_ms), "{rtt_ms} → {timeout_ms}");
    }
    // A jump of the round trip: the late answers teach the timeout, and Up is never left.
    let mut rig = Rig::up(defaults(), 2);
    rig.run_for(10_000, |_, _| Fate::Answer { rtt_ms: 150 });
    assert_eq!(rig.changes.len(), 1);
    assert!((151..200).contains(&rig.machine.status().timeout_ms));
    assert!(!rig.machine.suspects());
}

#[test]
fn a_timeout_that_would_exceed_its_ceiling_is_reported_and_never_earns_up() {
    proves("probe.timeout-warns");
    let timing = ProbeTiming::new(100, 3, 3, 20, 50);
    let mut rig = Rig::up(timing, 2);
    assert!(!rig.machine.status().timeout_clipped);
    rig.run_for(10_000, |_, _| Fate::Answer { rtt_ms: 80 });
    let status = rig.machine.status();
    assert!(status.timeout_clipped);
    assert_eq!((status.state, status.timeout_ms, status.loss_permille), (Verdict::Up, 50, 1_000));
    let mut rig = Rig::new(timing);
    rig.run_for(10_000, |_, _| Fate::Answer { rtt_ms: 80 });
    assert_eq!(rig.machine.state(), Verdict::Unknown);
    rig.run_until(Verdict::Up, 10_000, answer);
}

#[test]
fn a_stall_of_the_prober_is_no_evidence() {
    proves("probe.stall-is-no-evidence");
    // At every moment of a suspicion, and for every length: what was lost before and during the stall is void.
    for lost_for_ms in (0..200).step_by(5) {
        for stall_ms in [101, 150, 199, 200, 201, 1_000, 3_600_000] {
            let mut rig = Rig::up(defaults(), 2);
            rig.run_for(98, answer);
            rig.run_for(lost_for_ms, lose);
            let deadline = rig.machine.next_deadline();
            rig.stall(deadline.since_ms(rig.now) + stall_ms, lose);
            assert_eq!(rig.machine.state(), Verdict::Up, "{lost_for_ms} ms lost, {stall_ms} ms stalled");
            assert!(!rig.machine.suspects());
            let woke = rig.now;
            rig.run_until(Verdict::Down, 1_000, lose);
            assert!(rig.now.since_ms(woke) >= 200, "a whole new window is needed");
        }
    }
}

#[test]
fn a_small_stall_at_the_end_of_the_window_waits_for_what_is_in_the_buffer() {
    proves("probe.stall-is-no-evidence");
    let mut rig = Rig::up(defaults(), 2);
    rig.run_for(98 + 185, lose);
    assert!(rig.machine.suspects());
    let last = rig.sent.len() as u64 - 1;
    rig.stall(90, lose);
    assert_eq!(rig.machine.state(), Verdict::Up, "the answer may have come and not been read");
    rig.feed(Event::Answered { seq: last, rtt_us: 10_000 }, lose);
    assert!(!rig.machine.suspects());
    // But a machine that is always late still comes to an end.
    let mut rig = Rig::up(defaults(), 2);
    for _ in 0..100 {
        let wait_ms = rig.machine.next_deadline().since_ms(rig.now);
        rig.stall(wait_ms + 60, lose);
    }
    assert_eq!(rig.machine.state(), Verdict::Down);
}

#[test]
fn what_was_not_sent_is_no_evidence() {
    proves("probe.stall-is-no-evidence");
    for state in [Verdict::Up, Verdict::Down] {
        let mut rig = Rig::up(defaults(), 2);
        if state == Verdict::Down {
            rig.run_until(Verdict::Down, 1_000, lose);
        }
        let start = rig.now;
        rig.run_until(Verdict::Unknown, 1_000, |_, _| Fate::NotSent);
        assert!(rig.now.since_ms(start) >= 200, "one that could not be sent changes nothing");
        rig.run_for(60_000, |_, _| Fate::NotSent);
        assert_eq!(rig.machine.state(), Verdict::Unknown);
        assert_eq!(rig.machine.status().last_error.as_deref(), Some("test"));
        rig.run_until(Verdict::Up, 1_000, answer);
        assert_eq!(rig.machine.status().last_error, None);
    }
}

#[test]
fn what_still_waits_for_its_timeout_keeps_down_away() {
    proves("probe.down-needs-whole-window");
    // At the start the timeout is at its ceiling: ten regular probes are out when the first one times out.
    let timing = ProbeTiming::new(100, 2, 3, 20, 1_000);
    let mut rig = Rig::new(timing);
    rig.run_until(Verdict::Down, 10_000, lose);
    assert_eq!(rig.now.since_ms(rig.sent[0].at), 1_900, "the tenth was sent at 900 and has timed out");
    let mut rig = Rig::new(timing);
    rig.run_for(2_000, |seq, _| if seq == 9 { Fate::Answer { rtt_ms: 990 } } else { Fate::Lost });
    assert_eq!(rig.machine.state(), Verdict::Unknown);
}

#[test]
fn an_answer_that_took_too_long_earns_nothing_even_if_the_timer_has_not_fired_yet() {
    proves("probe.up-needs-rise");
    let mut rig = Rig::new(ProbeTiming::new(100, 2, 1, 50, 50));
    rig.feed(Event::Timer, lose);
    rig.feed(Event::Answered { seq: 0, rtt_us: 50_001 }, lose);
    assert_eq!(rig.machine.state(), Verdict::Unknown);
    rig.run_for(100, lose);
    rig.feed(Event::Answered { seq: 1, rtt_us: 50_000 }, lose);
    assert_eq!(rig.machine.state(), Verdict::Up);
}

#[test]
fn a_round_trip_that_contains_a_stall_teaches_nothing() {
    proves("probe.stall-is-no-evidence");
    let mut rig = Rig::up(defaults(), 2);
    rig.run_for(98, lose);
    let before = rig.machine.status().timeout_ms;
    let asleep = rig.sent.len() as u64 - 1;
    rig.stall(5_000, lose);
    rig.feed(Event::Answered { seq: asleep, rtt_us: 4_990_000 }, lose);
    assert_eq!(rig.machine.status().timeout_ms, before);
}
