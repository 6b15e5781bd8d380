use super::failing_over;
use crate::command::{Applied, Cause, Command, Operation, Outcome, Refusal};
use crate::evidence::Evidence;
use crate::fixture::{Cluster, eni, gateway, no_answer, route, set, tunnel};
use crate::ids::IntentId;
use crate::rules::proves;
use crate::state::{ClusterState, Event};

#[test]
fn only_its_own_epoch_writes_an_intents_outcome() {
    proves("ending.outcome-by-own-epoch");
    let (mut cluster, _, id) = failing_over();
    cluster.led_by(1);
    let stamp = cluster.stamp();
    let foreign = cluster.apply(Command::Outcomes { stamp, outcomes: vec![(id, Outcome::Done)] });
    assert_eq!(foreign, Applied::Refused(Refusal::BadIntentId(id)));
    assert!(cluster.state.unsettled.contains_key(&id));
    let (mut cluster, _, id) = failing_over();
    cluster.ended(id, Outcome::Done);
    assert!(cluster.state.unsettled.is_empty());
    // An outcome that was written twice ends a doubt once.
    let events = cluster.state.history.len();
    cluster.ended(id, no_answer());
    assert_eq!(cluster.state.history.len(), events);
    assert_eq!(cluster.state.assignments[&route(1)].own.back().unwrap().outcome, Some(Outcome::Done));
}

#[test]
fn only_a_newer_epoch_settles_and_asks_for_it_only_after_the_wait() {
    proves("ending.settle-after-wait");
    let (mut cluster, evidence, id) = failing_over();
    assert_eq!(cluster.settles(vec![id]), Applied::Refused(Refusal::BadIntentId(id)), "its own epoch");
    cluster.after(100_000);
    assert!(cluster.plan(&evidence).settle.is_empty(), "its own epoch");
    cluster.led_by(1);
    let wait_ms = cluster.state.policy.timing.takeover_wait_ms();
    for (known_ms, settles) in [(0, false), (wait_ms, false), (wait_ms + 1, true)] {
        cluster.known_for_ms.insert(id, known_ms);
        assert_eq!(cluster.plan(&evidence).settle, if settles { vec![id] } else { vec![] }, "{known_ms}");
    }
    assert_eq!(cluster.settles(vec![id]), Applied::Accepted);
    assert!(cluster.state.unsettled.is_empty());
    assert!(matches!(cluster.last_event(), Event::Settled { id: it, .. } if it == id));
}

#[test]
fn a_policy_with_a_shorter_wait_does_not_shorten_the_doubt() {
    proves("ending.settle-after-wait");
    let (mut cluster, evidence, id) = failing_over();
    let long_ms = cluster.state.policy.timing.takeover_wait_ms();
    let mut policy = crate::fixture::policy();
    policy.timing.call_timeout_ms = 1_000;
    let version = crate::ids::PolicyVersion(2);
    cluster.told(Operation::ApplyPolicy { version, policy: Box::new(policy) });
    assert!(cluster.state.policy.timing.takeover_wait_ms() < long_ms);
    cluster.led_by(1);
    cluster.known_for_ms.insert(id, long_ms);
    assert!(cluster.plan(&evidence).settle.is_empty());
    cluster.known_for_ms.insert(id, long_ms + 1);
    assert_eq!(cluster.plan(&evidence).settle, [id]);
}

#[test]
fn to_see_the_route_where_it_should_be_settles_nothing() {
    proves("ending.read-back-never-settles");
    let (mut cluster, evidence, id) = failing_over();
    cluster.led_by(1);
    cluster.known_for_ms.insert(id, 0);
    let there = evidence.points_at(1, 2);
    let plan = cluster.plan(&there);
    assert!(plan.settle.is_empty() && plan.wishes.is_empty(), "{plan:?}");
    // And what somebody else wants is still refused.
    let back = there.tunnel(1, crate::evidence::Verdict::Up, 99_000).tunnel_down(2, 500);
    let refused = cluster.intends(set(1, Some(eni(2)), 1), Cause::Failover, &back);
    assert_eq!(refused, Err(Refusal::Unsettled(id)));
}

