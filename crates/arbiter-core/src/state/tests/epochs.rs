use super::{failing_over, waits_before};
use crate::command::{Applied, Cause, Command, EntryId, Mode, Proposal, Refusal, Stamp};
use crate::evidence::Evidence;
use crate::fixture::{Cluster, eni, policy, set};
use crate::ids::{Epoch, LogIndex, NodeId, Term};
use crate::rules::proves;
use crate::time::{LogMs, UnixMs};

#[test]
fn nothing_is_accepted_before_the_leader_has_begun_its_epoch() {
    proves("epoch.begins-on-every-leadership");
    let (mut cluster, evidence, _) = failing_over();
    // Another node is elected; its term has begun, its epoch has not.
    cluster.at.term = Term(2);
    cluster.at.node = NodeId(2);
    let refused = cluster.intends(set(2, Some(eni(2)), 1), Cause::Failover, &evidence.tunnel_down(2, 500));
    assert_eq!(refused, Err(Refusal::ForeignEntry));
    let stamp = cluster.stamp();
    assert_eq!(cluster.apply(Command::Tick { stamp }), Applied::Refused(Refusal::ForeignEntry));
}

#[test]
fn the_epoch_is_the_index_of_its_entry_and_its_node_the_entrys_own() {
    proves("epoch.begins-on-every-leadership");
    let mut cluster = Cluster::reference();
    let foreign = cluster.apply(Command::BeginEpoch { node: NodeId(1) });
    assert_eq!(foreign, Applied::Refused(Refusal::ForeignEntry));
    let epoch = cluster.led_by(2);
    assert_eq!(epoch, Epoch(cluster.at.index.0));
    assert_eq!((cluster.state.office.node, cluster.state.office.term), (NodeId(2), cluster.at.term));
    // The same process again, in the same term, after a restart: another epoch.
    cluster.applies(Command::BeginEpoch { node: NodeId(2) });
    assert!(cluster.state.office.epoch > epoch);
}

#[test]
fn an_intent_of_another_epoch_is_refused() {
    proves("intent.current-epoch");
    let mut cluster = Cluster::reference();
    let evidence = Evidence::healthy(&cluster.state.policy).tunnel_down(1, 500);
    let old = cluster.stamp();
    let epoch = cluster.led_by(2);
    for named in [old.epoch, Epoch(epoch.0 + 1), Epoch(0)] {
        let stamp = Stamp { epoch: named, elapsed_ms: 0 };
        let refused = cluster.apply(Command::Tick { stamp });
        assert_eq!(refused, Applied::Refused(Refusal::StaleEpoch { named, current: epoch }));
    }
    // Nor does an id of another epoch pass under the current stamp.
    let mut intent = cluster.intent(set(1, Some(eni(1)), 2), Cause::Failover);
    intent.id.epoch = old.epoch;
    let Applied::Intents(answers) = cluster.batch(vec![intent.clone()], &evidence) else { panic!() };
    assert_eq!(answers[0].1, Err(Refusal::BadIntentId(intent.id)));
    assert!(cluster.state.unsettled.is_empty());
}

#[test]
fn an_intent_counts_only_in_an_entry_of_the_epochs_own_term_and_node() {
    proves("intent.own-term-and-node");
    let (cluster, evidence, _) = failing_over();
    let evidence = evidence.tunnel_down(2, 500);
    let own = cluster.at;
    for (term, node) in [(own.term.0 + 1, own.node.0), (own.term.0 - 1, own.node.0), (own.term.0, 2)] {
        let mut forged = cluster.clone();
        forged.at = EntryId { term: Term(term), node: NodeId(node), ..own };
        let refused = forged.intends(set(2, Some(eni(2)), 1), Cause::Failover, &evidence);
        assert_eq!(refused, Err(Refusal::ForeignEntry), "term {term}, node {node}");
    }
}

#[test]
fn log_time_is_the_sum_of_what_the_epochs_say_has_passed() {
    proves("logtime.sums-advances");
    let mut cluster = Cluster::reference();
    let start = cluster.state.log_now();
    cluster.after(1_000).after(500);
    assert_eq!(cluster.state.log_now(), start.plus_ms(1_500));
    // An entry that was written earlier and committed later takes nothing back.
    let late = Stamp { epoch: cluster.state.office.epoch, elapsed_ms: 1 };
    cluster.applies(Command::Tick { stamp: late });
    assert_eq!(cluster.state.log_now(), start.plus_ms(1_500));
    // An hour without a leader adds nothing, whatever any wall clock says.
    cluster.led_by(1);
    assert_eq!(cluster.state.log_now(), start.plus_ms(1_500));
    cluster.after(250);
    assert_eq!(cluster.state.log_now(), start.plus_ms(1_750));
    assert_eq!(cluster.state.log_at(300), start.plus_ms(1_800));
    assert_eq!(cluster.state.log_at(100), start.plus_ms(1_750), "never back");
}

