//! Gateways.

use super::{some, verdict};
use arbiter_core::evidence::Verdict;
use arbiter_proto::v1;
use serde::Serialize;

/// One gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GatewayView {
    /// Its name.
    pub id: String,
    /// The node that runs on it.
    pub node: String,
    /// Its zone.
    pub zone: String,
    /// Its instance.
    pub instance: String,
    /// Its interface.
    pub interface: String,
    /// What the evidence says.
    pub verdict: Verdict,
    /// For how long, at least.
    pub for_ms: u64,
    /// Who said what.
    pub reasons: Vec<String>,
    /// The instance's state as EC2 says; `null` if it was not read.
    pub state: Option<String>,
    /// Why it is drained; `null` if it is not.
    pub drained: Option<String>,
    /// It is being stopped and started.
    pub remediating: bool,
    /// The restart by hand that it waits for; `null` if none was asked for.
    pub restart: Option<RestartView>,
}

/// A restart by hand that has not begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestartView {
    /// Why.
    pub reason: String,
    /// Who asked.
    pub by: String,
    /// Since when, in milliseconds since 1970.
    pub since_wall_ms: u64,
    /// Log time until it runs out.
    pub left_ms: u64,
    /// Also if a route loses its last path that works.
    pub force: bool,
    /// What it waits for, or what hinders it; `null` if nothing.
    pub waits_for: Option<String>,
}

impl From<v1::RestartStatus> for RestartView {
    fn from(wire: v1::RestartStatus) -> Self {
        Self {
            reason: wire.reason,
            by: wire.by,
            since_wall_ms: wire.since_wall_ms,
            left_ms: wire.left_ms,
            force: wire.force,
            waits_for: some(wire.waits_for),
        }
    }
}

impl From<v1::GatewayStatus> for GatewayView {
    fn from(wire: v1::GatewayStatus) -> Self {
        Self {
            id: wire.id,
            node: wire.node,
            zone: wire.zone,
            instance: wire.instance,
            interface: wire.interface,
            verdict: verdict(wire.verdict),
            for_ms: wire.for_ms,
            reasons: wire.reasons,
            state: some(wire.state),
            drained: some(wire.drained),
            remediating: wire.remediating,
            restart: wire.restart.map(RestartView::from),
        }
    }
}
