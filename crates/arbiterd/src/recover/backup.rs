//! The data folder as it was, in case that somebody wants it back.

use anyhow::Context;
use arbiter_core::time::UnixMs;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// What copies in the data folder itself are called: the folder's owner may not be able to write beside it.
const NAME: &str = "before-recovery-";

/// Where the copy goes.
pub(super) fn place(folder: &Path, wanted: Option<&Path>, now: UnixMs) -> PathBuf {
    wanted.map_or_else(|| folder.join(format!("{NAME}{}", now.0)), Path::to_owned)
}

/// Copies the folder, durably. It is held, and its store is closed.
///
/// # Errors
/// Says what could not be copied; nothing else was changed.
pub(super) fn copy(folder: &Path, to: &Path) -> anyhow::Result<()> {
    copy_into(folder, to).with_context(|| {
        format!(
            "{} can't be copied to {}, so it was not changed: make room, or name another folder with `--backup`",
            folder.display(),
            to.display()
        )
    })
}

/// A copy that is taken away again.
pub(super) struct Passing(PathBuf);

impl Passing {
    /// Copies the folder, which is held.
    ///
    /// # Errors
    /// Says what could not be copied.
    pub fn copy(folder: &Path) -> anyhow::Result<Self> {
        let to = folder.join(format!("{NAME}examined"));
        if to.exists() {
            // Of one that was killed.
            std::fs::remove_dir_all(&to).with_context(|| format!("{} can't be removed", to.display()))?;
        }
        let passing = Self(to);
        copy(folder, &passing.0).map(|()| passing)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, copy = %self.0.display(), "a copy could not be removed: remove it by hand");
        }
    }
}

fn copy_into(folder: &Path, to: &Path) -> io::Result<()> {
    // New, and for its owner alone, as the folder itself.
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        if kind.is_dir() {
            if entry.path() != to && !name.to_string_lossy().starts_with(NAME) {
                copy_into(&entry.path(), &to.join(name))?;
            }
        } else if kind.is_file() && name != "lock" {
            let copy = to.join(name);
            std::fs::copy(entry.path(), &copy)?;
            File::open(&copy)?.sync_all()?;
        }
    }
    File::open(to)?.sync_all()?;
    to.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_holds_everything_but_the_lock_and_earlier_copies() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::create_dir(path.join("store")).unwrap();
        std::fs::write(path.join("store/db"), b"data").unwrap();
        std::fs::write(path.join("barrier"), b"7").unwrap();
        std::fs::write(path.join("lock"), b"").unwrap();
        drop(Passing::copy(path).unwrap());
        for now in [1, 2] {
            let to = place(path, None, UnixMs(now));
            copy(path, &to).unwrap();
            assert_eq!(std::fs::read(to.join("store/db")).unwrap(), b"data");
            assert_eq!(std::fs::read(to.join("barrier")).unwrap(), b"7");
            assert_eq!(std::fs::read_dir(&to).unwrap().count(), 2, "neither the lock nor a copy");
        }
        let error = copy(path, &place(path, None, UnixMs(2))).unwrap_err();
        assert!(format!("{error:#}").contains("--backup"), "never over another copy: {error:#}");
    }
}
