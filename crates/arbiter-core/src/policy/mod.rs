//! The replicated policy: what is to be kept alive, by which ways, and how patient to be.
//!
//! Every field that is a time names its unit. Defaults are those of `cluster.example.toml`.

mod site;
mod timing;
mod validate;

pub use site::{FOLLOWING_ROUTES_MAX, Linux, kernel_table};
pub use timing::{Remediation, Timing};
pub use validate::{Problem, Severity, nearest, suggestion};

use crate::ids::{GatewayId, InstanceId, NodeId, PathId, ProbeId, RouteId};
use crate::probe::ProbeTiming;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// Everything cluster-wide that an operator decides. It lives in the log, versioned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The cluster's name for people: any line of text.
    pub cluster: String,
    /// The nodes, with their zones. Which of them vote is Raft's membership, not policy.
    pub nodes: Vec<NodePolicy>,
    /// The instances that forward traffic.
    pub gateways: Vec<Gateway>,
    /// The ways to the destinations.
    pub paths: Vec<Path>,
    /// The routes to keep.
    pub routes: Vec<Route>,
    /// The repeated checks.
    pub probes: Vec<Probe>,
    /// How patient to be.
    #[serde(default)]
    pub timing: Timing,
    /// When and how a dead gateway is stopped and started.
    #[serde(default)]
    pub remediation: Remediation,
    /// How routes are written where they are kernel routes of Linux hosts; none where they are EC2's.
    #[serde(default)]
    pub linux: Option<Linux>,
}

/// One node: one `arbiterd`. An odd number of them, from 3 to 9; no zone should hold a majority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePolicy {
    /// Its Raft id, from 1. It is never given to another node.
    pub id: NodeId,
    /// Its name, in the file and on the command line: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The availability zone that it fails with.
    pub zone: String,
}

/// An instance that forwards traffic, and the node that runs on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// Its name.
    pub id: GatewayId,
    /// The node that runs on it and speaks for its tunnel.
    pub node: NodeId,
    /// The availability zone that it fails with: its node's.
    pub zone: String,
    /// The instance to stop and start (`i-…`). On premises there is none: there it is the gateway's own name.
    pub instance: InstanceId,
    /// The network interface that routes point at (`eni-…`). Its source/destination check must be off. On premises there
    /// is none: there it is empty.
    pub interface: String,
    /// Whether it may be stopped and started when it is dead. It is refused anyway where the instance has no Elastic IP
    /// or belongs to an Auto Scaling group.
    #[serde(default = "yes")]
    pub remediate: bool,
}

/// What a route can point at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// A network interface (`eni-…`).
    Interface(String),
    /// An internet or virtual private gateway (`igw-…`, `vgw-…`).
    Gateway(String),
    /// A transit gateway (`tgw-…`).
    TransitGateway(String),
    /// The next hop of a kernel route.
    NextHop {
        /// Its address.
        via: IpAddr,
        /// The network interface behind which it is; the kernel finds it where none is named.
        dev: Option<String>,
    },
    /// Anything else that the provider showed; never chosen by us.
    Other(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(id) | Self::Gateway(id) | Self::TransitGateway(id) | Self::Other(id) => f.pad(id),
            Self::NextHop { via, dev: None } => f.pad(&via.to_string()),
            Self::NextHop { via, dev: Some(dev) } => f.pad(&format!("{via} dev {dev}")),
        }
    }
}

/// One way to a destination: the tunnel of a gateway, or a target without an instance of ours (Direct Connect).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// Its name.
    pub id: PathId,
    /// The gateway whose tunnel it is; none for a path without an instance of ours (Direct Connect).
    pub gateway: Option<GatewayId>,
    /// What a route that uses this path points at: a path with a gateway, at that gateway's interface; any other names it
    /// (`vgw-…`, `igw-…`, `tgw-…`, `eni-…`).
    pub target: Target,
    /// For a path without a gateway: the nodes whose majority judges it.
    #[serde(default)]
    pub observers: Vec<NodeId>,
    /// The path of the followed cluster that this one stands for: its other end.
    #[serde(default)]
    pub follows: Option<PathId>,
}

/// What to do about a change that somebody else made to a route of ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftAction {
    /// Put it back, within the rules of drift repair.
    #[default]
    Repair,
    /// Say so and leave it.
    Report,
}

/// A destination in a route table, with its paths in order of preference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Its name.
    pub id: RouteId,
    /// The route table (`rtb-…`). The route must exist there: it is replaced, never created. On premises the number or
    /// name of the kernel's table, `main` unless another is named; there the route is created.
    pub table: String,
    /// IPv4 or IPv6 CIDR, or a prefix list (`pl-…`), as EC2 shows it.
    pub destination: String,
    /// The paths, best first; the first is home. At most 16.
    pub paths: Vec<PathId>,
    /// What to do when somebody else changes the route.
    #[serde(default)]
    pub drift: DriftAction,
    /// Lower is moved first when the API's pace does not take all at once.
    #[serde(default = "default_importance")]
    pub importance: u32,
    /// On premises: the node on whose host the kernel route is. That node alone sets it.
    #[serde(default)]
    pub host: Option<NodeId>,
    /// The route of the followed cluster whose path this one prefers.
    #[serde(default)]
    pub follows: Option<RouteId>,
}

/// Whether a probe decides or only warns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeRole {
    /// Its loss takes the path down, and counts against a gateway.
    #[default]
    Required,
    /// It never changes a verdict alone; while it is down it blocks failback.
    Advisory,
}

