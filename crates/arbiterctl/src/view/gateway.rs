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
        }
    }
}
