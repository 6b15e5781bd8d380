//! Who stands, who hands over, and to whom.

use super::*;
use crate::ids::GatewayId;
use crate::policy::{Gateway, NodePolicy};
use crate::report::OwnView;
use crate::rules::proves;

const SILENCE_MS: u64 = 900;

/// Nodes 1 and 2 are gateways, 3 is the witness.
struct Cluster {
    policy: Policy,
    voters: BTreeSet<NodeId>,
    views: BTreeMap<NodeId, OwnView>,
    cut: BTreeSet<NodeId>,
    pictures: BTreeMap<NodeId, Picture>,
    candidacies: BTreeMap<NodeId, Candidacy>,
    now: MonoMs,
}

impl Cluster {
    fn new() -> Self {
        let node = |id| NodePolicy { id: NodeId(id), name: format!("n{id}"), zone: format!("z{id}") };
        let gateway = |id: u64| Gateway {
            id: GatewayId(format!("g{id}")),
            node: NodeId(id),
            zone: format!("z{id}"),
            instance: format!("i-{id}").as_str().into(),
            interface: format!("eni-{id}"),
            remediate: true,
        };
        let policy = Policy {
            nodes: (1..=3).map(node).collect(),
            gateways: (1..=2).map(gateway).collect(),
            ..Policy::default()
        };
        let ids = [NodeId(1), NodeId(2), NodeId(3)];
        let view = OwnView { describe_ok_age_ms: Some(100), ..OwnView::default() };
        Self {
            policy,
            voters: ids.into(),
            views: ids.map(|id| (id, view.clone())).into(),
            cut: BTreeSet::new(),
            pictures: ids.map(|id| (id, Picture::new(id, id.0, MonoMs(0)))).into(),
            candidacies: ids.map(|id| (id, Candidacy::default())).into(),
            now: MonoMs(0),
        }
    }

    fn led_by(mut self, leader: u64, heard_ms: u64) -> Self {
        for view in self.views.values_mut() {
            view.leader = Some((NodeId(leader), heard_ms));
        }
        self
    }

    /// What a node sees by itself.
    fn view(&mut self, node: u64) -> &mut OwnView {
        self.views.get_mut(&NodeId(node)).expect("known")
    }

    /// Everybody who isn't cut off reports to everybody, for this long; the first move of each is returned.
    fn run(&mut self, ms: u64, leader: Option<u64>) -> BTreeMap<u64, (u64, Move)> {
        let mut moves = BTreeMap::new();
        for _ in 0..ms / 100 {
            self.now = self.now.plus_ms(100);
            self.exchange();
            self.exchange();
            for id in [1, 2, 3] {
                let standing = Standing {
                    me: NodeId(id),
                    policy: &self.policy,
                    picture: &self.pictures[&NodeId(id)],
                    voters: &self.voters,
                    silence_ms: SILENCE_MS,
                    leads: leader == Some(id),
                    quiet: true,
                };
                let candidacy = self.candidacies.get_mut(&NodeId(id)).expect("known");
                let decided = candidacy.decide(&standing, self.now);
                if decided != Move::Stay {
                    moves.entry(id).or_insert((self.now.0, decided));
                }
            }
        }
        moves
    }

    fn exchange(&mut self) {
        for (id, picture) in &mut self.pictures {
            picture.compose(self.views[id].clone(), self.now);
        }
        for from in [1, 2, 3].map(NodeId) {
            for to in [1, 2, 3].map(NodeId) {
                if from != to && !self.cut.contains(&from) && !self.cut.contains(&to) {
                    let parcel = self.pictures[&from].parcel_for(to);
                    self.pictures.get_mut(&to).expect("known").accept(parcel);
                }
            }
        }
    }
}

#[test]
fn nobody_campaigns_while_a_majority_hears_the_leader() {
    proves("lead.pre-vote");
    let mut cluster = Cluster::new().led_by(3, 50);
    // Node 1 alone hears nothing of the leader.
    cluster.view(1).leader = None;
    assert_eq!(cluster.run(10_000, Some(3)), BTreeMap::new());
}

#[test]
fn a_node_that_hears_nobody_does_not_campaign() {
    proves("lead.pre-vote");
    let mut cluster = Cluster::new().led_by(3, SILENCE_MS + 1);
    cluster.cut.insert(NodeId(1));
    let moves = cluster.run(10_000, Some(3));
    assert!(!moves.contains_key(&1), "{moves:?}");
}

