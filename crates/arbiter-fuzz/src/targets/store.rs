//! What lies on the disk: identity, vote, log, snapshot. Whatever is wrong with it, the node says so and does not start.

use crate::{Seen, has_words};
use arbiter_core::command::{Command, EntryId, Proposal, Stamp};
use arbiter_core::ids::{Epoch, NodeId};
use arbiter_core::state::ClusterState;
use arbiter_core::time::UnixMs;
use arbiter_raft::disk::Disk;
use arbiter_raft::identity::Identity;
use arbiter_raft::log_store::LogStore;
use arbiter_raft::machine::StateMachine;
use arbiter_raft::record::{self, LOG, SNAPSHOT, meta_key};
use arbiter_raft::store::{Batch, MAX_VALUE_BYTES, MemStore, Store};
use std::sync::Arc;
use tokio::sync::watch;

pub(super) const WORDS: &[&str] = &[
    "\nm/vote ",
    "\nm/identity ",
    "\nm/purged ",
    "\nm/committed ",
    "\nm/snapshot ",
    "\nl/1 ",
    "\nl/18446744073709551615 ",
    "\ns/1 ",
    "\np/1/0 ",
    "\x01",
    "\x02",
    "null",
    "\"payload\":\"Blank\"",
    "\"term\":",
    "\"index\":",
];

/// A store, one record a line: `m/NAME` a small one, `l/N` an entry of the log, `s/N` a snapshot, `p/N/M` a part of an entry
/// as it lies there. After a space comes what the record holds.
pub fn store(bytes: &[u8]) -> Seen {
    let store = MemStore::new();
    let mut batch = Batch::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        put(&mut batch, line);
    }
    if store.apply(&batch).is_err() {
        return Seen::Refused;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap_or_else(|error| panic!("no runtime: {error}")).block_on(open(store))
}

fn put(batch: &mut Batch, line: &[u8]) {
    let Some(space) = line.iter().position(|byte| *byte == b' ') else { return };
    let Ok(key) = std::str::from_utf8(&line[..space]) else { return };
    let record = &line[space + 1..];
    let number = |text: &str| text.parse::<u64>().ok();
    match key.split('/').collect::<Vec<_>>().as_slice() {
        ["m", name] if record.len() <= MAX_VALUE_BYTES => batch.put(meta_key(name), record.to_vec()),
        ["l", index] => {
            if let Some(index) = number(index) {
                record::put_parts(batch, LOG, index, record);
            }
        }
        ["s", generation] => {
            if let Some(generation) = number(generation) {
                record::put_parts(batch, SNAPSHOT, generation, record);
            }
        }
        ["p", index, part] if record.len() <= MAX_VALUE_BYTES => {
            if let (Some(index), Ok(part)) = (number(index), part.parse::<u32>()) {
                let mut key = record::part_prefix(LOG, index);
                key.extend_from_slice(&part.to_be_bytes());
                batch.put(key, record.to_vec());
            }
        }
        _ => {}
    }
}

async fn open(store: MemStore) -> Seen {
    let disk = Disk::start(Arc::new(store)).unwrap_or_else(|error| panic!("no writer: {error}"));
    let mut seen = Seen::Taken;
    if let Err(error) = Identity::open(&disk, NodeId(1), "vpn", || 7).await {
        seen = has_words(error);
    }
    match LogStore::open(disk.clone()) {
        Ok(log) => {
            for read in [log.is_pristine().map(drop), log.stored_vote().map(drop)] {
                if let Err(error) = read {
                    seen = has_words(error);
                }
            }
        }
        Err(error) => seen = has_words(error),
    }
    let readers = watch::Sender::new(Arc::new(ClusterState::default()));
    if let Err(error) = StateMachine::open(disk.clone(), readers.clone()) {
        seen = has_words(error);
    }
    // What was loaded is what the next entries are applied to.
    let mut state = ClusterState::clone(&readers.borrow());
    let at = EntryId { index: state.applied.index, term: state.applied.term, node: NodeId(1) };
    let stamp = Stamp { epoch: Epoch(at.index.0), elapsed_ms: 1_000 };
    for command in [Command::BeginEpoch { node: NodeId(1) }, Command::Tick { stamp }] {
        state.apply(at, &Proposal { wall_ms: UnixMs(1_700_000_000_000), command });
    }
    seen
}
