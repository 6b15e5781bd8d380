//! Data folders of released versions: today's program opens them, finds in them what was in them, and goes on.

use crate::contents::{CLUSTER, NODE, Opened, in_lines, lacking};
use crate::folder::{pack, unpack};
use crate::script::{self, IN_SNAPSHOT, PURGED};
use crate::{wire, words};
use arbiter_core::ids::{ClusterId, Incarnation, NodeId};
use arbiter_core::time::UnixMs;
use arbiter_raft::disk::Disk;
use arbiter_raft::identity::Identity;
use arbiter_raft::recovery::{Decision, Survivor};
use arbiter_raft::store::{Batch, SledStore, Store};
use arbiter_raft::types::{Entry, LogId, Vote};
use openraft::RaftSnapshotBuilder;
use openraft::storage::{RaftLogStorage, RaftLogStorageExt, RaftStateMachine};
use openraft::{CommittedLeaderId, EntryPayload};
use serde_json::Value;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// This program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Set to write the fixtures of this version.
pub const SWITCH: &str = "WRITE_FORMAT_FIXTURES";

/// What there is of each version: a member whose log goes on after its snapshot, and the same one recovered alone.
pub const KINDS: [&str; 2] = ["member", "recovered"];

pub fn fixtures(what: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(what)
}

