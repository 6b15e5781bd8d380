//! One route: adopt it, move it, put it back, or leave it.

use super::choose::{Choice, Chooser};
use super::{Adoption, Plan, RouteView, Situation, Wish};
use crate::command::{Action, Cause, Mode, Outcome};
use crate::evidence::{READ_STALENESS_MS, RouteFacts, Verdict};
use crate::health::{Alarm, Code};
use crate::ids::{PathId, Resource};
use crate::planted::{Bug, planted};
use crate::policy::{DriftAction, Path, Route, Target, Timing};
use crate::state::{Assignment, OWN_INTENTS_REMEMBERED_MS, OwnIntent};
use crate::time::{HumanMs, LogMs};

/// The first wait before a failed call is issued again; it doubles up to the reconcile interval.
const REISSUE_WAIT_MS: u64 = 250;

/// So many failovers that are remembered at once are worth an alarm: one is a failure, and two may be the same one.
const FLAPS_TOLD: u32 = 3;

pub(super) fn plan(situation: &Situation<'_>, route: &Route, plan: &mut Plan) {
    let facts = situation.evidence.routes.get(&route.id);
    let limit_ms = situation.state.policy.timing.observation_stale_after_ms();
    let read = facts.filter(|facts| facts.age_ms <= limit_ms);
    let assignment = situation.state.assignments.get(&route.id);
    plan.routes.insert(
        route.id.clone(),
        RouteView {
            committed: assignment.map(|assignment| assignment.path.clone()),
            desired: assignment.map(|assignment| assignment.path.clone()),
            observed: facts.and_then(|facts| facts.target.clone()),
            observed_age_ms: facts.map(|facts| facts.age_ms),
            why: Vec::new(),
        },
    );
    let mut case = Case { situation, route, facts, read, plan };
    case.provider_alarms();
    case.flapping();
    match assignment {
        None => case.unassigned(),
        Some(assignment) => case.assigned(assignment),
    }
}

struct Case<'a, 'p> {
    situation: &'a Situation<'a>,
    route: &'a Route,
    /// What the provider last showed, however long ago.
    facts: Option<&'a RouteFacts>,
    /// The same, if it is young enough to be evidence.
    read: Option<&'a RouteFacts>,
    plan: &'p mut Plan,
}

impl Case<'_, '_> {
    fn alarm(&mut self, code: Code, detail: impl Into<String>) {
        self.plan.alarms.push(Alarm::new(code, &self.route.id, detail));
    }

    fn why(&mut self, reasons: impl IntoIterator<Item = String>) {
        if let Some(view) = self.plan.routes.get_mut(&self.route.id) {
            view.why.extend(reasons);
        }
    }

    fn wants(&mut self, path: &PathId) {
        if let Some(view) = self.plan.routes.get_mut(&self.route.id) {
            view.desired = Some(path.clone());
        }
    }

    fn provider_alarms(&mut self) {
        match self.read {
            None => {
                let place = format!("{} {}", self.route.table, self.route.destination);
                let alarm = Alarm::new(Code::RouteUnread, &self.route.id, place);
                self.plan.alarms.push(match self.route.host {
                    Some(_) => alarm.with_remedy(Code::HostUnread.remedy()),
                    None => alarm,
                });
            }
            Some(facts) => {
                if facts.target.is_none() {
                    let place = format!("{} has no route to {}", self.route.table, self.route.destination);
                    self.alarm(Code::RouteMissing, place);
                }
                if facts.blackhole {
                    let target = facts.target.as_ref().map(ToString::to_string).unwrap_or_default();
                    self.alarm(Code::Blackhole, format!("{} → {target}", self.route.destination));
                }
                if let Some(shadow) = &facts.shadowed_by {
                    let on_premises = self.route.host.is_some();
                    let code = if on_premises { Code::RouteConflict } else { Code::Shadowed };
                    self.alarm(code, shadow.clone());
                }
            }
        }
    }

    fn flapping(&mut self) {
        let (state, now) = (self.situation.state, self.situation.now);
        let flaps = state.flaps(&self.route.id, now);
        if flaps >= FLAPS_TOLD {
            let decay = HumanMs(state.policy.timing.flap_decay_ms);
            self.alarm(
                Code::Flapping,
                format!("{flaps} failovers are remembered, one is forgotten every {decay}"),
            );
        }
    }

