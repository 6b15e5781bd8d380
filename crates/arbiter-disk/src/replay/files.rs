//! What a power cut may take of what was done to files.
//!
//! A change of a file's bytes or length is safe once a sync of that file that began after it has succeeded; a change of
//! a name once the same has happened to its folder. `sync_file_range` makes nothing safe. Of the other changes a power
//! cut may take any, in any order, and tear a write at a sector's edge.

use crate::trace::{Call, Event};
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::path::{Path, PathBuf};

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;

/// Of unsynced writes to the same place of one file so many can be lost; earlier ones are taken for written. It bounds
/// what the tally of barriers, which is never synced, adds up to.
const SAME_PLACE: usize = 2;

/// Which file, whatever its name.
type File = usize;

/// A step of a node's disk, with the line at which it had been done.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Changed { line: usize, what: Change },
    Synced { begin: usize, line: usize, path: PathBuf },
}

impl Step {
    pub fn line(&self) -> usize {
        match self {
            Self::Changed { line, .. } | Self::Synced { line, .. } => *line,
        }
    }
}

/// A change of a file or a name.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Create(PathBuf),
    MakeFolder(PathBuf),
    Write { path: PathBuf, at: u64, bytes: Vec<u8> },
    Resize { path: PathBuf, length: u64 },
    Rename { from: PathBuf, to: PathBuf },
    Remove(PathBuf),
}

/// All that happened to a folder and what is in it.
pub(super) fn steps<'a>(events: impl Iterator<Item = &'a Event>, folder: &Path) -> Vec<Step> {
    let mut ends: BTreeMap<&Path, u64> = BTreeMap::new();
    let mut steps = Vec::new();
    for event in events {
        let line = event.end;
        let within = |path: &Path| path.starts_with(folder);
        let what = match &event.call {
            Call::Create { path } if within(path) => {
                ends.insert(path, 0);
                Change::Create(path.clone())
            }
            Call::Open { path } if within(path) => {
                ends.insert(path, 0);
                continue;
            }
            Call::MakeFolder { path } if within(path) => Change::MakeFolder(path.clone()),
            Call::Write { path, at, bytes } if within(path) => {
                let end = ends.entry(path).or_default();
                let at = at.unwrap_or(*end);
                *end = at + bytes.len() as u64;
                Change::Write { path: path.clone(), at, bytes: bytes.clone() }
            }
            Call::Resize { path, length } if within(path) => {
                Change::Resize { path: path.clone(), length: *length }
            }
            Call::Rename { from, to } if within(to) => Change::Rename { from: from.clone(), to: to.clone() },
            Call::Remove { path } if within(path) => Change::Remove(path.clone()),
            Call::Sync { path, ok: true, .. } if within(path) || Some(path.as_path()) == folder.parent() => {
                steps.push(Step::Synced { begin: event.begin, line, path: path.clone() });
                continue;
            }
            _ => continue,
        };
        steps.push(Step::Changed { line, what });
    }
    steps
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Named {
    Folder,
    File(File),
}

/// One change that a power cut takes or leaves as a whole (or tears, if it is a long write).
#[derive(Debug, Clone)]
struct Pending {
    line: usize,
    number: usize,
    effect: Effect,
}

#[derive(Debug, Clone)]
enum Effect {
    Name { path: PathBuf, now: Option<Named> },
    Rename { from: PathBuf, to: PathBuf, what: Named },
    Write { file: File, at: usize, bytes: Vec<u8> },
    Resize { file: File, length: usize },
}

/// Files and their names at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    root: PathBuf,
    names: BTreeMap<PathBuf, Named>,
    files: BTreeMap<File, Vec<u8>>,
    /// What has been done to each file, as a number: two images in which these are the same are the same.
    history: BTreeMap<File, u64>,
}

/// A disk: what is safe, and what is not.
#[derive(Debug)]
pub(super) struct Changes {
    safe: Image,
    /// Names as the process sees them.
    names: BTreeMap<PathBuf, Named>,
    pending: Vec<Pending>,
    next_file: File,
    next_number: usize,
}

