//! A client floods the leader, with a viewer's certificate and without any, while a tunnel is cut and a node comes back.

use crate::cluster::{Cluster, ONE, PATIENCE, Plan, TWO, WITNESS};
use arbiter_core::bad_days::bad_day;
use arbiter_core::ids::NodeId;
use arbiter_lab::flood::{Flood, Open};
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use arbiter_tls::{Credentials, Line, Meant};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tonic::transport::Endpoint;

/// The client's connections, with a viewer's certificate.
fn open(credentials: Credentials) -> Arc<Open> {
    Arc::new(move |address, window| {
        let credentials = credentials.clone();
        Box::pin(async move {
            let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(io::Error::other)?;
            let meant = Meant { cluster: "test".to_owned(), node: Some(NodeId(WITNESS.number().into())) };
            let endpoint = endpoint.initial_stream_window_size(window);
            let line = Line::new(endpoint, Duration::from_secs(5), Some(&credentials), meant);
            line.connect().await.map_err(io::Error::other)
        })
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_one_client_delays_no_failover_no_heartbeat_and_no_node_that_comes_back() {
    bad_day("flood");
    let mut cluster = Cluster::start(&Plan { tls: true, ..Plan::default() }).await;
    let before = cluster.until_well().await;
    let quiet = failover(&mut cluster).await;
    let leader = cluster.addresses.nodes[WITNESS.index()];
    let vera = cluster.pki.as_ref().unwrap().person("arbiter://test/viewer/vera");
    let flood = Flood::begin(leader, open(vera)).unwrap();
    let under_way = async |_: &mut Cluster| flood.is_under_way().then_some(());
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
    eprintln!("a failover took {quiet:?}, flooded {flooded:?}: {:?}", flood.seen());
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
