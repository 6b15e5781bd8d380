//! Upstream's own suite of storage tests, on the real disk and on the simulated one.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use arbiter_core::state::ClusterState;
use arbiter_raft::disk::Disk;
use arbiter_raft::log_store::LogStore;
use arbiter_raft::machine::StateMachine;
use arbiter_raft::store::{MemStore, SledStore, Store};
use arbiter_raft::types::{RaftStorageError, TypeConfig};
use openraft::testing::{StoreBuilder, Suite};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::watch;

fn open(store: Arc<dyn Store>) -> (LogStore, StateMachine) {
    let disk = Disk::start(store).unwrap();
    let (readers, _) = watch::channel(Arc::new(ClusterState::default()));
    (LogStore::open(disk.clone()).unwrap(), StateMachine::open(disk, readers).unwrap())
}

struct OnSled;

impl StoreBuilder<TypeConfig, LogStore, StateMachine, TempDir> for OnSled {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), RaftStorageError> {
        let folder = tempfile::tempdir().unwrap();
        let (log, machine) = open(Arc::new(SledStore::open(folder.path()).unwrap()));
        Ok((folder, log, machine))
    }
}

struct InMemory;

impl StoreBuilder<TypeConfig, LogStore, StateMachine, ()> for InMemory {
    async fn build(&self) -> Result<((), LogStore, StateMachine), RaftStorageError> {
        let (log, machine) = open(Arc::new(MemStore::new()));
        Ok(((), log, machine))
    }
}

#[test]
fn upstreams_suite_passes_on_sled() {
    Suite::test_all(OnSled).unwrap();
}

#[test]
fn upstreams_suite_passes_in_memory() {
    Suite::test_all(InMemory).unwrap();
}
