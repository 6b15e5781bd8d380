//! A simulated disk: what was not synced is lost in a crash.

use super::{Batch, Driver, Store, StoreError, Visit};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// A disk in memory for tests and simulation, as one process holds it. Clones share it.
///
/// It keeps apart what was applied and what was synced, so that [`MemStore::crash`] can take away what a power
/// cut would.
#[derive(Debug, Clone, Default)]
pub struct MemStore {
    disk: Arc<Mutex<Disk>>,
    /// Which process since the last crash this is.
    life: u64,
}

#[derive(Debug, Default)]
struct Disk {
    life: u64,
    visible: Map,
    durable: Map,
    unsynced: Vec<Batch>,
    sync_latency: Duration,
    fail_sync: Option<String>,
    drop_syncs: bool,
    syncs: u64,
}

impl MemStore {
    /// An empty disk whose barriers take no time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Power cut: of the batches applied since the last barrier only the first `survivors` are still there.
    /// A disk may have written some of them by itself, but never a later one without the earlier ones.
    ///
    /// Returns the disk as the next process finds it. To the process that held it until now it is gone: every
    /// call fails, as nothing runs any more on a machine without power.
    #[must_use]
    pub fn crash(&self, survivors: usize) -> Self {
        let mut disk = self.lock();
        let kept = disk.unsynced.len().min(survivors);
        let unsynced = std::mem::take(&mut disk.unsynced);
        for batch in &unsynced[..kept] {
            write(&mut disk.durable, batch);
        }
        disk.visible = disk.durable.clone();
        disk.fail_sync = None;
        disk.life += 1;
        Self { disk: self.disk.clone(), life: disk.life }
    }

    /// Every barrier from now on fails with these words, until the next crash.
    pub fn fail_syncs(&self, message: &str) {
        self.lock().fail_sync = Some(message.to_owned());
    }

    /// Barriers from now on lie: they report success and make nothing durable. It is the bug that tests plant
    /// to see that they would notice.
    pub fn drop_syncs(&self, lie: bool) {
        self.lock().drop_syncs = lie;
    }

    /// How long each barrier takes from now on.
    pub fn set_sync_latency(&self, latency: Duration) {
        self.lock().sync_latency = latency;
    }

    /// How many barriers have succeeded.
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// How many batches a power cut would lose now.
    pub fn unsynced(&self) -> usize {
        self.lock().unsynced.len()
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        // A panic elsewhere can't leave the maps half-changed in a way that matters to a test.
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> Result<MutexGuard<'_, Disk>, StoreError> {
        let disk = self.lock();
        if disk.life == self.life { Ok(disk) } else { Err(StoreError::Stopped) }
    }
}

fn write(map: &mut Map, batch: &Batch) {
    for (key, value) in batch.changes() {
        match value {
            Some(value) => map.insert(key.clone(), value.clone()),
            None => map.remove(key),
        };
    }
}

impl Store for MemStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.alive()?.visible.get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        if from >= to {
            return Ok(());
        }
        let disk = self.alive()?;
        for (key, value) in disk.visible.range(from.to_vec()..to.to_vec()) {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut disk = self.alive()?;
        write(&mut disk.visible, batch);
        disk.unsynced.push(batch.clone());
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        let mut disk = self.alive()?;
        if let Some(message) = &disk.fail_sync {
            return Err(StoreError::io("synced", &std::io::Error::other(message.clone())));
        }
        disk.syncs += 1;
        if disk.drop_syncs {
            return Ok(());
        }
        let unsynced = std::mem::take(&mut disk.unsynced);
        for batch in &unsynced {
            write(&mut disk.durable, batch);
        }
        Ok(())
    }

    fn driver(&self) -> Driver {
        Driver::Task { sync_latency: self.lock().sync_latency }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(store: &MemStore, key: &str) {
        let mut batch = Batch::default();
        batch.put(key.as_bytes().to_vec(), b"x".to_vec());
        store.apply(&batch).unwrap();
    }

    fn has(store: &MemStore, key: &str) -> bool {
        store.get(key.as_bytes()).unwrap().is_some()
    }

    #[test]
    fn a_crash_takes_what_was_not_synced_and_keeps_order() {
        let store = MemStore::new();
        put(&store, "a");
        store.sync().unwrap();
        put(&store, "b");
        put(&store, "c");
        assert!(has(&store, "c"), "applied is visible");
        let next = store.crash(1);
        assert!(has(&next, "a") && has(&next, "b") && !has(&next, "c"));
        assert!(store.get(b"a").is_err() && store.sync().is_err(), "the old process is dead");
        put(&next, "d");
        let last = next.crash(0);
        assert!(has(&last, "b") && !has(&last, "d"));
    }

    #[test]
    fn a_barrier_that_lies_loses_data() {
        let store = MemStore::new();
        store.drop_syncs(true);
        put(&store, "a");
        store.sync().unwrap();
        assert!(!has(&store.crash(0), "a"));
    }
}
