//! Everything that one node sees and thinks, at one moment: what `status` and `explain` are made of.

use crate::arbiter::Arbiter;
use crate::consensus::{Role, View};
use crate::hands::{Stages, Tally};
use crate::provider::{ProviderError, ProviderErrorKind};
use crate::rounds::Examined;
use arbiter_core::command::{Command, EntryId, Operation, Proposal, Stamp};
use arbiter_core::evidence::{Evidence, Verdict};
use arbiter_core::health::{self, Alarm, Code};
use arbiter_core::ids::{Epoch, IntentId, LogIndex, NodeId, Resource, RouteId};
use arbiter_core::plan::{self, Plan, Preview, Situation};
use arbiter_core::policy::Policy;
use arbiter_core::report::Report;
use arbiter_core::state::ClusterState;
use arbiter_core::time::{HumanMs, LogMs, UnixMs};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Wall clocks that differ by more than this are worth an alarm: logs can no longer be laid side by side.
const CLOCKS_DIFFER_MS: u64 = 1_000;

/// One node's view of everything.
#[derive(Debug, Clone)]
pub struct Look {
    /// Whose view.
    pub me: NodeId,
    /// Its wall clock.
    pub wall_ms: UnixMs,
    /// Consensus.
    pub view: View,
    /// Its own epoch, if it is in office.
    pub epoch: Option<Epoch>,
    /// The replicated state as applied here.
    pub state: Arc<ClusterState>,
    /// What it has seen.
    pub evidence: Evidence,
    /// What it would do.
    pub plan: Plan,
    /// What else its plans depend on.
    pub aside: Aside,
    /// Everybody's newest report, with its age.
    pub reports: Vec<(Report, Option<u64>)>,
    /// How long ago it read the provider with success.
    pub describe_ok_age_ms: Option<u64>,
    /// Why it can't, if it can't.
    pub provider_error: Option<ProviderError>,
    /// What the policy names and the provider doesn't have.
    pub provider_problems: Vec<ProviderError>,
    /// The stages of its newest moves.
    pub stages: Vec<Stages>,
    /// What its process has done since its start.
    pub tally: Tally,
    /// How long ago it planned and acted on the plan; `None` if it is not in office, or may not act.
    pub plan_age_ms: Option<u64>,
    /// As leader: the newest examination of the whole cluster. What only an examination finds is among the alarms.
    pub examined: Option<Examined>,
    /// What needs attention, most urgent first.
    pub alarms: Vec<Alarm>,
}

/// What a plan depends on besides the state and the evidence.
#[derive(Debug, Clone, Default)]
pub struct Aside {
    /// Log time.
    pub now: LogMs,
    /// Resources with a proposal or a call under way.
    pub in_flight: BTreeSet<Resource>,
    /// How long each unsettled intent has been known.
    pub known_for_ms: BTreeMap<IntentId, u64>,
    /// Routes that must be read before they are acted on.
    pub must_read: BTreeSet<RouteId>,
}

impl Look {
    /// What would come of an operator's command now. It may take as long as many plans: not for the control loop.
    pub fn preview(&self, by: &str, operation: Operation) -> Preview {
        let office = &self.state.office;
        let at =
            EntryId { index: LogIndex(self.state.applied.index.0 + 1), term: office.term, node: office.node };
        let stamp = Stamp { epoch: office.epoch, elapsed_ms: self.aside.now.since_ms(office.began) };
        // No client's request has an empty id.
        let (request, by) = (String::new(), by.to_owned());
        let command = Command::Operator { stamp, request, by, operation };
        let situation = Situation {
            state: &self.state,
            evidence: &self.evidence,
            now: self.aside.now,
            in_flight: &self.aside.in_flight,
            known_for_ms: &self.aside.known_for_ms,
            must_read: &self.aside.must_read,
        };
        plan::preview(&situation, at, &Proposal { wall_ms: self.wall_ms, command })
    }
}

impl Arbiter {
    pub fn look(&self) -> Look {
        let mut look = self.own_look();
        look.alarms.extend(look.examined.iter().flat_map(Examined::alarms));
        health::sort(&mut look.alarms);
        look
    }

