//! What has changed in the world: for those who must start and kill processes, or program kernel routes.

use super::instance::InstanceState;
use serde::Serialize;

/// Why something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The API call with this sequence number of the call log.
    Call(u64),
    /// A hand outside: the lab's control routes, or a test.
    Hand,
    /// Time went by: an instance finished to stop or to boot.
    Time,
}

/// When something is done to the world, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act {
    /// Milliseconds since the endpoint started.
    pub now_ms: u64,
    /// Why.
    pub cause: Cause,
}

impl Act {
    /// Something that an outside hand does now.
    pub fn by_hand(now_ms: u64) -> Self {
        Self { now_ms, cause: Cause::Hand }
    }

    /// Something that the call with this sequence number does now.
    pub fn by_call(now_ms: u64, seq: u64) -> Self {
        Self { now_ms, cause: Cause::Call(seq) }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// When, in milliseconds since the endpoint started.
    pub at_ms: u64,
    /// Why.
    pub cause: Cause,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What has changed, from what to what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum What {
    /// A route points elsewhere, is new (`before` is none) or gone (`after` is none).
    Route {
        /// The route table.
        table: String,
        /// Its destination, in canonical form.
        destination: String,
        /// The id of the target that it had.
        before: Option<String>,
        /// The id of the target that it has.
        after: Option<String>,
    },
    /// An instance is in another state.
    Instance {
        /// The instance.
        instance: String,
        /// The state that it was in.
        before: InstanceState,
        /// The state that it is in.
        after: InstanceState,
    },
    /// An interface was attached or detached, got or lost its address, or its check was switched.
    Interface {
        /// The interface.
        interface: String,
    },
}
