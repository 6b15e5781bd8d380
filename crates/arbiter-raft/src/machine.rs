//! The replicated state between Raft and its readers, and its snapshots.
//!
//! The state lives in memory. Its persistent form is the newest snapshot plus the log after it: at a start the
//! snapshot is loaded, and the entries that are known to be committed are applied again. So `apply` writes
//! nothing, and there is no second copy that could disagree with the log. A snapshot is durable before the log
//! under it is purged from the disk: the log waits for it (see [`crate::log_store::LogStore`]).

use crate::disk::Disk;
use crate::planted::{Bug, planted};
use crate::record::{self, SNAPSHOT, meta_key};
use crate::store::{Batch, Store, StoreError};
use crate::types::{Entry, LogId, RaftStorageError, SnapshotMeta, StoredMembership, TypeConfig, entry_id};
use arbiter_core::command::Applied;
use arbiter_core::state::ClusterState;
use openraft::storage::{RaftStateMachine, Snapshot};
use openraft::{AnyError, EntryPayload, OptionalSend, RaftSnapshotBuilder, StorageIOError};
use serde::{Deserialize, Serialize};
use std::io::Cursor;
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::sync::{Mutex, watch};

/// How many parts of a snapshot are written in one batch: 384 KiB, so that a vote does not wait for megabytes.
const PARTS_PER_BATCH: usize = 64;

/// The state, and who watches it.
pub struct StateMachine {
    disk: Disk,
    state: Arc<ClusterState>,
    applied: Option<LogId>,
    membership: StoredMembership,
    readers: watch::Sender<Arc<ClusterState>>,
    current: Arc<Mutex<Option<Pointer>>>,
}

/// Which snapshot is the current one.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pointer {
    /// Its number; every snapshot has a greater one than those before.
    generation: u64,
    meta: SnapshotMeta,
}

/// What a snapshot holds.
#[derive(Serialize, Deserialize)]
struct Image<S> {
    state: S,
}

impl StateMachine {
    /// Loads the current snapshot, if there is one. `readers` sees the state after each batch of entries.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Newer`]; what reading can fail with.
    pub fn open(disk: Disk, readers: watch::Sender<Arc<ClusterState>>) -> Result<Self, StoreError> {
        let pointer: Option<Pointer> = match disk.store().get(&meta_key("snapshot"))? {
            Some(bytes) => Some(record::decode("the snapshot's description", &bytes)?),
            None => None,
        };
        let mut state = Arc::new(ClusterState::default());
        if let Some(pointer) = &pointer {
            let bytes = read_snapshot(disk.store(), pointer.generation)?.ok_or_else(|| {
                StoreError::Corrupt(format!("snapshot {} is missing", pointer.meta.snapshot_id))
            })?;
            state = Arc::new(state_of(&bytes)?);
        }
        readers.send_replace(state.clone());
        let mut meta = pointer.as_ref().map(|pointer| pointer.meta.clone()).unwrap_or_default();
        if planted(Bug::AppliedApart)
            && let Some(bytes) = disk.store().get(&meta_key("applied"))?
        {
            meta.last_log_id = record::decode("applied", &bytes)?;
        }
        disk.snapshot_is_durable(meta.last_log_id);
        Ok(Self {
            disk,
            state,
            applied: meta.last_log_id,
            membership: meta.last_membership,
            readers,
            current: Arc::new(Mutex::new(pointer)),
        })
    }
}

/// The state that a snapshot's bytes hold.
fn state_of(bytes: &[u8]) -> Result<ClusterState, StoreError> {
    record::decode::<Image<ClusterState>>("a snapshot", bytes).map(|image| image.state)
}

