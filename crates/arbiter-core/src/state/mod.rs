//! The replicated state: what every node derives, identically, from the committed log.
//!
//! The guards of the safety protocol live here, in `apply`, not in any one process: whatever a leader
//! believes, an intent that breaks a rule is refused by all nodes alike.

mod apply;
mod following;
mod history;
mod intents;
mod members;
mod operations;
mod recovery;
mod remediation;
mod restart;
mod shared;
#[cfg(test)]
mod tests;

pub use history::{Entry, Event, HISTORY_LIMIT};
pub use intents::BATCH_LIMIT;
pub use members::{Member, Place};
pub use recovery::{RECOVERY_GAP, Recovery};
pub use remediation::{InstanceRecord, Slot, StopEnd, stop_guards};
pub use restart::{RESTART_WAITS_MS, Restart};

use crate::command::{Cause, EntryId, Intent, Mode, Outcome, Refusal};
use crate::follow::Preference;
use crate::ids::{
    ClusterId, Epoch, GatewayId, InstanceId, IntentId, LogIndex, NodeId, PathId, PolicyVersion, Resource,
    RouteId, Term,
};
use crate::planted::{Bug, planted};
use crate::policy::{Policy, Target};
use crate::time::{LogMs, UnixMs};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The rules of `apply` that this program knows. Raised when a change makes old and new nodes disagree.
pub const RULES_VERSION: u32 = 1;

/// How long our own intents on a route are remembered, so that a stray call is known as ours: ten minutes.
pub const OWN_INTENTS_REMEMBERED_MS: u64 = 600_000;

/// What the committed log adds up to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterState {
    /// The cluster's id, once formed.
    pub cluster_id: Option<ClusterId>,
    /// The clusters that it was before, when a majority was lost for good: oldest first.
    #[serde(default)]
    pub predecessors: Vec<ClusterId>,
    /// The rules that `apply` follows.
    pub rules_version: u32,
    /// The last entry applied.
    pub applied: EntryId,
    /// The policy in force.
    #[serde(with = "shared::one")]
    pub policy: Arc<Policy>,
    /// Its version; zero before the cluster is formed.
    pub policy_version: PolicyVersion,
    /// The disks that may speak for each node; also the ids of those that were removed.
    pub members: BTreeMap<NodeId, Member>,
    /// Who is in office.
    pub office: Office,
    /// Log time when the cluster was formed, or recovered.
    pub formed_at: LogMs,
    /// What operators have overridden.
    pub overrides: Overrides,
    /// The committed choice path-for-route.
    pub assignments: BTreeMap<RouteId, Assignment>,
    /// Which of the followed cluster's paths is preferred for each route of ours that follows.
    #[serde(default)]
    pub preferences: BTreeMap<RouteId, Preference>,
    /// Intents without `Outcome` or `Settle`.
    pub unsettled: BTreeMap<IntentId, Unsettled>,
    /// The remediation that is under way.
    pub slot: Option<Slot>,
    /// What was done to each instance.
    pub instances: BTreeMap<InstanceId, InstanceRecord>,
    /// Operators' requests that were applied, newest last, so that one sent twice is applied once.
    pub requests: VecDeque<String>,
    /// What happened, newest last.
    #[serde(with = "shared::list")]
    pub history: VecDeque<Arc<Entry>>,
}

/// One leader's time in office.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Office {
    /// The epoch: the index of its `BeginEpoch`. Zero before the first.
    pub epoch: Epoch,
    /// Its term.
    pub term: Term,
    /// The leader.
    pub node: NodeId,
    /// Log time when it began.
    pub began: LogMs,
    /// BOOTTIME elapsed in it, as its newest entry says.
    pub elapsed_ms: u64,
    /// The highest intent number that it has used.
    pub last_intent: u64,
}

