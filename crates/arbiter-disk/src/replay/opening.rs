//! Opens a disk as a node does at its start, and says what is on it.

use crate::talk::{Leader, LogId};
use anyhow::Context;
use arbiter_core::state::ClusterState;
use arbiter_raft::disk::Disk;
use arbiter_raft::log_store::LogStore;
use arbiter_raft::machine::StateMachine;
use arbiter_raft::record::{self, LOG, meta_key};
use arbiter_raft::store::{SledStore, Store, StoreError};
use arbiter_raft::types::{self, Entry};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A store that is not let go of within this time never is.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of opening a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Opened(Found),
    /// In these words.
    Refused(String),
    Panicked(String),
}

/// What is on a disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub vote: Option<Leader>,
    pub entries: BTreeMap<u64, LogId>,
    pub purged: Option<LogId>,
    pub snapshot: Option<LogId>,
    /// The last entry that the state says it has applied; zero for none.
    pub applied: u64,
    /// Whether it belongs to a cluster.
    pub belongs: bool,
}

/// Opens the disk in a folder.
///
/// # Errors
/// It is not free again afterwards.
pub(super) fn open(folder: &Path) -> anyhow::Result<Outcome> {
    // What is refused is said by the program; what panics is said here.
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let opened = catch_unwind(AssertUnwindSafe(|| open_as_a_node_does(folder)));
    std::panic::set_hook(quiet);
    match opened {
        Ok(outcome) => outcome,
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned();
            let words = words.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Ok(Outcome::Panicked(words.unwrap_or_default()))
        }
    }
}

fn open_as_a_node_does(folder: &Path) -> anyhow::Result<Outcome> {
    let store = match SledStore::open(folder) {
        Ok(store) => store,
        Err(refused) => return Ok(Outcome::Refused(words_of(&refused.to_string(), folder))),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let disk = Disk::start(Arc::new(store))?;
        let mut released = disk.released();
        let found = look(&disk);
        drop(disk);
        let freed = async { while released.changed().await.is_ok() {} };
        tokio::time::timeout(PATIENCE, freed).await.context("the store is not let go of")?;
        Ok(found.map_or_else(|error| Outcome::Refused(words_of(&error.to_string(), folder)), Outcome::Opened))
    })
}

/// The same words for the same reason, wherever the folder is.
fn words_of(refused: &str, folder: &Path) -> String {
    refused.replace(&folder.display().to_string(), "DISK")
}

#[derive(Deserialize)]
struct Pointer {
    meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    last_log_id: Option<LogId>,
}

#[derive(Deserialize)]
struct Identity {
    cluster: Option<String>,
}

fn look(disk: &Disk) -> Result<Found, StoreError> {
    let log = LogStore::open(disk.clone())?;
    let (readers, state) = watch::channel(Arc::new(ClusterState::default()));
    let _machine = StateMachine::open(disk.clone(), readers)?;
    let store = disk.store();
    let mut entries = BTreeMap::new();
    let mut broken = None;
    record::visit_records(store, LOG, 0, None, &mut |index, bytes| {
        match record::decode::<Entry>("a log entry", bytes) {
            Ok(entry) => drop(entries.insert(index, plain(entry.log_id))),
            Err(error) => {
                broken = Some(error);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    if let Some(error) = broken {
        return Err(error);
    }
    let vote = log.stored_vote()?;
    let pointer: Option<Pointer> = small(store, "snapshot")?;
    let identity: Option<Identity> = small(store, "identity")?;
    Ok(Found {
        vote: vote.map(|vote| Leader { term: vote.leader_id.term, node_id: vote.leader_id.node_id }),
        entries,
        purged: small(store, "purged")?,
        snapshot: pointer.and_then(|pointer| pointer.meta.last_log_id),
        applied: state.borrow().applied.index.0,
        belongs: identity.is_some_and(|identity| identity.cluster.is_some()),
    })
}

fn plain(id: types::LogId) -> LogId {
    let leader_id = Leader { term: id.leader_id.term, node_id: id.leader_id.node_id };
    LogId { leader_id, index: id.index }
}

fn small<T: serde::de::DeserializeOwned>(store: &dyn Store, name: &str) -> Result<Option<T>, StoreError> {
    store.get(&meta_key(name))?.map(|bytes| record::decode(name, &bytes)).transpose()
}