/// A fixture's folder, made again.
pub fn folder_of(version: &str, kind: &str) -> tempfile::TempDir {
    let text =
        std::fs::read_to_string(fixtures("stores").join(version).join(format!("{kind}.folder"))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    unpack(&text, folder.path());
    folder
}

/// The versions of which there are fixtures.
pub fn versions(what: &str) -> Vec<String> {
    let mut versions: Vec<String> = std::fs::read_dir(fixtures(what))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    versions.sort();
    versions
}

/// Writes a member's folder: by the code by which a node writes it.
async fn write_member(folder: &Path) {
    let disk = Disk::start(Arc::new(SledStore::open(folder).unwrap())).unwrap();
    let identity = Identity {
        cluster_name: CLUSTER.to_owned(),
        node: NODE,
        incarnation: Incarnation(1_003),
        cluster: Some(ClusterId::from("c-1")),
        founders: [1, 2, 3].map(|n| (NodeId(n), Incarnation(1_000 + n))).into(),
        admitted_at: 0,
        succeeded_by: None,
    };
    identity.write(&disk).await.unwrap();
    let mut opened = Opened::on(disk, identity);
    let mut entries = script::entries();
    let ids: Vec<LogId> = entries.iter().map(|entry| entry.log_id).collect();
    let last = *ids.last().unwrap();
    opened.log.save_vote(&Vote::new_committed(1, 3)).await.unwrap();
    let rest = entries.split_off(IN_SNAPSHOT);
    opened.log.blocking_append(entries.clone()).await.unwrap();
    opened.machine.apply(entries).await.unwrap();
    opened.machine.get_snapshot_builder().await.build_snapshot().await.unwrap();
    opened.log.purge(ids[PURGED]).await.unwrap();
    opened.log.blocking_append(rest).await.unwrap();
    opened.log.save_vote(&Vote::new_committed(last.leader_id.term, last.leader_id.node_id)).await.unwrap();
    opened.log.save_committed(Some(last)).await.unwrap();
    opened.log.disk().settle().await.unwrap();
    opened.close().await;
}

fn recover(folder: &Path) {
    let store = SledStore::open(folder).unwrap();
    let decision = Decision {
        by: "anna".to_owned(),
        wall_ms: UnixMs(1_790_000_100_000),
        cluster_id: ClusterId::from("c-2"),
        incarnation: Incarnation(2_003),
        address: "127.0.0.3:7400".to_owned(),
    };
    Survivor::examine(&store, NODE, CLUSTER).unwrap().recover(&store, &decision).unwrap();
}

/// Brings all records into a fresh store. The same bytes in files a quarter as long: sled keeps overwritten records for long.
fn copy_records(from: &Path, to: &Path) {
    let (from, to) = (SledStore::open(from).unwrap(), SledStore::open(to).unwrap());
    let mut batch = Batch::default();
    from.scan(&[0], b"~", &mut |key, value| {
        batch.put(key.to_vec(), value.to_vec());
        ControlFlow::Continue(())
    })
    .unwrap();
    to.apply(&batch).unwrap();
    to.sync().unwrap();
}

/// Writes the fixtures of a version, unless there are some: what was released does not change afterwards.
async fn write(stores: &Path, version: &str) -> Result<(), String> {
    let target = stores.join(version);
    if target.exists() {
        return Err(format!(
            "{} is there already: the fixtures of a version are written once. If it was not released yet, remove them by \
             hand; if it was, raise the version in Cargo.toml",
            target.display()
        ));
    }
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    write_member(&folder).await;
    let mut files = Vec::new();
    for kind in KINDS {
        if kind == "recovered" {
            recover(&folder);
        }
        let fresh = home.path().join(format!("fresh-{kind}"));
        copy_records(&folder, &fresh);
        let remark = format!(
            "A data folder ({kind}), as version {version} has written it. tests/formats/folder.rs reads it."
        );
        files.push((format!("{kind}.folder"), pack(&fresh, &remark)));
        // A copy: a folder that was opened is not quite the one that was closed.
        let copy = home.path().join(kind);
        unpack(&pack(&fresh, ""), &copy);
        let mut opened = Opened::open(&copy).await;
        files.push((format!("{kind}.golden.json"), in_lines(&opened.contents().await)));
        opened.close().await;
    }
    // All of them, or none.
    std::fs::create_dir_all(&target).unwrap();
    for (name, text) in files {
        std::fs::write(target.join(name), text).unwrap();
    }
    Ok(())
}

fn golden(stores: &Path, version: &str, kind: &str) -> Value {
    let path = stores.join(version).join(format!("{kind}.golden.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test]
async fn this_version_has_its_fixtures_with_every_word_in_them() {
    if std::env::var_os(SWITCH).is_some_and(|value| !value.is_empty()) {
        write(&fixtures("stores"), VERSION).await.unwrap();
        wire::write(&fixtures("wire"), VERSION);
    }
    for what in ["stores", "wire"] {
        assert!(
            versions(what).iter().any(|version| version == VERSION),
            "there are no fixtures in tests/fixtures/{what} of version {VERSION}: write them with {SWITCH}=1"
        );
    }
    let folder = folder_of(VERSION, "member");
    let mut opened = Opened::open(folder.path()).await;
    let (snapshot, _) = opened.machine.applied_state().await.unwrap();
    let entries = opened.entries().await;
    let after: Vec<Entry> = entries.into_iter().filter(|entry| Some(entry.log_id) > snapshot).collect();
    assert!(after.iter().any(|entry| matches!(entry.payload, EntryPayload::Membership(_))));
    let missing: Vec<_> = words::all().difference(&words::in_log(&after)).cloned().collect();
    assert!(
        missing.is_empty(),
        "the log of version {VERSION}'s fixture lacks {missing:?}: bring them into tests/formats/script.rs, raise the \
         version in Cargo.toml (or remove the fixtures, if it was never released), and write it with {SWITCH}=1"
    );
}

#[tokio::test]
async fn each_released_versions_folders_hold_what_they_held_and_go_on() {
    for version in versions("stores") {
        for kind in KINDS {
            let folder = folder_of(&version, kind);
            let mut opened = Opened::open(folder.path()).await;
            let found = opened.contents().await;
            let mut lacks = Vec::new();
            lacking(kind, &golden(&fixtures("stores"), &version, kind), &found, &mut lacks);
            assert!(lacks.is_empty(), "of version {version}: {lacks:#?}");

            // It goes on: a vote, an entry, a snapshot over all of it.
            let last = opened.log.last().unwrap();
            let term = last.leader_id.term + 1;
            let next = LogId::new(CommittedLeaderId::new(term, NODE.0), last.index + 1);
            let entry = Entry { log_id: next, payload: EntryPayload::Blank };
            opened.log.save_vote(&Vote::new_committed(term, NODE.0)).await.unwrap();
            opened.log.blocking_append([entry.clone()]).await.unwrap();
            opened.machine.apply([entry]).await.unwrap();
            opened.machine.get_snapshot_builder().await.build_snapshot().await.unwrap();
            opened.log.purge(next).await.unwrap();
            let state = opened.state.borrow().clone();
            opened.close().await;

            let mut opened = Opened::open(folder.path()).await;
            assert_eq!(opened.log.last(), Some(next));
            assert_eq!(opened.log.stored_vote().unwrap(), Some(Vote::new_committed(term, NODE.0)));
            assert_eq!(opened.entries().await.len(), 0);
            assert_eq!(*opened.state.borrow(), state, "{version} {kind}");
            opened.close().await;
        }
    }
}

#[tokio::test]
async fn a_versions_fixtures_are_written_once() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "9.9.9").await.unwrap();
    let held = golden(home.path(), "9.9.9", "member");
    assert_eq!(held["unsettled"].as_array().unwrap().len(), 1, "a doubt is in it: {}", held["unsettled"]);
    assert_eq!(held["membership"]["membership"]["nodes"].as_object().unwrap().len(), 4, "and a learner");
    let recovered = golden(home.path(), "9.9.9", "recovered");
    assert_eq!(recovered["unsettled"], held["unsettled"], "and a recovery loses no doubt");
    let file = home.path().join("9.9.9/member.folder");
    std::fs::write(&file, "released").unwrap();
    let refused = write(home.path(), "9.9.9").await.unwrap_err();
    assert!(refused.contains("9.9.9 is there already") && refused.contains("raise the version"), "{refused}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "released");
}
