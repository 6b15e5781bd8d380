//! The part of a VPC that the endpoint serves: route tables, instances, interfaces, and what time does to them.
//!
//! No clock in here: `now_ms` (milliseconds since the endpoint started) comes as a parameter, so that tests need
//! no sleeping, and a describe can show the world as it was a while ago.

mod change;
mod edits;
mod instance;
mod interface;
mod lifecycle;
mod reference;
mod refusal;
mod route;
mod routing;

pub use change::{Act, Cause, Change, What};
pub use instance::{BootBehaviour, Check, Instance, InstanceState, Next, StopBehaviour};
pub use interface::{ElasticIp, Interface};
pub use lifecycle::Transition;
pub use reference::{
    ELASTIC_IP_1, ELASTIC_IP_2, INSTANCE_1, INSTANCE_2, INTERFACE_1, INTERFACE_2, ON_PREMISES, TABLE_1,
    TABLE_2,
};
pub use refusal::{IdKind, Refusal};
pub use route::{Association, Destination, Origin, Route, RouteTable, Target};

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How long things take, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timings {
    /// From `stopping` to `stopped`.
    pub stop_ms: u64,
    /// The same with force.
    pub force_stop_ms: u64,
    /// From `pending` to `running`.
    pub boot_ms: u64,
    /// From `running` until the status checks say anything but `initializing`.
    pub checks_ms: u64,
    /// From `shutting-down` to `terminated`.
    pub terminate_ms: u64,
}

impl Default for Timings {
    /// Short, for tests and demos: the real ones are some 40 s, 30 s, 20 s, 120 s and 30 s.
    fn default() -> Self {
        Self { stop_ms: 2_000, force_stop_ms: 500, boot_ms: 2_000, checks_ms: 2_000, terminate_ms: 1_000 }
    }
}

/// All that the endpoint knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct World {
    /// The account that owns everything.
    pub account: String,
    /// The region.
    pub region: String,
    /// The VPC.
    pub vpc: String,
    /// Its address range.
    pub vpc_cidr: String,
    /// How long things take.
    pub timings: Timings,
    /// The route tables by id.
    pub tables: BTreeMap<String, RouteTable>,
    /// The instances by id.
    pub instances: BTreeMap<String, Instance>,
    /// The interfaces by id.
    pub interfaces: BTreeMap<String, Interface>,
    /// Internet, virtual private, transit and NAT gateways that exist: ids only, nothing happens to them.
    pub gateways: BTreeSet<String>,
    /// What has changed and nobody has taken yet. Bounded by its users, who drain it after every act.
    #[serde(skip)]
    changes: Vec<Change>,
}

impl World {
    /// An empty VPC.
    pub fn empty(region: &str, vpc: &str, vpc_cidr: &str) -> Self {
        Self {
            account: "123456789012".to_owned(),
            region: region.to_owned(),
            vpc: vpc.to_owned(),
            vpc_cidr: vpc_cidr.to_owned(),
            timings: Timings::default(),
            tables: BTreeMap::new(),
            instances: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            gateways: BTreeSet::new(),
            changes: Vec::new(),
        }
    }

    /// Takes what has changed since the last time, oldest first.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    fn note(&mut self, act: Act, what: What) {
        self.changes.push(Change { at_ms: act.now_ms, cause: act.cause, what });
    }

    /// The table of that id.
    pub fn table(&self, id: &str) -> Result<&RouteTable, Refusal> {
        IdKind::RouteTable.check(id)?;
        self.tables.get(id).ok_or_else(|| Refusal::not_found(IdKind::RouteTable, id))
    }

    /// The instance of that id.
    pub fn instance(&self, id: &str) -> Result<&Instance, Refusal> {
        IdKind::Instance.check(id)?;
        self.instances.get(id).ok_or_else(|| Refusal::not_found(IdKind::Instance, id))
    }

    /// The interface of that id.
    pub fn interface(&self, id: &str) -> Result<&Interface, Refusal> {
        IdKind::Interface.check(id)?;
        self.interfaces.get(id).ok_or_else(|| Refusal::not_found(IdKind::Interface, id))
    }

    /// The interfaces that are attached to an instance.
    pub fn interfaces_of<'a>(&'a self, instance: &'a str) -> impl Iterator<Item = &'a Interface> + 'a {
        self.interfaces.values().filter(move |interface| interface.attached_to.as_deref() == Some(instance))
    }
}
