//! Disks that fail to sync, become read-only, or take seconds.

use crate::cluster::{
    ALL, Cluster, IllDisk, Illness, Member, ONE, Plan, SmallDisk, TWO, WITNESS, has_alarm, output,
};
use arbiter_core::bad_days::bad_day;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use std::time::Duration;

/// Longer than a leader may be silent, however patient its peers are.
const SECONDS: Illness = Illness::Slow(Duration::from_secs(3));

fn switchover(path: &str) -> Operation {
    Operation::Switchover(v1::Switchover { route: "private-1".to_owned(), path: path.to_owned() })
}

/// It has ended by itself, and its last words say what the kernel said of which folder, and what to do. sled tells the kernel's
/// words or their kind.
async fn ended_because(cluster: &mut Cluster, member: Member, kernel: [&str; 2]) {
    assert_eq!(cluster.ended(member).await.code(), Some(1));
    let last = cluster.log(member).lines().last().unwrap_or_default().to_owned();
    let folder = cluster.data_dir(member);
    let says = format!(
        "ERROR arbiterd: this node ends, since it could no longer keep what it promises: the data folder {} has failed: \
         it can't be ",
        folder.display()
    );
    let remedy =
        "look for what the kernel says of the disk (`dmesg`), and start the node again, unless systemd does";
    assert!(last.contains(&says) && last.ends_with(remedy), "{last}");
    assert!(kernel.iter().any(|words| last.contains(words)), "{last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_disk_fails_to_sync_ends_and_the_others_go_on() {
    bad_day("failing-sync");
    let mut cluster = Cluster::start(&Plan::default()).await;
    let first = cluster.until_well().await;
    assert_eq!(first.leader, WITNESS.name());
    let Some(ill) = IllDisk::of(cluster.pid(WITNESS), Illness::SyncFails).await else { return };
    // Something to write: accepted by the others, or not known.
    let answer = cluster.operate(WITNESS, switchover("tunnel-2")).await;
    println!("{answer:?}");
    ended_because(&mut cluster, WITNESS, ["Input/output error", "an error of the device"]).await;
    drop(ill);

    let in_office = |led: &v1::StatusReply| led.leader != WITNESS.name() && led.epoch > first.epoch;
    cluster.until_status(ONE, "another leader in office", in_office).await;
    cluster.accepted(ONE, switchover("tunnel-2")).await;
    cluster.until_on(TWO, "private-1", "tunnel-2").await;
    // As systemd starts it.
    cluster.start_node(WITNESS);
    cluster.until_all_heard(WITNESS).await;
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_whose_disk_becomes_read_only_ends_and_with_a_disk_it_comes_back() {
    bad_day("read-only-disk");
    let mut cluster = Cluster::prepare(&Plan::default()).await;
    let Some(disk) = SmallDisk::over(&cluster.data_dir(TWO)).await else { return };
    cluster.start_node(WITNESS);
    cluster.start_node(ONE);
    cluster.start_on(TWO, &disk);
    let first = cluster.until_well().await;
    assert_eq!(first.leader, WITNESS.name());
    let Some(ill) = IllDisk::of(cluster.pid(TWO), Illness::ReadOnly).await else { return };
    cluster.accepted(WITNESS, switchover("tunnel-2")).await;
    ended_because(&mut cluster, TWO, ["Read-only file system", "read-only filesystem"]).await;
    drop(ill);
    disk.remount("ro").await;

    // Nobody was elected, and nothing waited.
    let status = cluster.until_on(ONE, "private-1", "tunnel-2").await;
    assert_eq!((status.leader.as_str(), status.epoch), (WITNESS.name(), first.epoch));

    let (code, said) = output(disk.on(&cluster.command(TWO))).await;
    let folder = cluster.data_dir(TWO);
    assert_eq!(code, Some(1), "{said}");
    let says = format!("node strongswan-2 can't start: the data folder {}", folder.display());
    assert!(said.contains(&says) && said.contains("Read-only file system"), "{said}");

    disk.remount("rw").await;
    cluster.start_on(TWO, &disk);
    cluster.until_all_heard(TWO).await;
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_disk_takes_seconds_gives_the_leadership_up_until_it_is_quick_again() {
    bad_day("slow-disk");
    let mut cluster = Cluster::start(&Plan::default()).await;
    let first = cluster.until_well().await;
    assert_eq!(first.leader, WITNESS.name());
    let Some(ill) = IllDisk::of(cluster.pid(WITNESS), SECONDS).await else { return };
    // Something to write: done, or not known.
    let answer = cluster.operate(WITNESS, switchover("tunnel-2")).await;
    println!("{answer:?}");
    let given_up = |status: &v1::StatusReply| {
        status.leader != WITNESS.name()
            && status.epoch > first.epoch
            && has_alarm(status, "disk-slow", WITNESS.name())
    };
    let second = cluster.until_status(ONE, "another leader, and whose disk is slow", given_up).await;
    assert!(!has_alarm(&second, "disk-slow", ONE.name()) && !has_alarm(&second, "disk-slow", TWO.name()));

    // The others fail over as ever, and the witness does not come between.
    cluster.tunnels[1].fall_silent().await;
    let moved = cluster.until_on(ONE, "private-2", "tunnel-1").await;
    assert_ne!(moved.leader, WITNESS.name());
    cluster.tunnels[1].answer();

    ill.heal().await;
    for member in ALL {
        cluster
            .until_status(member, "three nodes with quick disks", |status| {
                status.voters_heard == 3 && !has_alarm(status, "disk-slow", WITNESS.name())
            })
            .await;
    }
    cluster.until_well().await;
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_whose_disk_takes_seconds_holds_nobody_up() {
    bad_day("slow-disk");
    let mut cluster = Cluster::start(&Plan::default()).await;
    let first = cluster.until_well().await;
    let Some(ill) = IllDisk::of(cluster.pid(TWO), SECONDS).await else { return };
    cluster.accepted(WITNESS, switchover("tunnel-2")).await;
    cluster.until_on(ONE, "private-1", "tunnel-2").await;
    cluster.tunnels[1].fall_silent().await;
    let slow = |status: &v1::StatusReply| {
        let moved = |route: &v1::RouteStatus| route.committed == "tunnel-1";
        status.routes.iter().all(moved) && has_alarm(status, "disk-slow", TWO.name())
    };
    let status = cluster.until_status(ONE, "both routes moved, and whose disk is slow", slow).await;
    assert_eq!((&status.leader, status.epoch), (&first.leader, first.epoch), "nobody was elected");
    cluster.tunnels[1].answer();
    ill.heal().await;
    cluster
        .until_status(TWO, "three nodes with quick disks", |status| {
            !has_alarm(status, "disk-slow", TWO.name())
        })
        .await;
    cluster.until_well().await;
    cluster.judge().await;
}
