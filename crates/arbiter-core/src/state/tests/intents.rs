use super::{failed_over, failing_over};
use crate::command::{Applied, Cause, Command, IntentBatch, Mode, Operation, Outcome, Refusal};
use crate::evidence::Evidence;
use crate::fixture::{Cluster, eni, gateway, policy, route, set, start, stop, tunnel};
use crate::ids::PolicyVersion;
use crate::rules::proves;
use crate::state::Event;

#[test]
fn an_id_is_used_once_whatever_became_of_it() {
    proves("intent.once-per-id");
    let (mut cluster, evidence, id) = failing_over();
    cluster.ended(id, Outcome::Done);
    let mut again = cluster.intent(set(2, Some(eni(2)), 1), Cause::Failover);
    let evidence = evidence.tunnel(1, crate::evidence::Verdict::Up, 9_000).tunnel_down(2, 500);
    let good = again.id;
    for number in [id.number, 0] {
        again.id.number = number;
        let Applied::Intents(answers) = cluster.batch(vec![again.clone()], &evidence) else { panic!() };
        assert_eq!(answers[0].1, Err(Refusal::BadIntentId(again.id)));
    }
    again.id = good;
    // Refused for its policy version: that entry used the id up, though nothing came of it.
    let (stamp, evidence_of) = (cluster.stamp(), evidence.clone());
    let stale = IntentBatch {
        stamp,
        policy_version: PolicyVersion(0),
        evidence: evidence_of,
        intents: vec![again.clone()],
    };
    assert!(matches!(cluster.apply(Command::Intents(Box::new(stale))), Applied::Refused(_)));
    let Applied::Intents(answers) = cluster.batch(vec![again.clone()], &evidence) else { panic!() };
    assert_eq!(answers[0].1, Err(Refusal::BadIntentId(good)));
    again.id.number += 1;
    let Applied::Intents(answers) = cluster.batch(vec![again], &evidence) else { panic!() };
    assert_eq!(answers[0].1, Ok(()));
}

#[test]
fn an_intent_names_the_policy_version_that_is_in_force() {
    proves("intent.current-policy");
    let mut cluster = Cluster::reference();
    let evidence = Evidence::healthy(&cluster.state.policy).tunnel_down(1, 500);
    let intent = cluster.intent(set(1, Some(eni(1)), 2), Cause::Failover);
    let current = cluster.state.policy_version;
    for named in [PolicyVersion(0), PolicyVersion(current.0 + 1)] {
        let (stamp, intents) = (cluster.stamp(), vec![intent.clone()]);
        let batch = IntentBatch { stamp, policy_version: named, evidence: evidence.clone(), intents };
        let refused = cluster.apply(Command::Intents(Box::new(batch)));
        assert_eq!(refused, Applied::Refused(Refusal::StalePolicy { named, current }));
    }
    assert!(cluster.state.unsettled.is_empty());
}

#[test]
fn while_an_intent_is_unsettled_its_epoch_adds_none_to_that_resource() {
    proves("intent.unsettled-same-after");
    let (mut cluster, evidence, id) = failing_over();
    for action in [set(1, Some(eni(1)), 2), set(1, Some(eni(2)), 1)] {
        for cause in [Cause::Failover, Cause::Reissue, Cause::Failback] {
            assert_eq!(cluster.intends(action.clone(), cause, &evidence), Err(Refusal::Unsettled(id)));
        }
    }
    // Other resources are free.
    let other = evidence.tunnel(1, crate::evidence::Verdict::Up, 9_000).tunnel_down(2, 500);
    assert!(cluster.intends(set(2, Some(eni(2)), 1), Cause::Failover, &other).is_ok());
}

