//! Which path a route should be on: the rules of choosing, in their order.

use super::{Plan, Situation};
use crate::command::Cause;
use crate::evidence::Verdict;
use crate::follow::Preference;
use crate::ids::PathId;
use crate::planted::{Bug, planted};
use crate::policy::{Path, Route};
use crate::time::HumanMs;
use crate::verdict::{self, Judgement};

/// What to do about a route's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// It stays, for these reasons (why not elsewhere).
    Stay(Vec<String>),
    /// It moves.
    Move {
        /// Where to.
        to: PathId,
        /// By which rule.
        cause: Cause,
        /// Who said what.
        reasons: Vec<String>,
    },
}

/// One of a route's paths with what is known of it.
struct Candidate<'a> {
    path: &'a Path,
    judgement: &'a Judgement,
    /// Position in the route's order of preference, the followed path before all others.
    rank: usize,
    /// It is being stopped and started.
    blocked: bool,
    drained: bool,
}

pub(super) struct Chooser<'a> {
    situation: &'a Situation<'a>,
    route: &'a Route,
    options: Vec<Candidate<'a>>,
    /// The path that stands for the one that the followed cluster is on.
    followed: Option<(&'a PathId, &'a Preference)>,
}

impl<'a> Chooser<'a> {
    pub fn new(situation: &'a Situation<'a>, plan: &'a Plan, route: &'a Route) -> Self {
        let state = situation.state;
        let followed = state.preferred_path(route).map(|(path, preference)| (&path.id, preference));
        let option = |(rank, id): (usize, &PathId)| {
            let path = state.policy.path(id)?;
            let gateway = path.gateway.as_ref();
            Some(Candidate {
                path,
                judgement: plan.paths.get(id)?,
                rank: if followed.is_some_and(|(followed, _)| followed == id) { 0 } else { rank + 1 },
                blocked: gateway.is_some_and(|gateway| state.is_blocked(gateway)),
                drained: gateway.is_some_and(|gateway| state.is_drained(gateway)),
            })
        };
        let options = route.paths.iter().enumerate().filter_map(option).collect();
        Self { situation, route, options, followed }
    }

    /// The path that an operator put above all others, if one did.
    fn asked(&self) -> Option<(&PathId, Cause)> {
        let overrides = &self.situation.state.overrides;
        let switched = overrides.switchovers.get(&self.route.id).map(|path| (path, Cause::Switchover));
        overrides.pins.get(&self.route.id).map(|path| (path, Cause::Pin)).or(switched)
    }

