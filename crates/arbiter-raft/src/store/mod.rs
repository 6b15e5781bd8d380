//! The disk, as this crate needs it: an ordered map of small records with atomic batches and a barrier.
//!
//! Writing and making durable are two steps on purpose. [`Store::apply`] makes a batch visible to readers, all
//! of it or nothing; [`Store::sync`] is the barrier after which everything applied before survives a power cut.
//! Nothing is acknowledged to a peer before the barrier that covers it has returned. A batch is never seen
//! after a crash without all the batches before it: votes and log entries stay in order.

mod fail_point;
mod folder;
mod mem;
mod sled_store;
mod tally;

pub use fail_point::{FailPoint, Moment, Written};
pub use folder::Folder;
pub use mem::MemStore;
pub use sled_store::{OpenStoreError, SledStore};

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::time::Duration;

/// The longest value that a store takes, in bytes.
///
/// sled keeps up to 17 records (19 after a merge) on one page, and a page that grows beyond 128 KiB is moved to
/// a file of its own, which sled never syncs. 19 × 6 KiB stays below that, so longer records are cut in parts
/// (see [`crate::record`]).
pub const MAX_VALUE_BYTES: usize = 6 * 1024;

/// Called with each record of a scan; says whether to go on.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// What to do about a store that makes no sense any more.
pub(crate) const WAY_BACK: &str = "stop the node, move the folder away, start with an empty one, and admit the new \
     disk with `arbiterctl member replace NAME` from another node";

/// What to do about what a later version of this program wrote.
pub(crate) const WAY_FORWARD: &str = "install the version of the program that wrote it, or a later one; the data \
     folder stays as it is";

/// Why the disk failed. Each message speaks of `it`, the data folder, which is named by whoever knows its path.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The disk or file system refused a read or a write.
    #[error("it can't be {verb}: {message}; {remedy}")]
    Io {
        /// `read`, `written` or `synced`.
        verb: &'static str,
        /// The system's words.
        message: String,
        /// What to do.
        remedy: &'static str,
    },
    /// What was read is not what was written.
    #[error("it is damaged ({0}): {WAY_BACK}")]
    Corrupt(String),
    /// A record was written by a later version of this program.
    #[error("{what} has format {found}, this program knows formats up to {known}: {WAY_FORWARD}")]
    Newer {
        /// Which record.
        what: String,
        /// Its format version.
        found: u8,
        /// The newest that this program knows.
        known: u8,
    },
    /// A record is whole, and says something that this program has no word for: a command, an event, a state.
    #[error("{what} holds something that this program does not know ({found}): {WAY_FORWARD}")]
    Unknown {
        /// Which record.
        what: String,
        /// What is not known.
        found: String,
    },
    /// The cluster follows rules of `apply` that this program does not know: it would decide otherwise than the others.
    #[error(
        "{what} follows rules version {found}, this program knows rules up to version {known}: {WAY_FORWARD}"
    )]
    NewerRules {
        /// Which record.
        what: String,
        /// The version of the rules.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// A write failed before: nothing is written or acknowledged any more until the process starts anew.
    #[error("it takes no writes since an earlier failure: {0}")]
    Poisoned(String),
    /// The writer has ended.
    #[error("the writer has ended")]
    Stopped,
}

impl StoreError {
    /// What the system says of a read, a write or a barrier (`verb`: `read`, `written`, `synced`).
    pub fn io(verb: &'static str, error: &std::io::Error) -> Self {
        let remedy = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "make room on its file system, and start the node again, unless systemd does"
            }
            _ => {
                "look for what the kernel says of the disk (`dmesg`), and start the node again, unless systemd does"
            }
        };
        Self::Io { verb, message: error.to_string(), remedy }
    }
}

/// Who runs the writer of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// A thread of its own, because the store's calls block on a real disk.
    Thread,
    /// A task of the async runtime, because the store is memory; the barrier takes this much (virtual) time.
    Task {
        /// How long a barrier takes.
        sync_latency: Duration,
    },
}

/// An ordered map on a disk.
pub trait Store: Send + Sync + 'static {
    /// The value of `key`, if there is one.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Visits the records with `from <= key < to` in the order of their keys.
    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// Applies a batch: all of it becomes visible, or nothing. It is *not* durable yet.
    fn apply(&self, batch: &Batch) -> Result<(), StoreError>;

    /// Returns once everything applied before is durable. After an error nobody may call it again: the kernel
    /// may have dropped the unwritten pages, and a second call would report success for data that is gone.
    fn sync(&self) -> Result<(), StoreError>;

    /// Who runs the writer.
    fn driver(&self) -> Driver {
        Driver::Thread
    }
}

/// Changes that take effect together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// Sets a key. The value must not be longer than [`MAX_VALUE_BYTES`].
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        debug_assert!(
            value.len() <= MAX_VALUE_BYTES,
            "a value of {} bytes must be cut in parts",
            value.len()
        );
        self.changes.push((key, Some(value)));
    }

    /// Removes a key.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.changes.push((key, None));
    }

    /// The changes, in order.
    pub fn changes(&self) -> &[(Vec<u8>, Option<Vec<u8>>)] {
        &self.changes
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}
