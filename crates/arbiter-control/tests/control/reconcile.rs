//! What others do to the routes, and what stale reads must not make of it.

use crate::world::{DESTINATION, ONE, TWO, WITNESS, World, reference};
use arbiter_core::command::Cause;
use arbiter_core::evidence::Verdict;
use arbiter_core::rules::proves;
use arbiter_core::state::Event;

const TABLE: &str = "rtb-00000001";

fn drift_notes(world: &World) -> usize {
    world.state().history.iter().filter(|entry| matches!(entry.event, Event::DriftSeen { .. })).count()
}

#[tokio::test(start_paused = true)]
async fn a_foreign_target_is_put_back_and_noted_once() {
    proves("reconcile.repairs");
    let world = World::settled(reference(), WITNESS).await;
    world.cloud.set_target(TABLE, DESTINATION, "eni-foreign");
    let bound_ms = world.policy.timing.reconcile_interval_ms + 500;
    world.until("it is put back", bound_ms, |w| w.target("private-1") == "eni-1").await;
    world.pass(10_000).await;
    assert_eq!(
        world.intended().iter().map(|(_, _, cause, _)| *cause).collect::<Vec<_>>(),
        [Cause::DriftRepair]
    );
    assert_eq!(drift_notes(&world), 1);
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn drift_that_is_only_reported_is_noted_once() {
    proves("reconcile.report-only");
    let mut policy = reference();
    policy.routes[0].drift = arbiter_core::policy::DriftAction::Report;
    let world = World::settled(policy, WITNESS).await;
    world.cloud.set_target(TABLE, DESTINATION, "eni-foreign");
    world.pass(30_000).await;
    assert!(world.cloud.calls().is_empty());
    assert_eq!(drift_notes(&world), 1);
}

#[tokio::test(start_paused = true)]
async fn a_manual_move_onto_a_working_path_has_its_grace() {
    proves("reconcile.manual-move-grace");
    let world = World::settled(reference(), WITNESS).await;
    world.cloud.set_target(TABLE, DESTINATION, "eni-2");
    world.pass(world.policy.timing.drift_grace_ms - 100).await;
    assert!(world.cloud.calls().is_empty(), "{}", world.tale());
    world.until("it is put back", 12_000, |w| w.target("private-1") == "eni-1").await;
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn stale_reads_after_our_own_moves_undo_nothing() {
    let mut world = World::settled(reference(), WITNESS).await;
    // As stale as is allowed for, less than a look takes.
    world.cloud.stale(1_900);
    world.tunnel(ONE, Verdict::Down);
    world.until("private-1 moves", 1_000, |w| w.target("private-1") == "eni-2").await;
    world.pass(20_000).await;
    assert_eq!(world.cloud.calls().len(), 1, "{}", world.tale());
    assert_eq!(drift_notes(&world), 0, "{}", world.tale());
    // A new leader has made no call itself: what it reads may be from before its predecessor's.
    world.tunnel(ONE, Verdict::Up);
    world.until("private-1 comes home", 10_000, |w| w.target("private-1") == "eni-1").await;
    world.until("and the doubt ends", 1_000, |w| w.state().unsettled.is_empty()).await;
    world.kill(WITNESS);
    world.log.cut(WITNESS);
    world.log.elect(TWO);
    world.pass(20_000).await;
    assert_eq!(world.cloud.calls().len(), 2, "{}", world.tale());
    assert_eq!(drift_notes(&world), 0, "{}", world.tale());
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_failing_call_is_repeated_with_patience() {
    proves("reconcile.reissue-is-no-repair");
    let world = World::settled(reference(), WITNESS).await;
    world.cloud.judge(|_, _| Some(crate::world::CallFate::Refused));
    world.tunnel(ONE, Verdict::Down);
    world.pass(30_000).await;
    let calls = world.cloud.calls().len();
    assert!((5..=15).contains(&calls), "{calls} calls within half a minute");
    world.cloud.judge_no_more();
    world.until("it works again", 6_000, |w| w.target("private-1") == "eni-2").await;
    let state = world.state();
    let assignment = &state.assignments[&"private-1".into()];
    assert_eq!((assignment.moves.len(), assignment.repairs.len()), (1, 0));
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_new_policy_is_looked_at_at_once_also_while_a_look_is_under_way() {
    use arbiter_core::command::{Operation, Stamp};
    use arbiter_core::ids::PolicyVersion;
    let world = World::settled(reference(), WITNESS).await;
    let looks = world.cloud.looks_of(WITNESS).len();
    world.until("a look begins", 6_000, |w| w.cloud.looks_of(WITNESS).len() > looks).await;
    let mut next = world.policy.clone();
    next.routes.push(crate::world::route(3, 100, [1, 2]));
    world.cloud.set_target("rtb-00000003", DESTINATION, "eni-1");
    let operation = Operation::ApplyPolicy { version: PolicyVersion(2), policy: Box::new(next) };
    let (request, by) = ("new".to_owned(), "somebody".to_owned());
    let stamp = Stamp { epoch: world.epoch(), elapsed_ms: 0 };
    world.log.commit(arbiter_core::command::Command::Operator { stamp, request, by, operation });
    let adopted = |w: &World| w.state().assignments.contains_key(&"private-3".into());
    world.until("the new route is adopted", 500, adopted).await;
}
