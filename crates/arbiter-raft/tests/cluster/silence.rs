//! Nobody leads, and nobody is told to stand.

use crate::harness::Cluster;

async fn formed() -> (Cluster, u64) {
    let mut cluster = Cluster::new(3).await;
    cluster.start_all().await;
    cluster.until_formed().await;
    cluster.elections(false);
    let leader = cluster.until_leader().await;
    (cluster, leader)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_hear_no_leader_ask_each_other_and_elect_one() {
    let (mut cluster, leader) = formed().await;
    cluster.stop(leader).await;
    cluster.until("another one leads", |cluster| cluster.leader().is_some()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_alone_hears_no_leader_hears_of_one_and_does_not_stand() {
    let (cluster, leader) = formed().await;
    let follower = (1..=3).find(|id| *id != leader).unwrap();
    let term = cluster.view(leader).term;
    cluster.until("it follows", |cluster| cluster.view(follower).term == term).await;
    cluster.lines.isolate(follower, &[leader]);
    // Two others are asked each time, once it has been silent for long enough.
    let before = cluster.lines.asked(follower);
    cluster.until("it has asked twice", |cluster| cluster.lines.asked(follower) >= before + 4).await;
    assert_eq!(cluster.view(follower).term, term, "it stood although another one hears the leader");
    assert!(cluster.view(leader).leads());
}