/// How a probe asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeKind {
    /// ICMP (or ICMPv6) echo.
    Icmp {
        /// Payload bytes of the echo request.
        size_bytes: u16,
        /// Set IPv4's don't-fragment bit, so that an MTU black hole shows.
        dont_fragment: bool,
    },
    /// A TCP connection that is opened and closed.
    Tcp {
        /// The port to connect to.
        port: u16,
    },
    /// A question to strongSwan's daemon on the observer's own host: has it a child SA with the target? Only of paths.
    Ipsec {
        /// The name of the child SA, as `swanctl.conf` has it.
        child: String,
        /// The daemon's vici socket, where it is not at its usual place.
        socket: String,
    },
    /// A look at the observer's own host: does its kernel forward packets of the target's family (`net.ipv4.ip_forward`)? What
    /// the gateway itself sends passes without, so that no packet of its own can tell. Only of paths.
    Forwarding,
}

/// What a probe is evidence about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// Is this gateway's host alive, as others see it?
    Gateway(GatewayId),
    /// Does this path carry traffic?
    Path(PathId),
}

/// One repeated check from each of its observers to one target. Each gateway's own node must send a required one through
/// its tunnel, and a majority of the other nodes one to the gateway itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Its name.
    pub id: ProbeId,
    /// What it is evidence about.
    pub subject: Subject,
    /// The nodes that send it. What nodes see whose word does not count decides nothing.
    pub observers: Vec<NodeId>,
    /// Where it goes: the far end of the tunnel, the gateway, or what lies behind the far router.
    pub target: IpAddr,
    /// How it asks.
    pub kind: ProbeKind,
    /// Whether it decides or only warns.
    #[serde(default)]
    pub role: ProbeRole,
    /// Time between two probes while all is well. After a miss it goes five times as fast, until the window ends.
    pub interval_ms: u64,
    /// How many intervals the window lasts. `Down` needs all of the window's probes lost.
    pub fall: u32,
    /// How many answers in a row make it `Up` again.
    pub rise: u32,
    /// The timeout follows the round trip, and never goes below this.
    pub timeout_min_ms: u64,
    /// The timeout follows the round trip, and never goes above this. With `ipsec` or `forwarding` it is always this.
    pub timeout_max_ms: u64,
    /// Send from this address, where the host has several.
    #[serde(default)]
    pub source: Option<IpAddr>,
    /// Send from this interface, where the host has several.
    #[serde(default)]
    pub interface: Option<String>,
}

impl Policy {
    /// The gateway of that name.
    pub fn gateway(&self, id: &GatewayId) -> Option<&Gateway> {
        self.gateways.iter().find(|gateway| gateway.id == *id)
    }

    /// The gateway that has this instance.
    pub fn gateway_of_instance(&self, id: &InstanceId) -> Option<&Gateway> {
        self.gateways.iter().find(|gateway| gateway.instance == *id)
    }

    /// The gateway on which this node runs; a witness has none.
    pub fn gateway_of_node(&self, id: NodeId) -> Option<&Gateway> {
        self.gateways.iter().find(|gateway| gateway.node == id)
    }

    /// The path of that name.
    pub fn path(&self, id: &PathId) -> Option<&Path> {
        self.paths.iter().find(|path| path.id == *id)
    }

    /// The route of that name.
    pub fn route(&self, id: &RouteId) -> Option<&Route> {
        self.routes.iter().find(|route| route.id == *id)
    }

    /// The node of that id.
    pub fn node(&self, id: NodeId) -> Option<&NodePolicy> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The name of a node for people; its number where the policy doesn't know it.
    pub fn node_name(&self, id: NodeId) -> String {
        self.node(id).map_or_else(|| format!("node {id}"), |node| node.name.clone())
    }

    /// A witness carries no traffic: no gateway runs on it.
    pub fn is_witness(&self, id: NodeId) -> bool {
        self.gateway_of_node(id).is_none()
    }

    /// The probes that are evidence about `subject`.
    pub fn probes_of<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = &'a Probe> + 'a {
        self.probes.iter().filter(move |probe| probe.subject == *subject)
    }

    /// How long it takes until all that judges a path has said `Up` or `Down` after a start: the slowest of its required
    /// probes and of its gateway's, and a report that is as old as one may be.
    pub fn path_decided_within_ms(&self, path: &Path) -> u64 {
        let of_path = self.probes_of_path(path).filter(|probe| probe.role == ProbeRole::Required);
        let slowest_ms = of_path.map(|probe| ProbeTiming::from(probe).decides_within_ms()).max();
        slowest_ms.unwrap_or(0).saturating_add(self.timing.report_stale_after_ms)
    }

    /// The probes of a path and those of its gateway.
    fn probes_of_path<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Probe> + 'a {
        self.probes.iter().filter(|probe| match &probe.subject {
            Subject::Path(id) => *id == path.id,
            Subject::Gateway(id) => path.gateway.as_ref() == Some(id),
        })
    }

    /// Which of the route's paths points at `target`, if any does.
    pub fn path_by_target(&self, route: &Route, target: &Target) -> Option<&Path> {
        route.paths.iter().filter_map(|id| self.path(id)).find(|path| path.target == *target)
    }
}

const fn yes() -> bool {
    true
}

const fn default_importance() -> u32 {
    100
}
