//! Instances, their states and their health.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The state of an instance, as EC2 names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// It boots.
    Pending,
    /// It runs; whether anything on it works is another matter.
    Running,
    /// It is being stopped.
    Stopping,
    /// It is stopped and can be started, on another host.
    Stopped,
    /// It is being terminated.
    ShuttingDown,
    /// It is gone; EC2 shows it for a while yet.
    Terminated,
}

impl InstanceState {
    /// EC2's number for it.
    pub fn code(self) -> u16 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    /// EC2's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

/// How an instance takes a stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopBehaviour {
    /// It stops after the usual time.
    #[default]
    Normal,
    /// It stays `stopping` until somebody stops it with force.
    StuckUntilForced,
    /// It stays `stopping`, force or not, until it is healed.
    Stuck,
}

/// How an instance takes a start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootBehaviour {
    /// It runs after the usual time.
    #[default]
    Normal,
    /// It falls back to `stopped` when it should have been running.
    FallsBack,
}

/// What EC2's status checks say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// All is well.
    Ok,
    /// Something is wrong.
    Impaired,
    /// It booted a moment ago.
    Initializing,
    /// It does not run.
    NotApplicable,
}

impl Check {
    /// EC2's word for the whole.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Impaired => "impaired",
            Self::Initializing => "initializing",
            Self::NotApplicable => "not-applicable",
        }
    }

    /// EC2's word for the one detail, reachability; none when the instance doesn't run.
    pub fn reachability(self) -> Option<&'static str> {
        match self {
            Self::Ok => Some("passed"),
            Self::Impaired => Some("failed"),
            Self::Initializing => Some("initializing"),
            Self::NotApplicable => None,
        }
    }
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Instance {
    /// Its id (`i-…`).
    pub id: String,
    /// Its availability zone.
    pub zone: String,
    /// Its subnet.
    pub subnet: String,
    /// Its primary private address.
    pub private_ip: String,
    /// Its tags; `aws:autoscaling:groupName` marks a member of an Auto Scaling group.
    pub tags: BTreeMap<String, String>,
    /// Its state.
    pub state: InstanceState,
    /// Since when it is in that state.
    pub since_ms: u64,
    /// Which state comes next by itself, and when.
    pub next: Option<Next>,
    /// EC2's check of the host below it fails.
    pub system_impaired: bool,
    /// EC2's check of its own network stack fails.
    pub instance_impaired: bool,
    /// How it takes a stop.
    pub stop: StopBehaviour,
    /// How it takes a start.
    pub boot: BootBehaviour,
    /// How often it came to be `running` again.
    pub boots: u32,
}

/// A state that comes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Next {
    /// When, in milliseconds since the endpoint started.
    pub at_ms: u64,
    /// Which.
    pub state: InstanceState,
}

impl Instance {
    /// A running instance without tags, sound since time zero.
    pub fn running(id: &str, zone: &str, subnet: &str, private_ip: &str) -> Self {
        Self {
            id: id.to_owned(),
            zone: zone.to_owned(),
            subnet: subnet.to_owned(),
            private_ip: private_ip.to_owned(),
            tags: BTreeMap::new(),
            state: InstanceState::Running,
            since_ms: 0,
            next: None,
            system_impaired: false,
            instance_impaired: false,
            stop: StopBehaviour::Normal,
            boot: BootBehaviour::Normal,
            boots: 0,
        }
    }
}
