//! What `backup` writes, and `restore` reads.

use super::{Answered, EventView, GatewayView, PauseView, RouteView, StatusView, View};
use crate::difference::Change;
use serde::{Deserialize, Serialize};

/// Policy, overrides and history at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupView {
    /// Whose view.
    pub answered: Answered,
    /// The cluster's name.
    pub cluster: String,
    /// Its id.
    pub cluster_id: Option<String>,
    /// The policy's version.
    pub policy_version: u64,
    /// The policy, in the form of `cluster.toml`.
    pub toml: String,
    /// `act` or `observe`.
    pub mode: String,
    /// The pause that was in force.
    pub pause: Option<PauseView>,
    /// The gateways that were drained.
    pub drains: Vec<DrainView>,
    /// The routes that were pinned.
    pub pins: Vec<WishView>,
    /// The routes that were switched over, as long as that held.
    pub switchovers: Vec<WishView>,
    /// All events that were kept, newest last.
    pub events: Vec<EventView>,
}

impl View for BackupView {
    const KIND: &'static str = "backup";
}

/// A drained gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainView {
    /// Which.
    pub gateway: String,
    /// Why.
    pub reason: String,
}

/// A route, and where an operator wanted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WishView {
    /// Which route.
    pub route: String,
    /// Which of its paths.
    pub path: String,
}

impl BackupView {
    /// Of what is in force, without the policy's words and without events.
    pub fn of(status: &StatusView) -> Self {
        let wishes = |path: fn(&RouteView) -> &Option<String>| {
            let wish =
                |route: &RouteView| Some(WishView { route: route.id.clone(), path: path(route).clone()? });
            status.routes.iter().filter_map(wish).collect()
        };
        let drain = |gateway: &GatewayView| {
            Some(DrainView { gateway: gateway.id.clone(), reason: gateway.drained.clone()? })
        };
        Self {
            answered: status.answered.clone(),
            cluster: status.cluster.clone(),
            cluster_id: status.cluster_id.clone(),
            policy_version: status.policy_version,
            toml: String::new(),
            mode: status.mode.clone(),
            pause: status.pause.clone(),
            drains: status.gateways.iter().filter_map(drain).collect(),
            pins: wishes(|route| &route.pinned),
            switchovers: wishes(|route| &route.switched),
            events: Vec::new(),
        }
    }

    /// How many overrides it has.
    pub fn overrides(&self) -> usize {
        let halts = usize::from(self.pause.is_some()) + usize::from(self.mode == "observe");
        halts + self.drains.len() + self.pins.len() + self.switchovers.len()
    }

    /// Whether the same is in force in both, but for the time that a pause has left.
    pub fn agrees(&self, other: &Self) -> bool {
        let begun = |pause: &Option<PauseView>| {
            pause.as_ref().map(|it| (it.reason.clone(), it.by.clone(), it.since_wall_ms))
        };
        self.policy_version == other.policy_version
            && self.cluster_id == other.cluster_id
            && self.mode == other.mode
            && begun(&self.pause) == begun(&other.pause)
            && self.drains == other.drains
            && self.pins == other.pins
            && self.switchovers == other.switchovers
    }
}

/// What a restore does, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoreView {
    /// Whose view.
    pub answered: Answered,
    /// The file.
    pub file: String,
    /// When it was taken, by the clock of the node that answered then.
    pub taken_wall_ms: u64,
    /// What is put in force, in this order; none if all of it is.
    pub steps: Vec<RestoreStepView>,
    /// What its policy changes.
    pub changes: Vec<Change>,
    /// What is in force and not in the file, and stays.
    pub stays: Vec<String>,
    /// Nothing was changed: it was only asked what would be.
    pub dry_run: bool,
}

impl View for RestoreView {
    const KIND: &'static str = "restore";
}

/// One thing that is put in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoreStepView {
    /// Which.
    pub does: String,
    /// Where it stands in the log; `null` as long as it is not done.
    pub index: Option<u64>,
}
