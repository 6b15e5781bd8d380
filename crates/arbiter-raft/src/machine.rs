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
pub(crate) struct Pointer {
    /// Its number; every snapshot has a greater one than those before.
    generation: u64,
    pub(crate) meta: SnapshotMeta,
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
    /// [`StoreError::Corrupt`]; [`StoreError::Newer`], [`StoreError::Unknown`] or [`StoreError::NewerRules`]; what reading
    /// can fail with.
    pub fn open(disk: Disk, readers: watch::Sender<Arc<ClusterState>>) -> Result<Self, StoreError> {
        let (pointer, state) = load(disk.store())?;
        let state = Arc::new(state);
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

/// The current snapshot, and the state in it.
pub(crate) fn load(store: &dyn Store) -> Result<(Option<Pointer>, ClusterState), StoreError> {
    let Some(bytes) = store.get(&meta_key("snapshot"))? else { return Ok((None, ClusterState::default())) };
    let pointer: Pointer = record::decode("the snapshot's description", &bytes)?;
    let bytes = read_snapshot(store, pointer.generation)?
        .ok_or_else(|| StoreError::Corrupt(format!("snapshot {} is missing", pointer.meta.snapshot_id)))?;
    Ok((Some(pointer), state_of(&bytes)?))
}

/// Applies one entry, whoever keeps the state.
///
/// # Errors
/// [`StoreError::NewerRules`]: from this entry on the cluster follows rules that this program does not know. The state is
/// of no use then.
pub(crate) fn apply_entry(
    state: &mut ClusterState,
    membership: &mut StoredMembership,
    entry: Entry,
) -> Result<Applied, StoreError> {
    let at = entry_id(&entry.log_id);
    match entry.payload {
        EntryPayload::Normal(proposal) => {
            let applied = state.apply(at, &proposal);
            record::check_rules("the log", state).map(|()| applied)
        }
        EntryPayload::Blank => {
            state.skip(at);
            Ok(Applied::Nothing)
        }
        EntryPayload::Membership(changed) => {
            state.skip(at);
            *membership = StoredMembership::new(Some(entry.log_id), changed);
            Ok(Applied::Nothing)
        }
    }
}

/// The state that a snapshot's bytes hold.
fn state_of(bytes: &[u8]) -> Result<ClusterState, StoreError> {
    let image: Image<ClusterState> = record::decode("a snapshot", bytes)?;
    record::check_rules("a snapshot", &image.state).map(|()| image.state)
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
    let Staged { before, switch, pointer } = stage(disk.store(), current.as_ref(), meta, bytes)?;
    for batch in before {
        disk.write(batch, false).await?;
    }
    disk.write(switch, true).await?;
    disk.snapshot_is_durable(meta.last_log_id);
    *current = Some(pointer);
    Ok(())
}

/// How a snapshot is written: nothing of it counts before the switch.
pub(crate) struct Staged {
    /// In this order, before the switch.
    pub(crate) before: Vec<Batch>,
    /// Makes it the current one; a barrier must follow.
    pub(crate) switch: Batch,
    pointer: Pointer,
}

/// Prepares to make a snapshot the current one, in the place of `current`.
pub(crate) fn stage(
    store: &dyn Store,
    current: Option<&Pointer>,
    meta: &SnapshotMeta,
    bytes: &[u8],
) -> Result<Staged, StoreError> {
    let last = current.map_or(0, |current| current.generation);
    let generation = last.checked_add(1).ok_or_else(|| {
        StoreError::Corrupt(format!(
            "the snapshot's description has the number {last}, after which none follows"
        ))
    })?;
    let pointer = Pointer { generation, meta: meta.clone() };
    // A crash may have left parts of this number that no pointer names; they may be more than ours.
    let mut leftovers = Batch::default();
    record::delete_records(store, &mut leftovers, SNAPSHOT, generation, None)?;
    let mut before = vec![leftovers];
    for parts in record::parts(SNAPSHOT, generation, bytes).chunks(PARTS_PER_BATCH) {
        let mut batch = Batch::default();
        for (key, value) in parts {
            batch.put(key.clone(), value.clone());
        }
        before.push(batch);
    }
    let mut switch = Batch::default();
    switch.put(meta_key("snapshot"), record::encode("the snapshot's description", &pointer)?);
    record::delete_records(store, &mut switch, SNAPSHOT, 0, Some(generation))?;
    Ok(Staged { before, switch, pointer })
}

/// The record of a state, as a snapshot holds it.
pub(crate) fn picture(state: &ClusterState) -> Result<Vec<u8>, StoreError> {
    record::encode("a snapshot", &Image { state })
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
        let bytes = self.disk.read(move |_| picture(&state)).await.map_err(&failed)?;
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
            let log_id = entry.log_id;
            // After an error Raft ends, and readers never see this state.
            let applied = apply_entry(state, &mut self.membership, entry)
                .map_err(|error| StorageIOError::apply(log_id, AnyError::new(&error)))?;
            self.applied = Some(log_id);
            answers.push(applied);
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
