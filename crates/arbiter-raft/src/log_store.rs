//! Raft's log and vote on the disk.

use crate::disk::Disk;
use crate::planted::{Bug, planted};
use crate::record::{self, LOG, meta_key};
use crate::store::{Batch, Store, StoreError};
use crate::types::{Entry, LogId, RaftStorageError, TypeConfig, Vote};
use arbiter_core::ids::LogIndex;
use openraft::storage::{LogFlushed, LogState, RaftLogStorage};
use openraft::{AnyError, OptionalSend, RaftLogReader, StorageIOError};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::{Bound, ControlFlow, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How many of the newest entries stay in memory, so that replicating and applying them reads no disk.
const RECENT_ENTRIES: usize = 64;
/// The same in bytes of their records.
const RECENT_BYTES: usize = 512 * 1024;
/// How many bytes of entries are sent to a peer at once, unless one alone is larger.
const SEND_BYTES: usize = 1024 * 1024;

/// How long entries wait for a snapshot that must be durable before them. Installing one takes milliseconds, or the
/// disk fails; after this long Raft is ended.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(30);

/// The log and the vote. Clones share them.
///
/// Raft purges a log to make room for a snapshot that it has been sent *while* the state machine still installs it: were
/// the power cut in between, entries would be gone that are in no snapshot. So a purge takes effect in memory at once,
/// and on the disk when the snapshot is durable.
#[derive(Clone)]
pub struct LogStore {
    disk: Disk,
    log: Arc<Mutex<Log>>,
    committed: watch::Sender<LogIndex>,
}

/// What is known of the log without reading it.
#[derive(Default)]
struct Log {
    purged: Option<LogId>,
    /// The same on the disk; it lags while a snapshot is being installed.
    purged_on_disk: Option<LogId>,
    /// More was purged than was ever there: an entry that is appended now does not follow the newest on the disk.
    gap: bool,
    last: Option<LogId>,
    /// The newest entries without a gap. One that is not written yet is always here.
    recent: BTreeMap<u64, Recent>,
    recent_bytes: usize,
}

struct Recent {
    entry: Entry,
    bytes: usize,
    written: bool,
}

impl Log {
    fn push(&mut self, entry: Entry, bytes: usize) {
        self.last = Some(entry.log_id);
        self.recent_bytes += bytes;
        self.recent.insert(entry.log_id.index, Recent { entry, bytes, written: false });
    }

    /// Entries up to `upto` can be read from the disk from now on.
    fn written(&mut self, upto: u64) {
        for (_, recent) in self.recent.range_mut(..=upto) {
            recent.written = true;
        }
        while self.recent.len() > RECENT_ENTRIES || self.recent_bytes > RECENT_BYTES {
            match self.recent.first_entry() {
                Some(oldest) if oldest.get().written => self.recent_bytes -= oldest.remove().bytes,
                _ => break,
            }
        }
    }

    fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        self.recent.retain(|index, _| keep(*index));
        self.recent_bytes = self.recent.values().map(|recent| recent.bytes).sum();
    }
}

impl LogStore {
    /// Opens the log, and reads it once from end to end: an entry that can't be read, or a gap, shall be known
    /// before this node speaks.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Newer`] or [`StoreError::Unknown`]; what reading can fail with.
    pub fn open(disk: Disk) -> Result<Self, StoreError> {
        let (purged, last) = read_whole(disk.store(), &mut |_| ())?;
        // Raft reads these first of all, and has no words for what it can't read.
        let _: Option<Vote> = read_meta(disk.store(), "vote")?;
        let _: Option<Option<LogId>> = read_meta(disk.store(), "committed")?;
        let log = Log { purged, purged_on_disk: purged, last, ..Log::default() };
        Ok(Self { disk, log: Arc::new(Mutex::new(log)), committed: watch::Sender::default() })
    }

    /// The disk that it is on.
    pub fn disk(&self) -> Disk {
        self.disk.clone()
    }

