//! The planner: policy, replicated state and evidence in; what to do, and why, out.
//!
//! It is pure: the same situation gives the same plan on every node, so a follower can explain what its leader
//! does. It *wishes*; `apply` decides, on every node, by the guards of [`crate::state`] and by
//! [`crate::check`].

mod choose;
mod following;
mod preview;
mod remediate;
mod restart;
mod routes;

#[cfg(test)]
mod tests;

pub use choose::Choice;
pub use preview::{Preview, Step, objection, preview};
pub use restart::Stand;

use crate::command::{Action, Cause, Mode, SlotEnding};
use crate::evidence::{Evidence, Verdict};
use crate::follow::{self, Preference};
use crate::health::{Alarm, Code};
use crate::ids::{GatewayId, IntentId, NodeId, PathId, Resource, RouteId};
use crate::policy::{Policy, Target};
use crate::state::ClusterState;
use crate::time::{HumanMs, LogMs};
use crate::verdict::{self, Judgement};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a plan depends on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// What a quorum has agreed.
    pub state: &'a ClusterState,
    /// What is seen.
    pub evidence: &'a Evidence,
    /// Log time, as the leader in office knows it.
    pub now: LogMs,
    /// Resources for which this process has a proposal or a call under way.
    pub in_flight: &'a BTreeSet<Resource>,
    /// How long this process has known of each unsettled intent.
    pub known_for_ms: &'a BTreeMap<IntentId, u64>,
    /// Routes that must be read before they are acted on: their intents were settled by us.
    pub must_read: &'a BTreeSet<RouteId>,
}

/// A mutation that the plan asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// What.
    pub action: Action,
    /// By which rule.
    pub cause: Cause,
    /// Who said what.
    pub reasons: Vec<String>,
    /// Lower goes first.
    pub importance: u32,
}

/// An assignment to take over as it is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// The route.
    pub route: RouteId,
    /// The path that it is seen on.
    pub path: PathId,
    /// Why.
    pub reason: String,
}

/// One route, as the plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteView {
    /// The committed path.
    pub committed: Option<PathId>,
    /// The path that policy asks for now.
    pub desired: Option<PathId>,
    /// What the provider shows.
    pub observed: Option<Target>,
    /// How old that is.
    pub observed_age_ms: Option<u64>,
    /// Why it is where it is, and why not elsewhere.
    pub why: Vec<String>,
}

/// What to do, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Mutations, most important first.
    pub wishes: Vec<Wish>,
    /// Assignments to take over as seen.
    pub adoptions: Vec<Adoption>,
    /// Intents of older epochs whose wait is over.
    pub settle: Vec<IntentId>,
    /// What the followed cluster has assigned, and is not noted yet.
    pub follow: Vec<(RouteId, Preference)>,
    /// The slot to close, and how it ended.
    pub close: Option<(GatewayId, SlotEnding)>,
    /// How it stands with the restart by hand that somebody asked for.
    pub restart: Option<Stand>,
    /// Routes seen elsewhere than committed.
    pub drift: BTreeMap<RouteId, Option<Target>>,
    /// Every route.
    pub routes: BTreeMap<RouteId, RouteView>,
    /// Every gateway's verdict.
    pub gateways: BTreeMap<GatewayId, Judgement>,
    /// Every path's verdict.
    pub paths: BTreeMap<PathId, Judgement>,
    /// What needs attention.
    pub alarms: Vec<Alarm>,
}

/// Plans.
pub fn plan(situation: &Situation<'_>) -> Plan {
    let policy = &*situation.state.policy;
    let follow = follow::news(situation.state, situation.evidence.followed.as_ref());
    let mut plan = Plan { settle: settle(situation), follow, ..Plan::default() };
    for gateway in &policy.gateways {
        let judgement = verdict::gateway(policy, situation.evidence, gateway);
        plan.gateways.insert(gateway.id.clone(), judgement);
    }
    for path in &policy.paths {
        plan.paths.insert(path.id.clone(), verdict::path(policy, situation.evidence, path));
    }
    let mut order: Vec<_> = policy.routes.iter().collect();
    order.sort_by(|a, b| (a.importance, &a.id).cmp(&(b.importance, &b.id)));
    for route in order {
        routes::plan(situation, route, &mut plan);
    }
    remediate::plan(situation, &mut plan);
    following::alarms(situation, &mut plan);
    standing_alarms(situation, policy, &mut plan);
    plan.wishes.sort_by_key(|wish| wish.importance);
    plan.alarms.sort_by(|a, b| (b.code.urgency(), a).cmp(&(a.code.urgency(), b)));
    plan
}