/// What a power cut leaves of the unsynced changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variant {
    First(usize),
    All,
    AllBut(usize),
    Only(usize),
    /// The beginning of the last write that arrived, up to a sector's edge, after all before it.
    TornHead(usize),
    /// All but the beginning of one write.
    TornTail(usize),
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First(0) => write!(f, "nothing unsynced is left"),
            Self::First(count) => write!(f, "the first {count} unsynced changes are left"),
            Self::All => write!(f, "all unsynced changes are left"),
            Self::AllBut(at) => write!(f, "unsynced change {at} alone is lost"),
            Self::Only(at) => write!(f, "unsynced change {at} alone is left"),
            Self::TornHead(at) => write!(f, "unsynced change {at} is torn, those after it are lost"),
            Self::TornTail(at) => write!(f, "of unsynced change {at} the beginning is lost"),
        }
    }
}

/// All that is tried at one moment.
pub(super) fn variants(changes: &Changes) -> Vec<Variant> {
    let count = changes.pending.len();
    let mut variants = vec![Variant::All];
    variants.extend((0..count).map(Variant::First));
    for (at, pending) in changes.pending.iter().enumerate() {
        if count > 1 {
            variants.extend([Variant::AllBut(at), Variant::Only(at)]);
        }
        if matches!(&pending.effect, Effect::Write { bytes, .. } if bytes.len() > SECTOR) {
            variants.extend([Variant::TornHead(at), Variant::TornTail(at)]);
        }
    }
    variants
}

impl Changes {
    pub fn new(folder: &Path) -> Self {
        let safe = Image { root: folder.to_owned(), ..Image::default() };
        Self { safe, names: BTreeMap::new(), pending: Vec::new(), next_file: 0, next_number: 1 }
    }

    pub fn unsynced(&self) -> usize {
        self.pending.len()
    }

    pub fn take(&mut self, step: &Step) {
        match step {
            Step::Changed { line, what } => {
                if let Some(effect) = self.effect(what) {
                    self.pending.push(Pending { line: *line, number: self.next_number, effect });
                    self.next_number += 1;
                    self.bound();
                }
            }
            Step::Synced { begin, path, .. } => self.sync(path, *begin),
        }
    }

    /// What a change does to files, whatever they are called.
    fn effect(&mut self, change: &Change) -> Option<Effect> {
        let file_of = |path: &Path| match self.names.get(path) {
            Some(Named::File(file)) => Some(*file),
            _ => None,
        };
        Some(match change {
            Change::Create(path) => {
                if self.names.contains_key(path) {
                    return None;
                }
                let now = Named::File(self.next_file);
                self.next_file += 1;
                self.names.insert(path.clone(), now);
                Effect::Name { path: path.clone(), now: Some(now) }
            }
            Change::MakeFolder(path) => {
                self.names.insert(path.clone(), Named::Folder);
                Effect::Name { path: path.clone(), now: Some(Named::Folder) }
            }
            Change::Remove(path) => {
                self.names.remove(path)?;
                Effect::Name { path: path.clone(), now: None }
            }
            Change::Rename { from, to } => {
                let what = self.names.remove(from)?;
                self.names.insert(to.clone(), what);
                Effect::Rename { from: from.clone(), to: to.clone(), what }
            }
            Change::Write { path, at, bytes } => {
                Effect::Write { file: file_of(path)?, at: usize::try_from(*at).ok()?, bytes: bytes.clone() }
            }
            Change::Resize { path, length } => {
                Effect::Resize { file: file_of(path)?, length: usize::try_from(*length).ok()? }
            }
        })
    }

    /// What was done before the sync began is safe when it has succeeded.
    fn sync(&mut self, path: &Path, begin: usize) {
        let named = self.names.get(path).copied();
        let pending = std::mem::take(&mut self.pending);
        for change in pending {
            let meant = change.line < begin
                && match (&change.effect, named) {
                    (Effect::Write { file, .. } | Effect::Resize { file, .. }, Some(Named::File(of))) => {
                        *file == of
                    }
                    (Effect::Name { path: name, .. }, _) => name.parent() == Some(path),
                    (Effect::Rename { from, to, .. }, _) => {
                        from.parent() == Some(path) && to.parent() == Some(path)
                    }
                    _ => false,
                };
            if meant {
                self.safe.apply(&change, ..);
            } else {
                self.pending.push(change);
            }
        }
    }

