use super::failing_over;
use crate::command::{Cause, Operation};
use crate::evidence::Evidence;
use crate::fixture::{Cluster, eni, set};
use crate::rules::proves;
use crate::state::{Event, HISTORY_LIMIT};

#[test]
fn every_decision_carries_its_reasons_and_evidence_into_the_log() {
    proves("decision.carries-reasons");
    let mut cluster = Cluster::reference();
    let evidence = Evidence::healthy(&cluster.state.policy).tunnel_down(1, 500);
    let wish = cluster.only_wish(&evidence);
    let words = wish.reasons.join("; ");
    for part in ["tunnel-1 is Down", "strongswan-1: probe inner-1 Down for 500ms", "tunnel-2 is Up"] {
        assert!(words.contains(part), "{words}");
    }
    cluster.grants(&wish, &evidence).unwrap();
    let Event::Intended { reasons, evidence: Some(kept), cause, from, .. } = cluster.last_event() else {
        panic!()
    };
    assert!(!reasons.is_empty());
    assert_eq!((cause, from), (Cause::Failover, Some(crate::fixture::tunnel(1))));
    assert!(kept.nodes.len() == 3 && kept.routes.len() == 1, "{kept:?}");
}

#[test]
fn the_same_refusal_again_is_only_counted() {
    proves("decision.carries-reasons");
    let (mut cluster, evidence, _) = failing_over();
    let before = cluster.state.history.len();
    for _ in 0..500 {
        cluster.intends(set(1, Some(eni(1)), 2), Cause::Failover, &evidence).unwrap_err();
        cluster.after(10);
    }
    assert_eq!(cluster.state.history.len(), before + 1);
    assert!(matches!(cluster.last_event(), Event::Refused { again: 499, .. }));
    // Another cause, or something else in between, is told again.
    cluster.intends(set(1, Some(eni(1)), 2), Cause::Reissue, &evidence).unwrap_err();
    cluster.intends(set(1, Some(eni(1)), 2), Cause::Failover, &evidence).unwrap_err();
    assert_eq!(cluster.state.history.len(), before + 3);
}

#[test]
fn the_history_and_its_evidence_are_bounded() {
    proves("decision.carries-reasons");
    let mut cluster = Cluster::reference();
    for round in 0..HISTORY_LIMIT {
        let healthy = Evidence::healthy(&cluster.state.policy);
        let (from, to) = if round % 2 == 0 { (1, 2) } else { (2, 1) };
        cluster.after(100_000);
        let evidence = healthy.points_at(1, from).tunnel_down(from, 500);
        let id = cluster.intends(set(1, Some(eni(from)), to), Cause::Failover, &evidence).unwrap();
        cluster.ended(id, crate::command::Outcome::Done);
    }
    cluster.told(Operation::Resume);
    assert_eq!(cluster.state.history.len(), HISTORY_LIMIT);
    let kept = |entry: &&std::sync::Arc<crate::state::Entry>| {
        matches!(entry.event, Event::Intended { evidence: Some(_), .. })
    };
    assert!(cluster.state.history.iter().filter(kept).count() <= 100);
}
