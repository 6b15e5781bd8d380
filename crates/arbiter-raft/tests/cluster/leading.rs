//! Elections, proposals, catching up, handing over.

use crate::harness::{Cluster, remember};
use arbiter_core::command::Applied;
use arbiter_core::ids::NodeId;
use arbiter_raft::{LogBounds, NotConfirmed, ProposeError};
use std::time::Duration;

async fn formed(bounds: LogBounds) -> (Cluster, u64) {
    let mut cluster = Cluster::new(3).await;
    cluster.bounds = bounds;
    cluster.start_all().await;
    cluster.until_formed().await;
    let leader = cluster.until_leader().await;
    (cluster, leader)
}

fn others(leader: u64) -> [u64; 2] {
    let mut rest = [1, 2, 3].into_iter().filter(|id| *id != leader);
    [rest.next().unwrap(), rest.next().unwrap()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_survives_the_leader_and_a_restart() {
    let (mut cluster, leader) = formed(LogBounds::default()).await;
    let (at, applied) = cluster.remember(leader, 1).await.unwrap();
    assert_eq!(applied, Applied::Accepted);
    assert_eq!(at.node, NodeId(leader), "the entry names its leader");
    assert_eq!(at.term, cluster.view(leader).term);
    assert!(cluster.remembers(leader, 1), "who is answered finds it applied");

    cluster.stop(leader).await;
    cluster.elections(true);
    let next = cluster.until_leader().await;
    // It has the entry, or it would not lead; it applies it once it knows that it is committed.
    cluster.until("the next one remembers", |cluster| cluster.remembers(next, 1)).await;
    let (at, _) = cluster.remember(next, 2).await.unwrap();
    assert_eq!(at.node, NodeId(next));

    cluster.start(leader).await;
    cluster
        .until("it caught up", |cluster| cluster.remembers(leader, 1) && cluster.remembers(leader, 2))
        .await;
    let states: Vec<_> = (1..=3).map(|id| cluster.state(id)).collect();
    cluster
        .until("all agree", |cluster| {
            cluster.state(1) == cluster.state(2) && cluster.state(2) == cluster.state(3)
        })
        .await;
    assert_eq!(states[0].cluster_id, states[2].cluster_id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_proposes_nothing_and_names_the_leader() {
    let (cluster, leader) = formed(LogBounds::default()).await;
    let follower = others(leader)[0];
    cluster.until("it knows the leader", |cluster| cluster.view(follower).leader.is_some()).await;
    let error = cluster.remember(follower, 1).await.unwrap_err();
    assert_eq!(error, ProposeError::NotLeader { leader: Some(NodeId(leader)) });
    assert!(error.is_certainly_not_proposed());
    let error = cluster.node(follower).confirm_leadership(Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(error, NotConfirmed::NotLeader { leader: Some(NodeId(leader)) });
    let read = cluster.node(leader).confirm_leadership(Duration::from_secs(5)).await.unwrap();
    assert!(cluster.view(leader).applied >= read);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_does_not_know_what_becomes_of_its_proposal() {
    let (cluster, old) = formed(LogBounds::default()).await;
    cluster.lines.isolate(old, &[1, 2, 3]);
    let error = cluster.node(old).propose(remember(1), Duration::from_millis(700)).await.unwrap_err();
    assert!(matches!(error, ProposeError::Unknown(_)), "{error}");
    assert!(!error.is_certainly_not_proposed());
    let error = cluster.node(old).confirm_leadership(Duration::from_millis(700)).await.unwrap_err();
    assert!(matches!(error, NotConfirmed::NoQuorum(_)), "{error}");
    cluster
        .until("its last acknowledgement is old", |cluster| {
            cluster.view(old).millis_since_quorum_ack.is_some_and(|age| age > 500)
        })
        .await;

    cluster.elections(true);
    cluster
        .until("another one leads", |cluster| others(old).iter().any(|id| cluster.view(*id).leads()))
        .await;
    let new = others(old).into_iter().find(|id| cluster.view(*id).leads()).unwrap();
    cluster.remember(new, 2).await.unwrap();
    assert!(cluster.view(old).leads(), "it still says so: nobody told it");
    cluster.lines.heal();
    cluster.until("it follows", |cluster| !cluster.view(old).leads() && cluster.remembers(old, 2)).await;
    assert!(!cluster.remembers(old, 1), "what it could not commit gave way");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_missed_what_was_purged_gets_the_snapshot() {
    let (mut cluster, leader) = formed(LogBounds { snapshot_every: 20, keep: 5 }).await;
    let behind = others(leader)[1];
    cluster.stop(behind).await;
    for number in 1..=70 {
        cluster.remember(leader, number).await.unwrap();
    }
    cluster.until("the leader has a snapshot", |cluster| cluster.view(leader).snapshot.0 >= 40).await;
    cluster.start(behind).await;
    cluster.until("it caught up", |cluster| (1..=70).all(|number| cluster.remembers(behind, number))).await;
    assert!(cluster.view(behind).snapshot.0 >= 40, "by the snapshot, for the log was purged");
    cluster.until("they agree", |cluster| cluster.state(behind) == cluster.state(leader)).await;
    // The snapshot and the short log after it are what a start rebuilds the state from.
    cluster.stop(behind).await;
    cluster.start(behind).await;
    cluster.until("it is back", |cluster| cluster.state(behind) == cluster.state(leader)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_leadership_is_handed_to_a_named_node() {
    let (cluster, leader) = formed(LogBounds::default()).await;
    let [_, successor] = others(leader);
    let lease = Duration::from_millis(cluster.settings(1).timings.election_timeout_max_ms);
    cluster
        .until("it has caught up", |cluster| {
            cluster.view(leader).lag.get(&NodeId(successor)).copied().flatten() == Some(0)
        })
        .await;
    cluster.node(leader).handover_to(NodeId(successor), lease).await.unwrap();
    cluster.until("the successor leads", |cluster| cluster.leader() == Some(successor)).await;
    cluster.remember(successor, 1).await.unwrap();
    cluster.until("the old leader follows", |cluster| cluster.remembers(leader, 1)).await;
    let error = cluster.node(leader).handover_to(NodeId(successor), lease).await.unwrap_err();
    assert_eq!(error.to_string(), "this node does not lead");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handover_to_a_node_that_does_not_answer_leaves_the_leader_in_office() {
    let (mut cluster, leader) = formed(LogBounds::default()).await;
    let [_, gone] = others(leader);
    let lease = Duration::from_millis(cluster.settings(1).timings.election_timeout_max_ms);
    cluster
        .until("it has caught up", |cluster| {
            cluster.view(leader).lag.get(&NodeId(gone)).copied().flatten() == Some(0)
        })
        .await;
    cluster.stop(gone).await;
    cluster.node(leader).handover_to(NodeId(gone), lease).await.unwrap_err();
    assert!(cluster.view(leader).leads());
    cluster.remember(leader, 1).await.unwrap();
}
