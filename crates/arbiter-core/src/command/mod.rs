//! What goes through the log, and what `apply` answers.

mod answer;
mod intent;

pub use answer::{Applied, Refusal};
pub use intent::{Action, Cause, Intent, Outcome, is_throttling};

use crate::evidence::Evidence;
use crate::follow::Preference;
use crate::ids::{
    ClusterId, Epoch, GatewayId, Incarnation, IntentId, LogIndex, NodeId, PathId, PolicyVersion, RouteId,
    Term,
};
use crate::policy::{Policy, Target};
use crate::time::UnixMs;
use serde::{Deserialize, Serialize};

/// Where an entry stands in the log, and whose it is. Raft vouches for all three.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EntryId {
    /// Its index.
    pub index: LogIndex,
    /// The term of the leader that appended it.
    pub term: Term,
    /// The leader that appended it.
    pub node: NodeId,
}

/// One entry's content: a command, with the wall clock of its proposer for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The proposer's wall clock. No rule reads it.
    pub wall_ms: UnixMs,
    /// What is to be applied.
    pub command: Command,
}

/// The leader's stamp on an entry: in which epoch, and how much of it has passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The proposer's epoch.
    pub epoch: Epoch,
    /// BOOTTIME elapsed since that epoch's `BeginEpoch` was applied by the proposer.
    pub elapsed_ms: u64,
}

/// Everything that can change the replicated state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// The first command of a cluster: its name, its seed policy, its founding disks.
    Form {
        /// The random id that no other cluster has.
        cluster_id: ClusterId,
        /// The seed policy; it becomes version 1.
        policy: Box<Policy>,
        /// The founding members' disks.
        members: Vec<(NodeId, Incarnation)>,
        /// The mode that it begins in: a cluster that shall only look must not act for a moment first.
        #[serde(default)]
        mode: Mode,
    },
    /// An operator admits a node's new disk after the old one was lost.
    Readmit {
        /// The node.
        node: NodeId,
        /// The incarnation to accept from it; `None`: whichever it shows next.
        incarnation: Option<Incarnation>,
        /// Who asked.
        by: String,
    },
    /// A step of a change of the cluster's members. Raft's own membership changes by entries of its own; see
    /// [`MemberStep`] for which comes first.
    Member {
        /// The node.
        node: NodeId,
        /// The step.
        step: MemberStep,
        /// Who asked.
        by: String,
    },
    /// An operator asks the leader to give the leadership to a node. It changes nothing by itself: it is recorded before the
    /// leader does so.
    HandOver {
        /// The node.
        to: NodeId,
        /// Who asked.
        by: String,
    },
    /// A node's disk introduces itself; accepted only if none is recorded for its id.
    Admit {
        /// The node.
        node: NodeId,
        /// Its disk.
        incarnation: Incarnation,
    },
    /// The leader takes office.
    BeginEpoch {
        /// The leader. Must be the entry's own.
        node: NodeId,
    },
    /// Mutations that the leader is about to make, each accepted or refused on its own.
    Intents(Box<IntentBatch>),
    /// How calls of this epoch's own intents ended.
    Outcomes {
        /// Whose and when.
        stamp: Stamp,
        /// Each intent once.
        outcomes: Vec<(IntentId, Outcome)>,
    },
    /// A newer epoch ends the doubt about intents of older ones, after the takeover wait.
    Settle {
        /// Whose and when.
        stamp: Stamp,
        /// The intents, all of older epochs.
        intents: Vec<IntentId>,
    },
    /// The observed target is taken as the assignment, without a call.
    Adopt {
        /// Whose and when.
        stamp: Stamp,
        /// The route.
        route: RouteId,
        /// The path that it is seen on.
        path: PathId,
        /// Why, in words.
        reason: String,
    },
    /// What the cluster that this one follows has assigned.
    Follow {
        /// Whose and when.
        stamp: Stamp,
        /// For each route of ours, what it follows now.
        preferences: Vec<(RouteId, Preference)>,
    },
    /// The remediation slot closes.
    CloseSlot {
        /// Whose and when.
        stamp: Stamp,
        /// The gateway in the slot.
        gateway: GatewayId,
        /// How it ended.
        ending: SlotEnding,
        /// What shows it.
        evidence: Box<Evidence>,
    },
    /// What would have been done, were the cluster not observing; or drift that is only reported.
    Note {
        /// Whose and when.
        stamp: Stamp,
        /// What is noted.
        note: Note,
    },
    /// Time passes, so that what has run out ends.
    Tick {
        /// Whose and when.
        stamp: Stamp,
    },
    /// The rules of `apply` are raised, now that all voters know the new ones.
    RaiseRules {
        /// Whose and when.
        stamp: Stamp,
        /// The new version: exactly the next.
        version: u32,
        /// The nodes whose reports say that they know it.
        supported_by: Vec<NodeId>,
    },
    /// An operator's command.
    Operator {
        /// Whose and when.
        stamp: Stamp,
        /// The request's own id: the same command sent twice is applied once.
        request: String,
        /// Who asked.
        by: String,
        /// What they asked for.
        operation: Operation,
    },
}

