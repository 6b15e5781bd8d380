//! The moments at which a power cut can meet a write: for simulations, which cut it at each of them.

use super::Batch;
use crate::record::{self, LOG, META, SNAPSHOT};
use crate::types::LogId;
use serde::Deserialize;

/// What is written, as its keys say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Written {
    /// Whose folder it is, and which cluster's.
    Identity,
    /// A vote or a term.
    Vote,
    /// Entries at the end of the log.
    Entries,
    /// Entries are cut off the end of the log.
    Truncation,
    /// Entries are taken from the beginning of the log.
    Purge,
    /// The hint how far the log may be applied.
    Hint,
    /// Parts of a snapshot that is not the current one yet.
    Parts,
    /// A snapshot of entries that the log holds becomes the current one.
    Built,
    /// A snapshot that goes further than the log becomes the current one.
    Installed,
}

/// When the power is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// It was handed over, and nothing of it is written.
    BeforeWrite,
    /// It is written, and the barrier that covers it has not begun.
    BeforeBarrier,
    /// The barrier that covers it is done, and nobody knows.
    AfterBarrier,
}

/// One moment of one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailPoint {
    /// Of which write.
    pub written: Written,
    /// At which moment.
    pub moment: Moment,
    /// How often that moment passes before.
    pub after: u32,
}

/// The part of a snapshot's description that says how far it goes.
#[derive(Deserialize)]
struct Described {
    meta: Reaches,
}

#[derive(Deserialize)]
struct Reaches {
    last_log_id: Option<LogId>,
}

impl Written {
    /// What this batch writes to a disk whose log `holds` the entries with these numbers.
    pub fn by(batch: &Batch, holds: impl Fn(u64) -> bool) -> Option<Self> {
        let changes = batch.changes();
        if let Some((name, value)) = changes.iter().find_map(|(key, value)| match key.split_first() {
            Some((&META, name)) => Some((name, value.as_deref())),
            _ => None,
        }) {
            return match name {
                b"identity" => Some(Self::Identity),
                b"vote" => Some(Self::Vote),
                b"purged" => Some(Self::Purge),
                b"committed" => Some(Self::Hint),
                b"snapshot" => {
                    let described = record::decode::<Described>("snapshot", value?).ok()?;
                    let known = described.meta.last_log_id.is_none_or(|last| holds(last.index));
                    Some(if known { Self::Built } else { Self::Installed })
                }
                _ => None,
            };
        }
        let (key, value) = changes.first()?;
        match (key.first(), value) {
            (Some(&LOG), Some(_)) => Some(Self::Entries),
            (Some(&LOG), None) => Some(Self::Truncation),
            (Some(&SNAPSHOT), Some(_)) => Some(Self::Parts),
            _ => None,
        }
    }
}
