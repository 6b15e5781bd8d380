//! A disk without room.

use crate::cluster::{Cluster, ONE, PATIENCE, Plan, SmallDisk, TWO, WITNESS};
use arbiter_core::bad_days::bad_day;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_disk_is_full_ends_the_others_go_on_and_with_room_it_comes_back() {
    bad_day("full-disk");
    let mut cluster = Cluster::prepare(&Plan::default()).await;
    let Some(disk) = SmallDisk::over(&cluster.data_dir(WITNESS)).await else { return };
    cluster.start_on(WITNESS, &disk);
    cluster.start_node(ONE);
    cluster.start_node(TWO);
    let first = cluster.until_well().await;
    assert_eq!(first.leader, WITNESS.name());

    disk.fill();
    // Something to write, which a majority without the leader's disk may still commit: accepted, or not known.
    let there = v1::Switchover { route: "private-1".to_owned(), path: "tunnel-2".to_owned() };
    let answer = cluster.operate(WITNESS, Operation::Switchover(there.clone())).await;
    assert_eq!(cluster.ended(WITNESS).await.code(), Some(1), "{answer:?}");
    let folder = cluster.data_dir(WITNESS);
    let last = cluster.log(WITNESS).lines().last().unwrap_or_default().to_owned();
    let says = format!(
        "ERROR arbiterd: this node ends, since it could no longer keep what it promises: the data folder {} has failed: \
         it can't be ",
        folder.display()
    );
    let remedy = "; make room on its file system, and start the node again, unless systemd does";
    assert!(last.contains(&says) && last.ends_with(remedy), "{last}");
    assert!(
        ["No space left on device", "no storage space"].iter().any(|words| last.contains(words)),
        "{last}"
    );

    // The others go on, and do what was asked for.
    let in_office = |led: &v1::StatusReply| led.leader != WITNESS.name() && led.epoch > first.epoch;
    cluster.until_status(ONE, "another leader in office", in_office).await;
    cluster.accepted(ONE, Operation::Switchover(there)).await;
    cluster.until_on(TWO, "private-1", "tunnel-2").await;

    // Started again without room, as systemd does every two seconds, it says the same and spoils nothing.
    let ended = tokio::time::timeout(PATIENCE, disk.on(&cluster.command(WITNESS)).output()).await;
    let ended = ended.expect("it ends").unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    let says = format!("node witness can't start: the data folder {}", folder.display());
    assert!(said.contains(&says) && said.contains("free space: No space left on device"), "{said}");

    disk.free();
    cluster.start_on(WITNESS, &disk);
    cluster.until_all_heard(WITNESS).await;
    cluster.judge().await;
}
