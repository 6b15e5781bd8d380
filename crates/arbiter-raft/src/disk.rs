//! One writer for everything that is written: votes, log entries and snapshots reach the disk in the order in
//! which they were handed over.
//!
//! The writer takes what has queued up, applies it in order, and makes one barrier for all of it. On a real disk
//! it is a thread, because a barrier blocks for milliseconds; on a simulated one it is a task, so that a run
//! under virtual time stays deterministic.
//!
//! After the first failed write or barrier the disk is *poisoned*: nothing is written or acknowledged any more,
//! since nobody knows which of the data the kernel still holds. The process has to end; [`Disk::failed`] says so.

mod waits;

pub use waits::SLOW;

use crate::store::{Batch, Driver, Store, StoreError};
use crate::types::LogId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use waits::Waits;

/// How many writes may wait. Raft's core has one or two under way; snapshots and hints add a few.
const QUEUE: usize = 64;

/// How many writes share one barrier at most.
const GROUP: usize = 64;

/// Called once, when the write is durable, or never will be.
type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

struct Job {
    batch: Batch,
    barrier: bool,
    done: Done,
}

/// The store as long as anybody uses it. The fields are dropped in order: first the store, which on a real disk
/// frees the folder, and then the sender, by which [`Disk::released`] knows.
struct Held {
    store: Arc<dyn Store>,
    in_use: watch::Sender<()>,
}

/// A store and its writer. Clones share both.
#[derive(Clone)]
pub struct Disk {
    held: Arc<Held>,
    jobs: mpsc::Sender<Job>,
    failed: watch::Receiver<Option<StoreError>>,
    snapshot: Arc<watch::Sender<Option<LogId>>>,
    waits: Arc<Waits>,
    became_slow: watch::Receiver<()>,
}

impl Disk {
    /// Starts the writer of a store. It ends when the last clone is dropped.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the system gives no thread.
    pub fn start(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (fail, failed) = watch::channel(None);
        let driver = store.driver();
        let held = Arc::new(Held { store, in_use: watch::Sender::new(()) });
        let waits = Arc::<Waits>::default();
        let (becomes_slow, became_slow) = watch::channel(());
        let writer = Writer { held: held.clone(), queue, fail, waits: Arc::clone(&waits), becomes_slow };
        match driver {
            Driver::Thread => {
                let started = std::thread::Builder::new()
                    .name("store-writer".to_owned())
                    .spawn(move || writer.run_thread());
                started.map_err(|error| StoreError::io("written", &error))?;
            }
            Driver::Task { .. } => drop(tokio::spawn(writer.run_task())),
        }
        Ok(Self { held, jobs, failed, snapshot: Arc::default(), waits, became_slow })
    }

    /// The store, for reading.
    pub fn store(&self) -> &dyn Store {
        &*self.held.store
    }

    /// Closes (its `changed` fails) once nobody uses the store any more, and a real one's folder is free.
    pub fn released(&self) -> watch::Receiver<()> {
        self.held.in_use.subscribe()
    }

    /// Turns to the first failed write; the process has to end then.
    pub fn failed(&self) -> watch::Receiver<Option<StoreError>> {
        self.failed.clone()
    }

    /// How long the slowest write of late took, or has taken so far; `None` if all were quick (see [`SLOW`]).
    pub fn slow(&self) -> Option<Duration> {
        self.waits.longest()
    }

    /// The last entry in the newest durable snapshot. What it does not cover must stay in the log.
    pub fn snapshot(&self) -> watch::Receiver<Option<LogId>> {
        self.snapshot.subscribe()
    }

    /// Notes that a snapshot up to this entry is durable.
    pub(crate) fn snapshot_is_durable(&self, upto: Option<LogId>) {
        self.snapshot.send_replace(upto);
    }

    /// Queues a write and returns; `done` is called when it is applied, and durable if `barrier` is set.
    pub async fn submit(
        &self,
        batch: Batch,
        barrier: bool,
        done: impl FnOnce(Result<(), StoreError>) + Send + 'static,
    ) {
        let job = Job { batch, barrier, done: Box::new(done) };
        if let Err(refused) = self.jobs.send(job).await {
            (refused.0.done)(Err(StoreError::Stopped));
        }
    }

    /// Writes, and waits until it is applied, and durable if `barrier` is set.
    ///
    /// # Errors
    /// Whatever kept it from being written.
    pub async fn write(&self, batch: Batch, barrier: bool) -> Result<(), StoreError> {
        let (done, wait) = oneshot::channel();
        // The receiver is gone only if the caller stopped waiting.
        self.submit(batch, barrier, move |result| drop(done.send(result))).await;
        wait.await.unwrap_or(Err(StoreError::Stopped))
    }

    /// Waits until everything queued so far is applied, so that it can be read.
    ///
    /// # Errors
    /// Whatever kept it from being written.
    pub async fn settle(&self) -> Result<(), StoreError> {
        self.write(Batch::default(), false).await
    }

    /// Reads off the async runtime if the store blocks.
    ///
    /// # Errors
    /// What `read` fails with.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match self.store().driver() {
            Driver::Task { .. } => read(self.store()),
            Driver::Thread => {
                let held = self.held.clone();
                let joined = tokio::task::spawn_blocking(move || read(&*held.store)).await;
                joined
                    .unwrap_or_else(|error| Err(StoreError::Corrupt(format!("a read ended early: {error}"))))
            }
        }
    }
}

