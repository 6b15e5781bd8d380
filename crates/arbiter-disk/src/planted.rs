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

/// How many lines later a barrier comes that nobody waits for: more than lie between a write and its acknowledgement, also
/// where three processes say much else.
const LATER: usize = 400;

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
        let mut events: Vec<Event> = recording.events.iter().filter_map(|event| self.change(event)).collect();
        events.sort_by_key(|event| (event.end, event.begin));
        Recording::of(events, &recording.folders)
    }

    fn change(self, event: &Event) -> Option<Event> {
        let mut event = event.clone();
        if let Call::Sync { path, only_data: true, .. } = &mut event.call {
            match self {
                Self::AcknowledgedBeforeSync => {
                    event.begin += LATER;
                    event.end += LATER;
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