    /// The newest entry that Raft has said to be committed since the start; zero before it said so.
    pub fn committed(&self) -> watch::Receiver<LogIndex> {
        self.committed.subscribe()
    }

    /// The last entry in it, purged or not.
    pub fn last(&self) -> Option<LogId> {
        self.lock().last
    }

    /// Whether neither a vote nor an entry was ever stored.
    ///
    /// # Errors
    /// What reading can fail with.
    pub fn is_pristine(&self) -> Result<bool, StoreError> {
        let vote: Option<Vote> = read_meta(self.disk.store(), "vote")?;
        Ok(vote.is_none() && self.lock().last.is_none())
    }

    /// The vote as stored.
    ///
    /// # Errors
    /// What reading can fail with.
    pub fn stored_vote(&self) -> Result<Option<Vote>, StoreError> {
        read_meta(self.disk.store(), "vote")
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        // Nothing panics while holding it; if something did, the fields are still each valid by itself.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a durable snapshot holds everything that was purged, up to which entry.
    ///
    /// # Errors
    /// None does: entries are missing, as after a power cut under a version that purged too early.
    pub fn check_covered(&self) -> Result<(), StoreError> {
        let purged = self.lock().purged_on_disk;
        covers(*self.disk.snapshot().borrow(), purged)
    }

    /// Purges on the disk what is purged in memory, if a durable snapshot covers it.
    async fn purge_covered(&self) -> Result<(), StoreError> {
        let covered = *self.disk.snapshot().borrow();
        let (purged, on_disk) = {
            let log = self.lock();
            (log.purged, log.purged_on_disk)
        };
        let Some(upto) = purged.filter(|_| purged > on_disk && covered >= purged) else { return Ok(()) };
        self.disk.settle().await?;
        let mut batch = Batch::default();
        batch.put(meta_key("purged"), record::encode("purged", &upto)?);
        record::delete_records(self.disk.store(), &mut batch, LOG, 0, Some(upto.index.saturating_add(1)))?;
        self.disk.write(batch, false).await?;
        let mut log = self.lock();
        log.purged_on_disk = Some(upto);
        log.gap = false;
        Ok(())
    }

    /// Waits, where an entry that comes now would leave a gap on the disk, until the snapshot before it is durable.
    async fn ready_to_append(&self) -> Result<(), StoreError> {
        let (gap, purged) = {
            let log = self.lock();
            (log.gap, log.purged)
        };
        if gap {
            let mut snapshot = self.disk.snapshot();
            let durable = snapshot.wait_for(|covered| *covered >= purged);
            match tokio::time::timeout(SNAPSHOT_PATIENCE, durable).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return Err(StoreError::Stopped),
                Err(_) => return Err(StoreError::Poisoned("a snapshot was not installed".to_owned())),
            }
        }
        self.purge_covered().await
    }

    /// Entries with `from <= index < to`, at most `cap_bytes` of them (but at least one, if there is one).
    async fn entries(&self, from: u64, to: Option<u64>, cap_bytes: usize) -> Result<Vec<Entry>, StoreError> {
        let (from, oldest, recent) = {
            let log = self.lock();
            let from = log.purged.map_or(from, |purged| from.max(purged.index.saturating_add(1)));
            let end = to.unwrap_or(u64::MAX).max(from);
            let oldest = log.recent.first_key_value().map_or(u64::MAX, |(index, _)| *index);
            let recent: Vec<(Entry, usize)> =
                log.recent.range(from..end).map(|(_, recent)| (recent.entry.clone(), recent.bytes)).collect();
            (from, oldest, recent)
        };
        let mut left = cap_bytes;
        let mut found = Vec::new();
        let disk_end = to.map_or(oldest, |to| to.min(oldest));
        if from < disk_end {
            found = self
                .disk
                .read(move |store| {
                    read_entries(store, from, (disk_end != u64::MAX).then_some(disk_end), &mut left)
                        .map(|found| (found, left))
                })
                .await
                .map(|(found, rest)| {
                    left = rest;
                    found
                })?;
        }
        for (entry, bytes) in recent {
            if left < bytes && !found.is_empty() {
                break;
            }
            left = left.saturating_sub(bytes);
            found.push(entry);
        }
        Ok(found)
    }

