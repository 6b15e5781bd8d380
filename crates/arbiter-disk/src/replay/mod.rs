//! The second judgement: whatever a power cut takes, a node's disk is opened by the real store, and has all that was
//! acknowledged, or is refused in words.
//!
//! [`files`] knows what a power cut may take, [`owed`] what must be there, [`opening`] what is.

mod files;
mod opening;
mod owed;

use crate::disk::Disk;
use crate::record::Recording;
use anyhow::Context;
use files::{Changes, Image, Step, variants};
use opening::{Outcome, open};
use owed::{Debts, Owed};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A disk that lost what was acknowledged, or could not be looked at.
#[derive(Debug, Clone)]
pub(crate) struct Lost {
    pub node: u64,
    /// The power is cut after this line.
    pub line: usize,
    pub image: String,
    pub what: String,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, line, image, what } = self;
        write!(f, "power cut on node {node} after line {}, {image}: {what}", line + 1)
    }
}

/// What was tried, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// Moments at which the power was cut.
    pub crash_points: usize,
    /// Disks that it may leave behind, each judged by what was acknowledged then.
    pub images: usize,
    /// Of these, how many differ, and were opened.
    pub opened: usize,
    /// How many were refused, and in which words.
    pub refused: usize,
    pub refusals: BTreeSet<String>,
    /// How much at most was not synced at one moment.
    pub most_unsynced: usize,
    pub lost: Vec<Lost>,
}

/// What is replayed of a recording.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    /// Every so many crash points one is tried.
    pub stride: usize,
    /// The same of those at which much was unsynced.
    pub stride_of_many: usize,
}

/// How many unsynced changes are much.
const MANY_UNSYNCED: usize = 7;

/// Cuts the power of every node at every moment, until there are enough violations.
///
/// # Errors
/// A disk can't be made anew.
pub(crate) fn replay(
    recording: &Recording,
    place: &Place,
    scope: Scope,
    enough: usize,
) -> anyhow::Result<Replayed> {
    let mut replayed = Replayed::default();
    for disk in &recording.disks {
        replay_one(place, disk, recording, scope, enough, &mut replayed)?;
        if replayed.lost.len() >= enough {
            break;
        }
    }
    Ok(replayed)
}

fn replay_one(
    place: &Place,
    disk: &Disk,
    recording: &Recording,
    scope: Scope,
    enough: usize,
    replayed: &mut Replayed,
) -> anyhow::Result<()> {
    let debts = Debts::of(recording, disk);
    let mut changes = Changes::new(&disk.folder);
    let mut known: BTreeMap<u64, Outcome> = BTreeMap::new();
    let steps = files::steps(disk.events(&recording.events), &disk.folder);
    for (number, step) in steps.iter().enumerate() {
        changes.take(step);
        let unsynced = changes.unsynced();
        replayed.most_unsynced = replayed.most_unsynced.max(unsynced);
        let stride = if unsynced < MANY_UNSYNCED { scope.stride } else { scope.stride_of_many };
        if matches!(step, Step::Synced { .. }) || number % stride != 0 {
            continue;
        }
        replayed.crash_points += 1;
        // What is acknowledged before the next step is acknowledged on this disk.
        let next = steps.get(number + 1).map_or(usize::MAX, Step::line);
        let owed = debts.before(next);
        for variant in variants(&changes) {
            replayed.images += 1;
            let image = changes.image(&variant);
            let key = image.key();
            let outcome = match known.entry(key) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    replayed.opened += 1;
                    new.insert(place.open(&image)?)
                }
            };
            if let Some(what) = judge(outcome, &owed, replayed) {
                let image = variant.to_string();
                replayed.lost.push(Lost { node: disk.node, line: step.line(), image, what });
                if replayed.lost.len() >= enough {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// What is wrong with what was found.
fn judge(outcome: &Outcome, owed: &Owed, replayed: &mut Replayed) -> Option<String> {
    match outcome {
        Outcome::Opened(found) => owed.missing(found),
        Outcome::Refused(why) => {
            replayed.refused += 1;
            replayed.refusals.insert(why.clone());
            None
        }
        Outcome::Panicked(why) => Some(format!("opening it panicked: {why}")),
    }
}

/// Where disks are made anew: in memory if there is such a file system, since the store syncs while it opens.
#[derive(Debug)]
pub(crate) struct Place(TempDir);

impl Place {
    /// A folder of its own, which goes when this is dropped.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn make() -> anyhow::Result<Self> {
        let memory = PathBuf::from("/dev/shm");
        let made = tempfile::tempdir_in(&memory).or_else(|_| tempfile::tempdir());
        Ok(Self(made.context("no folder can be made for disks")?))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn open(&self, image: &Image) -> anyhow::Result<Outcome> {
        let folder = self.0.path().join("disk");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).context("a disk can't be taken away")?;
        }
        image.write(&folder).context("a disk can't be made anew")?;
        open(&folder)
    }
}
