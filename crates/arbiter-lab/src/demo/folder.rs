//! The demo's folder: configuration, data and logs, for nobody else's eyes, and gone at the end.

use anyhow::Context;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Names to try. One is enough, unless an earlier process of the same number left its folder.
const TRIES: u32 = 100;

/// A folder of its own below the one for temporary files. Removed when this is dropped, unless it shall be kept.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    pub fn new() -> anyhow::Result<Self> {
        let temporary = std::env::temp_dir();
        for n in 0..TRIES {
            let path = temporary.join(format!("route-arbiter-demo-{}-{n}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self { path, keep: false }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("{} can't be made; set TMPDIR", path.display()));
                }
            }
        }
        anyhow::bail!("{} is full of folders of former demos: remove them", temporary.display())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// It stays, for somebody to look into.
    pub const fn keep(&mut self) {
        self.keep = true;
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%error, folder = %self.path.display(), "it can't be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_private_and_goes_unless_kept() {
        let mut kept = Folder::new().unwrap();
        let other = Folder::new().unwrap();
        assert_ne!(kept.path(), other.path());
        assert_eq!(std::fs::metadata(kept.path()).unwrap().permissions().mode() & 0o777, 0o700);
        let (kept_path, other_path) = (kept.path().to_owned(), other.path().to_owned());
        kept.keep();
        drop((kept, other));
        assert!(kept_path.is_dir() && !other_path.exists());
        std::fs::remove_dir(kept_path).unwrap();
    }
}
