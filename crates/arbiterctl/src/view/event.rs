//! What happened.

use super::{Answered, View, all, some};
use arbiter_proto::v1;
use serde::{Deserialize, Serialize};

/// What happened, newest last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryView {
    /// Whose view.
    pub answered: Answered,
    /// Newest last.
    pub events: Vec<EventView>,
}

impl View for HistoryView {
    const KIND: &'static str = "history";
}

impl HistoryView {
    /// Keeps only the newest `limit` events of these.
    pub fn keep(&mut self, limit: u32, wanted: impl Fn(&EventView) -> bool) {
        self.events.retain(wanted);
        let surplus = self.events.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
        self.events.drain(..surplus);
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    /// The log index of the entry that made it.
    pub index: u64,
    /// The epoch in office; `null` before the first.
    pub epoch: Option<u64>,
    /// The proposer's wall clock, in milliseconds since 1970.
    pub wall_ms: u64,
    /// Log time, in milliseconds.
    pub log_ms: u64,
    /// Its stable name.
    pub kind: String,
    /// What it is about.
    pub subject: Option<String>,
    /// One line for people: old → new.
    pub summary: String,
    /// The rule.
    pub cause: Option<String>,
    /// Who.
    pub actor: Option<String>,
    /// The intent, `EPOCH.NUMBER`.
    pub intent: Option<String>,
    /// How a call or a remediation ended; `null` for all else.
    pub outcome: Option<String>,
    /// Who said what.
    pub reasons: Vec<String>,
    /// What was seen; `null` if it is not kept.
    pub evidence: Option<serde_json::Value>,
}

/// One event of a stream: a document of its own.
#[derive(Debug, Serialize)]
pub struct EventLine<'a> {
    /// What happened. It has a `kind` itself, so that it stands apart.
    pub event: &'a EventView,
}

impl View for EventLine<'_> {
    const KIND: &'static str = "event";
}

impl From<v1::Event> for EventView {
    fn from(wire: v1::Event) -> Self {
        // Evidence that is not JSON is still evidence.
        let evidence = some(wire.evidence_json)
            .map(|text| serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text)));
        Self {
            index: wire.index,
            epoch: Some(wire.epoch).filter(|epoch| *epoch > 0),
            wall_ms: wire.wall_ms,
            log_ms: wire.log_ms,
            kind: wire.kind,
            subject: some(wire.subject),
            summary: wire.summary,
            cause: some(wire.cause),
            actor: some(wire.actor),
            intent: some(wire.intent),
            outcome: some(wire.outcome),
            reasons: wire.reasons,
            evidence,
        }
    }
}

impl From<v1::HistoryReply> for HistoryView {
    fn from(wire: v1::HistoryReply) -> Self {
        Self { answered: wire.answered.into(), events: all(wire.events) }
    }
}
