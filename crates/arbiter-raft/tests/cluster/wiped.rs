//! S7: a node that lost its disk does not vote until it is re-admitted.

use crate::harness::{Cluster, DEADLINE, ask_for_vote, header_of};
use arbiter_core::command::{Applied, Command, Proposal};
use arbiter_core::ids::NodeId;
use arbiter_core::time::UnixMs;
use arbiter_proto::v1::PeerHeader;
use arbiter_raft::Standing;
use arbiter_raft::network::WireError;

async fn formed() -> (Cluster, u64, u64) {
    let mut cluster = Cluster::new(3).await;
    cluster.start_all().await;
    cluster.until_formed().await;
    let leader = cluster.until_leader().await;
    let victim = if leader == 3 { 2 } else { 3 };
    (cluster, leader, victim)
}

fn refused(cluster: &Cluster, id: u64) -> Option<String> {
    match cluster.view(id).standing {
        Standing::Refused { reason } => Some(reason),
        _ => None,
    }
}

/// As `member replace` does.
async fn readmit(cluster: &Cluster, leader: u64, node: u64) {
    let command = Command::Readmit { node: NodeId(node), incarnation: None, by: "test".to_owned() };
    let proposal = Proposal { wall_ms: UnixMs(1), command };
    let (_, applied) = cluster.node(leader).propose(proposal, DEADLINE).await.unwrap();
    assert_eq!(applied, Applied::Accepted);
}