#[test]
fn a_newer_epoch_may_join_an_older_intent_only_with_the_same_target() {
    proves("intent.unsettled-same-after");
    let (mut cluster, evidence, old) = failing_over();
    cluster.led_by(1);
    let back = evidence.clone().tunnel(1, crate::evidence::Verdict::Up, 99_000).tunnel_down(2, 500);
    let other = cluster.intends(set(1, Some(eni(1)), 1), Cause::Failover, &back);
    assert_eq!(other, Err(Refusal::Unsettled(old)));
    let same = cluster.intends(set(1, Some(eni(1)), 2), Cause::Reissue, &evidence);
    assert!(same.is_ok(), "{same:?}");
    assert_eq!(cluster.state.unsettled.len(), 2);
    // Now two are in doubt; a third epoch must agree with both, and this epoch with its own.
    let again = cluster.intends(set(1, Some(eni(1)), 2), Cause::Reissue, &evidence);
    assert!(matches!(again, Err(Refusal::Unsettled(_))));
    cluster.led_by(2);
    assert!(matches!(
        cluster.intends(set(1, Some(eni(1)), 1), Cause::Failover, &back),
        Err(Refusal::Unsettled(_))
    ));
    assert!(cluster.intends(set(1, Some(eni(1)), 2), Cause::Reissue, &evidence).is_ok());
}

#[test]
fn paused_or_observing_nothing_but_a_start_is_accepted() {
    proves("intent.paused-or-observing");
    let pause = Operation::Pause { reason: "maintenance".into(), for_ms: None };
    for halt in [pause, Operation::SetMode(Mode::Observe)] {
        let mut cluster = Cluster::reference();
        let evidence = Evidence::healthy(&cluster.state.policy).tunnel_down(1, 500).dead(2, 500_000);
        let stopped = cluster.intends(
            stop(2),
            Cause::Remediate,
            &evidence.clone().tunnel(1, crate::evidence::Verdict::Up, 1),
        );
        assert!(stopped.is_err(), "its route is still on it");
        cluster.told(halt);
        let refused = cluster.intends(set(1, Some(eni(1)), 2), Cause::Failover, &evidence);
        assert!(matches!(refused, Err(Refusal::Paused(_) | Refusal::Observing)), "{refused:?}");
        let refused = cluster.intends(stop(2), Cause::Remediate, &evidence);
        assert!(matches!(refused, Err(Refusal::Paused(_) | Refusal::Observing)), "{refused:?}");
        let refused = cluster.intends(start(2), Cause::StartOwed, &evidence);
        assert!(matches!(refused, Err(Refusal::Remediation(_))), "not halted, but not owed: {refused:?}");
    }
}

#[test]
fn the_recorded_evidence_must_carry_the_intent() {
    proves("intent.evidence-carries");
    let mut cluster = Cluster::reference();
    let healthy = Evidence::healthy(&cluster.state.policy);
    let action = set(1, Some(eni(1)), 2);
    let unfounded = cluster.intends(action.clone(), Cause::Failover, &healthy);
    assert!(matches!(unfounded, Err(Refusal::Unsupported(_))), "{unfounded:?}");
    assert!(matches!(cluster.last_event(), Event::Refused { .. }));
    assert!(cluster.state.unsettled.is_empty());
    assert_eq!(cluster.path_of(1), tunnel(1), "what is refused changes nothing");
    let founded = healthy.tunnel_down(1, 500);
    let mut mute = cluster.intent(action.clone(), Cause::Failover);
    mute.reasons.clear();
    let Applied::Intents(answers) = cluster.batch(vec![mute], &founded) else { panic!() };
    assert!(matches!(answers[0].1, Err(Refusal::Unsupported(_))), "without reasons: {answers:?}");
    assert!(cluster.intends(action, Cause::Failover, &founded).is_ok());
}

#[test]
fn the_assignment_changes_when_the_intent_is_accepted() {
    proves("choose.assignment-at-acceptance");
    let (mut cluster, _, id) = failing_over();
    assert_eq!(cluster.path_of(1), tunnel(2), "before any call was made");
    // However the call ends, the agreement stands.
    for outcome in
        [Outcome::Done, crate::fixture::failed(), crate::fixture::not_sent(), crate::fixture::no_answer()]
    {
        let mut ended = cluster.clone();
        ended.ended(id, outcome);
        assert_eq!(ended.path_of(1), tunnel(2));
    }
    cluster.led_by(1);
    cluster.settles(vec![id]);
    assert_eq!(cluster.path_of(1), tunnel(2));
}