#[test]
fn wall_clocks_decide_nothing() {
    proves("logtime.sums-advances");
    let mut one = Cluster::reference();
    let mut other = one.state.clone();
    let command = Command::Tick { stamp: Stamp { elapsed_ms: one.elapsed_ms + 5, ..one.stamp() } };
    one.at.index.0 += 1;
    for (state, wall_ms) in [(&mut one.state, UnixMs(0)), (&mut other, UnixMs(u64::MAX))] {
        state.apply(one.at, &Proposal { wall_ms, command: command.clone() });
    }
    assert_eq!(one.state, other);
}

#[test]
fn rules_are_raised_only_when_every_member_knows_them_and_one_by_one() {
    proves("rules-version.all-voters");
    let mut cluster = Cluster::reference();
    let raise = |cluster: &mut Cluster, version, nodes: &[u64]| {
        let supported_by = nodes.iter().copied().map(NodeId).collect();
        let stamp = cluster.stamp();
        matches!(cluster.apply(Command::RaiseRules { stamp, version, supported_by }), Applied::Accepted)
    };
    for lacking in [&[1, 2][..], &[1, 3], &[2, 3], &[]] {
        assert!(!raise(&mut cluster, 2, lacking), "{lacking:?}");
    }
    assert!(!raise(&mut cluster, 3, &[1, 2, 3]), "one version at a time");
    assert!(!raise(&mut cluster, 1, &[1, 2, 3]));
    assert_eq!(cluster.state.rules_version, 1);
    assert!(raise(&mut cluster, 2, &[1, 2, 3, 4]));
    assert_eq!(cluster.state.rules_version, 2);
}

#[test]
fn a_new_cluster_waits_before_its_first_mutation() {
    proves("intent.new-cluster-waits");
    let policy = policy();
    let mut cluster = Cluster::new(&policy);
    let evidence = Evidence::healthy(&policy);
    cluster.adopts(&evidence);
    let evidence = evidence.tunnel_down(1, 500);
    waits_before(&mut cluster, &evidence, set(1, Some(eni(1)), 2), Cause::Failover);
}

#[test]
fn a_cluster_that_is_formed_observing_acts_only_when_it_is_told_to() {
    proves("intent.paused-or-observing");
    let policy = policy();
    let mut cluster = Cluster::new_in(&policy, Mode::Observe);
    let evidence = Evidence::healthy(&policy).tunnel_down(1, 500);
    cluster.after(policy.timing.takeover_wait_ms() + 1);
    let refused = cluster.intends(set(1, Some(eni(1)), 2), Cause::Failover, &evidence);
    assert_eq!(refused, Err(Refusal::Observing));
    assert_eq!(Cluster::new(&policy).state.overrides.mode, Mode::Act, "unless the file says so, it acts");
}

#[test]
fn an_old_first_entry_that_names_no_mode_begins_to_act() {
    let form =
        Command::Form { cluster_id: "c-1".into(), policy: Box::default(), members: vec![], mode: Mode::Act };
    let mut stored = serde_json::to_value(&form).unwrap();
    assert!(stored["form"].as_object_mut().unwrap().remove("mode").is_some());
    assert_eq!(serde_json::from_value::<Command>(stored).unwrap(), form);
}

#[test]
fn a_cluster_is_formed_once_and_nothing_is_applied_before() {
    proves("epoch.begins-on-every-leadership");
    let mut cluster = Cluster::empty();
    let early = cluster.apply(Command::BeginEpoch { node: NodeId(3) });
    assert_eq!(early, Applied::Refused(Refusal::NotFormed));
    let mut cluster = Cluster::reference();
    let form =
        Command::Form { cluster_id: "c-2".into(), policy: Box::default(), members: vec![], mode: Mode::Act };
    assert_eq!(cluster.apply(form), Applied::Refused(Refusal::AlreadyFormed("c-1".into())));
    assert_eq!(cluster.state.applied_index(), LogIndex(cluster.at.index.0), "what is refused is applied too");
    assert_eq!(cluster.state.formed_at, LogMs(0));
}