/// What operators have overridden.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// Whether decisions are carried out.
    pub mode: Mode,
    /// No new mutation until resumed.
    pub pause: Option<Pause>,
    /// Gateways to keep traffic off, with the reason.
    pub drains: BTreeMap<GatewayId, String>,
    /// Paths preferred above all others.
    pub pins: BTreeMap<RouteId, PathId>,
    /// Paths that an operator switched to; each holds until it is `Down`.
    pub switchovers: BTreeMap<RouteId, PathId>,
    /// The restart by hand that has not begun yet. One at a time: there is one slot.
    #[serde(default)]
    pub restart: Option<Restart>,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Why.
    pub reason: String,
    /// Who asked.
    pub by: String,
    /// When, by the wall clock, for people.
    pub wall_ms: UnixMs,
    /// When, by log time.
    pub since: LogMs,
    /// When it ends by itself.
    pub until: Option<LogMs>,
}

/// The committed choice path-for-route, and what the rules remember of the route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The path.
    pub path: PathId,
    /// What the route shall point at.
    pub target: Target,
    /// Since when, by log time.
    pub since: LogMs,
    /// Since when, by the wall clock, for people.
    pub wall_ms: UnixMs,
    /// The rule that chose it; none if it was adopted.
    pub cause: Option<Cause>,
    /// The newest entry that set or confirmed it: of two assignments of a route the one with the higher index is the
    /// newer.
    #[serde(default)]
    pub index: LogIndex,
    /// The epoch of that entry.
    #[serde(default)]
    pub epoch: Epoch,
    /// The log time of each move within the freeze window, newest last.
    pub moves: VecDeque<LogMs>,
    /// Failovers remembered.
    pub flaps: u32,
    /// When the last flap was counted or forgotten.
    pub flapped: LogMs,
    /// The log time of each drift repair within its window, newest last.
    pub repairs: VecDeque<LogMs>,
    /// Our own intents of the last ten minutes, newest last.
    pub own: VecDeque<OwnIntent>,
}

/// One of our own intents on a route, as remembered to tell a stray call from another hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnIntent {
    /// Which.
    pub id: IntentId,
    /// What the route was seen pointing at.
    pub before: Option<Target>,
    /// What it was to point at.
    pub after: Target,
    /// When it was accepted.
    pub at: LogMs,
    /// How its call ended; none while unsettled or if a newer epoch settled it.
    pub outcome: Option<Outcome>,
}

impl OwnIntent {
    /// Its call may have happened, or happen yet, without our having been told.
    pub const fn may_stray(&self) -> bool {
        matches!(self.outcome, None | Some(Outcome::NoAnswer { .. }))
    }
}

/// An intent in doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsettled {
    /// The intent.
    pub intent: Intent,
    /// The entry that carried it.
    pub entry: EntryId,
    /// When it was accepted.
    pub at: LogMs,
    /// W by the policy that its proposer followed: a later policy with a shorter wait does not shorten the doubt.
    pub wait_ms: u64,
}

impl ClusterState {
    /// Log time: it advances only through entries.
    pub const fn log_now(&self) -> LogMs {
        LogMs(self.office.began.0.saturating_add(self.office.elapsed_ms))
    }

    /// Log time as the leader in office knows it before it writes the next entry.
    pub fn log_at(&self, elapsed_ms: u64) -> LogMs {
        self.office.began.plus_ms(self.office.elapsed_ms.max(elapsed_ms))
    }

