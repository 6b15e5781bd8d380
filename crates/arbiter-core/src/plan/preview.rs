//! What a command would do, without doing it: it is applied to a copy of the state, and the plan is followed there.
//!
//! The guards of `apply` and the planner are the real ones; only the copy is thrown away. What takes time (a failback that
//! waits, a gateway that boots) is not played through: the routes' reasons say what they would wait for.

use super::{Plan, RouteView, Situation, Stand, Wish, plan};
use crate::check;
use crate::command::{
    Action, Applied, Cause, Command, EntryId, Intent, IntentBatch, Operation, Outcome, Proposal, Refusal,
    Stamp,
};
use crate::evidence::Evidence;
use crate::ids::{GatewayId, IntentId, PathId, RouteId};
use crate::state::{BATCH_LIMIT, ClusterState};
use std::collections::BTreeMap;

/// Rounds that are played through: routes go, then their gateway is stopped. Two more, in case one follows from another.
const ROUNDS: usize = 4;

/// What would come of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// What `apply` would answer, or the leader before it.
    pub answer: Applied,
    /// What would be done because of it, in that order.
    pub follows: Vec<Step>,
    /// What is about to be done, and would not be any more.
    pub prevents: Vec<Step>,
    /// The routes that it makes a difference to, as they would be.
    pub routes: Vec<(RouteId, RouteView)>,
    /// Nothing that was sent before can still land.
    pub quiet: bool,
    /// A gateway whose start would still come.
    pub start_to_come: Option<GatewayId>,
}

/// One mutation that would be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub action: Action,
    /// The path that the route would leave.
    pub from: Option<PathId>,
    /// By which rule.
    pub cause: Cause,
    /// Who said what.
    pub reasons: Vec<String>,
}

/// Why the leader does not propose a command that `apply` would accept: a restart by hand whose hindrance is in what is
/// seen, which no entry carries.
pub fn objection(situation: &Situation<'_>, at: EntryId, proposal: &Proposal) -> Option<Refusal> {
    let Command::Operator { operation: Operation::RestartGateway { .. }, .. } = &proposal.command else {
        return None;
    };
    let mut state = situation.state.clone();
    if state.apply(at, proposal) != Applied::Accepted {
        return None;
    }
    match plan(&Situation { state: &state, ..*situation }).restart {
        Some(Stand::Hindered(why)) => Some(Refusal::Other(why)),
        _ => None,
    }
}

/// What would come of a command that the leader proposed as entry `at`.
pub fn preview(situation: &Situation<'_>, at: EntryId, proposal: &Proposal) -> Preview {
    let mut state = situation.state.clone();
    let answer = match objection(situation, at, proposal) {
        Some(refusal) => Applied::Refused(refusal),
        None => state.apply(at, proposal),
    };
    if matches!(answer, Applied::Refused(_)) {
        state = situation.state.clone();
    }
    let (quiet, start_to_come) = (state.is_quiet(), state.start_to_come().cloned());
    let before = Story::of(situation, at, situation.state.clone());
    let after = Story::of(situation, at, state);
    let without = |steps: &[Step], others: &[Step]| -> Vec<Step> {
        steps.iter().filter(|step| !others.iter().any(|it| it.action == step.action)).cloned().collect()
    };
    let follows = without(&after.steps, &before.steps);
    let prevents = without(&before.steps, &after.steps);
    let concerned = |id: &RouteId, view: &RouteView| {
        let steps = follows.iter().chain(&prevents);
        let moved = steps.map(|step| &step.action).any(|action| is_of(action, id));
        moved
            || before
                .begins
                .routes
                .get(id)
                .is_some_and(|old| old.why != view.why || old.desired != view.desired)
    };
    let routes = after.begins.routes.iter().filter(|(id, view)| concerned(id, view));
    let routes =
        routes.filter_map(|(id, _)| Some((id.clone(), after.ends.routes.get(id)?.clone()))).collect();
    Preview { answer, follows, prevents, routes, quiet, start_to_come }
}