    /// Takes the oldest of too many unsynced writes to one place for written.
    fn bound(&mut self) {
        let place = |pending: &Pending| match &pending.effect {
            Effect::Write { file, at, bytes } => Some((*file, *at, bytes.len())),
            _ => None,
        };
        let Some(newest) = self.pending.last().and_then(place) else { return };
        let same = self.pending.iter().enumerate().filter(|(_, pending)| place(pending) == Some(newest));
        let same: Vec<usize> = same.map(|(at, _)| at).collect();
        if same.len() > SAME_PLACE {
            let oldest = self.pending.remove(same[0]);
            self.safe.apply(&oldest, ..);
        }
    }

    /// The disk as a power cut leaves it.
    pub fn image(&self, variant: &Variant) -> Image {
        let mut image = self.safe.clone();
        for (at, pending) in self.pending.iter().enumerate() {
            let half = |bytes: &[u8]| (bytes.len() / 2).next_multiple_of(SECTOR).min(bytes.len());
            let torn = match &pending.effect {
                Effect::Write { bytes, .. } => half(bytes),
                _ => 0,
            };
            match variant {
                Variant::TornHead(torn_at) if at == *torn_at => image.apply(pending, ..torn),
                Variant::TornTail(torn_at) if at == *torn_at => image.apply(pending, torn..),
                _ => {
                    let left = match variant {
                        Variant::First(count) => at < *count,
                        Variant::All | Variant::TornTail(_) => true,
                        Variant::AllBut(lost) => at != *lost,
                        Variant::Only(kept) => at == *kept,
                        Variant::TornHead(torn_at) => at < *torn_at,
                    };
                    if left {
                        image.apply(pending, ..);
                    }
                }
            }
        }
        image
    }
}

/// A number that tells histories apart. The same in every run.
fn number_of(what: impl Hash) -> u64 {
    foldhash::fast::FixedState::with_seed(5).hash_one(what)
}

impl Image {
    /// A change arrives; of a write only this part.
    fn apply(&mut self, change: &Pending, part: impl std::ops::RangeBounds<usize> + fmt::Debug) {
        match &change.effect {
            Effect::Name { path, now: Some(named) } => drop(self.names.insert(path.clone(), *named)),
            Effect::Name { path, now: None } => drop(self.names.remove(path)),
            Effect::Rename { from, to, what } => {
                self.names.remove(from);
                self.names.insert(to.clone(), *what);
            }
            Effect::Write { file, at, bytes } => {
                let contents = self.files.entry(*file).or_default();
                let range = (part.start_bound().cloned(), part.end_bound().cloned());
                let Some(part_bytes) = bytes.get(range) else { return };
                let from = at
                    + match part.start_bound() {
                        std::ops::Bound::Included(start) => *start,
                        _ => 0,
                    };
                let end = from + part_bytes.len();
                if contents.len() < end {
                    contents.resize(end, 0);
                }
                contents[from..end].copy_from_slice(part_bytes);
                let history = self.history.entry(*file).or_default();
                *history = number_of((*history, change.number, from, part_bytes.len()));
            }
            Effect::Resize { file, length } => {
                self.files.entry(*file).or_default().resize(*length, 0);
                let history = self.history.entry(*file).or_default();
                *history = number_of((*history, change.number));
            }
        }
    }

    /// Two images with the same number are the same.
    pub fn key(&self) -> u64 {
        let named = self.names.iter().map(|(path, named)| {
            let history = match named {
                Named::File(file) => self.history.get(file).copied(),
                Named::Folder => None,
            };
            (path, *named, history)
        });
        number_of(named.collect::<Vec<_>>())
    }

