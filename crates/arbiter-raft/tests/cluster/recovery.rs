//! The majority is lost for good: what the survivor and those who were left behind do afterwards.

use crate::harness::{Cluster, DEADLINE, ask_for_vote, header_of};
use arbiter_core::ids::{LogIndex, NodeId};
use arbiter_core::rules::proves;
use arbiter_core::state::{Entry, Event};
use arbiter_raft::network::WireError;
use arbiter_raft::recovery::{Decision, Survivor};
use arbiter_raft::store::SledStore;
use arbiter_raft::{MemberError, ProposeError, Standing};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Recovers a node that is stopped.
fn recover(cluster: &Cluster, id: u64) {
    let store = SledStore::open(&cluster.data_dir(id)).unwrap();
    let survivor = Survivor::examine(&store, NodeId(id), "test").unwrap();
    let decision = Decision::draw("anna", &cluster.address(id)).unwrap();
    survivor.recover(&store, &decision).unwrap();
}

/// Three nodes that have agreed on something; node 1 is recovered alone. Also how long each log was.
async fn recovered() -> (Cluster, BTreeMap<u64, LogIndex>) {
    let mut cluster = Cluster::new(3).await;
    cluster.start_all().await;
    cluster.until_formed().await;
    let leader = cluster.until_leader().await;
    let (at, _) = cluster.remember(leader, 1).await.unwrap();
    let have_it = |cluster: &Cluster| (1..=3).all(|id| cluster.view(id).last_log >= at.index);
    cluster.until("all have it", have_it).await;
    let logs = (1..=3).map(|id| (id, cluster.view(id).last_log)).collect();
    for id in 1..=3 {
        cluster.stop(id).await;
    }
    recover(&cluster, 1);
    (cluster, logs)
}

fn reason(cluster: &Cluster, id: u64) -> String {
    match cluster.view(id).standing {
        Standing::Refused { reason } => reason,
        other => format!("{other:?}"),
    }
}

fn left_behind(cluster: &Cluster, id: u64) -> bool {
    reason(cluster, id).contains("was recovered without")
}

async fn asks_for_vote(cluster: &Cluster, from: u64, to: u64) -> String {
    match ask_for_vote(cluster, from, to, header_of(cluster, from, to)).await {
        Err(WireError::Refused(reason)) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_survivor_goes_on_alone_with_what_was_agreed_and_grows_again() {
    proves("recovery.new-cluster");
    let (mut cluster, _) = recovered().await;
    cluster.start(1).await;
    assert_eq!(cluster.until_leader().await, 1);
    let agreed = |entry: &Arc<Entry>| matches!(entry.event, Event::Admitted { node: NodeId(1_001), .. });
    assert!(cluster.state(1).history.iter().any(agreed), "what was agreed is still there");
    assert_eq!(cluster.state(1).members.keys().copied().collect::<Vec<_>>(), [NodeId(1)]);
    cluster.remember(1, 2).await.unwrap();
    cluster.node(1).confirm_leadership(DEADLINE).await.unwrap();
    // Also after a restart.
    cluster.stop(1).await;
    cluster.start(1).await;
    cluster.until_leader().await;
    cluster.until("it has it", |cluster| cluster.remembers(1, 2)).await;

    // The others come back under their old ids, on empty disks.
    for id in [2, 3] {
        cluster.wipe(id);
        let address = cluster.address(id);
        cluster.node(1).add_learner(NodeId(id), &address, "anna").await.unwrap();
        cluster.start(id).await;
        cluster.until("it is admitted", |cluster| cluster.is_member(id) && cluster.remembers(id, 2)).await;
        let promoted = async {
            while let Err(error) = cluster.node(1).promote(NodeId(id), "anna").await {
                let waits = matches!(error, MemberError::Behind { .. } | MemberError::Silent(_));
                assert!(waits || matches!(error, MemberError::NoDisk(_)), "{error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(DEADLINE, promoted).await.expect("it is promoted");
    }
    cluster.until("three vote", |cluster| cluster.view(3).voters.len() == 3).await;
    // They are a majority without the survivor.
    cluster.stop(1).await;
    cluster.elections(true);
    cluster.until("another leads", |cluster| cluster.leader().is_some()).await;
    let leader = cluster.leader().unwrap();
    cluster.remember(leader, 3).await.unwrap();
    assert!(cluster.state(leader).predecessors.len() == 1, "each of them knows which cluster it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s7_those_left_behind_are_refused_both_ways_and_stand_still_though_they_are_a_majority() {
    proves("recovery.left-behind-stand-still");
    let (mut cluster, logs) = recovered().await;
    for id in 1..=3 {
        cluster.start(id).await;
    }
    cluster.elections(true);
    cluster.until("both stand still", |cluster| left_behind(cluster, 2) && left_behind(cluster, 3)).await;
    for ghost in [2, 3] {
        let said = reason(&cluster, ghost);
        let new = cluster.state(1).cluster_id.clone().unwrap().0;
        assert!(said.contains(&new) && said.contains(&format!("member add node-{ghost}")), "{said}");
        let refused = asks_for_vote(&cluster, ghost, 1).await;
        assert!(refused.contains("still belongs to the cluster"), "{refused}");
        let refused = asks_for_vote(&cluster, 1, ghost).await;
        assert!(refused.contains("belongs to the cluster"), "{refused}");
        assert!(!cluster.view(ghost).leads(), "not even one that led before");
        assert_eq!(cluster.view(ghost).last_log, logs[&ghost], "nobody was elected first");
        let proposed = cluster.remember(ghost, 9).await.unwrap_err();
        assert!(matches!(proposed, ProposeError::NotLeader { leader: None }), "{proposed}");
    }
    cluster.remember(1, 2).await.unwrap();

    // They remember it where nobody is left whom they could ask.
    for id in 1..=3 {
        cluster.stop(id).await;
    }
    for ghost in [2, 3] {
        cluster.start(ghost).await;
    }
    cluster.elections(true);
    cluster.until("both stand still", |cluster| left_behind(cluster, 2) && left_behind(cluster, 3)).await;
    assert!(asks_for_vote(&cluster, 2, 3).await.contains("was recovered without it"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_left_behind_that_led_already_stand_still_when_they_hear_of_it() {
    proves("recovery.left-behind-stand-still");
    let (mut cluster, _) = recovered().await;
    for ghost in [2, 3] {
        cluster.start(ghost).await;
    }
    cluster.elections(true);
    // Nobody is there who could tell them: a majority of the old cluster goes on.
    cluster.until_leader().await;
    cluster.start(1).await;
    cluster.until("both stand still", |cluster| left_behind(cluster, 2) && left_behind(cluster, 3)).await;
    cluster.until("the survivor leads", |cluster| cluster.view(1).leads()).await;
    cluster.remember(1, 2).await.unwrap();
}