    async fn put_meta<T: serde::Serialize>(&self, name: &str, value: &T) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.put(meta_key(name), record::encode(name, value)?);
        self.disk.write(batch, !planted(Bug::VoteBeforeSync)).await
    }
}

/// Reads the log from end to end. Returns what is purged, and its last entry.
///
/// # Errors
/// [`StoreError::Corrupt`], for a gap too, or [`StoreError::Newer`]; what reading can fail with.
pub(crate) fn read_whole(
    store: &dyn Store,
    visit: &mut dyn FnMut(Entry),
) -> Result<(Option<LogId>, Option<LogId>), StoreError> {
    let purged: Option<LogId> = read_meta(store, "purged")?;
    let mut last = purged;
    let mut failed = None;
    record::visit_records(store, LOG, 0, None, &mut |index, bytes| {
        let checked = record::decode::<Entry>("a log entry", bytes)
            .and_then(|entry| follows(last, index, &entry).map(|log_id| (log_id, entry)));
        match checked {
            Ok((log_id, entry)) => {
                last = Some(log_id);
                visit(entry);
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    failed.map_or(Ok((purged, last)), Err)
}

/// Reads a small record.
pub(crate) fn read_meta<T: serde::de::DeserializeOwned>(
    store: &dyn Store,
    name: &str,
) -> Result<Option<T>, StoreError> {
    store.get(&meta_key(name))?.map(|bytes| record::decode(name, &bytes)).transpose()
}

/// Checks that a snapshot as far as `covered` holds everything that was purged.
pub(crate) fn covers(covered: Option<LogId>, purged: Option<LogId>) -> Result<(), StoreError> {
    match purged {
        Some(purged) if covered < Some(purged) => Err(StoreError::Corrupt(format!(
            "the log begins after entry {}, and no snapshot goes so far",
            purged.index
        ))),
        _ => Ok(()),
    }
}

/// Checks that an entry is the one that must come next.
fn follows(last: Option<LogId>, index: u64, entry: &Entry) -> Result<LogId, StoreError> {
    // Nothing follows the last number that there is.
    let next = last.map_or(Some(0), |last| last.index.checked_add(1));
    if entry.log_id.index != index || Some(index) != next || Some(entry.log_id) <= last {
        return Err(StoreError::Corrupt(format!(
            "the log has {} at position {index}, where {} must follow",
            entry.log_id,
            next.map_or_else(|| "no entry".to_owned(), |next| format!("entry {next}"))
        )));
    }
    Ok(entry.log_id)
}

fn read_entries(
    store: &dyn Store,
    from: u64,
    to: Option<u64>,
    left: &mut usize,
) -> Result<Vec<Entry>, StoreError> {
    let mut found = Vec::new();
    let mut failed = None;
    record::visit_records(store, LOG, from, to, &mut |_, bytes| {
        if bytes.len() > *left && !found.is_empty() {
            *left = 0;
            return ControlFlow::Break(());
        }
        match record::decode("a log entry", bytes) {
            Ok(entry) => found.push(entry),
            Err(error) => {
                failed = Some(error);
                return ControlFlow::Break(());
            }
        }
        *left = left.saturating_sub(bytes.len());
        ControlFlow::Continue(())
    })?;
    failed.map_or(Ok(found), Err)
}

fn bounds(range: &impl RangeBounds<u64>) -> (u64, Option<u64>) {
    let from = match range.start_bound() {
        Bound::Included(from) => *from,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(last) => Some(last.saturating_add(1)),
        Bound::Excluded(to) => Some(*to),
        Bound::Unbounded => None,
    };
    (from, to)
}

fn reading(error: StoreError) -> RaftStorageError {
    StorageIOError::read_logs(AnyError::new(&error)).into()
}

fn writing(error: StoreError) -> RaftStorageError {
    StorageIOError::write_logs(AnyError::new(&error)).into()
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, RaftStorageError> {
        let (from, to) = bounds(&range);
        self.entries(from, to, usize::MAX).await.map_err(reading)
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<Entry>, RaftStorageError> {
        self.entries(start, Some(end), SEND_BYTES).await.map_err(reading)
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, RaftStorageError> {
        let log = self.lock();
        Ok(LogState { last_purged_log_id: log.purged, last_log_id: log.last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), RaftStorageError> {
        let written = self.put_meta("vote", vote).await;
        written.map_err(|error| StorageIOError::write_vote(AnyError::new(&error)).into())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, RaftStorageError> {
        self.stored_vote().map_err(|error| StorageIOError::read_vote(AnyError::new(&error)).into())
    }

    /// A hint for the next start, how far the log may be applied at once. Losing it loses nothing: the leader
    /// says it again. So it asks for no barrier, and goes to disk with the next one.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), RaftStorageError> {
        let mut batch = Batch::default();
        batch.put(meta_key("committed"), record::encode("committed", &committed).map_err(writing)?);
        self.disk.submit(batch, false, |_| ()).await;
        if let Some(committed) = committed {
            self.committed.send_replace(LogIndex(committed.index));
        }
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, RaftStorageError> {
        self.disk.settle().await.map_err(reading)?;
        let committed: Option<Option<LogId>> = read_meta(self.disk.store(), "committed").map_err(reading)?;
        // The hint may be durable where a later truncation or a lost tail took the entries away.
        let last = self.lock().last;
        Ok(committed.flatten().map(|committed| last.map_or(committed, |last| committed.min(last))))
    }

    async fn append<I>(
        &mut self,
        entries: I,
        callback: LogFlushed<TypeConfig>,
    ) -> Result<(), RaftStorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        self.ready_to_append().await.map_err(writing)?;
        let mut batch = Batch::default();
        let mut upto = None;
        for entry in entries {
            let bytes = record::encode("a log entry", &entry).map_err(writing)?;
            record::put_parts(&mut batch, LOG, entry.log_id.index, &bytes);
            upto = Some(entry.log_id.index);
            self.lock().push(entry, bytes.len());
        }
        let log = self.log.clone();
        let done = move |result: Result<(), StoreError>| {
            if let (Ok(()), Some(upto)) = (&result, upto) {
                log.lock().unwrap_or_else(PoisonError::into_inner).written(upto);
            }
            callback.log_io_completed(result.map_err(std::io::Error::other));
        };
        self.disk.submit(batch, !planted(Bug::EntriesBeforeSync), done).await;
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), RaftStorageError> {
        self.disk.settle().await.map_err(writing)?;
        let before = match log_id.index.checked_sub(1) {
            Some(index) => self.entries(index, Some(index + 1), usize::MAX).await.map_err(reading)?,
            None => Vec::new(),
        };
        {
            let mut log = self.lock();
            log.retain(|index| index < log_id.index);
            log.last = before.first().map(|entry| entry.log_id).or(log.purged);
        }
        let mut batch = Batch::default();
        record::delete_records(self.disk.store(), &mut batch, LOG, log_id.index, None).map_err(reading)?;
        self.disk.write(batch, true).await.map_err(writing)
    }

    /// On the disk without a barrier, and not before a durable snapshot covers it: what comes back after a crash is in
    /// the snapshot as well, and is purged again.
    async fn purge(&mut self, log_id: LogId) -> Result<(), RaftStorageError> {
        {
            let mut log = self.lock();
            log.purged = log.purged.max(Some(log_id));
            log.gap |= log.last < Some(log_id);
            log.last = log.last.max(Some(log_id));
            log.retain(|index| index > log_id.index);
        }
        self.purge_covered().await.map_err(writing)
    }
}

#[cfg(test)]
mod tests;
