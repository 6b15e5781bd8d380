//! A cluster is formed once, whoever starts first.

use crate::harness::Cluster;
use arbiter_core::ids::{Incarnation, NodeId};
use arbiter_raft::{OpenError, RaftNode, Standing};
use std::collections::BTreeMap;

fn recorded(cluster: &Cluster, on: u64) -> BTreeMap<NodeId, Option<Incarnation>> {
    cluster.state(on).members.iter().map(|(id, member)| (*id, member.incarnation)).collect()
}

/// Every live node is a member of the same cluster, which has recorded exactly their disks.
async fn assert_formed_once(cluster: &Cluster) {
    cluster.until_formed().await;
    let shown: BTreeMap<NodeId, Option<Incarnation>> =
        cluster.live().into_iter().map(|id| (NodeId(id), Some(cluster.view(id).incarnation))).collect();
    cluster
        .until("everybody's disk is recorded everywhere", |cluster| {
            cluster.live().into_iter().all(|id| recorded(cluster, id) == shown)
        })
        .await;
    let ids: Vec<_> = cluster.live().into_iter().map(|id| cluster.state(id).cluster_id.clone()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
    let first = cluster.live()[0];
    assert_eq!(cluster.state(first).policy.cluster, "test", "the seed policy is in force");
    assert_eq!(cluster.state(first).policy_version.0, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_form_a_cluster_by_themselves() {
    let mut cluster = Cluster::new(3).await;
    cluster.start_all().await;
    assert_formed_once(&cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_configured_node_may_start_last() {
    let mut cluster = Cluster::new(3).await;
    cluster.start(2).await;
    cluster.start(3).await;
    cluster
        .until("both have asked around", |cluster| cluster.lines.asked(2) > 4 && cluster.lines.asked(3) > 4)
        .await;
    for id in [2, 3] {
        assert_eq!(cluster.view(id).standing, Standing::Waiting { reached: 2, needed: 2 });
        assert_eq!(cluster.state(id).cluster_id, None, "only the first configured node forms a cluster");
    }
    cluster.start(1).await;
    assert_formed_once(&cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minority_forms_nothing_a_majority_does_and_the_last_one_joins() {
    let mut cluster = Cluster::new(3).await;
    cluster.start(1).await;
    cluster.until("it has asked around", |cluster| cluster.lines.asked(1) > 4).await;
    assert_eq!(cluster.view(1).standing, Standing::Waiting { reached: 1, needed: 2 });
    cluster.start(2).await;
    assert_formed_once(&cluster).await;
    assert_eq!(cluster.state(1).members.len(), 2);
    cluster.start(3).await;
    assert_formed_once(&cluster).await;
    assert_eq!(cluster.state(1).members.len(), 3);
    let voters = cluster.view(3).voters;
    assert_eq!(voters.len(), 3, "all configured members vote: {voters:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_formed_cluster_starts_again_as_the_same() {
    let mut cluster = Cluster::new(3).await;
    cluster.start_all().await;
    cluster.until_formed().await;
    let before = cluster.state(1).cluster_id.clone();
    for id in [1, 2, 3] {
        cluster.stop(id).await;
    }
    cluster.start_all().await;
    cluster.elections(true);
    cluster.until_leader().await;
    cluster.until_formed().await;
    assert!((1..=3).all(|id| cluster.state(id).cluster_id == before));
    assert_eq!(cluster.state(2).members.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_another_node_or_in_use_is_refused() {
    let mut cluster = Cluster::new(3).await;
    cluster.start(1).await;
    let mut stranger = cluster.settings(2);
    stranger.data_dir = cluster.data_dir(1);
    let error = RaftNode::open(stranger.clone()).await.err().unwrap();
    assert!(matches!(&error, OpenError::Folder(_)) && error.to_string().contains("in use"), "{error}");
    cluster.stop(1).await;
    let error = RaftNode::open(stranger.clone()).await.err().unwrap();
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("belongs to node 1, this is node 2"), "{why}");
    stranger.node = NodeId(9);
    let error = RaftNode::open(stranger).await.err().unwrap();
    assert!(matches!(error, OpenError::NotConfigured(NodeId(9))), "{error}");
}