#[test]
fn no_answer_keeps_the_doubt_alive_in_memory_and_failed_does_not() {
    proves("ending.no-answer-is-not-failed");
    for (outcome, strays) in [(no_answer(), true), (crate::fixture::failed(), false)] {
        let (mut cluster, _, id) = failing_over();
        cluster.ended(id, outcome.clone());
        let own = cluster.state.assignments[&route(1)].own.back().unwrap().clone();
        assert_eq!(own.outcome, Some(outcome.clone()));
        assert_eq!(own.may_stray(), strays);
        assert!(matches!(cluster.last_event(), Event::Ended { outcome: it, .. } if it == outcome));
    }
    let wire = serde_json::to_string(&no_answer()).unwrap();
    assert!(wire.contains("no-answer"), "{wire}");
}

#[test]
fn unsettled_intents_are_in_the_snapshot() {
    proves("ending.unsettled-survive-snapshots");
    let (cluster, evidence, id) = failing_over();
    let text = serde_json::to_string(&cluster.state).unwrap();
    let state: ClusterState = serde_json::from_str(&text).unwrap();
    assert_eq!(state, cluster.state);
    let mut restored = cluster.clone();
    restored.state = state;
    assert!(restored.state.unsettled.contains_key(&id));
    let refused = restored.intends(set(1, Some(eni(1)), 2), Cause::Reissue, &evidence);
    assert_eq!(refused, Err(Refusal::Unsettled(id)));
}

#[test]
fn a_pause_is_quiet_only_when_nothing_is_unsettled() {
    proves("pause.quiet-when-settled");
    let (mut cluster, _, id) = failing_over();
    cluster.told(Operation::Pause { reason: "maintenance".into(), for_ms: None });
    assert!(!cluster.state.is_quiet());
    cluster.led_by(1);
    assert!(!cluster.state.is_quiet(), "an election ends no doubt");
    cluster.settles(vec![id]);
    assert!(cluster.state.is_quiet());
}

#[test]
fn a_pause_names_the_gateway_whose_start_will_still_come() {
    proves("pause.names-open-remediation");
    let mut cluster = Cluster::reference();
    assert_eq!(cluster.state.start_to_come(), None);
    let dead = Evidence::healthy(&cluster.state.policy).dead(1, 500_000);
    cluster.does(&dead);
    cluster.does(&dead.points_at(1, 2));
    cluster.told(Operation::Pause { reason: "maintenance".into(), for_ms: None });
    assert!(cluster.state.is_quiet());
    assert_eq!(cluster.state.start_to_come(), Some(&gateway(1)));
}

#[test]
fn what_runs_out_ends_by_an_entry() {
    proves("logtime.expiry-is-an-entry");
    let mut cluster = Cluster::reference();
    cluster.told(Operation::Pause { reason: "maintenance".into(), for_ms: Some(60_000) });
    cluster.after(59_999);
    assert!(cluster.state.overrides.pause.is_some());
    // Time passes on the leader's clock; no entry says so yet, so no node may act on it.
    cluster.elapsed_ms += 10_000;
    let now = cluster.state.log_at(cluster.elapsed_ms);
    assert!(cluster.state.halted(now).is_some());
    cluster.after(0);
    assert!(cluster.state.overrides.pause.is_none());
    assert!(matches!(cluster.last_event(), Event::PauseExpired { .. }));
}

#[test]
fn what_the_policy_dropped_is_remembered_until_its_last_doubt_ends() {
    proves("slot.outlives-policy");
    let (mut cluster, _, id) = failing_over();
    let version = crate::ids::PolicyVersion(2);
    let policy = crate::fixture::policy_with(|policy| {
        policy.routes.remove(0);
    });
    cluster.told(Operation::ApplyPolicy { version, policy: Box::new(policy) });
    assert!(cluster.state.unsettled.contains_key(&id));
    assert_eq!(cluster.path_of(1), tunnel(2));
    cluster.ended(id, Outcome::Done);
    assert!(!cluster.state.assignments.contains_key(&route(1)));
    let unknown = IntentId { number: 77, ..id };
    cluster.ended(unknown, Outcome::Done);
}
