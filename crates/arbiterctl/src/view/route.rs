//! Routes and their paths.

use super::following::FollowsView;
use super::{Answered, View, all, some, verdict};
use arbiter_core::evidence::Verdict;
use arbiter_proto::v1;
use serde::Serialize;

/// All routes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoutesView {
    /// Whose view.
    pub answered: Answered,
    /// Most important first.
    pub routes: Vec<RouteView>,
}

impl View for RoutesView {
    const KIND: &'static str = "routes";
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteView {
    /// Its name.
    pub id: String,
    /// The route table.
    pub table: String,
    /// The destination.
    pub destination: String,
    /// Whether traffic is right: committed = observed, and that path is up.
    pub right: bool,
    /// The path that policy asks for now.
    pub desired: Option<String>,
    /// The path that a quorum has agreed on.
    pub committed: Option<String>,
    /// The path that EC2 shows; `null` also if it is none of the route's.
    pub observed: Option<String>,
    /// What EC2 shows, in its own words; `null` if the route is missing or was never read.
    pub observed_target: Option<String>,
    /// How long ago it was read; `null` if never.
    pub observed_age_ms: Option<u64>,
    /// Where it belongs: its first path or, where it follows, the one that stands for theirs.
    pub home: String,
    /// The committed path is home.
    pub at_home: bool,
    /// When the committed path was chosen, by the proposer's wall clock.
    pub since_wall_ms: Option<u64>,
    /// The rule that chose it; `null` if it was adopted.
    pub cause: Option<String>,
    /// Why it is here, and not elsewhere.
    pub why: Vec<String>,
    /// Its paths, best first.
    pub paths: Vec<PathView>,
    /// What operators did to it.
    pub overrides: Vec<String>,
    /// The path that it is pinned to; `null` if it is not.
    pub pinned: Option<String>,
    /// The path that it was switched to, as long as that holds.
    pub switched: Option<String>,
    /// Failovers remembered.
    pub flaps: u32,
    /// For how long it is frozen; `null` if it is not.
    pub frozen_for_ms: Option<u64>,
    /// What it follows; `null` if it follows nothing.
    pub follows: Option<FollowsView>,
    /// The node on whose host it is a kernel route; `null` if it is EC2's.
    pub host: Option<String>,
}

/// One path of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathView {
    /// Its name.
    pub id: String,
    /// Its gateway.
    pub gateway: Option<String>,
    /// What a route that uses it points at.
    pub target: String,
    /// What the evidence says.
    pub verdict: Verdict,
    /// For how long, at least.
    pub for_ms: u64,
    /// Who said what.
    pub reasons: Vec<String>,
}

impl From<v1::RouteStatus> for RouteView {
    fn from(wire: v1::RouteStatus) -> Self {
        let committed = some(wire.committed);
        Self {
            at_home: committed.as_ref() == Some(&wire.home),
            id: wire.id,
            table: wire.table,
            destination: wire.destination,
            right: wire.right,
            desired: some(wire.desired),
            committed,
            observed: some(wire.observed),
            observed_target: some(wire.observed_target),
            observed_age_ms: wire.observed_age_ms,
            home: wire.home,
            since_wall_ms: Some(wire.since_wall_ms).filter(|since| *since > 0),
            cause: some(wire.cause),
            why: wire.why,
            paths: all(wire.paths),
            overrides: wire.overrides,
            pinned: some(wire.pinned),
            switched: some(wire.switched),
            flaps: wire.flaps,
            frozen_for_ms: wire.frozen_for_ms,
            follows: wire.follows.map(FollowsView::from),
            host: some(wire.host),
        }
    }
}

impl From<v1::PathStatus> for PathView {
    fn from(wire: v1::PathStatus) -> Self {
        Self {
            id: wire.id,
            gateway: some(wire.gateway),
            target: wire.target,
            verdict: verdict(wire.verdict),
            for_ms: wire.for_ms,
            reasons: wire.reasons,
        }
    }
}

impl From<v1::StatusReply> for RoutesView {
    fn from(wire: v1::StatusReply) -> Self {
        Self { answered: wire.answered.into(), routes: all(wire.routes) }
    }
}
