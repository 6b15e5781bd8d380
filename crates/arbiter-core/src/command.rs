//! What goes through the log, and what `apply` answers.

use crate::evidence::Evidence;
use crate::ids::{
    ClusterId, Epoch, GatewayId, Incarnation, IntentId, LogIndex, NodeId, PathId, PolicyVersion, Resource,
    RouteId, Term,
};
use crate::policy::{Policy, Target};
use crate::time::UnixMs;
use serde::{Deserialize, Serialize};
use std::fmt;

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

/// The record, before the call, of one mutation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Its name, used once.
    pub id: IntentId,
    /// What it does.
    pub action: Action,
    /// Which rule asks for it.
    pub cause: Cause,
    /// Who said what, in words, for people.
    pub reasons: Vec<String>,
}

/// One API mutation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Point a route at a path's target.
    SetRoute {
        /// The route.
        route: RouteId,
        /// What it was seen pointing at.
        before: Option<Target>,
        /// The path that it is assigned to.
        path: PathId,
        /// What it shall point at.
        after: Target,
    },
    /// Stop a gateway's instance.
    Stop {
        /// The gateway.
        gateway: GatewayId,
        /// Its instance.
        instance: crate::ids::InstanceId,
        /// Do not wait for the guest to shut down.
        force: bool,
    },
    /// Start a gateway's instance.
    Start {
        /// The gateway.
        gateway: GatewayId,
        /// Its instance.
        instance: crate::ids::InstanceId,
    },
}

impl Action {
    /// What nothing else may touch while this is unsettled.
    pub fn resource(&self) -> Resource {
        match self {
            Self::SetRoute { route, .. } => Resource::Route(route.clone()),
            Self::Stop { instance, .. } | Self::Start { instance, .. } => {
                Resource::Instance(instance.clone())
            }
        }
    }

    /// Whether both leave the resource in the same state.
    pub fn same_after(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::SetRoute { route: a, after: x, .. }, Self::SetRoute { route: b, after: y, .. }) => {
                a == b && x == y
            }
            (Self::Stop { instance: a, .. }, Self::Stop { instance: b, .. })
            | (Self::Start { instance: a, .. }, Self::Start { instance: b, .. }) => a == b,
            _ => false,
        }
    }
}

/// The rule that asks for an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The route had no assignment yet and points at none of its paths.
    Initial,
    /// Its path is `Down`.
    Failover,
    /// Its path has been `Unknown` for longer than the grace.
    UnknownGrace,
    /// A better path has been `Up` for long enough.
    Failback,
    /// An operator asked for it.
    Switchover,
    /// Its gateway is being drained.
    Drain,
    /// An operator pinned it.
    Pin,
    /// Its path is no longer one of the route's.
    PolicyChange,
    /// Somebody else changed the route.
    DriftRepair,
    /// Our own call failed or went unanswered.
    Reissue,
    /// A gateway has been `Down` for too long.
    Remediate,
    /// A stop hangs.
    ForceStop,
    /// What we stopped must run again.
    StartOwed,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Initial => "initial",
            Self::Failover => "failover",
            Self::UnknownGrace => "unknown-grace",
            Self::Failback => "failback",
            Self::Switchover => "switchover",
            Self::Drain => "drain",
            Self::Pin => "pin",
            Self::PolicyChange => "policy-change",
            Self::DriftRepair => "drift-repair",
            Self::Reissue => "reissue",
            Self::Remediate => "remediate",
            Self::ForceStop => "force-stop",
            Self::StartOwed => "start-owed",
        })
    }
}

/// How an intent's call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The provider acknowledged it.
    Done,
    /// The provider refused it: nothing was changed.
    Failed {
        /// Its error code.
        code: String,
        /// Its words.
        message: String,
    },
    /// No answer in time: it may have happened, or happen yet. Never called `Failed`.
    NoAnswer {
        /// What was waited for.
        message: String,
    },
    /// It was never sent, and never will be.
    NotSent {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Failed { code, message } => write!(f, "failed: {code}: {message}"),
            Self::NoAnswer { message } => write!(f, "no answer: {message}"),
            Self::NotSent { reason } => write!(f, "not sent: {reason}"),
        }
    }
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
        "node {node} is recorded with another disk: run `arbiterctl member readmit {node}` if its data were lost"
    )]
    OtherIncarnation {
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
