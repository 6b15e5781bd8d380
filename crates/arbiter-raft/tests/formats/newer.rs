//! A store that a later version has written: not opened, said in words, and left as it is.

use crate::contents::Opened;
use crate::node::{chain, settings};
use crate::stores::folder_of;
use arbiter_raft::RaftNode;
use arbiter_raft::record::{FORMAT, LOG, META, SNAPSHOT};
use arbiter_raft::store::{Batch, SledStore, Store};
use openraft::storage::{RaftSnapshotBuilder, RaftStateMachine};
use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::Path;

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

fn records(folder: &Path) -> Records {
    let store = SledStore::open(folder).unwrap();
    let mut records = Records::new();
    let whole = |records: &mut Records, key: &[u8], value: &[u8]| {
        records.insert(key.to_vec(), value.to_vec());
        ControlFlow::Continue(())
    };
    // All of it, the number of the newest barrier too.
    store.scan(&[0], &[0xff], &mut |key, value| whole(&mut records, key, value)).unwrap();
    records
}

fn change(folder: &Path, key: &[u8], value: Vec<u8>) {
    let store = SledStore::open(folder).unwrap();
    let mut batch = Batch::default();
    batch.put(key.to_vec(), value);
    store.apply(&batch).unwrap();
    store.sync().unwrap();
}

/// Where the format stands in a record: in a long one it comes after the length, in its first part.
fn format_at(key: &[u8]) -> usize {
    if key[0] == META { 0 } else { 4 }
}

fn replaced(value: &[u8], from: &str, to: &str) -> Option<Vec<u8>> {
    assert_eq!(from.len(), to.len(), "a record's length stands before it");
    let at = value.windows(from.len()).position(|window| window == from.as_bytes())?;
    let mut value = value.to_vec();
    value[at..at + to.len()].copy_from_slice(to.as_bytes());
    Some(value)
}

/// Changes the folder, and expects that no node starts on it, with these words; and that everything in it stays.
async fn refused(folder: &Path, key: &[u8], value: Vec<u8>, words: &[&str]) {
    change(folder, key, value);
    let before = records(folder);
    let error = chain(&RaftNode::open(settings(folder)).await.err().expect("it is not opened"));
    let place = folder.display().to_string();
    let always = [
        place.as_str(),
        "can't be used",
        "install the version of the program that wrote it",
        "stays as it is",
    ];
    for word in always.iter().chain(words) {
        assert!(error.contains(word), "`{word}` in: {error}");
    }
    assert!(!error.contains("damaged"), "{error}");
    assert!(records(folder) == before, "what is in the folder has changed");
}

#[tokio::test]
async fn each_kind_of_record_in_a_later_format_is_refused_and_left_as_it_is() {
    let meta = |name: &str| [&[META], name.as_bytes()].concat();
    let all = records(folder_of("0.1.0", "member").path());
    let first = |space: u8| all.keys().find(|key| key[0] == space).unwrap().clone();
    let last = all.keys().rev().find(|key| key[0] == LOG).unwrap().clone();
    let kinds = [
        (meta("identity"), "the folder's identity"),
        (meta("vote"), "vote"),
        (meta("committed"), "committed"),
        (meta("purged"), "purged"),
        (meta("snapshot"), "the snapshot's description"),
        (first(SNAPSHOT), "a snapshot"),
        (first(LOG), "a log entry"),
        (last, "a log entry"),
    ];
    let small = all.keys().filter(|key| key[0] == META).count();
    assert_eq!(small, 5, "every small record is among them: {:?}", all.keys());
    for (key, what) in kinds {
        let folder = folder_of("0.1.0", "member");
        let mut value = all[&key].clone();
        let format = &mut value[format_at(&key)];
        assert_eq!(*format, FORMAT, "{what}");
        *format = FORMAT + 1;
        refused(folder.path(), &key, value, &[&format!("{what} has format 2"), "knows formats up to 1"])
            .await;
    }
}

#[tokio::test]
async fn words_and_rules_of_a_later_version_are_refused_and_left_as_they_are() {
    let all = records(folder_of("0.1.0", "member").path());
    let of = |space: u8, from: &str, to: &str| {
        let found = |(key, value): (&Vec<u8>, &Vec<u8>)| Some((key.clone(), replaced(value, from, to)?));
        all.iter().filter(|(key, _)| key[0] == space).find_map(found).unwrap()
    };
    for ((key, value), words) in [
        (of(LOG, "\"begin-epoch\"", "\"teleporting\""), ["a log entry", "unknown variant `teleporting`"]),
        (of(SNAPSHOT, "\"adopted\"", "\"adapted\""), ["a snapshot", "unknown variant `adapted`"]),
        (
            of(SNAPSHOT, "\"rules_version\":1", "\"rules_version\":2"),
            ["a snapshot follows rules version 2", "up to version 1"],
        ),
    ] {
        let folder = folder_of("0.1.0", "member");
        refused(folder.path(), &key, value, &words).await;
    }
}

/// sled writes its own version beside the data, and opens no other's.
#[tokio::test]
async fn a_store_of_another_sled_is_refused_and_left_as_it_is() {
    let folder = folder_of("0.1.0", "member");
    let conf = folder.path().join("store/conf");
    let later = replaced(&std::fs::read(&conf).unwrap(), "version: 0.34", "version: 0.99").unwrap();
    std::fs::write(&conf, &later).unwrap();
    let data = std::fs::read(folder.path().join("store/db")).unwrap();
    let error = chain(&RaftNode::open(settings(folder.path())).await.err().expect("it is not opened"));
    for word in
        ["pagecache version 0.99", "version is 0.34", "install the version of the program that wrote it"]
    {
        assert!(error.contains(word), "`{word}` in: {error}");
    }
    assert!(!error.contains("damaged"), "{error}");
    assert!(
        std::fs::read(&conf).unwrap() == later
            && std::fs::read(folder.path().join("store/db")).unwrap() == data
    );
}

/// A leader of a later version sends its snapshot.
#[tokio::test]
async fn a_snapshot_of_a_later_version_is_not_installed() {
    let folder = folder_of("0.1.0", "member");
    let mut opened = Opened::open(folder.path()).await;
    opened.contents().await;
    let snapshot = opened.machine.get_snapshot_builder().await.build_snapshot().await.unwrap();
    let bytes = snapshot.snapshot.into_inner();
    let before = opened.state.borrow().clone();
    let mut newer = bytes.clone();
    newer[0] = FORMAT + 1;
    let rules = replaced(&bytes, "\"rules_version\":1", "\"rules_version\":2").unwrap();
    let event = replaced(&bytes, "\"adopted\"", "\"adapted\"").unwrap();
    let mut later = snapshot.meta.clone();
    later.last_log_id.as_mut().unwrap().index += 10;
    for (bytes, words) in
        [(newer, "format 2"), (rules, "rules version 2"), (event, "unknown variant `adapted`")]
    {
        let error = opened.machine.install_snapshot(&later, Box::new(Cursor::new(bytes))).await.unwrap_err();
        let error = error.to_string();
        assert!(error.contains(words) && error.contains("install the version of the program"), "{error}");
        assert_eq!(*opened.state.borrow(), before);
        let current = opened.machine.get_current_snapshot().await.unwrap().unwrap();
        assert_eq!(
            current.meta.last_log_id, snapshot.meta.last_log_id,
            "the old one is still the current one"
        );
    }
    opened.machine.install_snapshot(&later, Box::new(Cursor::new(bytes))).await.unwrap();
    opened.close().await;
}
