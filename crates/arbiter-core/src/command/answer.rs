//! What `apply` answers to a proposer.

use crate::ids::{ClusterId, Epoch, IntentId, NodeId, PolicyVersion};
use serde::{Deserialize, Serialize};

/// Why `apply` refused an intent or a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The cluster is not formed yet.
    #[error("the cluster is not formed yet")]
    NotFormed,
    /// It is formed already.
    #[error("the cluster is formed already, as {0}")]
    AlreadyFormed(ClusterId),
    /// The stamp's epoch is not the current one.
    #[error("epoch {named} is not the current one ({current})")]
    StaleEpoch {
        /// What the entry named.
        named: Epoch,
        /// What is current.
        current: Epoch,
    },
    /// The entry's term or node is not the epoch's.
    #[error("the entry was appended by another leader than the epoch's")]
    ForeignEntry,
    /// It was planned by another policy.
    #[error("planned by policy version {named}, the current one is {current}")]
    StalePolicy {
        /// What the entry named.
        named: PolicyVersion,
        /// What is current.
        current: PolicyVersion,
    },
    /// The id was used before, or is not of this epoch.
    #[error("intent id {0} was used before or is not of this epoch")]
    BadIntentId(IntentId),
    /// An unsettled intent stands in the way.
    #[error("intent {0} is unsettled")]
    Unsettled(IntentId),
    /// The cluster is paused.
    #[error("paused: {0}")]
    Paused(String),
    /// The cluster only observes.
    #[error("the cluster only observes")]
    Observing,
    /// The route has moved too often.
    #[error("frozen: {moves} moves within the window; free again in {free_in_ms} ms of log time")]
    Frozen {
        /// Moves counted.
        moves: u32,
        /// Log time until it may move again.
        free_in_ms: u64,
    },
    /// A budget, cooldown or slot forbids it.
    #[error("remediation refused: {0}")]
    Remediation(String),
    /// The evidence does not carry it.
    #[error("the evidence does not carry it: {0}")]
    Unsupported(String),
    /// An unknown name.
    #[error("unknown {kind} `{name}`")]
    Unknown {
        /// What kind of thing.
        kind: String,
        /// Its name.
        name: String,
    },
    /// The policy version is not exactly the next.
    #[error("policy version {named} is not the next one ({next})")]
    NotNextVersion {
        /// What was named.
        named: PolicyVersion,
        /// What would be right.
        next: PolicyVersion,
    },
    /// The policy has errors.
    #[error("the policy has errors: {}", .0.join("; "))]
    InvalidPolicy(Vec<String>),
    /// The node's recorded disk is another one.
    #[error(
        "node {node} is recorded with another disk: run `arbiterctl member replace {node}` if its data were lost"
    )]
    OtherIncarnation {
        /// The node.
        node: NodeId,
    },
    /// The node was removed: its id is used up.
    #[error(
        "node {node} was removed from the cluster, and its id is never used again: take another id, also for the \
         same machine"
    )]
    Removed {
        /// The node.
        node: NodeId,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// What `apply` answers to the proposer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Applied {
    /// An entry without a command (a blank or a membership change).
    Nothing,
    /// The command took effect.
    Accepted,
    /// The command had taken effect before, under the same request id.
    Repeated,
    /// The command was refused as a whole.
    Refused(Refusal),
    /// Each intent of the batch by itself.
    Intents(Vec<(IntentId, Result<(), Refusal>)>),
}
