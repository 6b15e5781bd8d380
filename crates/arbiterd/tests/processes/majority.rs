//! Two of three gone.

use crate::cluster::{Cluster, Member, ONE, Plan, TWO, WITNESS, has_alarm};
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use std::time::Duration;
use tokio::time::Instant;
use tonic::Code;

/// Whoever asks a node without a majority is told so within this.
const SOON: Duration = Duration::from_secs(5);

/// A cluster of which only ONE is left.
async fn only_one_left(order: [Member; 3]) -> Cluster {
    let mut cluster = Cluster::start(&Plan { order, ..Plan::default() }).await;
    cluster.kill(TWO).await;
    cluster.kill(WITNESS).await;
    let own = cluster.status(ONE, true).await.unwrap().answered.unwrap();
    assert_eq!((own.by.as_str(), own.linearizable), (ONE.name(), false));
    cluster
}

/// ONE answers, says what its answer is worth, and does nothing.
async fn says_so_and_does_nothing(cluster: &mut Cluster) {
    let seen = cluster
        .until("the loss of the majority noticed", async |cluster| {
            let asked = Instant::now();
            let status = cluster.status(ONE, false).await.ok()?;
            assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
            let alone = !status.answered.as_ref()?.linearizable && status.voters_heard == 1;
            (alone && has_alarm(&status, "no-leader", "test")).then_some(status)
        })
        .await;
    let because = seen.answered.unwrap().stale_because;
    assert!(["majority", "leader"].iter().any(|word| because.contains(word)), "{because}");
    assert!(seen.next_failure.contains("no quorum"), "{}", seen.next_failure);
    for _ in 0..3 {
        let asked = Instant::now();
        let pause = v1::PauseCluster { reason: "nobody hears it".to_owned(), for_ms: None };
        let error = cluster.operate(ONE, Operation::Pause(pause)).await.unwrap_err();
        assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
        assert_eq!(error.code(), Code::Unavailable, "{error}");
        assert!(["majority", "leader"].iter().any(|word| error.message().contains(word)), "{error}");
    }
}

/// TWO comes back: a majority again, and it acts.
async fn comes_back(cluster: &mut Cluster) {
    cluster.start_node(TWO);
    let heard = |status: &v1::StatusReply| status.voters_heard == 2;
    let status = cluster.until_status(ONE, "a leader again", heard).await;
    assert_eq!(status.pause, None, "what was refused was not done");
    cluster.tunnels[ONE.index()].fall_silent().await;
    cluster.until_on(TWO, "private-1", "tunnel-2").await;
    cluster.start_node(WITNESS);
    cluster.until_all_heard(ONE).await;
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_without_a_majority_says_so_and_does_nothing() {
    let mut cluster = only_one_left([WITNESS, ONE, TWO]).await;
    says_so_and_does_nothing(&mut cluster).await;
    comes_back(&mut cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_without_a_majority_says_so_and_does_nothing_even_after_a_restart() {
    let mut cluster = only_one_left([ONE, TWO, WITNESS]).await;
    says_so_and_does_nothing(&mut cluster).await;
    // Raft lets it go on as the leader that it was.
    cluster.kill(ONE).await;
    cluster.start_node(ONE);
    says_so_and_does_nothing(&mut cluster).await;
    assert_eq!(cluster.log(ONE).matches(" ready ").count(), 1, "it was before, and is not now");
    comes_back(&mut cluster).await;
    cluster
        .until("ready again", async |cluster| {
            (cluster.log(ONE).matches(" ready ").count() == 2).then_some(())
        })
        .await;
}