/// A step of a change of the cluster's members.
///
/// Who votes is Raft's own membership; which disk may speak for a node, and which ids are used up, is
/// [`crate::state::Member`]. Each is changed by entries of its own, so a leader may die between the two. The order is
/// such that what it leaves is safe, and that the same command once more completes it:
///
/// * *Add* is recorded, then Raft takes the node as a learner. In between it is no member: Raft sends it nothing and its
///   disk is not admitted.
/// * *Promote* is recorded, then Raft lets it vote. In between it is the learner that it was.
/// * *Remove* is recorded, then Raft drops it, then *Removed* shuts its disk out. So no voter is shut out that Raft
///   still counts. Between the last two its disk may still speak, and nobody counts what it says; whoever leads
///   completes that by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberStep {
    /// It is to be taken as a learner.
    Add,
    /// It is to vote.
    Promote,
    /// It is to leave.
    Remove,
    /// Raft has dropped it: its disk is shut out, and its id used up.
    Removed,
}

/// What an operator can ask of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Move a route to a path; it stays until that path is `Down` or it is switched home.
    Switchover {
        /// The route.
        route: RouteId,
        /// The path; the route's first path switches it home.
        path: PathId,
    },
    /// Make no new mutation until resumed.
    Pause {
        /// Why, shown everywhere.
        reason: String,
        /// Ends by itself after this much log time.
        for_ms: Option<u64>,
    },
    /// End a pause.
    Resume,
    /// Observe only, or act.
    SetMode(Mode),
    /// Keep traffic off a gateway.
    Drain {
        /// The gateway.
        gateway: GatewayId,
        /// Why.
        reason: String,
    },
    /// End a drain.
    Undrain {
        /// The gateway.
        gateway: GatewayId,
    },
    /// Prefer one path of a route above all others until unpinned.
    Pin {
        /// The route.
        route: RouteId,
        /// The path.
        path: PathId,
    },
    /// End a pin.
    Unpin {
        /// The route.
        route: RouteId,
    },
    /// Give a gateway a new instance and interface, because the old instance is gone.
    ReplaceGateway {
        /// The gateway.
        gateway: GatewayId,
        /// The new instance.
        instance: crate::ids::InstanceId,
        /// The new interface.
        interface: String,
    },
    /// Stop and start a gateway by hand, as soon as the guards allow; until then its routes are kept off it.
    RestartGateway {
        /// The gateway.
        gateway: GatewayId,
        /// Why.
        reason: String,
        /// Also if a route loses its last path that works.
        force: bool,
    },
    /// Withdraw a restart that has not begun.
    CancelRestart {
        /// The gateway.
        gateway: GatewayId,
    },
    /// A new policy; its version must be exactly the next.
    ApplyPolicy {
        /// The version that it becomes.
        version: PolicyVersion,
        /// The policy.
        policy: Box<Policy>,
    },
}

/// Whether decisions are carried out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Decisions are carried out.
    #[default]
    Act,
    /// Decisions become advice in the history.
    Observe,
}

/// Several mutations that rest on the same evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentBatch {
    /// Whose and when.
    pub stamp: Stamp,
    /// The policy that was planned by.
    pub policy_version: PolicyVersion,
    /// What was seen.
    pub evidence: Evidence,
    /// The mutations; each is accepted or refused on its own.
    pub intents: Vec<Intent>,
}

/// How a remediation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlotEnding {
    /// The gateway is healthy by its probes.
    Healthy,
    /// The attempts are used up, and the provider says that it runs.
    Failed,
    /// The instance is gone.
    Gone,
}

/// Something worth remembering that changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Note {
    /// What would have been done.
    Advice {
        /// The action.
        action: Action,
        /// The rule.
        cause: Cause,
        /// Who said what.
        reasons: Vec<String>,
    },
    /// The route was seen elsewhere than assigned.
    Drift {
        /// The route.
        route: RouteId,
        /// What was seen.
        seen: Option<Target>,
    },
}