    /// The best path but `except` with this verdict: an operator's first, drained ones last.
    fn best(&self, verdict: Verdict, except: Option<&PathId>) -> Option<&Candidate<'a>> {
        self.best_that(verdict, except, |_| true)
    }

    /// The best path but `except` that is `Unknown` and will not be decided in a moment; of the others, why not.
    fn refuge(&self, except: Option<&PathId>, why: &mut Vec<String>) -> Option<&Candidate<'a>> {
        let Situation { state, evidence, .. } = self.situation;
        self.best_that(Verdict::Unknown, except, |path| {
            let undecided = verdict::undecided(&state.policy, evidence, path);
            why.extend(undecided.iter().map(|because| format!("not {} yet: {because}", path.id)));
            undecided.is_none()
        })
    }

    fn best_that(
        &self,
        verdict: Verdict,
        except: Option<&PathId>,
        mut suits: impl FnMut(&Path) -> bool,
    ) -> Option<&Candidate<'a>> {
        let asked = self.asked().map(|(path, _)| path);
        self.options
            .iter()
            .filter(|option| option.judgement.verdict == verdict && !option.blocked)
            .filter(|option| Some(&option.path.id) != except && suits(option.path))
            .min_by_key(|option| (option.drained, Some(&option.path.id) != asked, option.rank))
    }

    /// The best path for a route that has none.
    pub fn first(&self) -> Option<(PathId, Vec<String>)> {
        let best = self.best(Verdict::Up, None).or_else(|| self.best(Verdict::Unknown, None))?;
        Some((best.path.id.clone(), says(best)))
    }

    /// What to do about a route that is assigned to `current`.
    pub fn choose(&self, current: &PathId) -> Choice {
        let Some(here) = self.options.iter().find(|option| option.path.id == *current) else {
            return self.first().map_or_else(
                || Choice::Stay(vec!["no path is better than Down".to_owned()]),
                |(to, reasons)| Choice::Move { to, cause: Cause::PolicyChange, reasons },
            );
        };
        if here.judgement.verdict == Verdict::Down {
            return self.leave_down(here);
        }
        let mut why = Vec::new();
        self.obey(here, &mut why)
            .or_else(|| self.drain(here, &mut why))
            .or_else(|| self.follow(here, &mut why))
            .or_else(|| self.lose_patience(here, &mut why))
            .or_else(|| self.come_home(here, &mut why))
            .unwrap_or(Choice::Stay(why))
    }

    /// Hold-down, flaps and drains play no part here: the second real failure must be as fast as the first.
    fn leave_down(&self, here: &Candidate<'a>) -> Choice {
        if planted(Bug::HeldDown) && self.moved_lately() {
            return Choice::Stay(vec!["it has just moved".to_owned()]);
        }
        let except = Some(&here.path.id);
        let mut undecided = Vec::new();
        let better = self.best(Verdict::Up, except).or_else(|| self.refuge(except, &mut undecided));
        let Some(to) = better else {
            let elsewhere = if undecided.is_empty() {
                "so is every other path"
            } else {
                "no other is known to be better"
            };
            undecided.insert(0, format!("{} is Down, and {elsewhere}", here.path.id));
            return Choice::Stay(undecided);
        };
        let mut reasons = says(here);
        reasons.extend(says(to));
        Choice::Move { to: to.path.id.clone(), cause: Cause::Failover, reasons }
    }

    /// Whether the route has moved within its wait for failback: what a bug that is planted looks at.
    fn moved_lately(&self) -> bool {
        let Situation { state, now, .. } = self.situation;
        let last = state.assignments.get(&self.route.id).and_then(|assignment| assignment.moves.back());
        last.is_some_and(|at| now.since_ms(*at) < self.wait_ms())
    }

    fn obey(&self, here: &Candidate<'a>, why: &mut Vec<String>) -> Option<Choice> {
        let (asked, cause) = self.asked()?;
        if *asked == here.path.id {
            why.push(format!("an operator put it here ({cause})"));
            return None;
        }
        let to = self.options.iter().find(|option| option.path.id == *asked)?;
        if to.drained {
            why.push(format!("{asked}, which an operator asked for ({cause}), is on a drained gateway"));
            return None;
        }
        if to.blocked || to.judgement.verdict != Verdict::Up {
            why.push(format!("{asked}, which an operator asked for ({cause}), is {}", to.judgement.verdict));
            return None;
        }
        // A pin that comes back after a failure waits like everybody who comes home; a fresh one does not.
        let wait_ms = self.wait_ms();
        if cause == Cause::Pin && self.failed_over() {
            if to.judgement.for_ms < wait_ms {
                why.push(format!("{asked} is pinned and Up only for {}", HumanMs(to.judgement.for_ms)));
                return None;
            }
            if let Some(blocked) = self.warned(to, wait_ms) {
                why.push(format!("{asked} is pinned, but not yet: {blocked}"));
                return None;
            }
        }
        let mut reasons = vec![format!("an operator asked for {asked}")];
        reasons.extend(says(to));
        Some(Choice::Move { to: asked.clone(), cause, reasons })
    }

    /// Whether the route is where it is because another path failed.
    fn failed_over(&self) -> bool {
        self.situation
            .state
            .assignments
            .get(&self.route.id)
            .is_some_and(|assignment| matches!(assignment.cause, Some(Cause::Failover | Cause::UnknownGrace)))
    }

    /// Where the followed cluster goes, this route goes at once, unless an operator or its own probes say otherwise.
    fn follow(&self, here: &Candidate<'a>, why: &mut Vec<String>) -> Option<Choice> {
        let (followed, preference) = self.followed?;
        if *followed == here.path.id {
            why.push(format!("it follows: {}", preference.words()));
            return None;
        }
        let held = self.asked().is_some_and(|(asked, _)| *asked == here.path.id);
        let to = self.options.iter().find(|option| option.path.id == *followed).filter(|_| !held)?;
        if to.drained || to.blocked || to.judgement.verdict != Verdict::Up {
            why.push(format!("it does not follow to {followed}: {}", preference.words()));
            return None;
        }
        // What it left by its own failure, and the followed cluster has not chosen anew since, it comes home to.
        let assigned = self.situation.state.assignments.get(&self.route.id)?;
        if self.failed_over() && preference.noted < assigned.index {
            return None;
        }
        let mut reasons = vec![format!("it follows: {}", preference.words())];
        reasons.extend(says(to));
        Some(Choice::Move { to: followed.clone(), cause: Cause::Follow, reasons })
    }

    fn drain(&self, here: &Candidate<'a>, why: &mut Vec<String>) -> Option<Choice> {
        if !here.drained {
            return None;
        }
        let to = self.best(Verdict::Up, Some(&here.path.id)).filter(|to| !to.drained);
        let Some(to) = to else {
            why.push("its gateway is drained, but no other path is Up".to_owned());
            return None;
        };
        let mut reasons = vec![format!("the gateway of {} is drained", here.path.id)];
        reasons.extend(says(to));
        Some(Choice::Move { to: to.path.id.clone(), cause: Cause::Drain, reasons })
    }

    fn lose_patience(&self, here: &Candidate<'a>, why: &mut Vec<String>) -> Option<Choice> {
        if here.judgement.verdict != Verdict::Unknown {
            return None;
        }
        let grace_ms = self.situation.state.policy.timing.unknown_grace_ms;
        let to = self.best(Verdict::Up, Some(&here.path.id))?;
        if here.judgement.for_ms < grace_ms {
            let (id, since, grace) = (&here.path.id, HumanMs(here.judgement.for_ms), HumanMs(grace_ms));
            why.push(format!("{id} is Unknown for {since}; it yields to {} after {grace}", to.path.id));
            return None;
        }
        let mut reasons = says(here);
        reasons.extend(says(to));
        Some(Choice::Move { to: to.path.id.clone(), cause: Cause::UnknownGrace, reasons })
    }

    fn wait_ms(&self) -> u64 {
        let state = self.situation.state;
        state.policy.timing.failback_wait_ms(state.flaps(&self.route.id, self.situation.now))
    }

    fn come_home(&self, here: &Candidate<'a>, why: &mut Vec<String>) -> Option<Choice> {
        // Also a switchover that an unfulfilled pin hides: who asked for this path still wants it more than home.
        let overrides = &self.situation.state.overrides;
        let asked = [overrides.pins.get(&self.route.id), overrides.switchovers.get(&self.route.id)];
        if asked.contains(&Some(&here.path.id)) {
            return None;
        }
        let wait_ms = self.wait_ms();
        for to in self.options.iter().filter(|option| option.rank < here.rank) {
            let id = &to.path.id;
            if to.blocked {
                why.push(format!("not {id}: its gateway is being stopped and started"));
            } else if to.drained {
                why.push(format!("not {id}: its gateway is drained"));
            } else if to.judgement.verdict != Verdict::Up {
                let because = to.judgement.reasons.join("; ");
                why.push(format!("not {id}: it is {} ({because})", to.judgement.verdict));
            } else if to.judgement.for_ms < wait_ms {
                let (since, wait) = (HumanMs(to.judgement.for_ms), HumanMs(wait_ms));
                why.push(format!("not {id} yet: it is Up for {since}, and must be for {wait}"));
            } else if let Some(blocked) = self.warned(to, wait_ms) {
                why.push(format!("not {id} yet: {blocked}"));
            } else {
                let mut reasons =
                    vec![format!("{id} is preferred, and Up for longer than {}", HumanMs(wait_ms))];
                reasons.extend(says(to));
                return Some(Choice::Move { to: id.clone(), cause: Cause::Failback, reasons });
            }
        }
        None
    }

    fn warned(&self, to: &Candidate<'a>, wait_ms: u64) -> Option<String> {
        verdict::failback_blocked(&self.situation.state.policy, self.situation.evidence, to.path, wait_ms)
    }
}

/// A path's verdict and who said it.
fn says(option: &Candidate<'_>) -> Vec<String> {
    let head = format!("{} is {}", option.path.id, option.judgement.verdict);
    std::iter::once(head).chain(option.judgement.reasons.iter().cloned()).collect()
}