#[test]
fn the_witness_goes_first_and_a_gateway_follows_if_it_does_not() {
    proves("lead.witness-first");
    let mut cluster = Cluster::new();
    let moves = cluster.run(5_000, None);
    assert!(moves[&3].0 < moves[&1].0 && moves[&3].0 < moves[&2].0, "{moves:?}");
    let mut cluster = Cluster::new();
    cluster.cut.insert(NodeId(3));
    let moves = cluster.run(5_000, None);
    assert!(moves[&1].1 == Move::Campaign && moves[&2].1 == Move::Campaign, "{moves:?}");
    let apart_ms = moves[&2].0.abs_diff(moves[&1].0);
    assert!(apart_ms > 100, "two gateways that stand together split the votes: {moves:?}");
}

#[test]
fn a_witness_with_a_shorter_log_does_not_keep_the_other_from_leading_for_ever() {
    proves("lead.witness-first");
    // Raft's rule for votes: node 2 has the longer log, and so refuses the witness without noting its term.
    let mut cluster = Cluster::new();
    cluster.cut.insert(NodeId(1));
    let (mut of_two, mut of_witness) = ((0, 2), (0, 3));
    for _ in 0..100 {
        let moves = cluster.run(100, None);
        if moves.contains_key(&3) {
            of_witness = (of_witness.0 + 1, 3);
        }
        if moves.contains_key(&2) {
            of_two = (of_two.0 + 1, 2);
            if of_two > of_witness {
                return;
            }
            of_two = of_witness;
        }
    }
    panic!("nobody leads after ten seconds: {of_two:?}, {of_witness:?}");
}

#[test]
fn a_leader_that_hands_over_is_not_forestalled() {
    proves("lead.witness-first");
    let silent_for = |ms| Cluster::new().led_by(1, ms).run(900, Some(1));
    assert_eq!(silent_for(SILENCE_MS + 1), BTreeMap::new(), "it lives, and is silent on purpose");
    let mut cluster = Cluster::new().led_by(1, SILENCE_MS + 1);
    assert_eq!(cluster.run(3_000, Some(1))[&3].1, Move::Campaign, "but not for ever");
    let mut cluster = Cluster::new().led_by(1, SILENCE_MS + 1);
    cluster.cut.insert(NodeId(1));
    assert_eq!(cluster.run(900, None)[&3].1, Move::Campaign, "a dead one is not waited for");
}

#[test]
fn whoever_is_named_as_successor_is_left_to_take_over() {
    proves("lead.successor-first");
    let handing_to_2 = || {
        let mut cluster = Cluster::new().led_by(1, SILENCE_MS + 1);
        cluster.view(1).handing_over_to = Some(NodeId(2));
        cluster
    };
    let moves = handing_to_2().run(5_000, Some(1));
    assert_eq!((moves[&2].1, moves[&3].1), (Move::Campaign, Move::Campaign), "in the end anybody may stand");
    assert!(moves[&2].0 < SUCCESSOR_FIRST_MS, "it need not wait for the call: {moves:?}");
    assert!(moves[&3].0 > SUCCESSOR_FIRST_MS, "the witness stands back, though it would go first: {moves:?}");
    // The word of a leader that has died itself does not count.
    let mut cluster = handing_to_2();
    cluster.exchange();
    cluster.cut.insert(NodeId(1));
    assert_eq!(cluster.run(900, None).get(&3).map(|(_, it)| *it), Some(Move::Campaign));
}

#[test]
fn who_cannot_describe_stands_last_but_stands() {
    proves("lead.failing-describe-last");
    let mut cluster = Cluster::new();
    cluster.view(3).provider_unreachable = true;
    let moves = cluster.run(8_000, None);
    assert!(moves[&1].0 < moves[&3].0 && moves[&2].0 < moves[&3].0, "{moves:?}");
}

#[test]
fn a_success_counts_for_three_rounds_of_describes_however_long_they_are() {
    proves("lead.failing-describe-last");
    // The witness stands first if its last success still counts, and last if it doesn't.
    let witness_is_first = |reconcile_interval_ms: u64, age_ms: u64| {
        let mut cluster = Cluster::new();
        cluster.policy.timing.reconcile_interval_ms = reconcile_interval_ms;
        cluster.view(3).describe_ok_age_ms = Some(age_ms);
        let moves = cluster.run(8_000, None);
        moves[&3].0 < moves[&1].0 && moves[&3].0 < moves[&2].0
    };
    for (interval_ms, proof_ms) in [(60_000, 180_000), (10_000, 30_000), (1_000, 30_000)] {
        assert!(witness_is_first(interval_ms, proof_ms), "{interval_ms} ms");
        assert!(!witness_is_first(interval_ms, proof_ms + 1), "{interval_ms} ms");
    }
}