/// Unsettled intents of older epochs that this process has known of for longer than W.
fn settle(situation: &Situation<'_>) -> Vec<IntentId> {
    let state = situation.state;
    let wait_ms = state.policy.timing.takeover_wait_ms();
    let over = |(id, doubt): &(&IntentId, &crate::state::Unsettled)| {
        let known_ms = situation.known_for_ms.get(*id).copied().unwrap_or(0);
        id.epoch < state.office.epoch && known_ms > doubt.wait_ms.max(wait_ms)
    };
    state.unsettled.iter().filter(over).map(|(id, _)| *id).collect()
}

fn standing_alarms(situation: &Situation<'_>, policy: &Policy, plan: &mut Plan) {
    let state = situation.state;
    if let Some(pause) = &state.overrides.pause {
        plan.alarms.push(Alarm::new(
            Code::Paused,
            &policy.cluster,
            format!("by {}: {}", pause.by, pause.reason),
        ));
    } else if state.overrides.mode == Mode::Observe {
        plan.alarms.push(Alarm::new(Code::Observing, &policy.cluster, String::new()));
    } else if let Some(refusal) = state.halted(situation.now) {
        plan.alarms.push(Alarm::new(Code::NewCluster, &policy.cluster, refusal.to_string()));
    }
    for (id, judgement) in &plan.gateways {
        if judgement.verdict == Verdict::Down {
            plan.alarms.push(Alarm::new(Code::GatewayDown, id, judgement.reasons.join("; ")));
        }
    }
    for (id, judgement) in &plan.paths {
        if judgement.verdict == Verdict::Down {
            plan.alarms.push(Alarm::new(Code::PathDown, id, judgement.reasons.join("; ")));
        }
    }
    for gateway in &policy.gateways {
        let Some(judgement) = plan.gateways.get(&gateway.id).filter(|it| it.verdict == Verdict::Up) else {
            continue;
        };
        let mut words = verdict::dissent(policy, situation.evidence, gateway);
        if !words.is_empty() {
            words.extend(judgement.reasons.iter().cloned());
            plan.alarms.push(Alarm::new(Code::ObserversDisagree, &gateway.id, words.join("; ")));
        }
    }
    for gateway in &policy.gateways {
        let Some(facts) = verdict::fresh_instance(policy, situation.evidence, gateway) else { continue };
        if facts.source_dest_check {
            plan.alarms.push(Alarm::new(Code::SourceDestCheck, &gateway.id, gateway.interface.clone()));
        }
        if !facts.interface_attached {
            plan.alarms.push(Alarm::new(Code::InterfaceDetached, &gateway.id, gateway.interface.clone()));
        }
    }
    for (id, doubt) in &state.unsettled {
        let known_ms = situation.known_for_ms.get(id).copied().unwrap_or(0);
        let detail = format!("intent {id}, known for {}", HumanMs(known_ms));
        plan.alarms.push(Alarm::new(Code::Unsettled, doubt.intent.action.resource(), detail));
    }
    // Raft's voters, also one that the policy does not name yet or no more.
    let voters = &situation.evidence.voters;
    let is_silent = |voter: &&NodeId| {
        verdict::freshness(policy, situation.evidence, **voter) != verdict::Freshness::Fresh
    };
    let silent: Vec<NodeId> = voters.iter().filter(is_silent).copied().collect();
    for node in &silent {
        let zone = policy.node(*node).map(|node| format!("zone {}", node.zone));
        let detail = zone.unwrap_or_else(|| "the policy does not name it".to_owned());
        plan.alarms.push(Alarm::new(Code::NodeSilent, policy.node_name(*node), detail));
    }
    let voters = voters.len();
    let heard = voters.saturating_sub(silent.len());
    if heard > 0 && heard - 1 < voters / 2 + 1 {
        let detail = format!("{heard} of {voters} voters are heard, {} are needed", voters / 2 + 1);
        plan.alarms.push(Alarm::new(Code::QuorumAtRisk, &policy.cluster, detail));
    }
}