struct Writer {
    held: Arc<Held>,
    queue: mpsc::Receiver<Job>,
    fail: watch::Sender<Option<StoreError>>,
    waits: Arc<Waits>,
    becomes_slow: watch::Sender<()>,
}

impl Writer {
    fn run_thread(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let group = self.gather(first);
            self.waits.begin();
            let mut result = self.apply(&group);
            if result.is_ok() && group.iter().any(|job| job.barrier) {
                result = self.held.store.sync();
            }
            self.finish(group, result);
        }
    }

    async fn run_task(mut self) {
        while let Some(first) = self.queue.recv().await {
            let group = self.gather(first);
            self.waits.begin();
            let mut result = self.apply(&group);
            if result.is_ok() && group.iter().any(|job| job.barrier) {
                if let Driver::Task { sync_latency } = self.held.store.driver()
                    && !sync_latency.is_zero()
                {
                    tokio::time::sleep(sync_latency).await;
                }
                result = self.held.store.sync();
            }
            self.finish(group, result);
        }
    }

    /// The first write and what has queued up behind it.
    fn gather(&mut self, first: Job) -> Vec<Job> {
        let mut group = vec![first];
        while group.len() < GROUP {
            match self.queue.try_recv() {
                Ok(job) => group.push(job),
                Err(_) => break,
            }
        }
        group
    }

    fn apply(&self, group: &[Job]) -> Result<(), StoreError> {
        if let Some(earlier) = &*self.fail.borrow() {
            return Err(StoreError::Poisoned(earlier.to_string()));
        }
        group.iter().filter(|job| !job.batch.is_empty()).try_for_each(|job| self.held.store.apply(&job.batch))
    }

    fn finish(&self, group: Vec<Job>, result: Result<(), StoreError>) {
        if self.waits.end() {
            self.becomes_slow.send_replace(());
        }
        if let Err(error) = &result {
            self.fail.send_if_modified(|failed| {
                let first = failed.is_none();
                if first {
                    *failed = Some(error.clone());
                }
                first
            });
        }
        for job in group {
            (job.done)(result.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemStore;

    fn one(key: &[u8]) -> Batch {
        let mut batch = Batch::default();
        batch.put(key.to_vec(), b"x".to_vec());
        batch
    }

    #[tokio::test]
    async fn an_acknowledgement_comes_only_after_the_barrier() {
        let store = MemStore::new();
        let disk = Disk::start(Arc::new(store.clone())).unwrap();
        disk.write(one(b"a"), true).await.unwrap();
        assert_eq!(store.unsynced(), 0);
        disk.write(one(b"b"), false).await.unwrap();
        assert_eq!(store.unsynced(), 1, "nobody asked for a barrier");
        let store = store.crash(0);
        assert!(store.get(b"a").unwrap().is_some() && store.get(b"b").unwrap().is_none());
    }

    #[tokio::test]
    async fn after_a_failed_barrier_nothing_is_acknowledged_again() {
        let store = MemStore::new();
        let disk = Disk::start(Arc::new(store.clone())).unwrap();
        store.fail_syncs("no space");
        assert!(matches!(disk.write(one(b"a"), true).await, Err(StoreError::Io { verb: "synced", .. })));
        assert!(disk.failed().borrow().is_some());
        let barriers = store.syncs();
        for barrier in [true, false] {
            let error = disk.write(one(b"b"), barrier).await.unwrap_err();
            assert!(matches!(&error, StoreError::Poisoned(first) if first.contains("no space")), "{error}");
        }
        assert_eq!(store.syncs(), barriers, "a failed barrier is never tried again");
        assert!(store.get(b"b").unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_barrier_is_told_while_it_lasts_and_afterwards() {
        let store = MemStore::new();
        let disk = Disk::start(Arc::new(store.clone())).unwrap();
        disk.write(one(b"a"), true).await.unwrap();
        assert_eq!(disk.slow(), None);
        store.set_sync_latency(SLOW * 3);
        let write = tokio::spawn({
            let disk = disk.clone();
            async move { disk.write(one(b"b"), true).await }
        });
        tokio::time::sleep(SLOW * 2).await;
        assert!(disk.slow() >= Some(SLOW), "{:?}", disk.slow());
        write.await.unwrap().unwrap();
        assert_eq!(disk.slow(), Some(SLOW * 3));
    }

    #[tokio::test]
    async fn writes_that_wait_share_a_barrier() {
        let store = MemStore::new();
        store.set_sync_latency(std::time::Duration::from_millis(1));
        let disk = Disk::start(Arc::new(store.clone())).unwrap();
        let writes = (0..32_u8).map(|number| {
            let disk = disk.clone();
            tokio::spawn(async move { disk.write(one(&[number]), true).await })
        });
        for write in futures::future::join_all(writes).await {
            write.unwrap().unwrap();
        }
        assert_eq!(store.unsynced(), 0);
        assert!(store.syncs() < 32, "{} barriers for 32 writes", store.syncs());
    }
}
