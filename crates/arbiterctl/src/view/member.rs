//! Nodes.

use super::{Answered, View, all, some};
use arbiter_core::evidence::Ending;
use arbiter_proto::v1;
use serde::Serialize;

/// All nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MembersView {
    /// Whose view.
    pub answered: Answered,
    /// In the order of their ids.
    pub members: Vec<MemberView>,
}

impl View for MembersView {
    const KIND: &'static str = "members";
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberView {
    /// Raft's id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its zone.
    pub zone: String,
    /// `leader`, `follower`, `learner` or `outside`.
    pub role: String,
    /// It carries no traffic.
    pub witness: bool,
    /// How old its newest report is at most; `null` if none was heard.
    pub report_age_ms: Option<u64>,
    /// That report is young enough to be believed.
    pub fresh: bool,
    /// How long ago it last described EC2 with success; `null` if never.
    pub describe_ok_age_ms: Option<u64>,
    /// What it announced of its own end: `none`, `process` or `host`.
    pub ending: Ending,
    /// The leader that it believes in.
    pub follows: Option<String>,
    /// The log index up to which it had applied the log when it reported; `null` if it was never heard.
    pub applied: Option<u64>,
    /// Where it is, as Raft's membership says; `null` if it is no member.
    pub address: Option<String>,
    /// How many entries it lacks, as the leader knows; `null` if nobody knows.
    pub lag: Option<u64>,
    /// How long ago it last answered the leader; `null` if nobody knows.
    pub answered_ms: Option<u64>,
    /// `recorded`, `none` (none was admitted yet, or it was struck out), `leaving` or `removed`.
    pub disk: String,
}

impl From<v1::MemberStatus> for MemberView {
    fn from(wire: v1::MemberStatus) -> Self {
        let ending = match v1::Ending::try_from(wire.ending) {
            Ok(v1::Ending::Process) => Ending::Process,
            Ok(v1::Ending::Host) => Ending::Host,
            Ok(v1::Ending::None) | Err(_) => Ending::None,
        };
        Self {
            id: wire.id,
            name: wire.name,
            zone: wire.zone,
            role: wire.role,
            witness: wire.witness,
            report_age_ms: wire.report_age_ms,
            fresh: wire.fresh,
            describe_ok_age_ms: wire.describe_ok_age_ms,
            ending,
            follows: some(wire.follows),
            applied: Some(wire.applied).filter(|index| *index > 0),
            address: some(wire.address),
            lag: wire.lag,
            answered_ms: wire.answered_ms,
            disk: wire.disk,
        }
    }
}

impl From<v1::StatusReply> for MembersView {
    fn from(wire: v1::StatusReply) -> Self {
        Self { answered: wire.answered.into(), members: all(wire.members) }
    }
}
