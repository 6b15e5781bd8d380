//! Probes, as each observer sees them.

use super::{Answered, View, all, some, verdict};
use arbiter_core::evidence::Verdict;
use arbiter_proto::v1;
use serde::Serialize;

/// All probes of all observers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbesView {
    /// Whose view.
    pub answered: Answered,
    /// One row for each probe and observer.
    pub probes: Vec<ProbeView>,
}

impl View for ProbesView {
    const KIND: &'static str = "probes";
}

/// One probe of one observer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeView {
    /// Its name.
    pub id: String,
    /// The node that sends it.
    pub observer: String,
    /// `gateway NAME` or `path NAME`.
    pub subject: String,
    /// Where it goes.
    pub target: String,
    /// `icmp`, `tcp/PORT`, `ipsec/CHILD` or `forwarding`.
    pub kind: String,
    /// `required` or `advisory`.
    pub role: String,
    /// Its state.
    pub state: Verdict,
    /// For how long.
    pub for_ms: u64,
    /// How long ago the last answer came, at most; `null` if none ever did.
    pub answered_age_ms: Option<u64>,
    /// Round trip of the last answer, in microseconds; `null` if there was none.
    pub last_rtt_us: Option<u64>,
    /// Lost of the last hundred, in thousandths.
    pub loss_permille: u32,
    /// What is wrong with sending or receiving.
    pub error: Option<String>,
    /// How old the observer's report is at most; `null` if none was heard.
    pub report_age_ms: Option<u64>,
}

impl From<v1::ProbeStatus> for ProbeView {
    fn from(wire: v1::ProbeStatus) -> Self {
        Self {
            id: wire.id,
            observer: wire.observer,
            subject: wire.subject,
            target: wire.target,
            kind: wire.kind,
            role: wire.role,
            state: verdict(wire.state),
            for_ms: wire.for_ms,
            answered_age_ms: wire.answered_age_ms,
            last_rtt_us: wire.last_rtt_us,
            loss_permille: wire.loss_permille,
            error: some(wire.error),
            report_age_ms: wire.report_age_ms,
        }
    }
}

impl From<v1::StatusReply> for ProbesView {
    fn from(wire: v1::StatusReply) -> Self {
        Self { answered: wire.answered.into(), probes: all(wire.probes) }
    }
}
