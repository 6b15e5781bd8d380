//! Stories of restarts by hand: one stop, one start, the routes away meanwhile.

use crate::world::{Called, ONE, TWO, WITNESS, World, reference};
use arbiter_control::Answer;
use arbiter_core::command::{Action, Applied, Cause, Command, Operation, Refusal};
use arbiter_core::evidence::{InstanceState, Verdict};
use arbiter_core::ids::NodeId;
use arbiter_core::rules::proves;
use arbiter_core::state::{Event, RESTART_WAITS_MS};

fn restart(force: bool) -> Operation {
    Operation::RestartGateway { gateway: "strongswan-1".into(), reason: "it leaks memory".to_owned(), force }
}

/// Asked, and accepted.
async fn asked(world: &World, leader: NodeId, operation: Operation) -> Answer {
    let answer = world.operate(leader, operation).await.expect("the leader answers");
    assert_eq!(answer.applied, Applied::Accepted);
    answer
}

/// The host goes when EC2 stops it, and comes back when it runs again.
async fn goes_and_comes_back(world: &mut World) {
    world.until("it is stopped", 5_000, |w| w.instance_calls() == ["stop i-1"]).await;
    world.host_dies(ONE).await;
    let started = |w: &World| w.instance_calls() == ["stop i-1", "start i-1"];
    world.until("it is started", 40_000, started).await;
    world.until("it runs again", 30_000, |w| w.cloud.instance("i-1") == InstanceState::Running).await;
    world.pass(1_000).await;
    world.host_returns(ONE);
    world.until("the slot closes", 40_000, |w| w.state().slot.is_none()).await;
}

fn position(calls: &[Called], is: impl Fn(&Action) -> bool) -> usize {
    calls.iter().position(|called| is(&called.call.action)).expect("it was called")
}

#[tokio::test(start_paused = true)]
async fn its_route_leaves_first_and_comes_home_last_whoever_leads() {
    proves("restart.routes-first");
    proves("restart.one-request-one-stop");
    for leader in [WITNESS, TWO, ONE] {
        let mut world = World::settled(reference(), leader).await;
        asked(&world, leader, restart(false)).await;
        goes_and_comes_back(&mut world).await;
        world.until("private-1 comes home", 30_000, |w| w.target("private-1") == "eni-1").await;
        world.pass(60_000).await;
        assert_eq!(world.instance_calls(), ["stop i-1", "start i-1"], "{}", world.tale());
        let calls = world.cloud.calls();
        assert_eq!(calls.len(), 4, "{}", world.tale());
        let left = position(&calls, |action| matches!(action, Action::SetRoute { .. }));
        let stop = position(&calls, |action| matches!(action, Action::Stop { .. }));
        assert!(left < stop, "{}", world.tale());
        let causes: Vec<Cause> = world.intended().into_iter().map(|(_, _, cause, _)| cause).collect();
        assert_eq!(causes, [Cause::Drain, Cause::OperatorRestart, Cause::StartOwed, Cause::Failback]);
        world.referee();
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_done_is_refused_before_anything_is_written() {
    proves("restart.not-the-last-path");
    let world = World::settled(reference(), WITNESS).await;
    world.tunnel(TWO, Verdict::Down);
    world.until("private-2 moves", 1_000, |w| w.target("private-2") == "eni-1").await;
    world.pass(1_000).await;
    let entries = world.log.entries().len();
    let answer = world.operate(WITNESS, restart(false)).await.expect("the leader answers");
    let Applied::Refused(Refusal::Other(why)) = &answer.applied else { panic!("{answer:?}") };
    assert!(why.contains("would lose tunnel-1") && why.contains("--force"), "{why}");
    assert_eq!(answer.entry, None);
    world.pass(500).await;
    assert_eq!(world.log.entries().len(), entries, "not even a refusal is in the log");
    // By force it is stopped with all that is on it.
    asked(&world, WITNESS, restart(true)).await;
    world.until("it is stopped", 5_000, |w| w.instance_calls() == ["stop i-1"]).await;
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn the_next_leader_stops_what_the_last_one_was_asked_to() {
    proves("restart.one-request-one-stop");
    let mut world = World::settled(reference(), WITNESS).await;
    // The routes' calls have no answer in this epoch: the leader goes before it may stop anything.
    asked(&world, WITNESS, restart(false)).await;
    world.until("private-1 leaves", 1_000, |w| w.path("private-1") == "tunnel-2").await;
    world.restart(WITNESS);
    goes_and_comes_back(&mut world).await;
    world.until("private-1 comes home", 30_000, |w| w.target("private-1") == "eni-1").await;
    assert_eq!(world.instance_calls(), ["stop i-1", "start i-1"], "{}", world.tale());
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn one_that_is_held_runs_out_by_an_entry_and_its_route_comes_home() {
    proves("restart.runs-out");
    // Ten minutes of this world are quicker if it speaks less often.
    let mut policy = reference();
    (policy.timing.report_interval_ms, policy.timing.report_stale_after_ms) = (2_000, 6_000);
    let world = World::settled(policy, WITNESS).await;
    asked(&world, WITNESS, Operation::Pause { reason: "wait".to_owned(), for_ms: None }).await;
    asked(&world, WITNESS, restart(false)).await;
    world.pass(RESTART_WAITS_MS - 1_000).await;
    assert!(world.state().overrides.restart.is_some());
    let from = world.log.entries().len();
    world.until("it runs out", 2_000, |w| w.state().overrides.restart.is_none()).await;
    assert!(matches!(world.log.entries()[from].command, Command::Tick { .. }), "an entry ended it");
    let expired = |event: &Event| matches!(event, Event::RestartExpired { .. });
    assert!(world.state().history.iter().any(|entry| expired(&entry.event)));
    asked(&world, WITNESS, Operation::Resume).await;
    world.pass(60_000).await;
    assert!(world.cloud.calls().is_empty(), "{}", world.tale());
    world.referee();
}
