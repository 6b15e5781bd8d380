//! The policy, and what a file would change of it.

use super::{Answered, PreviewView, View};
use crate::difference::Change;
use arbiter_proto::v1;
use serde::Serialize;

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyView {
    /// Whose view.
    pub answered: Answered,
    /// Its version.
    pub policy_version: u64,
    /// The policy, in the form of `cluster.toml`.
    pub toml: String,
}

impl View for PolicyView {
    const KIND: &'static str = "policy";
}

impl From<v1::GetPolicyReply> for PolicyView {
    fn from(wire: v1::GetPolicyReply) -> Self {
        Self { answered: wire.answered.into(), policy_version: wire.version, toml: wire.toml }
    }
}

/// What a file would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyDiffView {
    /// Whose view of the policy in force.
    pub answered: Answered,
    /// The version in force.
    pub policy_version: u64,
    /// The file.
    pub file: String,
    /// There is no difference.
    pub same: bool,
    /// All differences.
    pub changes: Vec<Change>,
    /// What should be known of the file, though it is not wrong.
    pub warnings: Vec<String>,
    /// What the cluster would make of it; `null` unless `policy apply --dry-run` asked for that.
    pub preview: Option<PreviewView>,
}

impl View for PolicyDiffView {
    const KIND: &'static str = "policy-diff";
}
