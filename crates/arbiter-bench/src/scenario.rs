//! A cluster that has lived for an hour, and then loses its first tunnel: what the planner sees, and what a leader
//! proposes of it.

use anyhow::Context;
use arbiter_core::check;
use arbiter_core::command::{Action, Command, Intent, IntentBatch, Outcome, Proposal, Stamp};
use arbiter_core::evidence::{
    Ending, Evidence, InstanceFacts, InstanceState, NodeFacts, ProbeFact, RouteFacts, Verdict,
};
use arbiter_core::ids::{Epoch, IntentId, NodeId, PathId};
use arbiter_core::plan::{Plan, Situation, Wish, plan};
use arbiter_core::policy::{Policy, Subject};
use arbiter_core::state::ClusterState;
use arbiter_core::time::UnixMs;
use std::collections::{BTreeMap, BTreeSet};

/// Everything has been as it is for so long.
pub(crate) const LONG_MS: u64 = 3_600_000;

/// How old reports and looks are.
const FRESH_MS: u64 = 50;

/// How long the tunnel has been Down when the leader hears of it.
const DOWN_FOR_MS: u64 = 2;

/// All is well, and has been.
pub(crate) fn healthy(policy: &Policy) -> Evidence {
    let up = ProbeFact { state: Verdict::Up, for_ms: LONG_MS };
    let node = |id: NodeId| {
        let own = policy.probes.iter().filter(|probe| probe.observers.contains(&id));
        NodeFacts {
            age_ms: Some(FRESH_MS),
            heard_for_ms: LONG_MS,
            ending: Ending::None,
            probes: own.map(|probe| (probe.id.clone(), up.clone())).collect(),
        }
    };
    let runs = InstanceFacts {
        age_ms: FRESH_MS,
        state: InstanceState::Running,
        state_for_ms: LONG_MS,
        impaired: false,
        interface_attached: true,
        source_dest_check: false,
        has_elastic_ip: true,
        auto_scaling_group: None,
    };
    let home =
        |paths: &[PathId]| paths.first().and_then(|path| policy.path(path)).map(|path| path.target.clone());
    let routes = policy.routes.iter().map(|route| {
        let facts = RouteFacts {
            age_ms: FRESH_MS,
            target: home(&route.paths),
            blackhole: false,
            shadowed_by: None,
            target_for_ms: LONG_MS,
        };
        (route.id.clone(), facts)
    });
    Evidence {
        listening_ms: LONG_MS,
        voters: policy.nodes.iter().map(|node| node.id).collect(),
        nodes: policy.nodes.iter().map(|it| (it.id, node(it.id))).collect(),
        instances: policy.gateways.iter().map(|gateway| (gateway.id.clone(), runs.clone())).collect(),
        routes: routes.collect(),
        followed: None,
    }
}

/// The same, but the first path has just gone Down.
pub(crate) fn first_path_down(policy: &Policy) -> anyhow::Result<Evidence> {
    let mut evidence = healthy(policy);
    let subject = Subject::Path(policy.paths.first().context("a policy has paths")?.id.clone());
    for probe in policy.probes.iter().filter(|probe| probe.subject == subject) {
        let down = ProbeFact { state: Verdict::Down, for_ms: DOWN_FOR_MS };
        for node in &probe.observers {
            if let Some(facts) = evidence.nodes.get_mut(node) {
                facts.probes.insert(probe.id.clone(), down.clone());
            }
        }
    }
    Ok(evidence)
}

/// What is planned by a leader who has nothing under way.
pub(crate) fn plan_of(state: &ClusterState, evidence: &Evidence) -> Plan {
    plan(&Situation {
        state,
        evidence,
        now: state.log_at(LONG_MS),
        in_flight: &BTreeSet::new(),
        known_for_ms: &BTreeMap::new(),
        must_read: &BTreeSet::new(),
    })
}

/// The leader's hand: numbers its intents, and stamps its entries.
#[derive(Debug)]
pub(crate) struct Hand {
    pub epoch: Epoch,
    last_intent: u64,
}

impl Hand {
    pub const fn new(epoch: Epoch) -> Self {
        Self { epoch, last_intent: 0 }
    }

    /// An hour into the epoch: every first wait is over.
    pub const fn stamp(&self) -> Stamp {
        Stamp { epoch: self.epoch, elapsed_ms: LONG_MS }
    }

    pub fn intents(&mut self, wishes: &[Wish]) -> Vec<Intent> {
        let mut number = self.last_intent;
        let intents = wishes.iter().map(|wish| {
            number += 1;
            let id = IntentId { epoch: self.epoch, number };
            Intent { id, action: wish.action.clone(), cause: wish.cause, reasons: wish.reasons.clone() }
        });
        let intents: Vec<_> = intents.collect();
        self.last_intent = number;
        intents
    }

    /// One batch, with the part of the evidence that its check reads.
    pub fn batch(&mut self, state: &ClusterState, evidence: &Evidence, wishes: &[Wish]) -> Command {
        let intents = self.intents(wishes);
        let actions: Vec<&Action> = intents.iter().map(|intent| &intent.action).collect();
        let evidence = check::evidence_for(state, evidence, actions);
        let (stamp, policy_version) = (self.stamp(), state.policy_version);
        Command::Intents(Box::new(IntentBatch { stamp, policy_version, evidence, intents }))
    }

    /// The calls of a batch have ended well.
    pub fn done(&self, batch: &Command) -> Command {
        let intents = if let Command::Intents(batch) = batch { batch.intents.as_slice() } else { &[] };
        let outcomes = intents.iter().map(|intent| (intent.id, Outcome::Done)).collect();
        Command::Outcomes { stamp: self.stamp(), outcomes }
    }

    /// What the plan wants to take over as it is seen.
    pub fn adoptions(&self, plan: &Plan) -> Vec<Command> {
        let adopt = |it: &arbiter_core::plan::Adoption| {
            let (route, path, reason) = (it.route.clone(), it.path.clone(), it.reason.clone());
            Command::Adopt { stamp: self.stamp(), route, path, reason }
        };
        plan.adoptions.iter().map(adopt).collect()
    }
}

/// A command as an entry of the log; people would read its wall clock, no rule does.
pub(crate) const fn entry(command: Command) -> Proposal {
    Proposal { wall_ms: UnixMs(1_700_000_000_000), command }
}
