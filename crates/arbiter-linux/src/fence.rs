//! The fence: up to which entry of the log each kernel route has been set, kept where it outlives the process.
//!
//! After a restart a node's state may begin anew from an old snapshot, and passes once more through what was long
//! overtaken. Without the fence it would set that for a moment.

use arbiter_core::ids::{ClusterId, LogIndex, RouteId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file's name, beside Raft's own data.
const FILE: &str = "kernel-routes.json";

/// The version of the file's form.
const VERSION: u32 = 1;

/// The fence can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FenceError {
    /// The disk does not do it.
    #[error("{path} can't be {done}: {source}")]
    Disk {
        /// The file.
        path: PathBuf,
        /// What was to be done.
        done: &'static str,
        /// Its words.
        source: io::Error,
    },
    /// A later version of this program has written it.
    #[error(
        "{path} has version {found}, this program reads {VERSION}: install the version of the program that wrote it, or a \
         later one; nothing was changed, and the file must stay"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// It does not say what it should.
    #[error(
        "{path} is damaged ({why}): which routes this host has set last is not known. If no older assignment can come \
         back (the node's Raft data are sound), remove the file"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// In words.
        why: String,
    },
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    version: u32,
    cluster: ClusterId,
    routes: BTreeMap<RouteId, LogIndex>,
}

/// How far each route has come.
#[derive(Debug)]
pub struct Fence {
    folder: PathBuf,
    written: Written,
}

impl Fence {
    /// Reads the fence of a node's data folder; where there is none, nothing has been set yet.
    ///
    /// # Errors
    /// It is there and can't be read.
    pub fn open(folder: &Path) -> Result<Self, FenceError> {
        let path = folder.join(FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { folder: folder.to_owned(), written: Written::default() });
            }
            Err(source) => return Err(FenceError::Disk { path, done: "read", source }),
        };
        let damaged = |why: String| FenceError::Damaged { path: path.clone(), why };
        // The version first: what else a later version writes need not be what this one reads.
        let version =
            serde_json::from_slice(&text).ok().and_then(|whole: serde_json::Value| whole["version"].as_u64());
        if let Some(found) = version.filter(|found| *found > u64::from(VERSION)) {
            return Err(FenceError::Newer { path, found });
        }
        let written: Written = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if written.version != VERSION {
            return Err(damaged(format!("it has version {}, this program reads {VERSION}", written.version)));
        }
        Ok(Self { folder: folder.to_owned(), written })
    }

    /// The entry by which a route was last set; none if this cluster has not set it here.
    pub fn last(&self, cluster: &ClusterId, route: &RouteId) -> Option<LogIndex> {
        self.written.routes.get(route).copied().filter(|_| self.written.cluster == *cluster)
    }

    /// Whether an assignment of that entry may be set: never an older one than the last.
    pub fn admits(&self, cluster: &ClusterId, route: &RouteId, index: LogIndex) -> bool {
        self.last(cluster, route).is_none_or(|last| index >= last)
    }

    /// Remembers, durably, that a route is being set by that entry. Before it is: a crash in between must not let an
    /// older one pass afterwards.
    ///
    /// # Errors
    /// It is not on the disk: then the route must not be set.
    pub fn advance(
        &mut self,
        cluster: &ClusterId,
        route: &RouteId,
        index: LogIndex,
    ) -> Result<(), FenceError> {
        if self.last(cluster, route) == Some(index) {
            return Ok(());
        }
        let mut next = match self.written.cluster == *cluster {
            true => self.written.clone(),
            // This disk was taken over by another cluster, whose entries are counted anew.
            false => Written { version: VERSION, cluster: cluster.clone(), routes: BTreeMap::new() },
        };
        next.routes.insert(route.clone(), index);
        self.store(&next)?;
        self.written = next;
        Ok(())
    }

    fn store(&self, next: &Written) -> Result<(), FenceError> {
        let path = self.folder.join(FILE);
        let failed = |source| FenceError::Disk { path: path.clone(), done: "written", source };
        let text = serde_json::to_vec(next).map_err(|error| failed(error.into()))?;
        let new = self.folder.join(format!("{FILE}.new"));
        let mut file = File::create(&new).map_err(failed)?;
        file.write_all(&text).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&new, &path).map_err(failed)?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbiter_core::rules::proves;

    #[test]
    fn it_admits_the_last_and_newer_ones_and_outlives_the_process() {
        proves("kernel.never-older");
        let folder = tempfile::tempdir().unwrap();
        let (cluster, route) = (ClusterId::from("c"), RouteId::from("private-1"));
        let mut fence = Fence::open(folder.path()).unwrap();
        assert!(fence.admits(&cluster, &route, LogIndex(1)));
        fence.advance(&cluster, &route, LogIndex(7)).unwrap();
        let check = |fence: &Fence| [6, 7, 8].map(|index| fence.admits(&cluster, &route, LogIndex(index)));
        assert_eq!(check(&fence), [false, true, true]);
        drop(fence);
        let again = Fence::open(folder.path()).unwrap();
        assert_eq!(check(&again), [false, true, true]);
        assert!(again.admits(&cluster, &"private-2".into(), LogIndex(1)), "each route by itself");
        assert!(again.admits(&"another".into(), &route, LogIndex(1)), "each cluster by itself");
    }

    #[test]
    fn what_can_t_be_written_does_not_advance_and_what_is_damaged_is_said() {
        proves("kernel.never-older");
        let folder = tempfile::tempdir().unwrap();
        let (cluster, route) = (ClusterId::from("c"), RouteId::from("private-1"));
        let mut fence = Fence::open(folder.path()).unwrap();
        fence.folder = folder.path().join("gone");
        let error = fence.advance(&cluster, &route, LogIndex(7)).unwrap_err().to_string();
        assert!(error.contains("kernel-routes.json can't be written"), "{error}");
        assert_eq!(fence.last(&cluster, &route), None);
        std::fs::write(folder.path().join(FILE), "{\"version\":1").unwrap();
        let error = Fence::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is damaged") && error.contains("remove the file"), "{error}");
        for later in ["{\"version\":2,\"cluster\":\"c\",\"routes\":{}}", "{\"version\":2}"] {
            std::fs::write(folder.path().join(FILE), later).unwrap();
            let error = Fence::open(folder.path()).unwrap_err().to_string();
            assert!(error.contains("has version 2") && error.contains("install the version"), "{error}");
            assert!(!error.contains("damaged") && !error.contains("remove the file"), "{error}");
            assert_eq!(std::fs::read_to_string(folder.path().join(FILE)).unwrap(), later);
        }
    }
}