/// Whether the node's disk is the one that counts, as the leader has it.
fn is_recorded(cluster: &Cluster, leader: u64, node: u64) -> bool {
    let state = cluster.state(leader);
    let member = state.members.get(&NodeId(node));
    member.and_then(|member| member.incarnation) == Some(cluster.view(node).incarnation)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s7_a_wiped_node_is_refused_until_it_is_readmitted() {
    let (mut cluster, leader, victim) = formed().await;
    cluster.remember(leader, 1).await.unwrap();
    cluster.stop(victim).await;
    cluster.wipe(victim);
    cluster.start(victim).await;

    cluster.until("the wiped node is refused", |cluster| refused(cluster, victim).is_some()).await;
    let reason = refused(&cluster, victim).unwrap();
    assert!(reason.contains(&format!("arbiterctl member replace node-{victim}")), "{reason}");
    let denied =
        ask_for_vote(&cluster, leader, victim, header_of(&cluster, leader, victim)).await.unwrap_err();
    assert!(matches!(&denied, WireError::Refused(_)), "{denied}");
    assert_eq!(cluster.view(victim).term.0, 0, "it has promised nothing");
    assert_eq!(cluster.view(victim).last_log.0, 0, "it has stored nothing");

    // The others go on, and the log does not fill with the wiped node's questions.
    let before = cluster.view(leader).last_log.0;
    let asked = cluster.lines.asked(victim);
    cluster.until("it has asked again", |cluster| cluster.lines.asked(victim) >= asked + 4).await;
    assert_eq!(cluster.view(leader).last_log.0, before);
    cluster.remember(leader, 2).await.unwrap();

    // The second time the operator was not sure whether the first had taken effect: the disk that came back in between
    // is not thrown out by it.
    for _ in 1..=2 {
        readmit(&cluster, leader, victim).await;
        cluster.until("it is recorded", |cluster| is_recorded(cluster, leader, victim)).await;
        cluster
            .until("it is back", |cluster| cluster.is_member(victim) && cluster.remembers(victim, 2))
            .await;
    }

    // And it counts again: with one other node gone, the two remaining ones elect and commit.
    let third = [1, 2, 3].into_iter().find(|id| ![leader, victim].contains(id)).unwrap();
    cluster.stop(leader).await;
    cluster.elections(true);
    let next = cluster.until_leader().await;
    assert!([third, victim].contains(&next));
    cluster.remember(next, 3).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_thrown_out_before_the_log_reaches_it_asks_again() {
    let (mut cluster, leader, victim) = formed().await;
    cluster.stop(victim).await;
    cluster.wipe(victim);
    cluster.lines.lose_log_for(victim);
    cluster.start(victim).await;
    cluster.until("the wiped node is refused", |cluster| refused(cluster, victim).is_some()).await;
    readmit(&cluster, leader, victim).await;
    cluster.until("it is admitted", |cluster| cluster.view(victim).standing == Standing::Member).await;
    assert!(is_recorded(&cluster, leader, victim));
    // The operator is not sure whether that has taken effect. The leader takes no answer of this disk from here on, and so
    // never learns where its log ends.
    readmit(&cluster, leader, victim).await;
    assert!(!is_recorded(&cluster, leader, victim));
    cluster.lines.heal();
    cluster.remember(leader, 1).await.unwrap();
    cluster.until("it is back", |cluster| cluster.is_member(victim) && cluster.remembers(victim, 1)).await;
    assert!(is_recorded(&cluster, leader, victim));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s7_a_wiped_first_node_forms_no_second_cluster() {
    let mut cluster = Cluster::new(3).await;
    cluster.start_all().await;
    cluster.until_formed().await;
    let before = cluster.state(2).cluster_id.clone();
    cluster.stop(1).await;
    cluster.wipe(1);
    cluster.start(1).await;
    cluster.elections(true);
    cluster.until("the wiped node is refused", |cluster| refused(cluster, 1).is_some()).await;
    assert_eq!(cluster.state(1).cluster_id, None);
    assert_eq!(cluster.state(2).cluster_id, before);
    let leader = cluster.until_leader().await;
    cluster.remember(leader, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s7_a_disk_wiped_halfway_through_the_formation_is_another_disk() {
    let mut cluster = Cluster::new(3).await;
    cluster.lines.lose_votes(true);
    cluster.start(1).await;
    cluster.start(2).await;
    let founding = |cluster: &Cluster, id| cluster.view(id).standing == Standing::Founding;
    cluster.until("both hold the founding record", |c| founding(c, 1) && founding(c, 2)).await;
    cluster.stop(2).await;
    cluster.wipe(2);
    cluster.start(2).await;
    cluster.lines.lose_votes(false);
    // The old disk might have voted already; the new one must not, though no cluster was formed yet.
    cluster.until("it has asked around", |cluster| cluster.lines.asked(2) > 8).await;
    assert!(matches!(cluster.view(2).standing, Standing::Waiting { .. }), "{:?}", cluster.view(2).standing);
    assert_eq!(cluster.view(2).term.0, 0);
    assert_eq!(cluster.state(1).cluster_id, None);
    assert!(!cluster.view(1).leads());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_formation_that_was_interrupted_goes_on_after_a_restart() {
    let mut cluster = Cluster::new(3).await;
    cluster.lines.lose_votes(true);
    cluster.start(1).await;
    cluster.start(2).await;
    let founding = |cluster: &Cluster, id| cluster.view(id).standing == Standing::Founding;
    cluster.until("both hold the founding record", |c| founding(c, 1) && founding(c, 2)).await;
    cluster.stop(1).await;
    cluster.stop(2).await;
    cluster.lines.lose_votes(false);
    cluster.start_all().await;
    cluster.until_formed().await;
    cluster.until("the third one is recorded", |cluster| cluster.state(1).members.len() == 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_another_cluster_node_disk_or_version_are_refused() {
    let (cluster, leader, other) = formed().await;
    let good = header_of(&cluster, other, leader);
    let wrong = [
        (
            PeerHeader { cluster_id: "elsewhere".to_owned(), ..good.clone() },
            "belongs to the cluster elsewhere",
        ),
        (PeerHeader { cluster_id: String::new(), ..good.clone() }, "belongs to the cluster"),
        (
            PeerHeader { cluster_name: "green".to_owned(), ..good.clone() },
            "cluster `green`, this node is of `test`",
        ),
        (PeerHeader { target: other, ..good.clone() }, "is for node"),
        (PeerHeader { incarnation: good.incarnation ^ 1, ..good.clone() }, "not the one recorded"),
        (PeerHeader { version: 7, ..good.clone() }, "protocol version 7"),
    ];
    let term = cluster.view(leader).term;
    for (header, words) in wrong {
        let refused = ask_for_vote(&cluster, other, leader, header).await.unwrap_err();
        assert!(matches!(&refused, WireError::Refused(reason) if reason.contains(words)), "{refused}");
    }
    ask_for_vote(&cluster, other, leader, good).await.unwrap();
    assert_eq!(cluster.view(leader).term, term, "the leader's lease holds against a lone candidate");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_another_cluster_does_not_know_is_refused() {
    let mut one = Cluster::new(1).await;
    one.start(1).await;
    one.until_formed().await;
    let mut mixed = Cluster::new(3).await;
    mixed.redirect(1, one.address(1));
    mixed.start(3).await;
    // Node 1 is another cluster's; it does not know node 3.
    mixed.until("it is refused", |cluster| refused(cluster, 3).is_some()).await;
    let reason = refused(&mixed, 3).unwrap();
    assert!(reason.contains("no member"), "{reason}");
    assert_eq!(mixed.state(3).cluster_id, None);
}
