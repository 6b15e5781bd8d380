//! One mutation: what it does, by which rule, and how its call ended.

use crate::ids::{GatewayId, InstanceId, IntentId, PathId, Resource, RouteId};
use crate::policy::Target;
use serde::{Deserialize, Serialize};
use std::fmt;

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
        instance: InstanceId,
        /// Do not wait for the guest to shut down.
        force: bool,
    },
    /// Start a gateway's instance.
    Start {
        /// The gateway.
        gateway: GatewayId,
        /// Its instance.
        instance: InstanceId,
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
    /// The cluster that it follows has assigned that path.
    Follow,
    /// Its path is no longer one of the route's.
    PolicyChange,
    /// Somebody else changed the route.
    DriftRepair,
    /// Our own call failed or went unanswered.
    Reissue,
    /// A gateway has been `Down` for too long.
    Remediate,
    /// An operator asked for the gateway to be stopped and started.
    OperatorRestart,
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
            Self::Follow => "follow",
            Self::PolicyChange => "policy-change",
            Self::DriftRepair => "drift-repair",
            Self::Reissue => "reissue",
            Self::Remediate => "remediate",
            Self::OperatorRestart => "operator-restart",
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

/// EC2's words for "slower".
const THROTTLING: &[&str] =
    &["RequestLimitExceeded", "Throttling", "ThrottlingException", "RequestThrottled"];

/// Whether EC2 refused a call for its rate: there is nothing wrong with the call itself.
pub fn is_throttling(code: &str) -> bool {
    THROTTLING.contains(&code)
}

impl Outcome {
    /// Whether the provider refused it for its rate.
    pub fn is_throttled(&self) -> bool {
        matches!(self, Self::Failed { code, .. } if is_throttling(code))
    }
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
