//! Reports: when they leave, and what a leader that stood still may make of those it holds.

use crate::world::{ALL, ONE, TWO, WITNESS, World, reference};
use arbiter_core::evidence::Verdict;
use arbiter_core::health::Code;
use arbiter_core::rules::proves;
use std::time::Duration;
use tokio::time::Instant;

/// To the middle of two reports of `node`, so that the next thing that happens is what the test does.
async fn between_reports(world: &World) {
    let before = world.post.sent(ONE, WITNESS).len();
    world.until("node 1 reports", 200, |w| w.post.sent(ONE, WITNESS).len() > before).await;
    world.pass(40).await;
}

#[tokio::test(start_paused = true)]
async fn a_report_leaves_at_each_transition_and_every_interval() {
    proves("report.at-each-transition");
    let world = World::settled(reference(), WITNESS).await;
    let began = Instant::now();
    world.pass(2_000).await;
    let sent: Vec<_> = world.post.sent(ONE, WITNESS).into_iter().filter(|at| *at >= began).collect();
    let interval = Duration::from_millis(world.policy.timing.report_interval_ms);
    assert!(sent.windows(2).all(|pair| pair[1] - pair[0] <= interval + Duration::from_millis(2)), "{sent:?}");
    assert!(sent.len() <= 25, "{}", sent.len());

    between_reports(&world).await;
    let now = Instant::now();
    world.tunnel(ONE, Verdict::Down);
    world.pass(1).await;
    assert!(
        world.post.sent(ONE, WITNESS).last().is_some_and(|at| *at >= now),
        "it did not wait for its turn"
    );
    // The witness passes it on at once as well: it may be the only bridge.
    world.pass(5).await;
    assert!(world.post.sent(WITNESS, TWO).last().is_some_and(|at| *at >= now));
}

#[tokio::test(start_paused = true)]
async fn a_flapping_probe_floods_nobody() {
    proves("report.at-each-transition");
    let world = World::settled(reference(), WITNESS).await;
    let (reports, steps) = (world.post.sent(ONE, WITNESS).len(), world.log.steps(WITNESS));
    for round in 0..1_000 {
        world.tunnel(ONE, if round % 2 == 0 { Verdict::Unknown } else { Verdict::Up });
        world.pass(1).await;
    }
    let reports = world.post.sent(ONE, WITNESS).len() - reports;
    assert!((80..=105).contains(&reports), "{reports} reports within a second");
    let steps = world.log.steps(WITNESS) - steps;
    assert!(steps < 700, "{steps} steps within a second");
}

/// The leader runs on gateway 1 and hears nobody any more; its own tunnel fails after it stood still.
async fn moves_after_a_stall_of(stall_ms: u64, phase_ms: u64) -> bool {
    let world = World::settled(reference(), ONE).await;
    world.pass(phase_ms).await;
    world.post.cut(ONE, TWO);
    world.post.cut(ONE, WITNESS);
    // Nothing runs meanwhile: timers fire late, as after a SIGSTOP.
    tokio::time::advance(Duration::from_millis(stall_ms)).await;
    world.pass(1).await;
    world.tunnel(ONE, Verdict::Down);
    world.pass(60).await;
    !world.cloud.calls().is_empty()
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_stood_still_plans_nothing_until_a_quorum_has_reported() {
    proves("report.stalled-leader-waits");
    for phase_ms in (0..100).step_by(9) {
        assert!(!moves_after_a_stall_of(101, phase_ms).await, "stalled {phase_ms} ms after a report");
        assert!(moves_after_a_stall_of(20, phase_ms).await, "20 ms are no stall");
    }
}

#[tokio::test(start_paused = true)]
async fn the_silence_of_others_does_not_count_while_the_leader_stood_still() {
    proves("report.stalled-leader-waits");
    proves("choose.unknown-grace");
    let world = World::settled(reference(), ONE).await;
    for (a, b) in [(ONE, TWO), (ONE, WITNESS), (TWO, WITNESS)] {
        world.post.cut(a, b);
    }
    let grace_ms = world.policy.timing.unknown_grace_ms;
    world.clocks[&ONE].stall(grace_ms + 1_000);
    // No quorum reports: however long it waits, what it holds is from before.
    world.pass(2 * grace_ms).await;
    assert!(world.cloud.calls().is_empty(), "{}", world.tale());
    // The witness can be heard again, gateway 2 can't: its silence was observed all the time since the waking.
    world.post.mend(ONE, WITNESS);
    world.until("private-2 leaves its silent gateway", 2_000, |w| w.target("private-2") == "eni-1").await;

    let world = World::settled(reference(), ONE).await;
    world.post.cut(ONE, TWO);
    world.post.cut(TWO, WITNESS);
    world.clocks[&ONE].stall(grace_ms + 1_000);
    world.pass(grace_ms - 100).await;
    assert!(
        world.cloud.calls().is_empty(),
        "a quorum reported, but nobody listened for the grace\n{}",
        world.tale()
    );
    world.until("private-2 leaves its silent gateway", 1_000, |w| w.target("private-2") == "eni-1").await;
}

#[tokio::test(start_paused = true)]
async fn at_rest_the_loop_rests() {
    let world = World::settled(reference(), WITNESS).await;
    let before: Vec<_> = ALL.iter().map(|id| world.log.steps(*id)).collect();
    let (entries, looks) = (world.log.entries().len(), world.cloud.looks_of(ONE).len());
    world.pass(20_000).await;
    for (id, before) in ALL.iter().zip(before) {
        let steps = (world.log.steps(*id) - before) / 20;
        assert!(steps <= 45, "node {id}: {steps} steps a second");
    }
    assert_eq!(world.log.entries().len(), entries, "nothing is written while nothing happens");
    assert!(world.cloud.looks_of(ONE).len() - looks <= 5, "followers look once a reconcile round");
}

#[tokio::test(start_paused = true)]
async fn strangers_are_not_listened_to() {
    let world = World::settled(reference(), WITNESS).await;
    let stranger = arbiter_core::report::Report { node: arbiter_core::ids::NodeId(99), ..Default::default() };
    let known = arbiter_core::report::Report { node: ONE, boot: 7, seq: 0, ..Default::default() };
    for own in [stranger.clone(), known] {
        let parcel = arbiter_core::report::Parcel { own, relayed: vec![stranger.clone()] };
        assert!(world.control(WITNESS).deliver(parcel));
    }
    let look = world.look(WITNESS).await;
    assert!(look.reports.iter().all(|(report, _)| report.node.0 != 99));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_can_not_be_sent_is_an_alarm_that_names_its_observer() {
    let world = World::settled(reference(), WITNESS).await;
    let broken = |look: &arbiter_control::Look| {
        let alarms = look.alarms.iter().filter(|alarm| alarm.code == Code::ProbeBroken);
        alarms.map(|alarm| format!("{}: {}", alarm.subject, alarm.detail)).collect::<Vec<_>>()
    };
    assert_eq!(broken(&world.look(WITNESS).await), Vec::<String>::new());
    world.probers[&ONE].breaks("gateway-2", "no permission to send ICMP echo");
    world.pass(200).await;
    let expected = ["gateway-2: from strongswan-1: no permission to send ICMP echo"];
    assert_eq!(broken(&world.look(WITNESS).await), expected);
}
