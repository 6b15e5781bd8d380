//! Processes and hosts that end in good order.

use crate::cluster::{Cluster, ONE, Plan, TWO, WITNESS, has_alarm, route_of};
use arbiter_core::bad_days::bad_day;
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tokio::time::Instant;

/// A process that was told to end does so within this, or systemd and impatient people kill it.
const AT_MOST: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_ends_alone_moves_nothing_before_the_grace_has_run_out() {
    bad_day("gateway-node-upgraded");
    let mut cluster = Cluster::start(&Plan { unknown_grace: "4s", ..Plan::default() }).await;
    // It is silent from here on at the earliest, however long it takes to end.
    let (told, told_ms) = (Instant::now(), cluster.ec2.now_ms());
    cluster.signal(ONE, Signal::TERM);
    assert!(cluster.ended(ONE).await.success());
    assert!(told.elapsed() < AT_MOST, "{:?}", told.elapsed());
    let status = cluster
        .until_status(TWO, "the path of the silent node Unknown", |status| {
            has_alarm(status, "path-unknown", "private-1")
        })
        .await;
    let gateway = status.gateways.iter().find(|gateway| gateway.id == "strongswan-1").unwrap();
    assert_eq!(gateway.verdict(), arbiter_proto::v1::Verdict::Up, "its host answers: {:?}", gateway.reasons);
    assert_eq!(route_of(&status, "private-1").committed, "tunnel-1");
    assert_eq!(cluster.mutations(), [], "S4");
    // It stays away for longer than an upgrade may take.
    cluster.until_on(TWO, "private-1", "tunnel-2").await;
    let moved = cluster.mutations();
    assert_eq!(moved.len(), 1);
    assert!(moved[0].arrived_ms >= told_ms + 4_000, "S4: {} after {told_ms}", moved[0].arrived_ms);
    let history = cluster.history(WITNESS).await.unwrap();
    assert!(history.iter().any(|event| event.kind == "intended" && event.cause == "unknown-grace"));
    cluster.start_node(ONE);
    cluster.until_well().await;
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_ends_says_so_and_its_routes_leave_at_once() {
    let mut cluster = Cluster::start(&Plan::default()).await;
    // The host goes on answering for as long as it shuts down: only its own word can be the cause.
    cluster.signal(ONE, Signal::POWER);
    assert!(cluster.ended(ONE).await.success());
    cluster.until_on(TWO, "private-1", "tunnel-2").await;
    cluster.start_node(ONE);
    cluster.until_well().await;

    // SIGTERM means the same while systemd says that the system stops.
    let systemctl = cluster.folder().join("bin/systemctl");
    std::fs::write(&systemctl, "#!/bin/sh\necho stopping\n").unwrap();
    std::fs::set_permissions(&systemctl, std::fs::Permissions::from_mode(0o755)).unwrap();
    cluster.signal(TWO, Signal::TERM);
    assert!(cluster.ended(TWO).await.success());
    cluster.until_on(ONE, "private-2", "tunnel-1").await;
    std::fs::remove_file(systemctl).unwrap();
    cluster.start_node(TWO);
    cluster.until_well().await;
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_ends_hands_over_first() {
    let mut cluster = Cluster::start(&Plan { order: [ONE, TWO, WITNESS], ..Plan::default() }).await;
    let before = cluster.until_status(TWO, "the first leader", |status| status.leader == ONE.name()).await;
    let told = Instant::now();
    cluster.signal(ONE, Signal::TERM);
    assert!(cluster.ended(ONE).await.success());
    assert!(told.elapsed() < AT_MOST, "{:?}", told.elapsed());
    assert!(!cluster.log(ONE).contains("handed over;"), "it worked");
    let after = cluster
        .until_status(TWO, "another leader in office", |status| {
            status.leader != ONE.name() && status.epoch > before.epoch
        })
        .await;
    assert_eq!(after.leader, WITNESS.name(), "the witness is the preferred heir");
    cluster.start_node(ONE);
    cluster.until_well().await;
    // A follower that ends is quick.
    let told = Instant::now();
    cluster.signal(TWO, Signal::INT);
    assert!(cluster.ended(TWO).await.success());
    assert!(told.elapsed() < AT_MOST, "{:?}", told.elapsed());
    cluster.start_node(TWO);
    cluster.until_well().await;
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_dies_is_condemned_by_the_others_and_its_routes_leave() {
    let mut cluster = Cluster::start(&Plan::default()).await;
    cluster.kill(ONE).await;
    cluster.hosts[ONE.index()].fall_silent().await;
    let status = cluster.until_on(TWO, "private-1", "tunnel-2").await;
    assert!(has_alarm(&status, "gateway-down", "strongswan-1"), "{:?}", status.alarms);
    cluster.hosts[ONE.index()].answer();
    cluster.start_node(ONE);
    cluster.until_well().await;
    cluster.judge().await;
}