    /// No assignment yet: what is seen is adopted if it is one of ours; if not, it is drift.
    fn unassigned(&mut self) {
        let Some(target) = self.read.and_then(|facts| facts.target.as_ref()) else { return };
        let policy = &self.situation.state.policy;
        if let Some(path) = policy.path_by_target(self.route, target) {
            let reason = format!("it was found pointing at {target}");
            self.wants(&path.id);
            self.adopt(path, reason);
            return;
        }
        // A kernel route that nobody has made yet is no drift: it is ours to make.
        let (new, found) = (*target == Target::nowhere(), as_found(target));
        if !new {
            self.plan.drift.insert(self.route.id.clone(), Some(target.clone()));
            self.alarm(Code::Drift, found.clone());
        }
        if self.route.drift == DriftAction::Report && !new {
            return;
        }
        let first = Chooser::new(self.situation, self.plan, self.route).first();
        if let Some((to, mut reasons)) = first {
            reasons.insert(0, found);
            self.wish(&to, Cause::Initial, reasons);
        }
    }

    fn adopt(&mut self, path: &Path, reason: String) {
        let resource = Resource::Route(self.route.id.clone());
        let busy = self.situation.in_flight.contains(&resource)
            || self.situation.state.unsettled_on(&resource).next().is_some();
        if !busy {
            let adoption = Adoption { route: self.route.id.clone(), path: path.id.clone(), reason };
            self.plan.adoptions.push(adoption);
        }
    }

    fn assigned(&mut self, assignment: &Assignment) {
        if self.follow_while_observing(assignment) {
            return;
        }
        let choice = Chooser::new(self.situation, self.plan, self.route).choose(&assignment.path);
        match choice {
            Choice::Move { to, cause, reasons } => self.moves(assignment, &to, cause, reasons),
            Choice::Stay(why) => {
                self.why(why);
                self.standing(assignment);
                self.keep(assignment);
            }
        }
    }

    /// While observing, what others do is the assignment: so that the advice is about the network as it is.
    fn follow_while_observing(&mut self, assignment: &Assignment) -> bool {
        let seen = self.read.and_then(|facts| facts.target.as_ref());
        let Some(seen) = seen.filter(|seen| **seen != assignment.target) else { return false };
        if self.situation.state.overrides.mode != Mode::Observe {
            return false;
        }
        self.plan.drift.insert(self.route.id.clone(), Some(seen.clone()));
        if let Some(path) = self.situation.state.policy.path_by_target(self.route, seen) {
            self.adopt(path, format!("somebody pointed it at {seen}"));
        }
        true
    }

    fn moves(&mut self, assignment: &Assignment, to: &PathId, cause: Cause, reasons: Vec<String>) {
        self.wants(to);
        self.why(reasons.iter().cloned());
        if let Some(until) = self.situation.state.frozen_until(&self.route.id, self.situation.now) {
            let left = HumanMs(until.since_ms(self.situation.now));
            self.alarm(Code::Frozen, format!("it would go to {to} ({cause}); it thaws in {left}"));
            // It stays, but it stays where it was agreed to be. That there is no better path nobody may say.
            self.away_from_home(assignment);
            self.keep(assignment);
            return;
        }
        self.wish(to, cause, reasons);
    }

    /// Alarms of a route that stays.
    fn standing(&mut self, assignment: &Assignment) {
        let ours = self.route.paths.contains(&assignment.path);
        let verdict =
            self.plan.paths.get(&assignment.path).filter(|_| ours).map(|judgement| judgement.verdict);
        match verdict {
            None => self.alarm(Code::NoBetterPath, format!("{} is none of its paths now", assignment.path)),
            Some(Verdict::Down) => self.alarm(Code::NoBetterPath, assignment.path.to_string()),
            Some(Verdict::Unknown) => self.alarm(Code::PathUnknown, assignment.path.to_string()),
            _ => {}
        }
        self.away_from_home(assignment);
    }