fn read_snapshot(store: &dyn Store, generation: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let mut found = None;
    record::visit_records(store, SNAPSHOT, generation, generation.checked_add(1), &mut |_, bytes| {
        found = Some(bytes.to_vec());
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// Makes a snapshot the current one, durably, unless a later one is already.
async fn save_snapshot(
    disk: &Disk,
    current: &Mutex<Option<Pointer>>,
    meta: &SnapshotMeta,
    bytes: &[u8],
) -> Result<(), StoreError> {
    let mut current = current.lock().await;
    if current.as_ref().is_some_and(|current| current.meta.last_log_id > meta.last_log_id) {
        return Ok(());
    }
    let last = current.as_ref().map_or(0, |current| current.generation);
    let generation = last.checked_add(1).ok_or_else(|| {
        StoreError::Corrupt(format!(
            "the snapshot's description has the number {last}, after which none follows"
        ))
    })?;
    let pointer = Pointer { generation, meta: meta.clone() };
    // A crash may have left parts of this number that no pointer names; they may be more than ours.
    let mut leftovers = Batch::default();
    record::delete_records(disk.store(), &mut leftovers, SNAPSHOT, generation, None)?;
    disk.write(leftovers, false).await?;
    for parts in record::parts(SNAPSHOT, generation, bytes).chunks(PARTS_PER_BATCH) {
        let mut batch = Batch::default();
        for (key, value) in parts {
            batch.put(key.clone(), value.clone());
        }
        disk.write(batch, false).await?;
    }
    let mut switch = Batch::default();
    switch.put(meta_key("snapshot"), record::encode("the snapshot's description", &pointer)?);
    record::delete_records(disk.store(), &mut switch, SNAPSHOT, 0, Some(generation))?;
    disk.write(switch, true).await?;
    disk.snapshot_is_durable(meta.last_log_id);
    *current = Some(pointer);
    Ok(())
}

fn snapshot_failed(meta: &SnapshotMeta) -> impl Fn(StoreError) -> RaftStorageError {
    let signature = meta.signature();
    move |error| StorageIOError::write_snapshot(Some(signature.clone()), AnyError::new(&error)).into()
}

/// Takes a picture of the state as it was when the builder was made.
pub struct SnapshotBuilder {
    disk: Disk,
    state: Arc<ClusterState>,
    meta: SnapshotMeta,
    current: Arc<Mutex<Option<Pointer>>>,
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    async fn build_snapshot(&mut self) -> Result<Snapshot<TypeConfig>, RaftStorageError> {
        let failed = snapshot_failed(&self.meta);
        let state = self.state.clone();
        // Writing a history of thousands of records as text takes milliseconds: not on the async runtime.
        let bytes = self
            .disk
            .read(move |_| record::encode("a snapshot", &Image { state: &*state }))
            .await
            .map_err(&failed)?;
        save_snapshot(&self.disk, &self.current, &self.meta, &bytes).await.map_err(&failed)?;
        Ok(Snapshot { meta: self.meta.clone(), snapshot: Box::new(Cursor::new(bytes)) })
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), RaftStorageError> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Applied>, RaftStorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut answers = Vec::new();
        // Readers hold the state as it was: the first change of a batch copies it, which is cheap by its design.
        let state = Arc::make_mut(&mut self.state);
        for entry in entries {
            self.applied = Some(entry.log_id);
            let at = entry_id(&entry.log_id);
            answers.push(match entry.payload {
                EntryPayload::Normal(proposal) => state.apply(at, &proposal),
                EntryPayload::Blank => {
                    state.skip(at);
                    Applied::Nothing
                }
                EntryPayload::Membership(membership) => {
                    state.skip(at);
                    self.membership = StoredMembership::new(Some(entry.log_id), membership);
                    Applied::Nothing
                }
            });
        }
        if planted(Bug::AppliedApart)
            && let Ok(applied) = record::encode("applied", &self.applied)
        {
            let mut batch = Batch::default();
            batch.put(meta_key("applied"), applied);
            self.disk.submit(batch, false, |_| ()).await;
        }
        // Before the proposers hear of it: who was answered finds the state that the answer speaks of.
        self.readers.send_replace(self.state.clone());
        Ok(answers)
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        let snapshot_id = match &self.applied {
            Some(applied) => {
                format!("{}-{}-{}", applied.leader_id.term, applied.leader_id.node_id, applied.index)
            }
            None => "empty".to_owned(),
        };
        SnapshotBuilder {
            disk: self.disk.clone(),
            state: self.state.clone(),
            meta: SnapshotMeta {
                last_log_id: self.applied,
                last_membership: self.membership.clone(),
                snapshot_id,
            },
            current: self.current.clone(),
        }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, RaftStorageError> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), RaftStorageError> {
        let failed = snapshot_failed(meta);
        let bytes = snapshot.into_inner();
        let state = state_of(&bytes).map_err(&failed)?;
        save_snapshot(&self.disk, &self.current, meta, &bytes).await.map_err(&failed)?;
        self.state = Arc::new(state);
        self.applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.readers.send_replace(self.state.clone());
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<TypeConfig>>, RaftStorageError> {
        // Held while reading, so that the parts are not replaced under our hands.
        let current = self.current.lock().await;
        let Some(pointer) = current.clone() else { return Ok(None) };
        let generation = pointer.generation;
        let read = self.disk.read(move |store| read_snapshot(store, generation)).await;
        let bytes = read
            .and_then(|found| {
                found.ok_or_else(|| StoreError::Corrupt("the current snapshot is missing".to_owned()))
            })
            .map_err(|error| {
                StorageIOError::read_snapshot(Some(pointer.meta.signature()), AnyError::new(&error))
            })?;
        Ok(Some(Snapshot { meta: pointer.meta, snapshot: Box::new(Cursor::new(bytes)) }))
    }
}
