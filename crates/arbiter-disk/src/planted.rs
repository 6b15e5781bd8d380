//! Recordings in which a bug was planted: both judgements must convict each.

use crate::record::Recording;
use crate::trace::{Call, Event};
use std::path::Path;

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Votes and entries are acknowledged without waiting for the barrier.
    AcknowledgedBeforeSync,
    /// The barrier syncs a descriptor of another file.
    WrongFileSynced,
    /// There is no barrier: the store's own flush must do.
    NoSync,
}

impl Bug {
    pub const ALL: [Self; 3] = [Self::AcknowledgedBeforeSync, Self::WrongFileSynced, Self::NoSync];

    pub const fn name(self) -> &'static str {
        match self {
            Self::AcknowledgedBeforeSync => "acknowledged-before-sync",
            Self::WrongFileSynced => "wrong-file-synced",
            Self::NoSync => "no-sync",
        }
    }

    /// The recording as it would be with this bug.
    ///
    /// # Errors
    /// None is expected: the claims are what they were.
    pub fn plant(self, recording: &Recording) -> anyhow::Result<Recording> {
        let mut events: Vec<Event> =
            recording.events.iter().filter_map(|event| self.change(event, recording)).collect();
        events.sort_by_key(|event| (event.end, event.begin));
        Recording::of(events, &recording.folders)
    }

    fn change(self, event: &Event, recording: &Recording) -> Option<Event> {
        let mut event = event.clone();
        if let Call::Sync { path, only_data: true, .. } = &mut event.call {
            match self {
                Self::AcknowledgedBeforeSync => {
                    if let Some(word) = next_word(recording, path, event.end) {
                        event.begin = word + 1;
                        event.end = word + 1;
                    }
                }
                Self::WrongFileSynced => {
                    let folder = path.parent().and_then(Path::parent).unwrap_or(path).to_owned();
                    *path = folder.join("barrier");
                }
                Self::NoSync => return None,
            }
        }
        Some(event)
    }
}

/// Where a node says something of its disk next, after a line.
fn next_word(recording: &Recording, path: &Path, after: usize) -> Option<usize> {
    let (node, _) = recording.folders.iter().find(|(_, folder)| path.starts_with(folder))?;
    let later = recording.claims.partition_point(|claim| claim.at <= after);
    recording.claims.get(later..)?.iter().find(|claim| claim.node == *node).map(|claim| claim.at)
}
