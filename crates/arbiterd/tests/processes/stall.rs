//! A leader that stands still and wakes up.

use crate::cluster::{Cluster, ONE, Plan, TWO, WITNESS};
use arbiter_core::bad_days::bad_day;
use rustix::process::Signal;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_a_leader_that_wakes_up_after_another_was_elected_has_no_second_hand_on_the_table() {
    bad_day("leader-halted-past-the-window");
    let mut cluster = Cluster::start(&Plan::default()).await;
    assert_eq!(cluster.leader().await, WITNESS);
    // It is stopped when it has most reason to act: it has just found a tunnel Down.
    cluster.tunnels[0].fall_silent().await;
    cluster.signal(WITNESS, Signal::STOP);
    let status = cluster
        .until_status(ONE, "another leader", |status| status.leader != WITNESS.name() && status.epoch > 0)
        .await;
    cluster.until_on(ONE, "private-1", "tunnel-2").await;
    // The world turns while it sleeps: what it knew is wrong now, and what it may still want to do as well.
    cluster.tunnels[0].answer();
    cluster
        .until_status(TWO, "the route home again", |status| {
            status.routes.iter().all(|route| route.committed == route.home && route.right)
        })
        .await;
    let before = cluster.mutations().len();
    cluster.signal(WITNESS, Signal::CONT);
    cluster
        .until("the old leader follows", async |cluster| {
            let own = cluster.status(WITNESS, true).await.ok()?;
            (own.leader != WITNESS.name() && !own.leader.is_empty() && own.epoch >= status.epoch)
                .then_some(())
        })
        .await;
    cluster.until_well().await;
    for call in &cluster.mutations()[before..] {
        assert!(call.caller.as_deref() != Some(&*WITNESS.access_key()), "S1: {call:?}");
    }
    assert!(cluster.log(WITNESS).contains("stood still"), "it noticed");
    cluster.judge().await;
}
