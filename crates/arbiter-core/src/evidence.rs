//! What was seen, in the form that the rules read and that an intent carries into the log.
//!
//! Everything here is an *age* at the moment that the evidence was gathered, never a clock reading, so that it
//! means the same on every node and a month later.

use crate::follow::Heard;
use crate::ids::{GatewayId, NodeId, ProbeId, RouteId};
use crate::policy::{Policy, Subject, Target};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How long after a call has ended the provider may still show the world of before it: its reads are eventually
/// consistent.
pub const READ_STALENESS_MS: u64 = 2_000;

/// The three answers of a probe, and of everything judged from probes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It works.
    Up,
    /// The evidence doesn't say.
    #[default]
    Unknown,
    /// It does not work.
    Down,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Up => "Up",
            Self::Unknown => "Unknown",
            Self::Down => "Down",
        })
    }
}

/// What one observer's probe said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeFact {
    /// Its state in the observer's newest report.
    pub state: Verdict,
    /// How long it had been in that state when the report was written: a lower bound of how long it has been.
    pub for_ms: u64,
}

/// What a node is doing about its own end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Nothing: it runs.
    #[default]
    None,
    /// Only the process ends; the host goes on forwarding.
    Process,
    /// The host itself shuts down.
    Host,
}

/// A node's newest report, as far as the rules need it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFacts {
    /// How old the report is at most; `None` if none was ever heard.
    pub age_ms: Option<u64>,
    /// For how long its reports have come without one of them growing stale, as far as the gathering node knows.
    #[serde(default)]
    pub heard_for_ms: u64,
    /// What the node said of its own end.
    #[serde(default)]
    pub ending: Ending,
    /// Its probes.
    #[serde(default)]
    pub probes: BTreeMap<ProbeId, ProbeFact>,
}

/// The provider's word for an instance's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Being created or started.
    Pending,
    /// Running.
    Running,
    /// On its way to stopped.
    Stopping,
    /// Stopped.
    Stopped,
    /// On its way to terminated.
    ShuttingDown,
    /// Gone for good.
    Terminated,
    /// Not in the provider's answer.
    Absent,
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Absent => "absent",
        })
    }
}

/// What the provider says of a gateway's instance and interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceFacts {
    /// How long ago the provider said it.
    pub age_ms: u64,
    /// The instance's state.
    pub state: InstanceState,
    /// How long it has been in that state, as far as the observer knows.
    pub state_for_ms: u64,
    /// EC2's own status checks call it impaired.
    pub impaired: bool,
    /// The interface is attached to this instance.
    pub interface_attached: bool,
    /// The source/destination check is on, so that the instance drops what it should forward.
    pub source_dest_check: bool,
    /// It has an Elastic IP, so that its address survives a stop.
    pub has_elastic_ip: bool,
    /// The Auto Scaling group that it belongs to, if any.
    pub auto_scaling_group: Option<String>,
}

/// What the provider says of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteFacts {
    /// How long ago the provider said it.
    pub age_ms: u64,
    /// What the route points at; `None` if the route is missing.
    pub target: Option<Target>,
    /// The provider says that the target can't take traffic.
    pub blackhole: bool,
    /// A more specific propagated route that silently beats this one.
    pub shadowed_by: Option<String>,
    /// How long the route has been seen at this target.
    pub target_for_ms: u64,
}

/// All that a decision may rest on, gathered at one moment by one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// How long the node that gathered it has been listening: never heard is stale only after that.
    pub listening_ms: u64,
    /// The voters of the cluster: a strict majority of those other than a gateway's own node condemns it.
    pub voters: BTreeSet<NodeId>,
    /// The newest report of each node, relayed or not.
    pub nodes: BTreeMap<NodeId, NodeFacts>,
    /// What the provider says of the gateways.
    pub instances: BTreeMap<GatewayId, InstanceFacts>,
    /// What the provider says of the routes.
    pub routes: BTreeMap<RouteId, RouteFacts>,
    /// What was heard of the cluster that this one follows.
    #[serde(default)]
    pub followed: Option<Heard>,
}

impl Evidence {
    /// The part that a decision about these routes and gateways rests on.
    ///
    /// All nodes' ages stay; probes, instances and routes that bear on nothing named are left out.
    #[must_use]
    pub fn restricted_to(
        &self,
        policy: &Policy,
        routes: &BTreeSet<RouteId>,
        gateways: &BTreeSet<GatewayId>,
    ) -> Self {
        let mut subjects = BTreeSet::new();
        let mut relevant = gateways.clone();
        for path in routes.iter().filter_map(|id| policy.route(id)).flat_map(|route| &route.paths) {
            subjects.insert(Subject::Path(path.clone()));
            relevant.extend(policy.path(path).and_then(|path| path.gateway.clone()));
        }
        subjects.extend(relevant.iter().cloned().map(Subject::Gateway));
        let probes: BTreeSet<&ProbeId> = policy
            .probes
            .iter()
            .filter(|probe| subjects.contains(&probe.subject))
            .map(|probe| &probe.id)
            .collect();
        let nodes = self.nodes.iter().map(|(id, facts)| {
            let mut facts = facts.clone();
            facts.probes.retain(|probe, _| probes.contains(probe));
            (*id, facts)
        });
        let instances = self.instances.iter().filter(|(id, _)| relevant.contains(id));
        let observed = self.routes.iter().filter(|(id, _)| routes.contains(id));
        Self {
            listening_ms: self.listening_ms,
            voters: self.voters.clone(),
            nodes: nodes.collect(),
            instances: instances.map(|(id, facts)| (id.clone(), facts.clone())).collect(),
            routes: observed.map(|(id, facts)| (id.clone(), facts.clone())).collect(),
            followed: self.followed.as_ref().map(|heard| heard.restricted_to(policy, routes)),
        }
    }
}
