//! A store of which a part is damaged: whatever was acknowledged is there, or the store is refused. Never a panic, and
//! never a part in silence.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use arbiter_core::bad_days::bad_day;
use arbiter_raft::store::{Batch, SledStore, Store};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

/// Places in the data file; each is damaged in three ways.
const PLACES: usize = 30;

/// The same in the smaller files.
const FEW_PLACES: usize = 6;

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// Writes as Raft does: entries, a vote over and over, some entries removed; a barrier after each.
fn write(store: &SledStore, from: u32) {
    for number in from..from + 60 {
        let mut batch = Batch::default();
        batch.put([b"l", number.to_be_bytes().as_slice()].concat(), vec![b'x'; 200]);
        if number % 5 == 0 {
            batch.put(b"mvote".to_vec(), number.to_be_bytes().to_vec());
        }
        if number % 9 == 8 {
            batch.delete([b"l", (number - 6).to_be_bytes().as_slice()].concat());
        }
        store.apply(&batch).unwrap();
        store.sync().unwrap();
    }
}

fn read(store: &SledStore) -> Result<Records, String> {
    let mut records = Records::new();
    let read = store.scan(b"a", b"z", &mut |key, value| {
        records.insert(key.to_vec(), value.to_vec());
        ControlFlow::Continue(())
    });
    read.map(|()| records).map_err(|error| error.to_string())
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Damaged copies of a file's bytes, each with its name.
fn damages(bytes: &[u8], places: usize) -> Vec<(String, Vec<u8>)> {
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let mut damaged = vec![("empty".to_owned(), Vec::new()), ("half".to_owned(), bytes[..used / 2].to_vec())];
    for at in (0..used).step_by(used.div_ceil(places)) {
        let mut with = |name: &str, length: usize, change: fn(u8) -> u8| {
            let mut bytes = bytes.to_vec();
            let end = (at + length).min(used);
            bytes[at..end].iter_mut().for_each(|byte| *byte = change(*byte));
            damaged.push((format!("{name} at {at}"), bytes));
        };
        with("a flipped bit", 1, |byte| byte ^ 0x10);
        with("garbage", 64, |byte| byte.wrapping_mul(7).wrapping_add(13));
        with("a lost block", 4_096, |_| 0);
    }
    damaged
}

#[test]
fn a_damaged_store_is_refused_or_whole() {
    bad_day("corrupted-store");
    let home = tempfile::tempdir().unwrap();
    let sound = home.path().join("sound");
    // sled makes its index at a start: some is before it, some behind.
    for from in [0, 100, 200] {
        write(&SledStore::open(&sound).unwrap(), from);
    }
    let files: Vec<String> = std::fs::read_dir(sound.join("store"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name == "db" || name == "conf" || name.starts_with("snap."))
        .collect();
    assert_eq!(files.len(), 3, "{files:?}");
    let before = home.path().join("before");
    copy(&sound, &before);
    let expected = read(&SledStore::open(&before).unwrap()).unwrap();
    assert!(expected.len() > 150);

    let (mut whole, mut refused) = (0, 0);
    for file in files {
        let bytes = std::fs::read(sound.join("store").join(&file)).unwrap();
        let places = if file == "db" { PLACES } else { FEW_PLACES };
        for (name, bytes) in damages(&bytes, places) {
            let tried = home.path().join("tried");
            copy(&sound, &tried);
            std::fs::write(tried.join("store").join(&file), bytes).unwrap();
            match SledStore::open(&tried).map_err(|error| error.to_string()).and_then(|store| read(&store)) {
                Ok(records) => {
                    assert!(
                        records == expected,
                        "{name} of {file}: something is missing, and nobody says so"
                    );
                    whole += 1;
                }
                Err(error) => {
                    let says =
                        error.contains("is damaged (") && error.contains("arbiterctl member replace NAME");
                    assert!(says, "{name} of {file}: {error}");
                    refused += 1;
                }
            }
            std::fs::remove_dir_all(&tried).unwrap();
        }
    }
    assert!(whole > 0 && refused > PLACES, "{whole} whole, {refused} refused");
}
