//! How a store that has lost its newest writes is noticed.
//!
//! sled takes whatever it can't read at the end of its log for a write that a crash has cut short, and goes on without
//! it. That is right after a crash. After a flipped bit it is not: votes and entries that were acknowledged would be
//! forgotten in silence. So each barrier has a number, which is written into the store under the barrier, and, once it
//! has passed, into a small file beside it. The file is never synced: after a power cut it may lag behind the store,
//! and it is never ahead. A store that is behind the file has lost what was durable.

use super::sled_store::{OpenStoreError, damaged};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The store's record of its newest barrier: outside of all key spaces of [`crate::record`].
pub(super) const KEY: &[u8] = b"~barrier";

/// The file.
const FILE: &str = "barrier";

/// A number and its complement: so short that it is written whole or not at all.
const BYTES: usize = 16;

/// The number of the newest barrier, and the file that remembers it.
pub(super) struct Tally {
    file: File,
}

/// Whether a folder has one: then it held data that were durable.
pub(super) fn exists(folder: &Path) -> bool {
    folder.join(FILE).exists()
}

impl Tally {
    /// Compares the file with what the store holds, durably.
    ///
    /// # Errors
    /// The file can't be opened or written; or the store is behind it.
    pub fn open(folder: &Path, in_store: u64) -> Result<Self, OpenStoreError> {
        let path = folder.join(FILE);
        let io = |source| OpenStoreError::Io { path: path.clone(), source };
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let file = file.map_err(io)?;
        let mut bytes = [0; BYTES];
        // A file that is new, or of which nothing can be read, proves nothing.
        let noted = file.read_exact_at(&mut bytes, 0).ok().and_then(|()| number_in(bytes));
        if let Some(lost) = noted.and_then(|noted| noted.checked_sub(in_store)).filter(|lost| *lost > 0) {
            let reason = format!("what its newest {lost} barriers had made durable can't be read any more");
            return Err(damaged(folder, reason));
        }
        let tally = Self { file };
        tally.passed(in_store).map_err(io)?;
        Ok(tally)
    }

    /// Notes a barrier that has passed.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn passed(&self, number: u64) -> std::io::Result<()> {
        let mut bytes = [0; BYTES];
        bytes[..BYTES / 2].copy_from_slice(&number.to_be_bytes());
        bytes[BYTES / 2..].copy_from_slice(&(!number).to_be_bytes());
        self.file.write_all_at(&bytes, 0)
    }
}

fn number_in(bytes: [u8; BYTES]) -> Option<u64> {
    let (number, complement) = bytes.split_first_chunk()?;
    let number = u64::from_be_bytes(*number);
    (complement == (!number).to_be_bytes()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_store_that_is_behind_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let tally = Tally::open(folder.path(), 5).unwrap();
        tally.passed(7).unwrap();
        for (in_store, refused) in [(7, false), (8, false), (7, true), (0, true), (8, false)] {
            let opened = Tally::open(folder.path(), in_store);
            assert_eq!(opened.is_err(), refused, "{in_store}");
        }
        // A file that makes no sense is begun anew.
        std::fs::write(folder.path().join(FILE), [1; BYTES]).unwrap();
        Tally::open(folder.path(), 2).unwrap();
        let error = Tally::open(folder.path(), 1).err().unwrap().to_string();
        assert!(error.contains("its newest 1 barriers") && error.contains("member replace"), "{error}");
    }
}