    fn away_from_home(&mut self, assignment: &Assignment) {
        let state = self.situation.state;
        if state.home(self.route).is_some_and(|home| *home != assignment.path) {
            self.alarm(Code::AwayFromHome, format!("on {}", assignment.path));
        }
    }

    /// It stays where it is assigned: is that where it points?
    fn keep(&mut self, assignment: &Assignment) {
        let state = self.situation.state;
        let Some(path) = state.policy.path(&assignment.path).cloned() else { return };
        if path.target != assignment.target {
            let reason = format!("path {} now points at {}", path.id, path.target);
            self.wish(&path.id, Cause::PolicyChange, vec![reason]);
            return;
        }
        let Some(facts) = self.read else { return };
        let Some(seen) = facts.target.clone() else { return };
        if seen == path.target {
            return;
        }
        let now = self.situation.now;
        let works = self.plan.paths.get(&path.id).is_some_and(|judgement| judgement.verdict != Verdict::Down);
        let last = assignment.own.back().filter(|own| own.after == path.target);
        let unacknowledged = last.is_some_and(|own| own.outcome != Some(Outcome::Done));
        if let Some(outcome @ Outcome::Failed { code, message }) = last.and_then(|own| own.outcome.as_ref()) {
            let alarm = if outcome.is_throttled() { Code::ProviderThrottled } else { Code::CallFailed };
            self.alarm(alarm, format!("pointing it at {}: {code}: {message}", path.target));
        }
        if unacknowledged || strayed(assignment, &seen, now) {
            let wait_ms =
                reissue_wait_ms(assignment, &path.target, state.policy.timing.reconcile_interval_ms);
            let since_ms = last.map_or(u64::MAX, |own| now.since_ms(own.at));
            if works && since_ms >= wait_ms {
                let what = if unacknowledged {
                    "our own call was not acknowledged"
                } else {
                    "a late call of our own"
                };
                self.wish(&path.id, Cause::Reissue, vec![format!("it points at {seen}: {what}")]);
            }
            return;
        }
        if read_too_early(assignment, facts, &seen, &state.policy.timing, now) {
            self.why(["the newest read may be older than our own call".to_owned()]);
            return;
        }
        self.drifted(assignment, &path, &seen, facts, works);
    }

    /// Another hand changed it.
    fn drifted(
        &mut self,
        assignment: &Assignment,
        path: &Path,
        seen: &Target,
        facts: &RouteFacts,
        works: bool,
    ) {
        let state = self.situation.state;
        let timing = &state.policy.timing;
        self.plan.drift.insert(self.route.id.clone(), Some(seen.clone()));
        let since = HumanMs(facts.target_for_ms);
        let detail = format!("assigned to {} ({}), it points at {seen} for {since}", path.id, path.target);
        if self.route.drift == DriftAction::Report {
            self.alarm(Code::Drift, format!("{detail}; it is only reported"));
            return;
        }
        let repairs = state.repairs(&self.route.id, self.situation.now);
        if repairs >= timing.drift_repairs {
            self.alarm(Code::DriftWar, format!("{detail}; repaired {repairs} times lately"));
            return;
        }
        let ours = recent(assignment, self.situation.now)
            .any(|own| own.after == *seen || own.before.as_ref() == Some(seen));
        let onto = state.policy.path_by_target(self.route, seen);
        let up =
            onto.and_then(|path| self.plan.paths.get(&path.id)).is_some_and(|j| j.verdict == Verdict::Up);
        if up && !ours && facts.target_for_ms < timing.drift_grace_ms {
            let grace = HumanMs(timing.drift_grace_ms);
            self.alarm(Code::Drift, format!("{detail}; a working path, left alone for {grace}"));
            return;
        }
        self.alarm(Code::Drift, detail.clone());
        if works {
            self.wish(&path.id, Cause::DriftRepair, vec![detail]);
        }
    }

