//! What an examination of the nodes found.

use super::{AlarmView, Answered, View, all};
use arbiter_proto::v1;
use serde::Serialize;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorView {
    /// Whose view.
    pub answered: Answered,
    /// The nodes that were examined.
    pub nodes: Vec<String>,
    /// How long ago the examination ended: one that has just been made is not made again.
    pub age_ms: u64,
    /// What was found, most urgent first.
    pub findings: Vec<FindingView>,
}

impl View for DoctorView {
    const KIND: &'static str = "doctor";
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingView {
    /// What, where, and what to do.
    #[serde(flatten)]
    pub alarm: AlarmView,
    /// The nodes that found it.
    pub said_by: Vec<String>,
}

impl DoctorView {
    /// Nothing was found.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

impl From<v1::DoctorReply> for DoctorView {
    fn from(wire: v1::DoctorReply) -> Self {
        Self {
            answered: wire.answered.into(),
            nodes: wire.nodes,
            age_ms: wire.age_ms,
            findings: all(wire.findings),
        }
    }
}

impl From<v1::Finding> for FindingView {
    fn from(wire: v1::Finding) -> Self {
        Self { alarm: wire.alarm.unwrap_or_default().into(), said_by: wire.said_by }
    }
}
