//! The nodes' disks: which lines of a recording are about which. A node that loses its disk goes on with another one in the
//! same place.

use crate::trace::{Call, Event};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One disk, from the line from which it is a node's to the line at which it is taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disk {
    pub node: u64,
    pub folder: PathBuf,
    from: usize,
    until: usize,
}

impl Disk {
    /// The disks of a recording, by the nodes' folders. A disk is taken away by giving its folder another name.
    pub fn all(events: &[Event], folders: &BTreeMap<u64, PathBuf>) -> Vec<Self> {
        let mut disks = Vec::new();
        for (node, folder) in folders {
            let mut from = 0;
            for until in events.iter().filter_map(|event| taken_away(event, folder)).chain([usize::MAX]) {
                disks.push(Self { node: *node, folder: folder.clone(), from, until });
                from = until;
            }
        }
        disks
    }

    /// Whether it is its node's disk at that line.
    pub const fn is_in(&self, line: usize) -> bool {
        self.from <= line && line < self.until
    }

    /// What was done while it was there. What never ended is the last disk's.
    pub fn events<'a>(&self, events: &'a [Event]) -> impl Iterator<Item = &'a Event> + use<'a> {
        let (from, until) = (self.from, self.until);
        events.iter().filter(move |event| from <= event.end && (event.end < until || until == usize::MAX))
    }
}

fn taken_away(event: &Event, folder: &Path) -> Option<usize> {
    match &event.call {
        Call::Rename { from, .. } if from == folder => Some(event.end),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_renamed_ends_one_disk_and_begins_another() {
        let event = |at: usize, call: Call| Event { begin: at, end: at, call };
        let made = |at: usize| event(at, Call::MakeFolder { path: "/n".into() });
        let renamed = |at, from: &str| event(at, Call::Rename { from: from.into(), to: "/lost".into() });
        let events = [made(1), renamed(3, "/n/store"), renamed(5, "/n"), made(7)];
        let disks = Disk::all(&events, &[(2, "/n".into()), (3, "/m".into())].into());
        let of: Vec<_> = disks.iter().map(|disk| (disk.node, disk.events(&events).count())).collect();
        assert_eq!(of, [(2, 2), (2, 2), (3, 4)]);
        assert!(disks[0].is_in(4) && !disks[0].is_in(5) && disks[1].is_in(5) && disks[2].is_in(5));
    }
}
