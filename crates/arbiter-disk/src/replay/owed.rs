//! What a node's disk must hold at a moment: all that the node had acknowledged, unless somebody was entitled to have it
//! cut off since.

use super::opening::Found;
use crate::disk::Disk;
use crate::record::Recording;
use crate::talk::{Claimed, Leader, LogId};
use std::collections::BTreeMap;

/// What must be there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Owed {
    vote: Option<Leader>,
    entries: BTreeMap<u64, LogId>,
    snapshot: Option<LogId>,
    anything: bool,
}

/// What a node owed after each event that changed it.
#[derive(Debug)]
pub(super) struct Debts {
    since: Vec<(usize, Owed)>,
}

impl Debts {
    pub fn of(recording: &Recording, disk: &Disk) -> Self {
        let mut given: BTreeMap<u64, LogId> = BTreeMap::new();
        let mut owed = Owed::default();
        let mut since = Vec::new();
        let mut told =
            recording.told.iter().filter(|told| told.node == disk.node && disk.is_in(told.at)).peekable();
        let claims = recording.claims.iter().filter(|claim| claim.node == disk.node && disk.is_in(claim.at));
        for claim in claims {
            while let Some(told) = told.next_if(|told| told.at <= claim.at) {
                for entry in &told.entries {
                    // Another leader's entry in that place: what stands there and behind may be cut off.
                    if given.get(&entry.index).is_some_and(|known| known != entry) {
                        given.split_off(&entry.index);
                        owed.entries.split_off(&entry.index);
                        since.push((told.at, owed.clone()));
                    }
                    given.insert(entry.index, *entry);
                }
            }
            match claim.what {
                Claimed::Vote(leader) => owed.vote = owed.vote.max(Some(leader)),
                Claimed::Snapshot(upto) => owed.snapshot = owed.snapshot.max(Some(upto)),
                Claimed::Entry(upto) => {
                    owed.entries.extend(given.range(..=upto.index).map(|(index, entry)| (*index, *entry)));
                    owed.entries.insert(upto.index, upto);
                }
                // Of a majority, not of this disk.
                Claimed::Committed(_) => continue,
            }
            owed.anything = true;
            since.push((claim.at, owed.clone()));
        }
        Self { since }
    }

    /// What was owed just before that line.
    pub fn before(&self, line: usize) -> Owed {
        let count = self.since.partition_point(|(at, _)| *at < line);
        count.checked_sub(1).map(|last| self.since[last].1.clone()).unwrap_or_default()
    }
}

impl Owed {
    /// What of it is missing, in words.
    pub fn missing(&self, found: &Found) -> Option<String> {
        if self.anything && !found.belongs {
            return Some("the disk has forgotten its cluster".to_owned());
        }
        if found.vote < self.vote {
            return Some(format!("the vote {:?} is lost: it says {:?}", self.vote, found.vote));
        }
        let kept = found.snapshot.map_or(0, |snapshot| snapshot.index);
        if self.snapshot.is_some_and(|owed| owed.index > kept) {
            return Some(format!("the snapshot {:?} is lost: it is at {kept}", self.snapshot));
        }
        let lost = self.entries.values().find(|entry| {
            let covered = found.snapshot.is_some_and(|snapshot| snapshot.index >= entry.index);
            !covered && found.entries.get(&entry.index) != Some(entry)
        });
        if let Some(lost) = lost {
            let instead = found.entries.get(&lost.index);
            return Some(format!(
                "entry {} of term {} is lost: {instead:?}",
                lost.index, lost.leader_id.term
            ));
        }
        if found.purged.is_some_and(|purged| purged.index > kept) {
            return Some(format!("the log is purged up to {:?}, the snapshot is at {kept}", found.purged));
        }
        (found.applied != kept)
            .then(|| format!("the state has applied {}, and its description says {kept}", found.applied))
    }
}
