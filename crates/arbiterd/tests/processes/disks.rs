//! Lost disks.

use crate::cluster::{Cluster, ONE, Plan, TWO, WITNESS};
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;

const HINT: &str = "arbiterctl member replace strongswan-2";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s7_a_node_that_lost_its_disk_waits_until_it_is_readmitted() {
    let mut cluster = Cluster::start(&Plan::default()).await;
    cluster.kill(TWO).await;
    std::fs::remove_dir_all(cluster.data_dir(TWO)).unwrap();
    cluster.start_node(TWO);
    cluster.until_logged(TWO, HINT).await;
    let own = cluster
        .until("its own status says why", async |cluster| {
            let status = cluster.status(TWO, true).await.ok()?;
            status.answered.filter(|answered| answered.stale_because.contains(HINT))
        })
        .await;
    assert_eq!((own.by.as_str(), own.linearizable, own.applied), (TWO.name(), false, 0));
    let error = cluster.operate(TWO, Operation::Resume(v1::ResumeCluster {})).await.unwrap_err();
    assert!(error.code() == tonic::Code::Unavailable && error.message().contains(HINT), "{error}");

    // The others go on.
    let there = v1::Switchover { route: "private-1".to_owned(), path: "tunnel-2".to_owned() };
    cluster.accepted(ONE, Operation::Switchover(there)).await;
    let status = cluster.until_status(ONE, "one node not heard", |status| status.voters_heard == 2).await;
    assert!(status.next_failure.contains("stops all failover"), "{}", status.next_failure);

    let readmit = Operation::Readmit(v1::Readmit { node: TWO.name().to_owned() });
    cluster.accepted(WITNESS, readmit).await;
    cluster.until_on(TWO, "private-1", "tunnel-2").await;
    cluster.until_all_heard(TWO).await;
    let log = cluster.log(TWO);
    assert_eq!(log.matches(HINT).count(), 1, "said once, not every second");
    assert!(log.contains("admitted to the cluster"));
    cluster.until_logged(TWO, " ready ").await;
    cluster.judge().await;
}
