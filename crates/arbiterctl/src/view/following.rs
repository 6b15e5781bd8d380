//! What is followed of another cluster.

use super::{all, some};
use arbiter_proto::v1;
use serde::Serialize;

/// The cluster that is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FollowingView {
    /// Its id, as agreed here; `null` while nothing is.
    pub cluster_id: Option<String>,
    /// How long ago any node heard it, at most; `null` if none has.
    pub heard_age_ms: Option<u64>,
    /// Which of its nodes was heard last.
    pub from: Option<String>,
    /// What each node here hears of it.
    pub heard_by: Vec<HearingView>,
}

/// What one node hears of a followed cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HearingView {
    /// The node.
    pub node: String,
    /// Which node of the followed cluster it heard last.
    pub from: Option<String>,
    /// How long ago, at most; `null` if it heard none.
    pub age_ms: Option<u64>,
}

/// What a route follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FollowsView {
    /// The route of the followed cluster.
    pub route: String,
    /// The path that it is on there; `null` while nothing is agreed.
    pub path: Option<String>,
    /// The epoch there in which it was chosen.
    pub epoch: Option<u64>,
    /// The entry of the log there that chose it.
    pub index: Option<u64>,
    /// The path here that stands for it.
    pub stands_for: Option<String>,
}

impl From<v1::FollowingStatus> for FollowingView {
    fn from(wire: v1::FollowingStatus) -> Self {
        Self {
            cluster_id: some(wire.cluster_id),
            heard_age_ms: wire.heard_age_ms,
            from: some(wire.from),
            heard_by: all(wire.heard_by),
        }
    }
}

impl From<v1::Hearing> for HearingView {
    fn from(wire: v1::Hearing) -> Self {
        Self { node: wire.node, from: some(wire.from), age_ms: wire.age_ms }
    }
}

impl From<v1::FollowStatus> for FollowsView {
    fn from(wire: v1::FollowStatus) -> Self {
        let known = |number: u64| Some(number).filter(|number| *number > 0);
        Self {
            route: wire.route,
            path: some(wire.path),
            epoch: known(wire.epoch),
            index: known(wire.index),
            stands_for: some(wire.stands_for),
        }
    }
}