    /// Without what the last round found, and in no order.
    pub fn own_look(&self) -> Look {
        let now = self.now();
        let evidence = self.evidence(now);
        let plan = self.plan_now(&evidence, now);
        let mut look = Look {
            me: self.settings.me,
            wall_ms: self.parts.clock.wall_ms(),
            view: self.view.clone(),
            epoch: self.office.as_ref().map(|office| office.epoch),
            state: Arc::clone(&self.state),
            reports: self.picture.reports().map(|r| (r.clone(), self.picture.age_ms(r.node, now))).collect(),
            describe_ok_age_ms: self.eyes.describe_ok_age_ms(now),
            provider_error: self.eyes.last_error().cloned(),
            provider_problems: self.eyes.problems().to_vec(),
            stages: self.hands.stages.list(),
            tally: self.hands.stages.tally().clone(),
            plan_age_ms: self.hands.planned.map(|at| now.since_ms(at)),
            examined: self.rounds.newest(now),
            alarms: plan.alarms.clone(),
            aside: self.with_situation(&evidence, now, |situation| Aside {
                now: situation.now,
                in_flight: situation.in_flight.clone(),
                known_for_ms: situation.known_for_ms.clone(),
                must_read: situation.must_read.clone(),
            }),
            evidence,
            plan,
        };
        look.alarms.extend(node_alarms(&look, self.settings.lease_ms));
        look
    }
}

/// The provider can't be read: EC2, or a host on premises.
fn unreadable(policy: &Policy, error: &ProviderError, seen_by: String) -> Alarm {
    let code = match error.kind {
        ProviderErrorKind::Unreachable if policy.linux.is_some() => Code::HostUnread,
        kind => kind.code(),
    };
    Alarm::new(code, seen_by, error.to_string())
}

/// Alarms that come from the nodes rather than from the plan.
fn node_alarms(look: &Look, lease_ms: u64) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    let policy = &look.state.policy;
    let name = |node| policy.node_name(node);
    // Raft goes on naming a leader that has died, and a leader that lost its majority goes on naming itself.
    let silent_ms =
        if look.view.role == Role::Leader { look.view.quorum_acked_ms } else { look.view.leader_heard_ms };
    if look.view.leader.is_none() || silent_ms.is_none_or(|ms| ms > lease_ms) {
        alarms.push(Alarm::new(Code::NoLeader, &policy.cluster, format!("as {} sees it", name(look.me))));
    }
    if let Some(error) = &look.provider_error {
        alarms.push(unreadable(policy, error, name(look.me)));
    }
    for problem in &look.provider_problems {
        alarms.push(match policy.linux.is_some() {
            true => unreadable(policy, problem, name(look.me)),
            false => Alarm::new(Code::ProviderLacks, name(look.me), problem.to_string()),
        });
    }
    for (report, age_ms) in &look.reports {
        for (probe, status) in &report.probes {
            if let Some(error) = status.error.as_ref().filter(|_| status.state != Verdict::Up) {
                alarms.push(Alarm::new(
                    Code::ProbeBroken,
                    probe,
                    format!("from {}: {error}", name(report.node)),
                ));
            }
        }
        // An old report says nothing of a disk now.
        let is_fresh = age_ms.is_some_and(|ms| ms <= policy.timing.report_stale_after_ms);
        if let Some(slow_ms) = report.disk_slow_ms.filter(|_| is_fresh) {
            let detail = format!("the slowest write of late took {}", HumanMs(slow_ms));
            alarms.push(Alarm::new(Code::DiskSlow, name(report.node), detail));
        }
        // Of this node itself, whoever holds its file says more.
        if report.file_differs && report.node != look.me {
            let detail = "its file is not what is in force, and is not used: its log says in what";
            alarms.push(Alarm::new(Code::PolicyDiffers, name(report.node), detail));
        }
        let Some(age_ms) = age_ms.filter(|_| look.view.role == Role::Leader) else { continue };
        let apart_ms = report.wall_ms.0.abs_diff(look.wall_ms.0).saturating_sub(age_ms);
        if apart_ms > CLOCKS_DIFFER_MS {
            let side = if report.wall_ms > look.wall_ms { "ahead of" } else { "behind" };
            let apart = format!("{} {side} the clock of {}", HumanMs(apart_ms), name(look.me));
            alarms.push(Alarm::new(Code::ClocksDiffer, name(report.node), apart));
        }
    }
    alarms
}
