//! Whose view it is.

use super::some;
use arbiter_proto::v1;
use serde::{Deserialize, Serialize};

/// Whose view it is, and how good.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The node that answered.
    pub by: String,
    /// A quorum confirmed its leadership while it answered.
    pub linearizable: bool,
    /// Why not, if not.
    pub stale_because: Option<String>,
    /// That node's wall clock, in milliseconds since 1970.
    pub wall_ms: u64,
    /// The log index up to which its state is applied.
    pub applied: u64,
}

impl From<Option<v1::Answered>> for Answered {
    /// An answer that does not say whose it is counts as stale.
    fn from(wire: Option<v1::Answered>) -> Self {
        let Some(wire) = wire else {
            let stale_because = Some("the answer does not say whose it is".to_owned());
            return Self { stale_because, ..Self::default() };
        };
        Self {
            by: wire.by,
            linearizable: wire.linearizable,
            stale_because: some(wire.stale_because),
            wall_ms: wire.wall_ms,
            applied: wire.applied,
        }
    }
}