#[test]
fn a_leader_without_the_provider_hands_over_to_one_that_has_it() {
    proves("lead.handover-when-unreachable");
    let mut cluster = Cluster::new().led_by(3, 0);
    cluster.view(3).provider_unreachable = true;
    cluster.view(1).describe_ok_age_ms = None;
    let moves = cluster.run(10_000, Some(3));
    assert_eq!(moves[&3].1, Move::HandOver(NodeId(2)));
    // When nobody reaches it, the leader stays: it can still decide and explain.
    let mut cluster = Cluster::new().led_by(3, 0);
    for view in cluster.views.values_mut() {
        view.provider_unreachable = true;
    }
    assert_eq!(cluster.run(10_000, Some(3)), BTreeMap::new());
}

#[test]
fn who_has_a_slow_disk_stands_last_but_stands() {
    proves("lead.slow-disk-last");
    let mut cluster = Cluster::new();
    cluster.view(3).disk_slow_ms = Some(1_000);
    let moves = cluster.run(8_000, None);
    assert!(moves[&1].0 < moves[&3].0 && moves[&2].0 < moves[&3].0, "{moves:?}");
}

#[test]
fn a_leader_with_a_slow_disk_hands_over_to_one_with_a_quick_one() {
    proves("lead.slow-disk-last");
    let slow = |nodes: &[u64]| {
        let mut cluster = Cluster::new().led_by(1, 0);
        for node in nodes {
            cluster.view(*node).disk_slow_ms = Some(3_000);
        }
        cluster
    };
    assert_eq!(slow(&[1]).run(10_000, Some(1))[&1].1, Move::HandOver(NodeId(3)));
    assert_eq!(slow(&[1, 3]).run(10_000, Some(1))[&1].1, Move::HandOver(NodeId(2)));
    assert_eq!(slow(&[1, 2, 3]).run(10_000, Some(1)), BTreeMap::new(), "nobody is better");
    // One that reaches no provider is of less use than one that is slow.
    let mut cluster = slow(&[2, 3]);
    cluster.view(1).provider_unreachable = true;
    assert_eq!(cluster.run(10_000, Some(1))[&1].1, Move::HandOver(NodeId(3)));
    let mut cluster = slow(&[3]);
    cluster.view(1).provider_unreachable = true;
    assert_eq!(cluster.run(10_000, Some(1))[&1].1, Move::HandOver(NodeId(2)), "and a quick one is of most");
}

#[test]
fn a_witness_with_a_slow_disk_does_not_get_the_leadership_back() {
    proves("lead.slow-disk-last");
    let mut cluster = Cluster::new().led_by(1, 0);
    cluster.view(3).disk_slow_ms = Some(1_000);
    assert_eq!(cluster.run(400_000, Some(1)), BTreeMap::new());
    cluster.view(3).disk_slow_ms = None;
    assert_eq!(cluster.run(299_000, Some(1)), BTreeMap::new(), "it must be sound for a while first");
    assert_eq!(cluster.run(5_000, Some(1))[&1].1, Move::HandOver(NodeId(3)));
}

#[test]
fn throttling_or_a_denial_is_no_reason_to_hand_over() {
    proves("lead.never-for-throttling");
    let mut cluster = Cluster::new().led_by(1, 0);
    // A throttled or denied leader reports no success, and does not report the provider out of reach.
    cluster.view(1).describe_ok_age_ms = None;
    cluster.view(3).describe_ok_age_ms = None;
    assert_eq!(cluster.run(60_000, Some(1)), BTreeMap::new());
}

#[test]
fn not_back_to_the_same_node_within_five_minutes() {
    proves("lead.not-back-within-five-minutes");
    let mut cluster = Cluster::new().led_by(3, 0);
    cluster.view(3).provider_unreachable = true;
    cluster.view(1).describe_ok_age_ms = None;
    assert_eq!(cluster.run(10_000, Some(3))[&3].1, Move::HandOver(NodeId(2)));
    assert_eq!(cluster.run(280_000, Some(3)), BTreeMap::new(), "node 2 had it less than five minutes ago");
    assert_eq!(cluster.run(20_000, Some(3))[&3].1, Move::HandOver(NodeId(2)));
}

#[test]
fn a_witness_sound_for_five_minutes_gets_it_back() {
    proves("lead.witness-gets-it-back");
    let mut cluster = Cluster::new().led_by(1, 0);
    assert_eq!(cluster.run(299_000, Some(1)), BTreeMap::new());
    assert_eq!(cluster.run(5_000, Some(1))[&1].1, Move::HandOver(NodeId(3)));
}
