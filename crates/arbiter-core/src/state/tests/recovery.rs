use super::{failing_over, waits_before};
use crate::command::{Applied, Cause, Command, MemberStep, Outcome, Refusal};
use crate::evidence::{Evidence, InstanceState, Verdict};
use crate::fixture::{Cluster, eni, set, start, stop};
use crate::ids::{ClusterId, Epoch, Incarnation, NodeId};
use crate::rules::proves;
use crate::state::{ClusterState, Event, Place, RECOVERY_GAP};

#[test]
fn a_recovered_state_is_the_old_one_under_a_new_name_with_one_member() {
    proves("recovery.new-cluster");
    let mut cluster = Cluster::reference();
    let before = cluster.state.clone();
    cluster.recovered_on(1);
    let state = &cluster.state;
    assert_eq!(state.cluster_id, Some("c-2".into()));
    assert!(state.succeeds(&"c-1".into()) && !state.succeeds(&"c-2".into()));
    assert_eq!(state.members.keys().copied().collect::<Vec<_>>(), [NodeId(1)]);
    assert_eq!(state.members[&NodeId(1)].incarnation, Some(Incarnation(201)));
    assert_eq!((&state.policy, state.policy_version), (&before.policy, before.policy_version));
    assert_eq!((&state.assignments, &state.overrides), (&before.assignments, &before.overrides));
    let said = state.history.iter().rev().find_map(|entry| match &entry.event {
        Event::Recovered { by, node, predecessor, last, without, .. } => {
            Some((by.clone(), *node, predecessor.clone(), *last, without.clone(), entry.index))
        }
        _ => None,
    });
    let (last, without) = (before.applied.index, vec![NodeId(2), NodeId(3)]);
    let at = crate::ids::LogIndex(last.0 + RECOVERY_GAP);
    assert_eq!(said, Some(("ops".to_owned(), NodeId(1), "c-1".into(), last, without, at)));
    let text = serde_json::to_string(state).unwrap();
    assert_eq!(serde_json::from_str::<ClusterState>(&text).unwrap(), *state);
}

#[test]
fn a_state_that_an_older_version_wrote_has_no_predecessors() {
    let mut stored = serde_json::to_value(&Cluster::reference().state).unwrap();
    assert!(stored.as_object_mut().unwrap().remove("predecessors").is_some());
    assert_eq!(serde_json::from_value::<ClusterState>(stored).unwrap(), Cluster::reference().state);
}

#[test]
fn the_dead_leaders_doubt_outlives_the_recovery_and_is_waited_out() {
    proves("recovery.doubts-stay");
    let (mut cluster, evidence, id) = failing_over();
    let old = cluster.state.office.epoch;
    let epoch = cluster.recovered_on(1);
    assert!(epoch > Epoch(old.0 + RECOVERY_GAP), "no epoch that the dead may have had comes again");
    assert_eq!(cluster.state.unsettled[&id].intent.id.epoch, old);
    // Another target waits for it, however long the new cluster has been there.
    let wait_ms = cluster.state.policy.timing.takeover_wait_ms();
    cluster.after(10 * wait_ms);
    let back = evidence.clone().tunnel_down(2, 500).tunnel(1, Verdict::Up, 90_000);
    let refused = cluster.intends(set(1, Some(eni(2)), 1), Cause::Failover, &back);
    assert_eq!(refused, Err(Refusal::Unsettled(id)));
    for (known_ms, settles) in [(0, false), (wait_ms, false), (wait_ms + 1, true)] {
        cluster.known_for_ms.insert(id, known_ms);
        assert_eq!(cluster.plan(&evidence).settle, if settles { vec![id] } else { vec![] }, "{known_ms}");
    }
    assert_eq!(cluster.settles(vec![id]), Applied::Accepted);
}

#[test]
fn a_recovered_cluster_waits_for_calls_of_which_it_knows_nothing() {
    proves("recovery.waits");
    let mut cluster = Cluster::reference();
    cluster.recovered_on(1);
    let evidence = Evidence::healthy(&cluster.state.policy).tunnel_down(1, 500);
    waits_before(&mut cluster, &evidence, set(1, Some(eni(1)), 2), Cause::Failover);
}

#[test]
fn not_even_a_start_that_is_owed_comes_before_that() {
    proves("recovery.waits");
    let mut cluster = Cluster::reference();
    let dead = Evidence::healthy(&cluster.state.policy).dead(1, 500_000);
    cluster.does(&dead);
    let dead = dead.points_at(1, 2);
    let id = cluster.intends(stop(1), Cause::Remediate, &dead).unwrap();
    cluster.ended(id, Outcome::Done);
    cluster.recovered_on(2);
    let stopped = dead.instance(1, InstanceState::Stopped, 1_000);
    waits_before(&mut cluster, &stopped, start(1), Cause::StartOwed);
}

#[test]
fn the_only_voter_condemns_no_gateway_by_what_it_sees_alone() {
    proves("gateway.one-observer-never-condemns");
    let mut cluster = Cluster::reference();
    cluster.recovered_on(1);
    cluster.after(cluster.state.policy.timing.takeover_wait_ms());
    let mut dead = Evidence::healthy(&cluster.state.policy).dead(2, 500_000);
    dead.voters = [NodeId(1)].into();
    // For a path of which nobody knows whether it works there is `unknown_grace`, as ever.
    let wishes = cluster.plan(&dead).wishes;
    assert!(wishes.iter().all(|wish| wish.cause == Cause::UnknownGrace), "{wishes:?}");
    for (action, cause) in [(set(2, Some(eni(2)), 1), Cause::Failover), (stop(2), Cause::Remediate)] {
        let refused = cluster.intends(action, cause, &dead);
        assert!(matches!(refused, Err(Refusal::Unsupported(_))), "{refused:?}");
    }
    let off = dead.instance(2, InstanceState::Stopped, 500_000);
    assert_eq!(cluster.wish_for(2, &off).map(|(_, cause)| cause), Some(Cause::Failover));
}

#[test]
fn those_left_behind_can_be_added_again_and_those_removed_before_cannot() {
    let mut cluster = Cluster::reference();
    let step = |node, step| Command::Member { node: NodeId(node), step, by: "ops".to_owned() };
    cluster.applies(step(3, MemberStep::Remove));
    cluster.applies(step(3, MemberStep::Removed));
    cluster.recovered_on(1);
    assert_eq!(cluster.state.members[&NodeId(3)].place, Place::Removed);
    assert_eq!(
        cluster.apply(step(3, MemberStep::Add)),
        Applied::Refused(Refusal::Removed { node: NodeId(3) })
    );
    cluster.applies(step(2, MemberStep::Add));
    cluster.applies(Command::Admit { node: NodeId(2), incarnation: Incarnation(302) });
    assert_eq!(cluster.state.members[&NodeId(2)].incarnation, Some(Incarnation(302)));
}

#[test]
fn of_many_clusters_that_went_before_the_newest_are_known() {
    let mut cluster = Cluster::reference();
    for _ in 0..100 {
        cluster.recovered_on(1);
    }
    assert_eq!(cluster.state.predecessors.len(), 16);
    assert!(cluster.state.succeeds(&ClusterId::from("c-2")));
}
