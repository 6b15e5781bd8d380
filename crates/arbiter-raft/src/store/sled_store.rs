//! The real disk: sled, with a barrier that reaches the platter.

use super::folder::Folder;
use super::tally::{self, Tally};
use super::{Batch, Store, StoreError, Visit, WAY_BACK, WAY_FORWARD};
use std::fs::{File, OpenOptions};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// sled's page cache, in bytes. The whole daemon shall stay below 20 MiB at rest; the unpurged log, the vote
/// and one snapshot need far less than this.
const CACHE_BYTES: u64 = 2 * 1024 * 1024;

/// A folder on a disk, held by this process alone.
///
/// sled's own `flush` hands the data to the kernel and waits for the write-back of the data's range, but neither
/// the file's length nor the disk's cache are flushed. So [`Store::sync`] is sled's `flush` followed by
/// `fdatasync` on a descriptor of our own of the same file. What sled can't read any more when it is opened again is
/// noticed by the number of the newest barrier (see [`tally`]).
pub struct SledStore {
    /// Declared first: sled writes once more when it is dropped, and must do so under our lock.
    db: sled::Db,
    barrier: File,
    barriers: AtomicU64,
    tally: Tally,
    folder: Folder,
}

/// Why a folder can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    /// Another process holds it.
    #[error(
        "the data folder {path} is in use by another process: stop the other `arbiterd` \
         (`fuser {path}/lock` names it), or configure another folder"
    )]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// It can't be created, read or written.
    #[error("the data folder {path} can't be opened: check that it exists, its owner and its free space")]
    Io {
        /// The folder, or the file in it.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// Its files are another version's of sled.
    #[error("the data folder {path} can't be used ({reason}): {WAY_FORWARD}")]
    OtherStore {
        /// The folder.
        path: PathBuf,
        /// Sled's words: which version it is, and which one this is.
        reason: String,
    },
    /// What is in it makes no sense.
    #[error("the data folder {path} is damaged ({reason}): {WAY_BACK}")]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Between two tries to open a file that is still held.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// So many at most: sled's threads end within milliseconds, on a busy machine within some tens.
const LOOKS: u32 = 500;

impl SledStore {
    /// Opens the folder, or makes it if there is none.
    ///
    /// # Errors
    /// [`OpenStoreError`]: in use, unreadable, or damaged.
    pub fn open(path: &Path) -> Result<Self, OpenStoreError> {
        Self::open_held(Folder::hold(path)?)
    }

    /// Opens the store in a folder that is held already.
    ///
    /// # Errors
    /// The same.
    pub fn open_held(folder: Folder) -> Result<Self, OpenStoreError> {
        let path = folder.path();
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenStoreError::Io { path, source }
        };
        let inner = path.join("store");
        clear_unfinished(path, &inner).map_err(io(&inner))?;
        let config = sled::Config::new()
            .path(&inner)
            .cache_capacity(CACHE_BYTES)
            // Less space, more rewriting: the data is small, and a gateway's disk may be too.
            .mode(sled::Mode::LowSpace)
            // Barriers are ours; a background flush would hide its errors in the log.
            .flush_every_ms(None);
        let db = match open_released(&config) {
            Ok(Ok(db)) => db,
            Ok(Err(sled::Error::Io(source))) => return Err(OpenStoreError::Io { path: inner, source }),
            Ok(Err(error)) => return Err(made_otherwise(path, &error)),
            Err(_) => return Err(damaged(path, "the store's own checks failed while reading it".to_owned())),
        };
        let data = inner.join("db");
        let barrier = OpenOptions::new().write(true).open(&data).map_err(io(&data))?;
        sync_names(path, &inner)?;
        let newest = newest_barrier(&db).map_err(|reason| damaged(path, reason))?;
        let tally = Tally::open(path, newest)?;
        let barriers = AtomicU64::new(newest);
        Ok(Self { db, barrier, barriers, tally, folder })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Opens sled. Its threads may hold its file a moment longer than whoever closed it last in this process; since the folder is
/// ours by now, that is worth a wait.
fn open_released(config: &sled::Config) -> std::thread::Result<sled::Result<sled::Db>> {
    // sled asserts on some kinds of damage instead of reporting them.
    let open = || catch_unwind(AssertUnwindSafe(|| config.open()));
    let is_held = |opened: &std::thread::Result<sled::Result<sled::Db>>| matches!(opened, Ok(Err(sled::Error::Io(held))) if held.to_string().starts_with("could not acquire lock"));
    let mut opened = open();
    for _ in 0..LOOKS {
        if !is_held(&opened) {
            break;
        }
        wait_a_moment();
        opened = open();
    }
    opened
}

#[expect(
    clippy::disallowed_methods,
    reason = "a store is opened once, before there is anything that could be blocked"
)]
fn wait_a_moment() {
    std::thread::sleep(LOOK_EVERY);
}

/// What an error without a kind of its own is called by the standard library.
const NO_KIND: &str = "uncategorized error";