    /// The intents in doubt on one resource.
    pub fn unsettled_on<'a>(
        &'a self,
        resource: &'a Resource,
    ) -> impl Iterator<Item = (&'a IntentId, &'a Unsettled)> {
        self.unsettled.iter().filter(move |(_, doubt)| doubt.intent.action.resource() == *resource)
    }

    /// Whether a gateway may not be chosen for routes: the slot of its instance is open, or a stop of it is in doubt.
    /// A new instance under the same name is free of what was done to the old one.
    pub fn is_blocked(&self, gateway: &GatewayId) -> bool {
        let Some(instance) = self.policy.gateway(gateway).map(|gateway| &gateway.instance) else {
            return false;
        };
        if planted(Bug::BlockedGatewayChosen) {
            return false;
        }
        let slot = self.slot.as_ref().is_some_and(|slot| slot.instance == *instance);
        let stop = self.unsettled.values().any(|doubt| {
            matches!(&doubt.intent.action, crate::command::Action::Stop { instance: it, .. } if it == instance)
        });
        slot || stop
    }

    /// Whether routes are kept off a gateway: an operator drained it, or it waits for its restart by hand.
    pub fn is_drained(&self, gateway: &GatewayId) -> bool {
        self.overrides.drains.contains_key(gateway) || self.restart_of(gateway).is_some()
    }

    /// Until when a route may not move, if it has moved too often.
    pub fn frozen_until(&self, route: &RouteId, now: LogMs) -> Option<LogMs> {
        let timing = &self.policy.timing;
        let moves = &self.assignments.get(route)?.moves;
        let count = usize::try_from(timing.freeze_moves.max(1)).unwrap_or(usize::MAX);
        let oldest = moves.len().checked_sub(count).and_then(|index| moves.get(index))?;
        let last = moves.back()?;
        let until = last.plus_ms(timing.freeze_for_ms);
        (last.since_ms(*oldest) <= timing.freeze_window_ms && now < until).then_some(until)
    }

    /// Flaps of a route that are still remembered at `now`.
    pub fn flaps(&self, route: &RouteId, now: LogMs) -> u32 {
        self.assignments.get(route).map_or(0, |assignment| {
            let decay_ms = self.policy.timing.flap_decay_ms.max(1);
            let forgotten = now.since_ms(assignment.flapped) / decay_ms;
            assignment.flaps.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX))
        })
    }

    /// How many repairs of a route still count at `now`.
    pub fn repairs(&self, route: &RouteId, now: LogMs) -> u32 {
        let window_ms = self.policy.timing.drift_window_ms;
        self.assignments.get(route).map_or(0, |assignment| {
            let recent = assignment.repairs.iter().filter(|at| now.since_ms(**at) < window_ms).count();
            u32::try_from(recent).unwrap_or(u32::MAX)
        })
    }

    /// Why no new mutation may be made at all, if so. A `Start` after our `Stop` does not ask, but for
    /// [`ClusterState::too_young`].
    pub fn halted(&self, now: LogMs) -> Option<Refusal> {
        if self.overrides.mode == Mode::Observe && !planted(Bug::ObservingIgnored) {
            return Some(Refusal::Observing);
        }
        if let Some(pause) = self.overrides.pause.as_ref().filter(|_| !planted(Bug::PauseIgnored)) {
            return Some(Refusal::Paused(pause.reason.clone()));
        }
        self.too_young(now)
    }

    /// Why nothing at all may be done yet, if so: the cluster was formed or recovered just now, and whoever decided before
    /// may have calls under way of which nothing is known here.
    pub fn too_young(&self, now: LogMs) -> Option<Refusal> {
        let waited_ms = now.since_ms(self.formed_at);
        let wait_ms = self.policy.timing.takeover_wait_ms();
        (waited_ms < wait_ms).then(|| {
            Refusal::Other(format!(
                "a new cluster waits {wait_ms} ms before its first mutation; {waited_ms} ms have passed"
            ))
        })
    }

    /// Whether a pause is quiet: nothing that was sent before it can still land.
    pub fn is_quiet(&self) -> bool {
        self.unsettled.is_empty()
    }

    /// A gateway whose `Start` will still come, pause or not.
    pub fn start_to_come(&self) -> Option<&GatewayId> {
        self.slot.as_ref().map(|slot| &slot.gateway)
    }

    fn remember(&mut self, at: EntryId, wall_ms: UnixMs, event: Event) {
        let entry = Entry { index: at.index, epoch: self.office.epoch, at: self.log_now(), wall_ms, event };
        history::push(&mut self.history, entry);
    }

    const fn epoch_of(index: LogIndex) -> Epoch {
        Epoch(index.0)
    }
}
