//! Everything at one moment, and whether it is right.

use super::following::FollowingView;
use super::{Answered, GatewayView, MemberView, ProbeView, RouteView, View, all, some};
use arbiter_proto::v1;
use serde::{Deserialize, Serialize};

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusView {
    /// Whose view.
    pub answered: Answered,
    /// The first question: is traffic right?
    pub traffic: Traffic,
    /// The cluster's name.
    pub cluster: String,
    /// Its id; `null` while it is not formed.
    pub cluster_id: Option<String>,
    /// The version of the policy in force.
    pub policy_version: u64,
    /// The rules that `apply` follows.
    pub rules_version: u32,
    /// Who leads.
    pub leader: Option<String>,
    /// Raft's term.
    pub term: u64,
    /// The epoch in office.
    pub epoch: Option<u64>,
    /// Who is heard.
    pub quorum: Quorum,
    /// `act` or `observe`.
    pub mode: String,
    /// The pause in force.
    pub pause: Option<PauseView>,
    /// What the next failure would cost.
    pub next_failure: Option<String>,
    /// The gateway that is being stopped and started.
    pub remediating: Option<String>,
    /// Most important first.
    pub routes: Vec<RouteView>,
    /// All gateways.
    pub gateways: Vec<GatewayView>,
    /// All nodes.
    pub members: Vec<MemberView>,
    /// All probes of all observers.
    pub probes: Vec<ProbeView>,
    /// Intents without an ending.
    pub unsettled: Vec<UnsettledView>,
    /// The stages of the newest moves, newest last.
    pub stages: Vec<StagesView>,
    /// The leader's newest examination of all nodes.
    pub examination: Option<ExaminationView>,
    /// The cluster that this one follows; `null` if it follows none.
    pub following: Option<FollowingView>,
    /// Most urgent first.
    pub alarms: Vec<AlarmView>,
}

impl View for StatusView {
    const KIND: &'static str = "status";
}

/// Is traffic right?
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Every route is right, and there is one.
    pub right: bool,
    /// How many routes are right.
    pub routes_right: usize,
    /// How many there are.
    pub routes: usize,
    /// Those that are not right.
    pub wrong: Vec<String>,
}

/// Who is heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quorum {
    /// Enough voters are freshly heard.
    pub reached: bool,
    /// Voters that are freshly heard.
    pub heard: u32,
    /// Voters.
    pub voters: u32,
    /// Voters that must agree.
    pub needed: u32,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseView {
    /// Why.
    pub reason: String,
    /// Who asked.
    pub by: String,
    /// Since when, in milliseconds since 1970.
    pub since_wall_ms: u64,
    /// Log time that is left; `null` if it does not end by itself.
    pub left_ms: Option<u64>,
}

/// An examination of all nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExaminationView {
    /// How long ago it ended.
    pub age_ms: u64,
    /// The nodes that were examined.
    pub nodes: Vec<String>,
    /// How many things were found.
    pub findings: u32,
}

/// Something that needs attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlarmView {
    /// Its stable name.
    pub code: String,
    /// `info`, `warning` or `critical`.
    pub urgency: String,
    /// What it means.
    pub title: String,
    /// Where.
    pub subject: String,
    /// The particulars.
    pub detail: Option<String>,
    /// What to do.
    pub remedy: String,
}

impl AlarmView {
    /// Traffic is, or may soon be, interrupted.
    pub fn is_critical(&self) -> bool {
        self.urgency == "critical"
    }
}

/// An intent without an ending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnsettledView {
    /// `EPOCH.NUMBER`.
    pub intent: String,
    /// What it is about.
    pub resource: String,
    /// What it does.
    pub action: String,
    /// How long the answering node has known of it.
    pub known_for_ms: u64,
}

/// What became of one intent, and when: each stage in milliseconds from its proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StagesView {
    /// `EPOCH.NUMBER`.
    pub intent: String,
    /// What it did.
    pub action: String,
    /// Its rule.
    pub cause: String,
    /// For how long the verdict that it rests on had held when it was proposed.
    pub evidence_for_ms: u64,
    /// Until it was committed.
    pub committed_ms: Option<u64>,
    /// Until its call was sent.
    pub called_ms: Option<u64>,
    /// Until its call ended.
    pub done_ms: Option<u64>,
    /// How it ended.
    pub outcome: Option<String>,
}

impl StatusView {
    /// Every route is right, and no alarm is critical.
    pub fn is_sound(&self) -> bool {
        self.traffic.right && !self.alarms.iter().any(AlarmView::is_critical)
    }
}

impl From<v1::StatusReply> for StatusView {
    fn from(wire: v1::StatusReply) -> Self {
        let routes: Vec<RouteView> = all(wire.routes);
        let wrong: Vec<String> =
            routes.iter().filter(|route| !route.right).map(|route| route.id.clone()).collect();
        let traffic = Traffic {
            // Without routes there is no traffic that could be right.
            right: wrong.is_empty() && !routes.is_empty(),
            routes_right: routes.len() - wrong.len(),
            routes: routes.len(),
            wrong,
        };
        let quorum = Quorum {
            // No voters are no quorum: the cluster is not formed.
            reached: wire.voters > 0 && wire.voters_heard >= wire.quorum,
            heard: wire.voters_heard,
            voters: wire.voters,
            needed: wire.quorum,
        };
        Self {
            answered: wire.answered.into(),
            traffic,
            cluster: wire.cluster,
            cluster_id: some(wire.cluster_id),
            policy_version: wire.policy_version,
            rules_version: wire.rules_version,
            leader: some(wire.leader),
            term: wire.term,
            epoch: Some(wire.epoch).filter(|epoch| *epoch > 0),
            quorum,
            mode: wire.mode,
            pause: wire.pause.map(PauseView::from),
            next_failure: some(wire.next_failure),
            remediating: some(wire.remediating),
            routes,
            gateways: all(wire.gateways),
            members: all(wire.members),
            probes: all(wire.probes),
            unsettled: all(wire.unsettled),
            stages: all(wire.stages),
            examination: wire.examination.map(ExaminationView::from),
            following: wire.following.map(FollowingView::from),
            alarms: all(wire.alarms),
        }
    }
}

impl From<v1::Pause> for PauseView {
    fn from(wire: v1::Pause) -> Self {
        Self { reason: wire.reason, by: wire.by, since_wall_ms: wire.since_wall_ms, left_ms: wire.left_ms }
    }
}

impl From<v1::Examination> for ExaminationView {
    fn from(wire: v1::Examination) -> Self {
        Self { age_ms: wire.age_ms, nodes: wire.nodes, findings: wire.findings }
    }
}

impl From<v1::Alarm> for AlarmView {
    fn from(wire: v1::Alarm) -> Self {
        Self {
            code: wire.code,
            urgency: wire.urgency,
            title: wire.title,
            subject: wire.subject,
            detail: some(wire.detail),
            remedy: wire.remedy,
        }
    }
}

impl From<v1::UnsettledIntent> for UnsettledView {
    fn from(wire: v1::UnsettledIntent) -> Self {
        Self {
            intent: wire.id,
            resource: wire.resource,
            action: wire.action,
            known_for_ms: wire.known_for_ms,
        }
    }
}

impl From<v1::MoveStages> for StagesView {
    fn from(wire: v1::MoveStages) -> Self {
        Self {
            intent: wire.intent,
            action: wire.action,
            cause: wire.cause,
            evidence_for_ms: wire.evidence_for_ms,
            committed_ms: wire.committed_ms,
            called_ms: wire.called_ms,
            done_ms: wire.done_ms,
            outcome: some(wire.outcome),
        }
    }
}