fn is_of(action: &Action, id: &RouteId) -> bool {
    matches!(action, Action::SetRoute { route, .. } if route == id)
}

/// What a leader would do next, each call a success.
struct Story {
    begins: Plan,
    steps: Vec<Step>,
    ends: Plan,
}

impl Story {
    fn of(situation: &Situation<'_>, at: EntryId, state: ClusterState) -> Self {
        let mut trial = Trial { state, evidence: situation.evidence.clone(), at };
        let begins = trial.plan(situation);
        let (mut steps, mut now) = (Vec::new(), begins.clone());
        for _ in 0..ROUNDS {
            let made = trial.grants(situation, &now.wishes);
            if made.is_empty() {
                break;
            }
            steps.extend(made);
            now = trial.plan(situation);
        }
        Self { begins, steps, ends: now }
    }
}

/// The cluster, to try things on.
struct Trial {
    state: ClusterState,
    evidence: Evidence,
    at: EntryId,
}

impl Trial {
    fn plan(&self, situation: &Situation<'_>) -> Plan {
        plan(&Situation { state: &self.state, evidence: &self.evidence, ..*situation })
    }

    fn apply(&mut self, command: Command) -> Applied {
        self.at.index.0 += 1;
        self.state.apply(self.at, &Proposal { wall_ms: crate::time::UnixMs(0), command })
    }

    /// Those of the wishes that `apply` accepts, done.
    fn grants(&mut self, situation: &Situation<'_>, wishes: &[Wish]) -> Vec<Step> {
        wishes.chunks(BATCH_LIMIT).flat_map(|batch| self.grants_batch(situation, batch)).collect()
    }

    fn grants_batch(&mut self, situation: &Situation<'_>, wishes: &[Wish]) -> Vec<Step> {
        let office = self.state.office;
        let stamp = Stamp { epoch: office.epoch, elapsed_ms: situation.now.since_ms(office.began) };
        let numbers = office.last_intent.saturating_add(1)..;
        let step = |wish: &Wish| Step {
            action: wish.action.clone(),
            from: self.path_left(&wish.action),
            cause: wish.cause,
            reasons: wish.reasons.clone(),
        };
        let steps: BTreeMap<IntentId, Step> = numbers
            .zip(wishes)
            .map(|(number, wish)| (IntentId { epoch: office.epoch, number }, step(wish)))
            .collect();
        let intent = |(id, step): (&IntentId, &Step)| Intent {
            id: *id,
            action: step.action.clone(),
            cause: step.cause,
            reasons: step.reasons.clone(),
        };
        let evidence =
            check::evidence_for(&self.state, &self.evidence, wishes.iter().map(|wish| &wish.action));
        let policy_version = self.state.policy_version;
        let intents = steps.iter().map(intent).collect();
        let batch = IntentBatch { stamp, policy_version, evidence, intents };
        let Applied::Intents(answers) = self.apply(Command::Intents(Box::new(batch))) else {
            return Vec::new();
        };
        let granted: Vec<IntentId> =
            answers.into_iter().filter(|(_, answer)| answer.is_ok()).map(|(id, _)| id).collect();
        let outcomes = granted.iter().map(|id| (*id, Outcome::Done)).collect();
        self.apply(Command::Outcomes { stamp, outcomes });
        let made: Vec<Step> = granted.iter().filter_map(|id| steps.get(id).cloned()).collect();
        made.iter().for_each(|step| self.shows(&step.action));
        made
    }

    fn path_left(&self, action: &Action) -> Option<PathId> {
        let Action::SetRoute { route, path, .. } = action else { return None };
        let from = self.state.assignments.get(route).map(|assignment| &assignment.path);
        from.filter(|from| *from != path).cloned()
    }

    /// The provider would show it.
    fn shows(&mut self, action: &Action) {
        if let Action::SetRoute { route, after, .. } = action
            && let Some(facts) = self.evidence.routes.get_mut(route)
        {
            (facts.target, facts.target_for_ms, facts.age_ms) = (Some(after.clone()), 0, 0);
        }
    }
}
