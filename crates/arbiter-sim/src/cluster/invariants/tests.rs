//! Each judge on a record that breaks its promise, and on one that only almost does.

use super::{s1, s2, s3, s5};
use crate::cluster::policy::{Nodes, reference};
use crate::cluster::tape::{Accepted, Called, Quiet, Record};
use arbiter_core::command::{Action, Cause};
use arbiter_core::ids::{Epoch, IntentId, NodeId};
use arbiter_core::policy::Target;

fn points_at(eni: &str) -> Action {
    let after = Target::Interface(eni.to_owned());
    Action::SetRoute { route: "private-1".into(), before: None, path: "tunnel-1".into(), after }
}

fn stop(id: u64) -> Action {
    let (gateway, instance) = (format!("strongswan-{id}"), format!("i-{id}"));
    Action::Stop { gateway: gateway.as_str().into(), instance: instance.as_str().into(), force: false }
}

fn called(epoch: u64, action: Action, sent_ms: u64, landed_ms: u64) -> Called {
    let intent = IntentId { epoch: Epoch(epoch), number: 1 };
    let window_ends_ms = sent_ms + 2_000;
    Called { by: NodeId(1), boot: 1, intent, action, sent_ms, window_ends_ms, landed_ms: vec![landed_ms] }
}

/// These calls, each accepted right before it was sent.
fn record(calls: Vec<Called>) -> Record {
    let accepted = |call: &Called| {
        let accepted = Accepted {
            at_ms: call.sent_ms,
            action: call.action.clone(),
            from: None,
            cause: Cause::Failover,
            evidence: None,
        };
        (call.intent, accepted)
    };
    Record { accepted: calls.iter().map(accepted).collect(), calls, ..Record::default() }
}

#[test]
fn an_older_epochs_hand_after_a_newer_one_is_seen() {
    let newer = || called(9, points_at("eni-2"), 5_000, 5_100);
    let judge = |older| s1::judge(&record(vec![older, newer()])).len();
    assert_eq!(judge(called(4, points_at("eni-1"), 5_001, 9_000)), 1, "it was sent later");
    assert_eq!(judge(called(4, points_at("eni-1"), 4_000, 5_500)), 1, "it landed later, within its window");
    assert_eq!(judge(called(4, points_at("eni-1"), 4_000, 6_001)), 0, "EC2 carried it out later than that");
    assert_eq!(judge(called(4, points_at("eni-2"), 4_000, 5_500)), 0, "it had the same target");
    assert_eq!(judge(called(4, points_at("eni-1"), 4_000, 4_900)), 0, "it was over before");
}

#[test]
fn a_call_without_its_own_intent_is_seen() {
    let call = || called(4, points_at("eni-1"), 1_000, 1_100);
    assert!(s2::judge(&record(vec![call()])).is_empty());
    assert_eq!(s2::judge(&Record { calls: vec![call()], ..Record::default() }).len(), 1, "never accepted");
    assert_eq!(s2::judge(&record(vec![call(), call()])).len(), 1, "called twice");
    let mut early = record(vec![call()]);
    early.accepted.values_mut().for_each(|accepted| accepted.at_ms = 1_001);
    assert_eq!(s2::judge(&early).len(), 1, "before the commit");
    let mut other = record(vec![call()]);
    other.accepted.values_mut().for_each(|accepted| accepted.action = points_at("eni-2"));
    assert_eq!(s2::judge(&other).len(), 1, "as something else");
}

#[test]
fn a_call_in_promised_quiet_is_seen() {
    let within = |sent_ms| {
        let mut record = record(vec![called(4, points_at("eni-1"), sent_ms, sent_ms + 10)]);
        record.quiet.push(Quiet { from_ms: 1_000, until_ms: 2_000 });
        s3::judge(&record).len()
    };
    assert_eq!((within(999), within(1_500), within(2_001)), (0, 1, 0));
}

#[test]
fn two_gateways_stopped_at_once_are_seen() {
    let start = Action::Start { gateway: "strongswan-1".into(), instance: "i-1".into() };
    let one = called(4, stop(1), 1_000, 1_100);
    let two = called(5, stop(2), 9_000, 9_100);
    let judge = |calls| s5::judge(&record(calls), &reference(Nodes::Three)).len();
    assert_eq!(judge(vec![one.clone(), two.clone()]), 1);
    assert_eq!(judge(vec![one, called(6, start, 5_000, 5_100), two]), 0);
}

#[test]
fn a_stop_before_its_cooldown_is_over_is_seen_by_when_things_were_proposed() {
    let policy = reference(Nodes::Three);
    let cooldown_ms = policy.remediation.cooldown_ms;
    // The slot's end took 500 ms to be committed; the next stop is proposed so long after it was proposed.
    let judge = |after_ms| {
        let mut record = record(vec![called(5, stop(1), 1_000 + after_ms, 1_100 + after_ms)]);
        record.accepted.values_mut().for_each(|accepted| accepted.cause = Cause::Remediate);
        record.accepted.keys().copied().collect::<Vec<_>>().into_iter().for_each(|id| {
            record.proposed.insert(id, (1_000 + after_ms, NodeId(1)));
        });
        record.closing.push((1_000, "strongswan-1".into()));
        record.closed.push((1_500, "strongswan-1".into()));
        let found = s5::judge(&record, &policy);
        found.iter().filter(|violation| violation.says.contains("after its last restart")).count()
    };
    assert_eq!((judge(cooldown_ms), judge(cooldown_ms - 200)), (0, 1));
}

#[test]
fn the_policies_of_the_runs_are_valid_and_no_zone_has_a_majority() {
    for nodes in [Nodes::Three, Nodes::Five] {
        let policy = reference(nodes);
        let problems = policy.problems();
        let errors: Vec<_> =
            problems.iter().filter(|p| p.severity == arbiter_core::policy::Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(policy.nodes.len() as u64, nodes.count());
        for zone in ["a", "b", "c"] {
            let there = policy.nodes.iter().filter(|node| node.zone == zone).count();
            assert!(0 < there && 2 * there < policy.nodes.len(), "{there} of {nodes:?} in {zone}");
        }
    }
}