#[test]
fn in_a_batch_every_resource_stands_by_itself() {
    proves("batch.each-resource-by-itself");
    let mut cluster = Cluster::reference();
    let evidence = Evidence::healthy(&cluster.state.policy).tunnel_down(1, 500);
    let good = cluster.intent(set(1, Some(eni(1)), 2), Cause::Failover);
    let bad = cluster.intent(set(2, Some(eni(2)), 1), Cause::Failover);
    let twice = cluster.intent(set(1, Some(eni(1)), 2), Cause::Failover);
    let Applied::Intents(answers) = cluster.batch(vec![good.clone(), bad.clone(), twice.clone()], &evidence)
    else {
        panic!()
    };
    let accepted: Vec<_> = answers.iter().map(|(id, answer)| (*id, answer.is_ok())).collect();
    assert_eq!(accepted, [(good.id, true), (bad.id, false), (twice.id, false)]);
    assert_eq!(cluster.state.unsettled.keys().copied().collect::<Vec<_>>(), [good.id]);
    // Two good ones: each has its own doubt and its own end.
    let mut cluster = Cluster::reference();
    cluster.told(Operation::Drain { gateway: gateway(1), reason: "upgrade".into() });
    cluster.told(Operation::Switchover { route: route(2), path: tunnel(2) });
    let evidence = Evidence::healthy(&cluster.state.policy).tunnel_down(1, 500);
    let one = cluster.intent(set(1, Some(eni(1)), 2), Cause::Failover);
    let two = cluster.intent(set(2, Some(eni(2)), 2), Cause::Reissue);
    cluster.batch(vec![one.clone(), two], &evidence);
    assert_eq!(cluster.state.unsettled.len(), 1);
    cluster.ended(one.id, Outcome::Done);
    assert!(cluster.state.unsettled.is_empty());
}

#[test]
fn a_batch_is_bounded() {
    proves("batch.each-resource-by-itself");
    let mut cluster = Cluster::reference();
    let evidence = Evidence::healthy(&cluster.state.policy).tunnel_down(1, 500);
    let intents = (0..101).map(|_| cluster.intent(set(1, Some(eni(1)), 2), Cause::Failover)).collect();
    assert!(matches!(cluster.batch(intents, &evidence), Applied::Refused(Refusal::Other(_))));
    assert!(cluster.state.unsettled.is_empty());
}

#[test]
fn an_adoption_changes_no_assignment_that_was_agreed_on() {
    proves("choose.adopts-at-start");
    let mut cluster = failed_over();
    let adopt = |cluster: &mut Cluster, to| {
        let stamp = cluster.stamp();
        cluster.apply(Command::Adopt { stamp, route: route(1), path: tunnel(to), reason: "seen".into() })
    };
    assert!(matches!(adopt(&mut cluster, 1), Applied::Refused(Refusal::Other(_))));
    assert_eq!(cluster.path_of(1), tunnel(2));
    cluster.told(Operation::SetMode(Mode::Observe));
    assert_eq!(adopt(&mut cluster, 1), Applied::Accepted);
    assert!(matches!(adopt(&mut cluster, 7), Applied::Refused(Refusal::Unknown { .. })));
}

#[test]
fn a_policy_is_applied_only_under_exactly_the_next_version() {
    proves("policy.versions");
    let mut cluster = Cluster::reference();
    let apply = |cluster: &mut Cluster, version| {
        let policy = Box::new(policy());
        cluster.asked(Operation::ApplyPolicy { version: PolicyVersion(version), policy })
    };
    for wrong in [0, 1, 3] {
        let (named, next) = (PolicyVersion(wrong), PolicyVersion(2));
        assert_eq!(apply(&mut cluster, wrong), Applied::Refused(Refusal::NotNextVersion { named, next }));
    }
    assert_eq!(apply(&mut cluster, 2), Applied::Accepted);
    assert_eq!(apply(&mut cluster, 3), Applied::Accepted);
    assert_eq!(cluster.state.policy_version, PolicyVersion(3));
    let invalid = Operation::ApplyPolicy { version: PolicyVersion(4), policy: Box::default() };
    assert!(matches!(cluster.asked(invalid), Applied::Refused(Refusal::InvalidPolicy(_))));
}
