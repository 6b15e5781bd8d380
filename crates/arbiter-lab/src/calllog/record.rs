//! One call, as the log keeps it.

use super::Tag;
use crate::world::What;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the endpoint decided about a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Not decided yet.
    Pending,
    /// Accepted (though perhaps applied later, and though the answer may be lost).
    Ok,
    /// Refused with this error code.
    Refused(String),
    /// The request was lost before the endpoint looked at it: a fault.
    NeverArrived,
}

/// What became of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// Not sent yet.
    Pending,
    /// Handed to the connection.
    Sent,
    /// Withheld by a fault.
    Lost,
    /// The caller had closed the connection before.
    CallerGone,
}

/// One call. Times are milliseconds since the endpoint started, by a monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallRecord {
    /// Its number: 1 for the first call of this endpoint, without gaps.
    pub seq: u64,
    /// When its last byte had arrived.
    pub arrived_ms: u64,
    /// The same by the wall clock, in milliseconds since 1970.
    pub arrived_wall_ms: u64,
    /// When it took effect, if it was accepted. For a describe: the instant that it shows.
    pub applied_ms: Option<u64>,
    /// When its reply was sent, or lost.
    pub replied_ms: Option<u64>,
    /// The access key id of the caller; none without an `Authorization` header that can be read.
    pub caller: Option<String>,
    /// The address that it came from.
    pub source: String,
    /// The user agent, and the SDK's `x-amz-user-agent` behind it if there is one.
    pub user_agent: String,
    /// The tag in it.
    pub tag: Option<Tag>,
    /// The action; empty if the request had none.
    pub action: String,
    /// Its parameters, without `Action` and `Version`.
    pub params: BTreeMap<String, String>,
    /// The action changes something (and is not a dry run).
    pub mutating: bool,
    /// What was decided.
    pub outcome: Outcome,
    /// What became of the answer.
    pub reply: Reply,
    /// A fault puts its effect off: it counts as accepted, but has not taken effect yet.
    pub late: bool,
    /// The effect was put off, and when it was due this refusal came of it.
    pub late_refusal: Option<String>,
    /// The faults that met it, by their ids.
    pub faults: Vec<u64>,
    /// What it changed.
    pub changed: Vec<What>,
}

impl CallRecord {
    /// Nothing more will be written about it.
    pub fn is_settled(&self) -> bool {
        self.reply != Reply::Pending && self.outcome != Outcome::Pending && !self.late
    }

    /// The first value of a parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }
}
