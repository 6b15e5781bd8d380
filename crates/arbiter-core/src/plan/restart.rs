//! A restart by hand: its routes go first, as in a drain; then the gateway is stopped, under the guards of remediation.
//!
//! That the gateway can be seen does not count: the operator's word stands in for it. All else does.

use super::remediate::{busy, lonely, stop, unfit};
use super::{Plan, Situation};
use crate::command::{Cause, Refusal};
use crate::evidence::{InstanceFacts, InstanceState, Verdict};
use crate::health::{Alarm, Code};
use crate::ids::{PathId, Resource};
use crate::policy::{Gateway, Path, Route};
use crate::state::{Restart, stop_guards};
use crate::time::HumanMs;
use crate::verdict;

/// How it stands with a restart that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stand {
    /// It begins now.
    Begins,
    /// It begins by itself once this has passed.
    Waits(String),
    /// It can't be done as things are.
    Hindered(String),
}

pub(super) fn plan(
    situation: &Situation<'_>,
    gateway: &Gateway,
    facts: &InstanceFacts,
    asked: &Restart,
    plan: &mut Plan,
) {
    let stand = stand(situation, gateway, facts, asked, plan);
    if let Stand::Waits(why) | Stand::Hindered(why) = &stand {
        waits(situation, asked, why, plan);
    } else if !busy(situation, gateway) {
        let mut reasons = vec![format!("{} asked for it: {}", asked.by, asked.reason)];
        if asked.force {
            reasons.push("by force: also if a route loses its last path that works".to_owned());
        }
        plan.wishes.push(stop(gateway, false, Cause::OperatorRestart, reasons));
    }
    plan.restart = Some(stand);
}

/// The provider has not said lately what the instance does: that comes first.
pub(super) fn unseen(situation: &Situation<'_>, asked: &Restart, plan: &mut Plan) {
    let why = "the provider has not said lately what its instance does".to_owned();
    waits(situation, asked, &why, plan);
    plan.restart = Some(Stand::Waits(why));
}

fn waits(situation: &Situation<'_>, asked: &Restart, why: &str, plan: &mut Plan) {
    let left = HumanMs(asked.until.since_ms(situation.now));
    let detail = format!("asked for by {} ({}): {why}; it runs out in {left}", asked.by, asked.reason);
    plan.alarms.push(Alarm::new(Code::RestartWaits, &asked.gateway, detail));
}

fn stand(
    situation: &Situation<'_>,
    gateway: &Gateway,
    facts: &InstanceFacts,
    asked: &Restart,
    plan: &Plan,
) -> Stand {
    let (state, now) = (situation.state, situation.now);
    let policy = &state.policy;
    if asked.until <= now {
        return Stand::Hindered("it has run out".to_owned());
    }
    if !policy.remediation.enabled || !gateway.remediate {
        return Stand::Hindered("the policy forbids it".to_owned());
    }
    if verdict::is_gone(policy, facts) {
        let instance = &gateway.instance;
        return Stand::Hindered(format!("its instance {instance} is gone: `arbiterctl gateway replace`"));
    }
    if facts.state != InstanceState::Running {
        return Stand::Hindered(format!("the provider says {}", facts.state));
    }
    if let Some(why) = unfit(facts).or_else(|| lonely(situation, gateway)) {
        return Stand::Hindered(why);
    }
    let of_routes = routes(situation, gateway, asked, plan);
    if let Some(Stand::Hindered(why)) = of_routes {
        return Stand::Hindered(why);
    }
    match stop_guards(state, &gateway.id, &gateway.instance, Cause::OperatorRestart, now) {
        Err(doubt @ Refusal::Unsettled(_)) => return Stand::Waits(doubt.to_string()),
        Err(refusal) => return Stand::Hindered(refusal.to_string()),
        Ok(()) => {}
    }
    if let Some(refusal) = state.halted(now) {
        return Stand::Waits(refusal.to_string());
    }
    of_routes.unwrap_or(Stand::Begins)
}

