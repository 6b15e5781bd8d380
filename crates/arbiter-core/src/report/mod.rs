//! Reports: what each node sees, how it travels, how old it is.
//!
//! No two clocks are ever compared. A report carries, for each peer, the newest BOOTTIME stamp *of that peer*
//! that its sender had seen when it was written; the receiver's age of the report is its own clock now minus
//! its own echoed stamp. A report that was buffered on the way is old when it arrives.

mod picture;

pub use picture::{Change, OwnView, Picture};

use crate::evidence::{Ending, Verdict};
use crate::follow::Heard;
use crate::ids::{LogIndex, NodeId, ProbeId};
use crate::time::{MonoMs, UnixMs};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One probe in a report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedProbe {
    /// Its state.
    pub state: Verdict,
    /// How long it had been in that state when the report was written.
    pub for_ms: u64,
    /// Round trip of the last answer, in microseconds.
    pub last_rtt_us: Option<u64>,
    /// Lost of the last hundred, in thousandths.
    pub loss_permille: u32,
    /// How long ago the last answer came when the report was written; `None` if none ever did.
    pub answered_age_ms: Option<u64>,
    /// What is wrong with sending or receiving, if anything.
    pub error: Option<String>,
}

/// Somebody's own stamp, sent back to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Echo {
    /// The run of the process that wrote the stamp. A stamp of an earlier run means nothing: the host may have
    /// been rebooted, and its BOOTTIME begun anew.
    pub boot: u64,
    /// The stamp.
    pub stamp: MonoMs,
}

/// One node's view at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whose.
    pub node: NodeId,
    /// Which run of the process: drawn at start, so that sequence numbers may begin anew.
    pub boot: u64,
    /// Counts up within a boot.
    pub seq: u64,
    /// The sender's BOOTTIME when it was written. Only the sender may compare it.
    pub stamp: MonoMs,
    /// For each node, the newest stamp *of that node* that the sender held.
    pub echoes: BTreeMap<NodeId, Echo>,
    /// The sender's probes.
    pub probes: BTreeMap<ProbeId, ReportedProbe>,
    /// What the sender is doing about its own end.
    pub ending: Ending,
    /// How long ago the sender last described the provider with success; `None` if never.
    pub describe_ok_age_ms: Option<u64>,
    /// Whether its newest describe failed because the provider was out of reach (not throttled, not denied).
    pub provider_unreachable: bool,
    /// The leader that the sender believes in, and how long ago it last heard from it.
    pub leader: Option<(NodeId, u64)>,
    /// To whom the sender, who leads, is handing the leadership over. It is silent on purpose meanwhile.
    pub handing_over_to: Option<NodeId>,
    /// How long the slowest write to the sender's disk took of late, or has taken so far; `None` if all were quick.
    #[serde(default)]
    pub disk_slow_ms: Option<u64>,
    /// The newest rules of `apply` that the sender's program knows.
    pub rules_supported: u32,
    /// Whether the sender's own file differs from the policy that it has applied. For alarms only.
    pub file_differs: bool,
    /// The newest log entry that the sender has applied.
    #[serde(default)]
    pub applied: LogIndex,
    /// The sender's wall clock, to be compared by people and alarms only.
    pub wall_ms: UnixMs,
    /// What the sender has heard of the cluster that this one follows.
    pub heard: Option<Heard>,
}

/// What travels between two nodes: the sender's own report and its newest from everybody else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// The sender's own.
    pub own: Report,
    /// The newest that the sender holds from every other node, the receiver's excepted.
    pub relayed: Vec<Report>,
}
