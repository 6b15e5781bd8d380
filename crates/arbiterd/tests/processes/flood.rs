//! A client floods the leader, with a viewer's certificate and without any, while a tunnel is cut and a node comes back.

use crate::cluster::{Cluster, ONE, PATIENCE, Plan, TWO, WITNESS};
use crate::flooding::{Flood, Seen};
use arbiter_core::bad_days::bad_day;
use arbiter_core::ids::NodeId;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// A flood that does nothing is no flood: so much has come before anything is asked of the cluster.
fn is_under_way(seen: &Seen) -> bool {
    let has = |what: &std::sync::atomic::AtomicU64, least| what.load(Ordering::Relaxed) >= least;
    has(&seen.strangers, 1_000)
        && has(&seen.answered, 100)
        && has(&seen.refused, 500)
        && has(&seen.untaken, 8)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_one_client_delays_no_failover_no_heartbeat_and_no_node_that_comes_back() {
    bad_day("flood");
    let mut cluster = Cluster::start(&Plan { tls: true, ..Plan::default() }).await;
    let before = cluster.until_well().await;
    let quiet = failover(&mut cluster).await;
    let leader = cluster.addresses.nodes[WITNESS.index()];
    let vera = cluster.pki.as_ref().unwrap().person("arbiter://test/viewer/vera");
    let flood = Flood::begin(leader, NodeId(WITNESS.number().into()), vera);
    let under_way = async |_: &mut Cluster| is_under_way(&flood.seen).then_some(());
    cluster.until("the flood under way, and refused", under_way).await;

    let flooded = failover(&mut cluster).await;
    // Operators get their turn.
    let pause = Operation::Pause(v1::PauseCluster { reason: "a flood".to_owned(), for_ms: None });
    cluster.accepted(WITNESS, pause).await;
    cluster.accepted(TWO, Operation::Resume(v1::ResumeCluster {})).await;
    // A node makes all its connections anew.
    cluster.kill(TWO).await;
    cluster.start_node(TWO);
    let after = cluster.until_well().await;
    assert_eq!((after.leader, after.term, after.epoch), (before.leader, before.term, before.epoch));
    eprintln!("a failover took {quiet:?}, flooded {flooded:?}: {:?}", flood.seen);
    drop(flood);
    for words in ["calls are refused: they are too many", "a connection is refused"] {
        assert!(cluster.log(WITNESS).contains(words), "{words}");
    }
    cluster.judge().await;
}

/// Cuts a tunnel until its route has moved; how long that took. Then all is well again.
async fn failover(cluster: &mut Cluster) -> Duration {
    cluster.tunnels[ONE.index()].fall_silent().await;
    let began = Instant::now();
    let moved = cluster.mutations().len();
    let deadline = began + PATIENCE;
    while cluster.mutations().len() == moved {
        assert!(Instant::now() < deadline, "the route does not move");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = began.elapsed();
    cluster.until_on(TWO, "private-1", "tunnel-2").await;
    cluster.tunnels[ONE.index()].answer();
    cluster.until_well().await;
    took
}
