//! What the control loop needs of the side that owns the routes and the instances.

use arbiter_core::command::{Action, Outcome};
use arbiter_core::evidence::InstanceState;
use arbiter_core::health::Code;
use arbiter_core::ids::{ClusterId, GatewayId, IntentId, LogIndex, RouteId};
use arbiter_core::policy::{Policy, Target};
use async_trait::async_trait;
use std::collections::BTreeMap;

/// A route as the provider shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteSeen {
    /// What it points at; `None` if the table has no such route.
    pub target: Option<Target>,
    /// The provider says that the target can't take traffic.
    pub blackhole: bool,
    /// A more specific propagated route that silently beats this one.
    pub shadowed_by: Option<String>,
}

/// A gateway's instance and interface as the provider shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceSeen {
    /// The instance's state; `Absent` if the provider's answer lacks it.
    pub state: InstanceState,
    /// The provider's own status checks call it impaired.
    pub impaired: bool,
    /// The interface is attached to this instance.
    pub interface_attached: bool,
    /// The source/destination check of the interface is on.
    pub source_dest_check: bool,
    /// The interface has an Elastic IP.
    pub has_elastic_ip: bool,
    /// The Auto Scaling group that the instance belongs to.
    pub auto_scaling_group: Option<String>,
}

/// One look at everything that the policy names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observation {
    /// Each route of the policy whose table could be read.
    pub routes: BTreeMap<RouteId, RouteSeen>,
    /// Each gateway of the policy; empty when only routes were asked for.
    pub instances: BTreeMap<GatewayId, InstanceSeen>,
    /// What the policy names and the provider doesn't have (a route table, an interface), each by its id. One
    /// missing thing does not blind the look at everything else.
    pub problems: Vec<ProviderError>,
}

/// What to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The route tables only: one paginated call.
    Routes,
    /// Route tables, instances, their status and their interfaces.
    All,
}

/// Why a look failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderErrorKind {
    /// Connect, TLS, DNS or timeout: no answer came.
    Unreachable,
    /// The provider asks us to slow down.
    Throttled,
    /// The provider refuses these credentials or this action.
    Denied,
    /// No credentials could be had.
    NoCredentials,
    /// A named route table, instance or interface does not exist, or anything else it said.
    Rejected,
}

impl ProviderErrorKind {
    /// What it means for the health of the cluster.
    pub const fn code(self) -> Code {
        match self {
            Self::Unreachable => Code::ProviderUnreachable,
            Self::Throttled => Code::ProviderThrottled,
            Self::Denied | Self::NoCredentials => Code::ProviderDenied,
            Self::Rejected => Code::ProviderLacks,
        }
    }
}

/// A failed look, with the provider's own code and words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {code}: {message}")]
pub struct ProviderError {
    /// What kind of failure.
    pub kind: ProviderErrorKind,
    /// Which API action (`DescribeRouteTables`).
    pub operation: String,
    /// The provider's error code, or ours (`Timeout`).
    pub code: String,
    /// Its words.
    pub message: String,
}

/// One mutation to send, with everything that the provider needs to send it and to tag it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The cluster, for the tag.
    pub cluster: ClusterId,
    /// The intent, for the tag; its epoch is in it.
    pub intent: IntentId,
    /// The log entry that holds the intent.
    pub entry: LogIndex,
    /// What to do.
    pub action: Action,
    /// For a route: its table and destination. Empty for instances.
    pub table: String,
    /// For a route: its destination. Empty for instances.
    pub destination: String,
}

/// The kinds of mutation, each with a pace of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// `ReplaceRoute`.
    Route,
    /// `StopInstances`.
    Stop,
    /// `StartInstances`.
    Start,
}

/// The side that owns routes and instances.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// Looks at what the policy names. Changes nothing.
    async fn observe(&self, policy: &Policy, scope: Scope) -> Result<Observation, ProviderError>;

    /// Sends one mutation, once, and never again. The whole operation, connect and TLS included, ends after
    /// `timeout_ms`; without an answer by then it is [`Outcome::NoAnswer`], never `Failed`. A request that
    /// provably never left (no credentials, connection refused before a byte was written) is
    /// [`Outcome::NotSent`]; so is one that the provider's pace does not allow now, since waiting here could
    /// carry it past the caller's dispatch window.
    async fn mutate(&self, call: &Call, timeout_ms: u64) -> Outcome;

    /// How many mutations of this kind the provider's pace allows to be sent within the next `within_ms`. That
    /// many calls of [`Provider::mutate`] are not refused for their pace, also if they are made at once.
    fn allowance(&self, kind: CallKind, within_ms: u64) -> u32;
}
