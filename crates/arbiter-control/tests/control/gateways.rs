//! Stories of gateways: dead, stopped, started, home again; leaders that change half-way; ends that are announced.

use crate::world::{CallFate, ONE, TWO, WITNESS, World, reference};
use arbiter_core::bad_days::bad_day;
use arbiter_core::command::{Action, Cause, Command};
use arbiter_core::evidence::{Ending, InstanceState, Verdict};
use arbiter_core::health::Code;
use arbiter_core::rules::proves;

/// From `Running` of a started gateway to its node and its tunnel.
async fn comes_up(world: &mut World) {
    world.until("it runs again", 30_000, |w| w.cloud.instance("i-1") == InstanceState::Running).await;
    world.pass(1_000).await;
    world.host_returns(ONE);
}

#[tokio::test(start_paused = true)]
async fn a_dead_gateway_is_left_stopped_started_and_come_home_to() {
    proves("slot.stop-start-healthy");
    proves("remediate.routes-first");
    proves("gateway.down-by-majority");
    let mut world = World::settled(reference(), WITNESS).await;
    world.host_dies(ONE).await;
    let ms = world.until("private-1 moves", 1_000, |w| w.target("private-1") == "eni-2").await;
    assert!(ms <= 250, "its report was stale already, or soon was: {ms} ms after its probes");
    let ms = world.until("it is stopped", 10_000, |w| !w.instance_calls().is_empty()).await;
    assert!(ms + 500 >= world.policy.remediation.remediate_after_ms, "{ms}");
    world.until("it is stopped indeed", 10_000, |w| w.cloud.instance("i-1") == InstanceState::Stopped).await;
    let ms = world.until("it is started", 5_000, |w| w.instance_calls().len() == 2).await;
    assert!(ms <= 1_500, "{ms}");
    comes_up(&mut world).await;
    world.until("the slot closes", 3_000, |w| w.state().slot.is_none()).await;
    world.until("private-1 comes home", 10_000, |w| w.target("private-1") == "eni-1").await;
    world.pass(60_000).await;
    assert_eq!(world.instance_calls(), ["stop i-1", "start i-1"], "{}", world.tale());
    assert_eq!(world.cloud.calls().len(), 4, "{}", world.tale());
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn silence_is_noticed_when_it_begins_and_not_at_the_next_report() {
    for phase_ms in (0..100).step_by(17) {
        let mut world = World::settled(reference(), WITNESS).await;
        world.pass(phase_ms).await;
        // The probes know it at once here: the verdict waits for the report to grow stale alone.
        world.log.cut(ONE);
        world.kill(ONE);
        world.others_see(ONE, Verdict::Down);
        world.until("private-1 moves", 1_000, |w| w.target("private-1") == "eni-2").await;
        let age_ms = world.log.commands().into_iter().find_map(|command| match command {
            Command::Intents(batch) => batch.evidence.nodes[&ONE].age_ms,
            _ => None,
        });
        let stale_ms = world.policy.timing.report_stale_after_ms;
        assert!(age_ms.is_some_and(|ms| (stale_ms + 1..=stale_ms + 3).contains(&ms)), "{age_ms:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_leader_carries_on_from_the_log() {
    proves("slot.next-leader-carries-on");
    proves("slot.old-epochs-waited-out");
    // After so many calls the leader goes: during the stop, after it, during the start.
    for (calls, while_called) in [(1, true), (1, false), (2, true), (2, false)] {
        let mut world = World::settled(reference(), WITNESS).await;
        world.host_dies(ONE).await;
        world.until("so far", 30_000, |w| w.instance_calls().len() == calls).await;
        if !while_called {
            world.until("the call has ended", 1_000, |w| w.state().unsettled.is_empty()).await;
        }
        world.restart(WITNESS);
        world
            .until("it is started", 40_000, |w| w.instance_calls().last().is_some_and(|c| c == "start i-1"))
            .await;
        comes_up(&mut world).await;
        world.until("the slot closes", 40_000, |w| w.state().slot.is_none()).await;
        world.until("private-1 comes home", 20_000, |w| w.target("private-1") == "eni-1").await;
        world.pass(30_000).await;
        let calls = world.instance_calls();
        assert_eq!(calls.iter().filter(|call| *call == "stop i-1").count(), 1, "{calls:?}\n{}", world.tale());
        assert!(world.state().unsettled.is_empty());
        world.referee();
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_without_an_answer_is_followed_by_a_start() {
    proves("slot.no-answer-grace");
    for applies_after_ms in [None, Some(1_000)] {
        let mut world = World::settled(reference(), WITNESS).await;
        world.cloud.judge(move |_, call| {
            let stop = matches!(call.action, Action::Stop { .. });
            stop.then_some(CallFate::Swallowed { applies_after_ms })
        });
        world.host_dies(ONE).await;
        world.until("it is stopped", 20_000, |w| !w.instance_calls().is_empty()).await;
        world
            .until("it is started", 60_000, |w| w.instance_calls().last().is_some_and(|c| c == "start i-1"))
            .await;
        comes_up(&mut world).await;
        world.until("the slot closes", 60_000, |w| w.state().slot.is_none()).await;
        assert_eq!(world.instance_calls(), ["stop i-1", "start i-1"], "{}", world.tale());
        world.referee();
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_refuses_stops_is_not_asked_at_full_speed() {
    proves("remediate.cooldown-budget-grace");
    let mut world = World::settled(reference(), WITNESS).await;
    world.cloud.judge(|_, call| matches!(call.action, Action::Stop { .. }).then_some(CallFate::Refused));
    world.host_dies(ONE).await;
    world.pass(120_000).await;
    let calls = world.instance_calls();
    assert!(calls.len() <= 12, "{calls:?}");
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_changes_nothing() {
    bad_day("gateway-node-upgraded");
    proves("gateway.process-end-changes-nothing");
    let mut world = World::settled(reference(), WITNESS).await;
    world.control(ONE).announce(Ending::Process).await.expect("it runs");
    world.pass(5).await;
    world.kill(ONE);
    // An upgrade: the host forwards all the time, the others' probes reach it.
    world.pass(world.policy.timing.unknown_grace_ms - 1_000).await;
    assert!(world.cloud.calls().is_empty(), "{}", world.tale());
    let look = world.look(WITNESS).await;
    assert!(look.alarms.iter().any(|alarm| alarm.code == Code::PathUnknown), "{:?}", look.alarms);
    world.start(ONE);
    world.pass(20_000).await;
    assert!(world.cloud.calls().is_empty(), "{}", world.tale());
}

#[tokio::test(start_paused = true)]
async fn a_path_that_stays_unknown_is_left_after_the_grace() {
    proves("choose.unknown-grace");
    let mut world = World::settled(reference(), WITNESS).await;
    world.kill(ONE);
    let ms = world.until("private-1 moves", 15_000, |w| w.target("private-1") == "eni-2").await;
    // Counted from the last stamp that it sent back, at most two reports before its end.
    assert!(ms + 200 >= world.policy.timing.unknown_grace_ms, "{ms}");
    assert_eq!(world.intended()[0].2, Cause::UnknownGrace);
    world.pass(20_000).await;
    assert_eq!(world.instance_calls(), Vec::<String>::new(), "it can be seen: it is not stopped");
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_host_that_ends_is_left_at_once() {
    proves("gateway.down-by-host-shutdown");
    for leader in [WITNESS, TWO, ONE] {
        let world = World::settled(reference(), leader).await;
        world.control(ONE).announce(Ending::Host).await.expect("it runs");
        let ms = world.until("private-1 moves", 500, |w| w.target("private-1") == "eni-2").await;
        assert!(ms <= 100, "while it still forwards: {ms} ms");
        assert_eq!(world.target("private-2"), "eni-2");
        world.referee();
    }
}
