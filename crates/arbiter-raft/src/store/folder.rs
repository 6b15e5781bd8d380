//! A node's data folder, and that one process alone has it.

use super::sled_store::OpenStoreError;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder that is held by this process alone, whether its store is open or not. Clones share the hold.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    _lock: Arc<File>,
}

impl Folder {
    /// Takes the folder, or makes it if there is none.
    ///
    /// # Errors
    /// [`OpenStoreError`]: in use, or it can't be made.
    pub fn hold(path: &Path) -> Result<Self, OpenStoreError> {
        let io = |source| OpenStoreError::Io { path: path.to_owned(), source };
        std::fs::create_dir_all(path).map_err(io)?;
        Ok(Self { path: path.to_owned(), _lock: Arc::new(lock(path)?) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a store was ever made in a folder.
    pub fn has_store(path: &Path) -> bool {
        path.join("store/db").exists()
    }
}

/// Takes the folder for this process. The kernel releases it when the process ends, however it ends.
fn lock(path: &Path) -> Result<File, OpenStoreError> {
    let file_path = path.join("lock");
    let io = |source| OpenStoreError::Io { path: file_path.clone(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&file_path).map_err(io)?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenStoreError::Locked { path: path.to_owned() }),
        Err(errno) => Err(OpenStoreError::Io { path: file_path.clone(), source: errno.into() }),
    }
}