    /// Asks for the route to be pointed at a path, unless something on it is under way or in doubt.
    fn wish(&mut self, to: &PathId, cause: Cause, reasons: Vec<String>) {
        let state = self.situation.state;
        let Some(path) = state.policy.path(to) else { return };
        let resource = Resource::Route(self.route.id.clone());
        // Paused or new: nothing is asked for. While observing, a wish becomes advice.
        if let Some(refusal) =
            state.halted(self.situation.now).filter(|_| state.overrides.mode != Mode::Observe)
        {
            self.why([refusal.to_string()]);
            return;
        }
        if path.gateway.as_ref().is_some_and(|gateway| state.is_blocked(gateway)) {
            self.why([format!("the gateway of {to} is being stopped and started")]);
            return;
        }
        if self.situation.in_flight.contains(&resource) {
            return;
        }
        if self.situation.must_read.contains(&self.route.id) {
            self.why(["it must be read first".to_owned()]);
            return;
        }
        let action = Action::SetRoute {
            route: self.route.id.clone(),
            before: self.facts.and_then(|facts| facts.target.clone()),
            path: path.id.clone(),
            after: path.target.clone(),
        };
        let waits = state.unsettled_on(&resource).find(|(id, doubt)| {
            let ignored = planted(Bug::NewestDoubtOnly) && !state.is_newest(&action, **id);
            let waits =
                doubt.intent.id.epoch >= state.office.epoch || !doubt.intent.action.same_after(&action);
            waits && !ignored
        });
        if let Some((id, _)) = waits {
            self.why([format!("it waits until intent {id} is settled")]);
            return;
        }
        if self.facts.is_some_and(|facts| facts.target.is_none()) {
            return;
        }
        self.plan.wishes.push(Wish { action, cause, reasons, importance: self.route.importance });
    }
}

/// How a route was found that has no assignment yet, and is on none of its paths.
fn as_found(target: &Target) -> String {
    if *target == Target::nowhere() {
        return "it does not exist yet".to_owned();
    }
    format!("found pointing at {target}, which is none of its paths")
}

/// Our own intents of the last ten minutes.
fn recent(assignment: &Assignment, now: LogMs) -> impl DoubleEndedIterator<Item = &OwnIntent> {
    assignment.own.iter().filter(move |own| now.since_ms(own.at) < OWN_INTENTS_REMEMBERED_MS)
}

/// Whether the route may point at `seen` by a late call of our own. Each such call can land only once: what we have
/// put back from there since, with success, another hand must have moved there again.
fn strayed(assignment: &Assignment, seen: &Target, now: LogMs) -> bool {
    let mut put_back = 0_usize;
    for own in recent(assignment, now).rev() {
        if own.before.as_ref() == Some(seen) && own.outcome == Some(Outcome::Done) {
            put_back += 1;
        }
        if own.after == *seen && own.may_stray() {
            if put_back == 0 {
                return true;
            }
            put_back -= 1;
        }
    }
    false
}

/// Whether the read may show the world of before our own newest call, so that it proves no other hand.
fn read_too_early(
    assignment: &Assignment,
    facts: &RouteFacts,
    seen: &Target,
    timing: &Timing,
    now: LogMs,
) -> bool {
    let Some(own) = assignment.own.back() else { return false };
    let shows_before = own.before.as_ref() == Some(seen);
    let call_ms = timing.dispatch_window_ms.saturating_add(timing.call_timeout_ms);
    let lag_ms = if shows_before { call_ms.saturating_add(READ_STALENESS_MS) } else { 0 };
    now.since_ms(own.at) <= facts.age_ms.saturating_add(lag_ms)
}

/// How long to wait before a call that did not succeed is issued again: it doubles with each in a row. A refusal for
/// the rate is not counted: the provider's own pace waits for that, for all routes alike. If it were, the most
/// important ones, which are tried and refused first, would wait the longest.
fn reissue_wait_ms(assignment: &Assignment, target: &Target, limit_ms: u64) -> u64 {
    let failed = assignment
        .own
        .iter()
        .rev()
        .take_while(|own| own.after == *target && !matches!(own.outcome, Some(Outcome::Done)))
        .filter(|own| !own.outcome.as_ref().is_some_and(Outcome::is_throttled));
    let doublings = u32::try_from(failed.count().saturating_sub(1)).unwrap_or(16).min(16);
    (REISSUE_WAIT_MS << doublings).min(limit_ms)
}
