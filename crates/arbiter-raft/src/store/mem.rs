//! A simulated disk: what was not synced is lost in a crash.

use super::{Batch, Driver, FailPoint, Moment, Store, StoreError, Visit, Written};
use crate::record::{LOG, part_prefix};
use std::collections::BTreeMap;
use std::fmt;
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
    unsynced: Vec<(Option<Written>, Batch)>,
    armed: Option<Armed>,
    sync_latency: Duration,
    fail_sync: Option<String>,
    drop_syncs: bool,
    syncs: u64,
}

/// Where the power is cut, and who is told.
struct Armed {
    point: FailPoint,
    told: Box<dyn FnOnce() + Send>,
}

impl fmt::Debug for Armed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.point.fmt(f)
    }
}

impl Disk {
    /// Whether the power is cut now. If so, nothing of the process that holds the disk runs any more.
    fn ends(&mut self, written: Option<Written>, moment: Moment) -> bool {
        let Some(armed) = &mut self.armed else { return false };
        if written != Some(armed.point.written) || moment != armed.point.moment {
            return false;
        }
        let ends = armed.point.after == 0;
        armed.point.after = armed.point.after.saturating_sub(1);
        self.life += u64::from(ends);
        ends
    }

    /// Of the writes since the last barrier the one that the power cut is to meet, if it is among them.
    fn met(&self) -> Option<Written> {
        let wanted = self.armed.as_ref()?.point.written;
        self.unsynced.iter().find_map(|(written, _)| written.filter(|written| *written == wanted))
    }

    fn written_by(&self, batch: &Batch) -> Option<Written> {
        let holds = |index: u64| {
            let (from, to) = (part_prefix(LOG, index), part_prefix(LOG, index.saturating_add(1)));
            self.visible.range(from..to).next().is_some()
        };
        Written::by(batch, holds)
    }
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
        for (_, batch) in &unsynced[..kept] {
            write(&mut disk.durable, batch);
        }
        disk.visible = disk.durable.clone();
        disk.fail_sync = None;
        disk.armed = None;
        disk.life += 1;
        Self { disk: self.disk.clone(), life: disk.life }
    }

    /// The power is cut at this moment, unless there is a crash before: the process that holds the disk finds it gone, and
    /// `told` is called, to [`MemStore::crash`] it. It takes the place of any other.
    pub fn crash_at(&self, point: FailPoint, told: impl FnOnce() + Send + 'static) {
        self.lock().armed = Some(Armed { point, told: Box::new(told) });
    }

    /// The power is not cut by [`MemStore::crash_at`] any more.
    pub fn spare(&self) {
        self.lock().armed = None;
    }

    /// Whether the disk is gone, to the process that holds it: there was a crash.
    pub fn is_gone(&self) -> bool {
        self.alive().is_err()
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

    /// Says that the power was cut.
    fn cut(mut disk: MutexGuard<'_, Disk>) -> Result<(), StoreError> {
        let armed = disk.armed.take();
        drop(disk);
        armed.into_iter().for_each(|armed| (armed.told)());
        Err(StoreError::Stopped)
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
        let written = disk.written_by(batch);
        if disk.ends(written, Moment::BeforeWrite) {
            return Self::cut(disk);
        }
        write(&mut disk.visible, batch);
        disk.unsynced.push((written, batch.clone()));
        Ok(())
    }

    fn sync(&self) -> Result<(), StoreError> {
        let mut disk = self.alive()?;
        if let Some(message) = &disk.fail_sync {
            return Err(StoreError::io("synced", &std::io::Error::other(message.clone())));
        }
        let met = disk.met();
        if disk.ends(met, Moment::BeforeBarrier) {
            return Self::cut(disk);
        }
        disk.syncs += 1;
        if disk.drop_syncs {
            return Ok(());
        }
        let unsynced = std::mem::take(&mut disk.unsynced);
        for (_, batch) in &unsynced {
            write(&mut disk.durable, batch);
        }
        if disk.ends(met, Moment::AfterBarrier) {
            return Self::cut(disk);
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
    use crate::record::meta_key;

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
    fn the_power_is_cut_at_the_moment_that_was_said_and_at_no_other() {
        let vote = |store: &MemStore, term: &[u8]| {
            let mut batch = Batch::default();
            batch.put(meta_key("vote"), term.to_vec());
            store.apply(&batch).and_then(|()| store.sync())
        };
        for (moment, on_disk) in
            [(Moment::BeforeWrite, b"1"), (Moment::BeforeBarrier, b"1"), (Moment::AfterBarrier, b"2")]
        {
            let store = MemStore::new();
            let told = Arc::new(Mutex::new(0));
            let count = told.clone();
            let point = FailPoint { written: Written::Vote, moment, after: 1 };
            store.crash_at(point, move || *count.lock().unwrap() += 1);
            put(&store, "l");
            store.sync().unwrap();
            vote(&store, b"1").unwrap();
            assert!(!store.is_gone());
            assert!(matches!(vote(&store, b"2"), Err(StoreError::Stopped)), "{moment:?}");
            assert!(store.is_gone() && *told.lock().unwrap() == 1);
            assert_eq!(store.unsynced(), usize::from(moment == Moment::BeforeBarrier));
            let next = store.crash(0);
            assert_eq!(next.get(&meta_key("vote")).unwrap().unwrap(), on_disk, "{moment:?}");
            vote(&next, b"3").unwrap();
            assert_eq!(*told.lock().unwrap(), 1, "it is cut once");
        }
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