/// Why sled can't go on, in words.
fn reason(error: &sled::Error) -> String {
    match error {
        sled::Error::Corruption { .. } => "what is read is not what was written".to_owned(),
        other => other.to_string(),
    }
}

/// Why sled does not open what is there: its own version stands in `conf`, and it takes no other.
fn made_otherwise(path: &Path, error: &sled::Error) -> OpenStoreError {
    match error {
        sled::Error::Unsupported(words) if words.contains("pagecache version") => {
            OpenStoreError::OtherStore { path: path.to_owned(), reason: words.clone() }
        }
        other => damaged(path, reason(other)),
    }
}

/// The number of the newest barrier that the store knows of; zero for a new one.
fn newest_barrier(db: &sled::Db) -> Result<u64, String> {
    let Some(bytes) = db.get(tally::KEY).map_err(|error| reason(&error))? else {
        return Ok(0);
    };
    let bytes = bytes
        .as_ref()
        .try_into()
        .map_err(|_| "the number of its newest barrier makes no sense".to_owned())?;
    Ok(u64::from_be_bytes(bytes))
}

pub(super) fn damaged(path: &Path, reason: String) -> OpenStoreError {
    OpenStoreError::Damaged { path: path.to_owned(), reason }
}

/// Takes away what a crash has left half-made, and sled would take for damage.
///
/// At a start sled writes its index under a passing name, which it would read as the newest index after a crash; it counts
/// from its renaming on. And of a folder that was being made when the power went, nothing was acknowledged yet as long as
/// neither data nor a barrier are there: it is made anew.
fn clear_unfinished(path: &Path, inner: &Path) -> std::io::Result<()> {
    if !inner.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(inner)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            std::fs::remove_file(entry.path())?;
        }
    }
    let no_data = inner.join("db").metadata().map_or(true, |data| data.len() == 0);
    if no_data && !tally::exists(path) && inner.join("conf").exists() {
        std::fs::remove_file(inner.join("conf"))?;
    }
    Ok(())
}

/// Makes the names durable: a file whose directory entry is lost is lost with all that was synced into it.
///
/// sled writes `conf` once without syncing it, creates `db`, and replaces its index `snap.*` at each start; an
/// acknowledgement depends on `db` and `conf`, and on the folders that lead to them.
fn sync_names(path: &Path, inner: &Path) -> Result<(), OpenStoreError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let files = [inner.join("conf"), inner.join("db"), inner.to_owned(), path.to_owned()];
    for name in files.iter().map(PathBuf::as_path).chain(parent) {
        File::open(name)
            .and_then(|file| file.sync_all())
            .map_err(|source| OpenStoreError::Io { path: name.to_owned(), source })?;
    }
    Ok(())
}

/// The system's own words: sled copies an error of an earlier write as text for programmers. Of an error that has no kind (EIO, for
/// one) it leaves nothing.
fn words_of(error: std::io::Error) -> std::io::Error {
    match error.kind() {
        kind if error.raw_os_error().is_none() && kind.to_string() == NO_KIND => {
            std::io::Error::other("an error of the device, as a rule: a write went wrong before")
        }
        kind if error.raw_os_error().is_none() && kind != std::io::ErrorKind::Other => kind.into(),
        _ => error,
    }
}