/// What its routes say: the first that loses too much, else the first that is waited for.
fn routes(situation: &Situation<'_>, gateway: &Gateway, asked: &Restart, plan: &Plan) -> Option<Stand> {
    let policy = &situation.state.policy;
    let over = |path: &&Path| path.gateway.as_ref() == Some(&gateway.id);
    let mut first = None;
    for route in &policy.routes {
        let paths: Vec<&Path> = route.paths.iter().filter_map(|id| policy.path(id)).collect();
        let (here, elsewhere): (Vec<&Path>, Vec<&Path>) = paths.into_iter().partition(over);
        if here.is_empty() {
            continue;
        }
        let case = Case { situation, plan, route, here, elsewhere, force: asked.force };
        match case.stand() {
            Some(hindered @ Stand::Hindered(_)) => return Some(hindered),
            waits => first = first.or(waits),
        }
    }
    first
}

/// One route that has a path over the gateway.
struct Case<'a> {
    situation: &'a Situation<'a>,
    plan: &'a Plan,
    route: &'a Route,
    here: Vec<&'a Path>,
    elsewhere: Vec<&'a Path>,
    force: bool,
}

impl Case<'_> {
    fn verdict(&self, path: &PathId) -> Verdict {
        self.plan.paths.get(path).map_or(Verdict::Unknown, |judgement| judgement.verdict)
    }

    /// Another path that takes it now.
    fn refuge(&self) -> Option<&Path> {
        let state = self.situation.state;
        let open = |path: &&&Path| {
            let gateway = path.gateway.as_ref();
            gateway.is_none_or(|gateway| !state.is_blocked(gateway) && !state.is_drained(gateway))
        };
        self.elsewhere.iter().filter(open).find(|path| self.verdict(&path.id) == Verdict::Up).copied()
    }

    /// Why it holds the restart up, if it does.
    fn stand(&self) -> Option<Stand> {
        let (state, id) = (self.situation.state, &self.route.id);
        let refuge = self.refuge();
        let works = self.here.iter().find(|path| self.verdict(&path.id) != Verdict::Down);
        if let (Some(works), None, false) = (works, refuge, self.force) {
            let verdict = self.verdict(&works.id);
            return Some(Stand::Hindered(format!(
                "route {id} would lose {}, which is {verdict}, and no other path takes it: {}; `--force` does it all \
                 the same",
                works.id,
                self.others()
            )));
        }
        if let Some((intent, _)) = state.unsettled_on(&Resource::Route(id.clone())).next() {
            return Some(Stand::Waits(format!("route {id}: intent {intent} is unsettled")));
        }
        let assigned = state.assignments.get(id).map(|assignment| &assignment.path);
        if self.here.iter().any(|path| assigned == Some(&path.id)) {
            let unsure = self.elsewhere.iter().find(|path| self.verdict(&path.id) != Verdict::Down);
            return match (refuge, unsure) {
                (Some(to), _) => Some(Stand::Waits(format!("route {id} goes to {} first", to.id))),
                (None, Some(to)) if !self.force => {
                    Some(Stand::Waits(format!("route {id} is still on it and could go to {}", to.id)))
                }
                _ => None,
            };
        }
        self.unseen_elsewhere().filter(|_| !self.force).map(Stand::Waits)
    }

    /// Its other paths, each with what keeps the route from it.
    fn others(&self) -> String {
        let state = self.situation.state;
        let says = |path: &&Path| {
            let drained = path.gateway.as_ref().is_some_and(|gateway| state.is_drained(gateway));
            let word = if drained { "drained".to_owned() } else { self.verdict(&path.id).to_string() };
            format!("{} is {word}", path.id)
        };
        let all: Vec<String> = self.elsewhere.iter().map(says).collect();
        if all.is_empty() { "it has none".to_owned() } else { all.join(", ") }
    }

    /// That it is assigned elsewhere is not enough: it must have been seen there.
    fn unseen_elsewhere(&self) -> Option<String> {
        let (id, limit_ms) =
            (&self.route.id, self.situation.state.policy.timing.observation_stale_after_ms());
        let read = self.situation.evidence.routes.get(id).filter(|facts| facts.age_ms <= limit_ms);
        let Some(facts) = read else { return Some(format!("route {id} has not been read lately")) };
        let seen = facts.target.as_ref()?;
        let here = self.here.iter().any(|path| path.target == *seen);
        here.then(|| format!("route {id} is still seen pointing at {seen}"))
    }
}
