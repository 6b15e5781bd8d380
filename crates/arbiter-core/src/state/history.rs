//! What happened, for people: bounded, the same on every node.

use crate::command::{Action, Cause, MemberStep, Mode, Operation, Outcome, Refusal, SlotEnding};
use crate::evidence::Evidence;
use crate::follow::Preference;
use crate::ids::{
    ClusterId, Epoch, GatewayId, Incarnation, IntentId, LogIndex, NodeId, PathId, PolicyVersion, Resource,
    RouteId,
};
use crate::policy::Target;
use crate::time::{LogMs, UnixMs};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// Events kept. A busy month of failovers is some hundred; a snapshot stays below two megabytes.
pub const HISTORY_LIMIT: usize = 1_000;

/// The newest events that keep the evidence they rest on; older ones keep their reasons in words.
const EVIDENCE_LIMIT: usize = 100;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The log entry that made it.
    pub index: LogIndex,
    /// The epoch in office.
    pub epoch: Epoch,
    /// Log time.
    pub at: LogMs,
    /// The proposer's wall clock.
    pub wall_ms: UnixMs,
    /// What happened.
    pub event: Event,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The cluster was formed.
    Formed {
        /// Its id.
        cluster_id: ClusterId,
    },
    /// The majority was lost for good, and an operator made the survivor a cluster of its own.
    Recovered {
        /// Who.
        by: String,
        /// The survivor.
        node: NodeId,
        /// The new cluster's id.
        cluster_id: ClusterId,
        /// The old one's.
        predecessor: ClusterId,
        /// The last entry of the survivor's log.
        last: LogIndex,
        /// The nodes that were left behind.
        without: Vec<NodeId>,
    },
    /// A leader took office.
    EpochBegan {
        /// The leader.
        node: NodeId,
    },
    /// An intent was accepted.
    Intended {
        /// Which.
        id: IntentId,
        /// What.
        action: Action,
        /// The path that the route left, if it was another.
        from: Option<PathId>,
        /// The rule.
        cause: Cause,
        /// Who said what.
        reasons: Vec<String>,
        /// What was seen; dropped from older events.
        evidence: Option<Box<Evidence>>,
    },
    /// An intent was refused.
    Refused {
        /// Which.
        id: IntentId,
        /// What.
        action: Action,
        /// The rule.
        cause: Cause,
        /// Why not, the first time.
        refusal: Refusal,
        /// How often the same was refused again since, with nothing else happening to the resource.
        #[serde(default)]
        again: u32,
    },
    /// A call ended.
    Ended {
        /// Its intent.
        id: IntentId,
        /// What it was.
        action: Action,
        /// How.
        outcome: Outcome,
    },
    /// A newer epoch ended the doubt about a call.
    Settled {
        /// Its intent.
        id: IntentId,
        /// What it was.
        action: Action,
    },
    /// The observed target became the assignment.
    Adopted {
        /// The route.
        route: RouteId,
        /// The path.
        path: PathId,
        /// Why.
        reason: String,
    },
    /// The followed cluster's newest assignment was noted.
    Followed {
        /// Our route.
        route: RouteId,
        /// What it prefers now.
        preference: Preference,
    },
    /// A remediation ended.
    SlotClosed {
        /// The gateway.
        gateway: GatewayId,
        /// How.
        ending: SlotEnding,
    },
    /// What would have been done.
    Advised {
        /// What.
        action: Action,
        /// The rule.
        cause: Cause,
        /// Who said what.
        reasons: Vec<String>,
    },
    /// A route was seen elsewhere than assigned.
    DriftSeen {
        /// The route.
        route: RouteId,
        /// Where.
        seen: Option<Target>,
    },
    /// An operator's command took effect.
    Operated {
        /// Who.
        by: String,
        /// What.
        operation: Operation,
    },
    /// A new policy took effect.
    PolicyApplied {
        /// Who.
        by: String,
        /// Its version.
        version: PolicyVersion,
    },
    /// A pause ran out.
    PauseExpired {
        /// Its reason.
        reason: String,
    },
    /// A restart by hand ran out before it could begin.
    RestartExpired {
        /// The gateway.
        gateway: GatewayId,
        /// Its reason.
        reason: String,
    },
    /// A node's disk was admitted.
    Admitted {
        /// The node.
        node: NodeId,
        /// Its disk.
        incarnation: Incarnation,
    },
    /// An operator let a node come back with a new disk.
    Readmitted {
        /// Who asked.
        by: String,
        /// The node.
        node: NodeId,
    },
    /// An operator asked for another leader.
    HandoverAsked {
        /// Who asked.
        by: String,
        /// Who is to lead.
        to: NodeId,
    },
    /// An operator changes the members of the cluster: one step of that.
    MemberChanged {
        /// Who asked.
        by: String,
        /// The node.
        node: NodeId,
        /// The step.
        step: MemberStep,
    },
    /// The mode changed.
    ModeSet {
        /// Who.
        by: String,
        /// To what.
        mode: Mode,
    },
    /// The rules of `apply` were raised.
    RulesRaised {
        /// To what.
        version: u32,
    },
}

impl Event {
    /// The resource that it is about, if it is about one.
    pub fn resource(&self) -> Option<Resource> {
        match self {
            Self::Intended { action, .. }
            | Self::Refused { action, .. }
            | Self::Ended { action, .. }
            | Self::Settled { action, .. }
            | Self::Advised { action, .. } => Some(action.resource()),
            Self::Adopted { route, .. } | Self::DriftSeen { route, .. } | Self::Followed { route, .. } => {
                Some(Resource::Route(route.clone()))
            }
            _ => None,
        }
    }

    /// Whether both are refusals of the same wish for the same kind of reason (its numbers may differ).
    fn is_refused_again(&self, newer: &Self) -> bool {
        match (self, newer) {
            (
                Self::Refused { action: a, cause: c, refusal: r, .. },
                Self::Refused { action: b, cause: d, refusal: s, .. },
            ) => a == b && c == d && std::mem::discriminant(r) == std::mem::discriminant(s),
            _ => false,
        }
    }
}

/// How far back a refusal looks for the same one before it.
const LOOK_BACK: usize = 100;

/// A leader that keeps asking for what is refused must not push everything else out of the history: the same
/// refusal again is only counted.
fn counted(history: &mut VecDeque<Arc<Entry>>, event: &Event) -> bool {
    if !matches!(event, Event::Refused { .. }) {
        return false;
    }
    let resource = event.resource();
    let last = history.iter_mut().rev().take(LOOK_BACK).find(|old| old.event.resource() == resource);
    let Some(last) = last.filter(|last| last.event.is_refused_again(event)) else { return false };
    if let Event::Refused { again, .. } = &mut Arc::make_mut(last).event {
        *again = again.saturating_add(1);
    }
    true
}

/// Adds an event, drops what is over the bounds.
pub(super) fn push(history: &mut VecDeque<Arc<Entry>>, entry: Entry) {
    if counted(history, &entry.event) {
        return;
    }
    if history.len() >= HISTORY_LIMIT {
        history.pop_front();
    }
    history.push_back(Arc::new(entry));
    // Entries come one by one, so at most one grows too old for its evidence at a time.
    let Some(old) = history.len().checked_sub(EVIDENCE_LIMIT + 1).and_then(|index| history.get_mut(index))
    else {
        return;
    };
    if matches!(&old.event, Event::Intended { evidence: Some(_), .. })
        && let Event::Intended { evidence, .. } = &mut Arc::make_mut(old).event
    {
        *evidence = None;
    }
}