fn failed(verb: &'static str) -> impl Fn(sled::Error) -> StoreError {
    move |error| match error {
        sled::Error::Corruption { .. } => StoreError::Corrupt(reason(&error)),
        sled::Error::Io(error) => StoreError::io(verb, &words_of(error)),
        other => StoreError::io(verb, &std::io::Error::other(other.to_string())),
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.db.get(key).map_err(failed("read"))?.map(|value| value.to_vec()))
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        if from >= to {
            return Ok(());
        }
        for record in self.db.range(from.to_vec()..to.to_vec()) {
            let (key, value) = record.map_err(failed("read"))?;
            if visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn apply(&self, batch: &Batch) -> Result<(), StoreError> {
        // A change that is alone needs no batch: sled would write a manifest for it, which costs the disk another
        // round trip, and almost every write of Raft's is alone.
        if let [(key, value)] = batch.changes() {
            let changed = match value {
                Some(value) => self.db.insert(key.as_slice(), value.as_slice()),
                None => self.db.remove(key.as_slice()),
            };
            return changed.map(drop).map_err(failed("written"));
        }
        let mut changes = sled::Batch::default();
        for (key, value) in batch.changes() {
            match value {
                Some(value) => changes.insert(key.as_slice(), value.as_slice()),
                None => changes.remove(key.as_slice()),
            }
        }
        self.db.apply_batch(changes).map_err(failed("written"))
    }

    fn sync(&self) -> Result<(), StoreError> {
        let number = self.barriers.fetch_add(1, Ordering::Relaxed) + 1;
        self.db.insert(tally::KEY, &number.to_be_bytes()).map_err(failed("written"))?;
        self.db.flush().map_err(failed("synced"))?;
        self.barrier.sync_data().map_err(|error| StoreError::io("synced", &error))?;
        self.tally.passed(number).map_err(|error| StoreError::io("written", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MAX_VALUE_BYTES;
    use std::ops::ControlFlow;

    fn value_of(number: u32) -> Vec<u8> {
        (0..MAX_VALUE_BYTES).map(|at| (at as u32).wrapping_mul(number) as u8).collect()
    }

    #[test]
    fn a_second_process_is_told_that_the_folder_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let _held = SledStore::open(folder.path()).unwrap();
        let error = SledStore::open(folder.path()).err().unwrap();
        assert!(matches!(error, OpenStoreError::Locked { .. }), "{error}");
    }

    #[test]
    fn a_file_that_is_about_to_be_released_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        drop(SledStore::open(folder.path()).unwrap());
        let held = File::open(folder.path().join("store/db")).unwrap();
        rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
        let releases = std::thread::spawn(move || {
            (0..10).for_each(|_| wait_a_moment());
            drop(held);
        });
        SledStore::open(folder.path()).unwrap();
        releases.join().unwrap();
    }

    #[test]
    fn what_was_applied_is_read_back_in_order_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path()).unwrap();
        let mut batch = Batch::default();
        for number in [3_u32, 1, 2] {
            batch.put(number.to_be_bytes().to_vec(), value_of(number));
        }
        store.apply(&batch).unwrap();
        store.sync().unwrap();
        drop(store);
        let store = SledStore::open(folder.path()).unwrap();
        let mut seen = Vec::new();
        store
            .scan(&1_u32.to_be_bytes(), &3_u32.to_be_bytes(), &mut |key, value| {
                assert_eq!(value.len(), MAX_VALUE_BYTES);
                seen.push(key.to_vec());
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(seen, [1_u32.to_be_bytes().to_vec(), 2_u32.to_be_bytes().to_vec()]);
    }

    #[test]
    fn no_record_ever_leaves_the_synced_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path()).unwrap();
        // Values of the greatest length, in batches, some overwritten, some removed: pages split and merge.
        for round in 0..30_u32 {
            let mut batch = Batch::default();
            for number in 0..40_u32 {
                let key = (round * 25 + number).to_be_bytes().to_vec();
                if number % 7 == 3 { batch.delete(key) } else { batch.put(key, value_of(number)) }
            }
            store.apply(&batch).unwrap();
            store.sync().unwrap();
        }
        let blobs = std::fs::read_dir(folder.path().join("store/blobs")).unwrap().count();
        assert_eq!(blobs, 0, "sled never syncs its blob files, so there must be none");
    }

    #[test]
    fn what_a_crash_left_half_made_is_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("store")).unwrap();
        std::fs::write(folder.path().join("store/conf"), [7; 58]).unwrap();
        let store = SledStore::open(folder.path()).unwrap();
        let mut batch = Batch::default();
        batch.put(b"key".to_vec(), value_of(1));
        store.apply(&batch).unwrap();
        store.sync().unwrap();
        drop(store);
        std::fs::write(folder.path().join("store/snap.7FFFFFFFFFFFFFFF.generating"), b"half").unwrap();
        let store = SledStore::open(folder.path()).unwrap();
        assert_eq!(store.get(b"key").unwrap(), Some(value_of(1)));
        drop(store);
        // With data, or a barrier that has passed, a broken file is damage.
        std::fs::write(folder.path().join("store/conf"), [7; 58]).unwrap();
        assert!(matches!(SledStore::open(folder.path()), Err(OpenStoreError::Damaged { .. })));
        std::fs::remove_file(folder.path().join("store/db")).unwrap();
        assert!(matches!(SledStore::open(folder.path()), Err(OpenStoreError::Damaged { .. })));
    }

    #[test]
    fn an_error_is_told_in_words_that_mean_something() {
        // As sled copies it.
        let copied = |errno: rustix::io::Errno| {
            let kind = std::io::Error::from(errno).kind();
            words_of(std::io::Error::new(kind, "io error: Custom { .. }")).to_string()
        };
        assert!(copied(rustix::io::Errno::IO).contains("an error of the device"));
        assert!(copied(rustix::io::Errno::ROFS).contains("read-only"));
        assert!(words_of(rustix::io::Errno::IO.into()).to_string().contains("Input/output error"));
    }

    #[test]
    fn damage_is_reported_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        // sled writes its index when it opens a store that has something in it.
        for _ in 0..2 {
            let store = SledStore::open(folder.path()).unwrap();
            let mut batch = Batch::default();
            batch.put(b"key".to_vec(), value_of(1));
            store.apply(&batch).unwrap();
            store.sync().unwrap();
        }
        let mut damaged = 0;
        for entry in std::fs::read_dir(folder.path().join("store")).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with("snap.") {
                std::fs::write(path, b"this is not an index of the store").unwrap();
                damaged += 1;
            }
        }
        assert!(damaged > 0);
        let error = SledStore::open(folder.path()).err().unwrap();
        assert!(matches!(&error, OpenStoreError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("arbiterctl member replace"), "{error}");
    }
}
