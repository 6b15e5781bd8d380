//! Data folders that can't be used.

use crate::cluster::{Cluster, ONE, Plan, TWO, last_words, output, without};
use arbiter_core::bad_days::bad_day;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use std::os::unix::fs::PermissionsExt;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_folder_that_cannot_be_opened_is_named_with_the_systems_words() {
    bad_day("data-folder-unreadable");
    let cluster = Cluster::prepare(&Plan::default()).await;
    let says = |what: &str, words: &str| {
        format!(
            "node strongswan-1 can't start: the data folder {} can't be opened: check that it exists, its owner and its \
             free space: {words}",
            cluster.folder().join(what).display()
        )
    };
    // Below a file there is no folder, for root neither.
    std::fs::write(cluster.folder().join("file"), "").unwrap();
    let below = cluster
        .changed(ONE, |text| text.replace("data_dir = \"strongswan-1\"", "data_dir = \"file/strongswan-1\""));
    let (code, text) = output(below).await;
    let expected = says("file/strongswan-1", "Not a directory (os error 20)");
    assert_eq!((code, last_words(&text)), (Some(1), &*expected));

    // Somebody else's, as far as this process may know.
    let folder = cluster.data_dir(ONE);
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o000)).unwrap();
    let (code, text) = output(without("dac_override", &cluster.command(ONE))).await;
    let expected = says("strongswan-1/lock", "Permission denied (os error 13)");
    assert_eq!((code, last_words(&text)), (Some(1), &*expected));
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing was touched");
}

async fn waits_for_one_more(cluster: &mut Cluster) {
    let because = "the cluster is not formed: 1 of the 2 nodes that it takes are here";
    cluster
        .until(because, async |cluster| {
            let status = cluster.status(ONE, true).await.ok()?;
            (status.answered?.stale_because == because).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_folder_serves_only_its_own_node_and_cluster() {
    bad_day("data-folder-foreign");
    let mut cluster = Cluster::prepare(&Plan::default()).await;
    cluster.start_node(ONE);
    cluster.until_logged(ONE, "started").await;
    // Alone, it waits, and says for whom.
    waits_for_one_more(&mut cluster).await;
    let error = cluster.operate(ONE, Operation::Resume(v1::ResumeCluster {})).await.unwrap_err();
    assert!(error.code() == tonic::Code::Unavailable && error.message().contains("not formed"), "{error}");
    let second = cluster.changed(ONE, |text| {
        text.replace(
            &cluster.addresses.nodes[ONE.index()].to_string(),
            &cluster.addresses.nodes[TWO.index()].to_string().replace(":7400", ":7401"),
        )
    });
    let folder = cluster.data_dir(ONE).display().to_string();
    let says = format!(
        "node strongswan-1 can't start: the data folder {folder} is in use by another process: stop the other `arbiterd` \
         (`fuser {folder}/lock` names it), or configure another folder"
    );
    let (code, text) = output(second).await;
    assert_eq!((code, last_words(&text)), (Some(1), &*says));
    cluster.kill(ONE).await;

    let other =
        cluster.changed(ONE, |text| text.replace("cluster.name = \"test\"", "cluster.name = \"other\""));
    let says = format!(
        "node strongswan-1 can't start: the data folder {folder} can't be used: it belongs to the cluster `test`, the \
         configuration says `other`: correct the cluster's name or the folder's path"
    );
    let (code, text) = output(other).await;
    assert_eq!((code, last_words(&text)), (Some(1), &*says));

    let swapped = cluster.changed(TWO, |text| {
        text.replace("data_dir = \"strongswan-1\"", "data_dir = \"x\"")
            .replace("data_dir = \"strongswan-2\"", "data_dir = \"strongswan-1\"")
    });
    let says = format!(
        "node strongswan-2 can't start: the data folder {folder} can't be used: it belongs to node 1, this is node 2: \
         correct `--node` or the folder's path; never copy a data folder from node to node"
    );
    let (code, text) = output(swapped).await;
    assert_eq!((code, last_words(&text)), (Some(1), &*says));

    // It was left as it is: its own node finds everything as before.
    cluster.start_node(ONE);
    cluster
        .until("the second start", async |cluster| {
            (cluster.log(ONE).matches(" started ").count() == 2).then_some(())
        })
        .await;
    waits_for_one_more(&mut cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_data_folder_is_refused_and_the_way_back_leads_back() {
    bad_day("corrupted-store");
    let mut cluster = Cluster::start(&Plan::default()).await;
    cluster.kill(TWO).await;
    // What was written last, and is not looked at before it is needed: sled would go on without it.
    let folder = cluster.data_dir(TWO);
    let db = folder.join("store/db");
    let mut bytes = std::fs::read(&db).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[used / 2..used].fill(0);
    std::fs::write(&db, bytes).unwrap();
    let (code, text) = output(cluster.command(TWO)).await;
    let (start, end) = (
        format!("node strongswan-2 can't start: the data folder {} is damaged (", folder.display()),
        "): stop the node, move the folder away, start with an empty one, and admit the new disk with `arbiterctl member \
         replace NAME` from another node",
    );
    let says = last_words(&text);
    assert!(code == Some(1) && says.starts_with(&start) && says.ends_with(end), "{text}");
    assert!(!text.contains("panicked"), "{text}");

    std::fs::rename(&folder, cluster.folder().join("away")).unwrap();
    cluster.start_node(TWO);
    cluster.until_logged(TWO, "arbiterctl member replace strongswan-2").await;
    cluster.accepted(ONE, Operation::Readmit(v1::Readmit { node: TWO.name().to_owned() })).await;
    cluster.until_well().await;
    cluster.judge().await;
}