    /// Makes it a folder again. What lies in a folder whose name is lost is lost.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        for (path, named) in &self.names {
            let Ok(below) = path.strip_prefix(&self.root) else { continue };
            let to = if below.as_os_str().is_empty() { folder.to_owned() } else { folder.join(below) };
            if to != folder && to.parent().is_none_or(|parent| !parent.is_dir()) {
                continue;
            }
            match named {
                Named::Folder => std::fs::create_dir(&to)?,
                Named::File(file) => {
                    std::fs::write(&to, self.files.get(file).map_or(&[][..], Vec::as_slice))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(line: usize, what: Change) -> Step {
        Step::Changed { line, what }
    }

    fn write(line: usize, at: u64, bytes: &[u8]) -> Step {
        changed(line, Change::Write { path: "/n/db".into(), at, bytes: bytes.to_vec() })
    }

    fn synced(begin: usize, path: &str) -> Step {
        Step::Synced { begin, line: begin + 1, path: path.into() }
    }

    /// A folder with a file whose name is safe.
    fn disk() -> Changes {
        let mut changes = Changes::new(Path::new("/n"));
        for step in [
            changed(1, Change::MakeFolder("/n".into())),
            changed(2, Change::Create("/n/db".into())),
            synced(3, "/n"),
            synced(5, "/"),
        ] {
            changes.take(&step);
        }
        changes
    }

    fn left(changes: &Changes, variant: &Variant) -> Option<Vec<u8>> {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("disk");
        changes.image(variant).write(&folder).unwrap();
        std::fs::read(folder.join("db")).ok()
    }

    #[test]
    fn a_sync_keeps_what_was_written_before_it_began() {
        let mut changes = disk();
        changes.take(&write(10, 0, b"a"));
        changes.take(&write(12, 1, b"b"));
        changes.take(&Step::Synced { begin: 11, line: 13, path: "/n/db".into() });
        assert_eq!(left(&changes, &Variant::First(0)), Some(b"a".to_vec()));
        assert_eq!(left(&changes, &Variant::All), Some(b"ab".to_vec()));
        changes.take(&synced(14, "/n/other"));
        assert_eq!(changes.unsynced(), 1, "another file's sync is none");
        changes.take(&synced(16, "/n/db"));
        assert_eq!(left(&changes, &Variant::First(0)), Some(b"ab".to_vec()));
    }

    #[test]
    fn unsynced_writes_are_lost_alone_together_and_in_part() {
        let mut changes = disk();
        let long = [b'x'; 2 * SECTOR];
        for step in [write(10, 0, b"a"), write(12, 1, b"b"), write(14, 2, &long)] {
            changes.take(&step);
        }
        let long_left = |variant: Variant| left(&changes, &variant).unwrap();
        assert_eq!(long_left(Variant::First(2)), b"ab");
        assert_eq!(long_left(Variant::Only(1)), b"\0b");
        assert_eq!(long_left(Variant::AllBut(0))[..3], *b"\0bx");
        assert_eq!(long_left(Variant::TornHead(2)).len(), 2 + SECTOR);
        let tail = long_left(Variant::TornTail(2));
        assert_eq!((tail.len(), &tail[..3]), (2 + 2 * SECTOR, &b"ab\0"[..]));
        assert_eq!(variants(&changes).len(), 1 + 3 + 2 * 3 + 2);
    }

    #[test]
    fn a_name_is_lost_with_its_bytes_until_its_folder_is_synced() {
        let mut changes = Changes::new(Path::new("/n"));
        changes.take(&changed(1, Change::MakeFolder("/n".into())));
        changes.take(&changed(2, Change::Create("/n/db".into())));
        changes.take(&write(3, 0, b"a"));
        changes.take(&synced(4, "/n/db"));
        assert_eq!(left(&changes, &Variant::First(0)), None);
        assert_eq!(left(&changes, &Variant::Only(1)), None, "without its folder it is nowhere");
        assert_eq!(left(&changes, &Variant::All), Some(b"a".to_vec()));
        changes.take(&synced(6, "/"));
        changes.take(&synced(8, "/n"));
        assert_eq!(left(&changes, &Variant::First(0)), Some(b"a".to_vec()));
        changes.take(&changed(10, Change::Rename { from: "/n/db".into(), to: "/n/new".into() }));
        assert_eq!(left(&changes, &Variant::All), None);
        assert_eq!(left(&changes, &Variant::First(0)), Some(b"a".to_vec()), "the old name is back");
    }
}
