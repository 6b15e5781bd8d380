use super::*;
use arbiter_core::bad_days::bad_day;
use arbiter_core::ids::LogIndex;
use arbiter_core::state::Member;

fn identity(cluster: Option<&str>) -> Identity {
    Identity {
        cluster_name: "blue".to_owned(),
        node: NodeId(1),
        incarnation: Incarnation(11),
        cluster: cluster.map(ClusterId::from),
        founders: BTreeMap::from([(NodeId(1), Incarnation(11)), (NodeId(2), Incarnation(22))]),
        admitted_at: 0,
        succeeded_by: None,
    }
}

fn header(sender: u64, incarnation: u64) -> PeerHeader {
    let (cluster_id, cluster_name) = ("c".to_owned(), "blue".to_owned());
    PeerHeader { version: PROTOCOL, cluster_id, sender, target: 1, incarnation, admitted_at: 0, cluster_name }
}

fn gate(identity: Identity, state: ClusterState) -> Gate {
    Gate::new(identity, watch::channel(Arc::new(state)).1)
}

fn formed(applied: u64, members: &[(u64, u64)]) -> ClusterState {
    let mut state = ClusterState { cluster_id: Some("c".into()), ..ClusterState::default() };
    state.applied.index = LogIndex(applied);
    for (node, incarnation) in members {
        let member = Member::with(Incarnation(*incarnation));
        state.members.insert(NodeId(*node), member);
    }
    state
}

#[test]
fn s7_a_disk_without_a_cluster_lets_nothing_through() {
    let gate = gate(identity(None), ClusterState::default());
    assert_eq!(gate.check_peer(Some(&header(2, 22))), Err(Refused::NotAdmitted));
    assert_eq!(gate.cluster(), Err(Refused::NotAdmitted));
}

#[test]
fn what_is_not_for_us_is_refused() {
    let gate = gate(identity(Some("c")), ClusterState::default());
    assert_eq!(gate.check_peer(Some(&header(2, 22))), Ok(NodeId(2)));
    assert_eq!(gate.check_peer(None), Err(Refused::NoHeader));
    let later = PeerHeader { version: 2, ..header(2, 22) };
    assert_eq!(gate.check_peer(Some(&later)), Err(Refused::Version { sender: NodeId(2), found: 2 }));
    let astray = PeerHeader { target: 3, ..header(2, 22) };
    assert!(matches!(gate.check_peer(Some(&astray)), Err(Refused::OtherTarget { .. })));
    let foreign = PeerHeader { cluster_id: "d".to_owned(), ..header(2, 22) };
    assert!(matches!(gate.check_peer(Some(&foreign)), Err(Refused::OtherCluster { .. })));
}

#[test]
fn a_cluster_of_another_name_is_refused_by_name_also_before_there_is_one() {
    bad_day("peer-of-another-cluster");
    for cluster in [None, Some("c")] {
        let gate = gate(identity(cluster), ClusterState::default());
        let green = PeerHeader { cluster_name: "green".to_owned(), ..header(2, 22) };
        let refused = gate.check_envelope(Some(&green)).unwrap_err().to_string();
        for word in ["node 2", "`green`", "`blue`", "`cluster.name`"] {
            assert!(refused.contains(word), "`{word}` in: {refused}");
        }
        let endless = PeerHeader { cluster_name: "ü".repeat(1_000_000), ..header(2, 22) };
        assert!(gate.check_envelope(Some(&endless)).unwrap_err().to_string().len() < 600);
    }
}

#[test]
fn a_refusal_is_news_once_in_a_while() {
    let said = Said::default();
    assert!(said.is_news("refused", "why"));
    assert!(!said.is_news("refused", "why"));
    assert!(said.is_news("refused", "why else") && said.is_news("refused by a peer", "why"));
    for number in 0..10 * SAID_LIMIT {
        assert!(said.is_news("refused", &number.to_string()));
    }
    assert!(said.lock().len() <= SAID_LIMIT, "what strangers say fills no memory");
}

#[test]
fn s7_before_the_cluster_is_formed_only_founding_disks_speak() {
    let gate = gate(identity(Some("c")), ClusterState::default());
    assert!(gate.check_peer(Some(&header(2, 22))).is_ok());
    assert!(matches!(gate.check_peer(Some(&header(2, 23))), Err(Refused::OtherDisk { .. })));
    assert!(matches!(gate.check_peer(Some(&header(3, 33))), Err(Refused::OtherDisk { .. })));
}

#[test]
fn s7_a_disk_other_than_the_recorded_one_is_refused_by_whoever_can_judge_it() {
    let judge = gate(identity(Some("c")), formed(20, &[(1, 11), (2, 29)]));
    assert!(judge.check_peer(Some(&header(2, 29))).is_ok());
    assert!(matches!(judge.check_peer(Some(&header(2, 22))), Err(Refused::OtherDisk { .. })));
    assert!(matches!(judge.check_peer(Some(&header(3, 33))), Err(Refused::OtherDisk { .. })));
    // A disk that was admitted by entry 21, which this node has not applied yet.
    let newer = PeerHeader { admitted_at: 21, ..header(2, 30) };
    assert!(judge.check_peer(Some(&newer)).is_ok());
    let known = PeerHeader { admitted_at: 20, ..header(2, 30) };
    assert!(matches!(judge.check_peer(Some(&known)), Err(Refused::OtherDisk { .. })));
}
