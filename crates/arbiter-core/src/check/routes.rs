//! What must hold for a route to be changed, cause by cause.

use super::judge::Judge;
use super::require;
use crate::command::{Cause, Outcome};
use crate::evidence::{Evidence, READ_STALENESS_MS, RouteFacts};
use crate::follow::Preference;
use crate::ids::{PathId, RouteId};
use crate::policy::{DriftAction, Path, Route, Target};
use crate::state::{Assignment, ClusterState, OWN_INTENTS_REMEMBERED_MS, OwnIntent};
use crate::time::LogMs;
use std::collections::VecDeque;

pub(super) struct Change<'a> {
    pub route: &'a RouteId,
    pub before: Option<&'a Target>,
    pub path: &'a PathId,
    pub after: &'a Target,
    pub cause: Cause,
}

struct Case<'a> {
    state: &'a ClusterState,
    judge: Judge<'a>,
    route: &'a Route,
    to: &'a Path,
    assigned: Option<&'a Assignment>,
    now: LogMs,
}

pub(super) fn check(
    state: &ClusterState,
    evidence: &Evidence,
    change: &Change<'_>,
    now: LogMs,
) -> Result<(), String> {
    let policy = &*state.policy;
    let route =
        policy.route(change.route).ok_or_else(|| format!("route {} is not of the policy", change.route))?;
    let to = policy
        .path(change.path)
        .filter(|path| route.paths.contains(&path.id))
        .ok_or_else(|| format!("{} is not a path of route {}", change.path, route.id))?;
    require(to.target == *change.after, || {
        format!("path {} points at {}, not at {}", to.id, to.target, change.after)
    })?;
    let judge = Judge { policy, evidence };
    let case = Case { state, judge, route, to, assigned: state.assignments.get(&route.id), now };
    if let Some(seen) = evidence.routes.get(&route.id) {
        require(seen.target.as_ref() == change.before, || {
            "what was seen is not what it says to replace".to_owned()
        })?;
    }
    if let Some(gateway) = &to.gateway {
        require(!state.is_blocked(gateway), || format!("gateway {gateway} is being stopped and started"))?;
    }
    case.never_down_for_better()?;
    case.by_cause(change.cause)
}

impl<'a> Case<'a> {
    fn current(&self) -> Option<&'a Path> {
        let path = &self.assigned?.path;
        self.judge.policy.path(path).filter(|path| self.route.paths.contains(&path.id))
    }

    /// The paths that could be chosen: not those of a gateway that is being stopped.
    fn open(&self) -> impl Iterator<Item = &'a Path> + '_ {
        let policy = self.judge.policy;
        let open = |path: &&Path| path.gateway.as_ref().is_none_or(|gateway| !self.state.is_blocked(gateway));
        self.route.paths.iter().filter_map(move |id| policy.path(id)).filter(open)
    }

    /// None moves onto a `Down` path while another is not.
    fn never_down_for_better(&self) -> Result<(), String> {
        let down = self.judge.path_is_down(self.to);
        let better = || self.open().any(|path| !self.judge.path_is_down(path));
        require(!down || !better(), || format!("path {} is Down and another is not", self.to.id))
    }

    fn best_or_nothing_better(&self) -> Result<(), String> {
        let up = self.judge.path_is_up(self.to, 0);
        let another_up = self.open().any(|path| path.id != self.to.id && self.judge.path_is_up(path, 0));
        require(up || !another_up, || format!("path {} is not Up and another is", self.to.id))
    }

    fn moves(&self) -> Result<&'a Path, String> {
        let from = self.current().ok_or("the route has no path to leave")?;
        require(from.id != self.to.id, || format!("the route is on {} already", from.id))?;
        Ok(from)
    }

    fn by_cause(&self, cause: Cause) -> Result<(), String> {
        match cause {
            Cause::Initial => {
                require(self.assigned.is_none(), || "the route has an assignment already".to_owned())?;
                let seen = self.seen()?.target.as_ref().ok_or("the route does not exist")?;
                // What is not there yet is nobody else's.
                let free = self.route.drift == DriftAction::Repair || *seen == Target::nowhere();
                require(free, || "drift of this route is only reported".to_owned())?;
                let policy = self.judge.policy;
                let ours =
                    self.route.paths.iter().filter_map(|id| policy.path(id)).any(|p| p.target == *seen);
                require(!ours, || format!("it points at {seen}, which is to be adopted"))?;
                self.best_or_nothing_better()
            }
            Cause::Failover => {
                let from = self.moves()?;
                require(self.judge.path_is_down(from), || format!("path {} is not Down", from.id))?;
                require(!self.judge.path_is_down(self.to), || {
                    format!("path {} is Down as well", self.to.id)
                })?;
                let better = self.judge.path_is_up(self.to, 0) || self.judge.path_stays_unknown(self.to);
                require(better, || format!("path {} is Unknown, and not for long enough", self.to.id))?;
                self.best_or_nothing_better()
            }
            Cause::UnknownGrace => {
                let from = self.moves()?;
                let grace_ms = self.judge.policy.timing.unknown_grace_ms;
                let unknown = self.judge.path_is_unknown(from, grace_ms);
                require(unknown, || format!("path {} has not been Unknown for {grace_ms} ms", from.id))?;
                require(self.judge.path_is_up(self.to, 0), || format!("path {} is not Up", self.to.id))
            }
            Cause::Failback => self.failback(),
            Cause::Follow => self.follow(),
            Cause::Switchover => self.asked(self.state.overrides.switchovers.get(&self.route.id), "switched"),
            Cause::Pin => {
                self.asked(self.state.overrides.pins.get(&self.route.id), "pinned")?;
                let failed = [Some(Cause::Failover), Some(Cause::UnknownGrace)];
                let comes_back = self.assigned.is_some_and(|assigned| failed.contains(&assigned.cause));
                if comes_back { self.has_proved_itself() } else { Ok(()) }
            }
            Cause::Drain => self.drain(),
            Cause::PolicyChange => {
                let stays = self.current().is_some_and(|path| {
                    self.assigned.is_some_and(|assigned| path.target == assigned.target)
                        || path.id != self.to.id
                });
                require(!stays, || "the assigned path is still one of the route's".to_owned())?;
                if self.current().is_some() { Ok(()) } else { self.best_or_nothing_better() }
            }
            Cause::DriftRepair => {
                require(self.route.drift == DriftAction::Repair, || {
                    "drift of this route is only reported".to_owned()
                })?;
                self.restores()?;
                self.another_hand()
            }
            Cause::Reissue => {
                self.ours()?;
                self.restores()
            }
            Cause::Remediate | Cause::OperatorRestart | Cause::ForceStop | Cause::StartOwed => {
                Err(format!("{cause} is no cause to change a route"))
            }
        }
    }

    fn failback(&self) -> Result<(), String> {
        let from = self.moves()?;
        let listed = |path: &Path| self.route.paths.iter().position(|id| *id == path.id);
        // What the followed cluster is on comes before all others.
        let rank = |path: &Path| (!self.is_followed(path), listed(path));
        require(rank(self.to) < rank(from), || format!("{} is not preferred to {}", self.to.id, from.id))?;
        for overriding in [&self.state.overrides.pins, &self.state.overrides.switchovers] {
            let held = overriding.get(&self.route.id).is_some_and(|path| *path == from.id);
            require(!held, || format!("an operator put the route on {}", from.id))?;
        }
        self.not_drained()?;
        self.has_proved_itself()
    }

    /// What is agreed of the route that this one follows by the policy in force.
    fn agreed(&self) -> Option<&'a Preference> {
        let agreed = self.state.preferences.get(&self.route.id)?;
        let asked = self.route.follows.as_ref()?;
        (agreed.route == *asked).then_some(agreed)
    }

    /// Whether a path stands for the one that the followed cluster is on; the first that does, if several do.
    fn is_followed(&self, path: &Path) -> bool {
        let theirs = self.agreed().map(|agreed| &agreed.assigned.path);
        let stands = |id: &&PathId| {
            theirs.is_some() && self.judge.policy.path(id).is_some_and(|path| path.follows.as_ref() == theirs)
        };
        self.route.paths.iter().find(stands) == Some(&path.id)
    }

    fn follow(&self) -> Result<(), String> {
        let from = self.moves()?;
        let agreed = self.agreed().ok_or("nothing is known of a route that it follows")?;
        require(self.is_followed(self.to), || {
            format!("{} does not stand for {}, which it follows", self.to.id, agreed.assigned.path)
        })?;
        let pinned = self.state.overrides.pins.get(&self.route.id);
        let asked = pinned.or_else(|| self.state.overrides.switchovers.get(&self.route.id));
        require(asked != Some(&from.id), || format!("an operator put the route on {}", from.id))?;
        self.not_drained()?;
        require(self.judge.path_is_up(self.to, 0), || format!("path {} is not Up", self.to.id))?;
        let fled = self
            .assigned
            .filter(|assigned| matches!(assigned.cause, Some(Cause::Failover | Cause::UnknownGrace)));
        require(fled.is_none_or(|assigned| agreed.noted >= assigned.index), || {
            format!(
                "the route left {} by its own failure since: it comes home, it does not follow",
                self.to.id
            )
        })
    }

    /// The path has been `Up`, and nothing has warned of it, for as long as one that comes back must.
    fn has_proved_itself(&self) -> Result<(), String> {
        let wait_ms = self.judge.policy.timing.failback_wait_ms(self.state.flaps(&self.route.id, self.now));
        let up = self.judge.path_is_up(self.to, wait_ms);
        require(up, || format!("path {} has not been Up for {wait_ms} ms", self.to.id))?;
        require(self.judge.nothing_warns(self.to, wait_ms), || {
            format!("an advisory probe of {} is not up", self.to.id)
        })
    }

    fn asked(&self, asked: Option<&PathId>, how: &str) -> Result<(), String> {
        self.moves()?;
        require(asked == Some(&self.to.id), || format!("nobody {how} the route to {}", self.to.id))?;
        self.not_drained()?;
        require(self.judge.path_is_up(self.to, 0), || format!("path {} is not Up", self.to.id))
    }

    fn drain(&self) -> Result<(), String> {
        let from = self.moves()?;
        let drained = from.gateway.as_ref().is_some_and(|id| self.state.is_drained(id));
        require(drained, || format!("the gateway of {} is not drained", from.id))?;
        self.not_drained()?;
        require(self.judge.path_is_up(self.to, 0), || format!("path {} is not Up", self.to.id))
    }

    fn not_drained(&self) -> Result<(), String> {
        let drained = self.to.gateway.as_ref().filter(|id| self.state.is_drained(id));
        require(drained.is_none(), || format!("the gateway of {} is drained", self.to.id))
    }

    /// What the provider showed of the route lately.
    fn seen(&self) -> Result<&'a RouteFacts, String> {
        let timing = &self.judge.policy.timing;
        let limit_ms = timing.reconcile_interval_ms.saturating_mul(2).saturating_add(timing.call_timeout_ms);
        let facts = self.judge.evidence.routes.get(&self.route.id);
        facts.filter(|facts| facts.age_ms <= limit_ms).ok_or_else(|| "nobody has read the route".to_owned())
    }

    fn own_calls(&self) -> Result<&'a VecDeque<OwnIntent>, String> {
        self.assigned.map(|assigned| &assigned.own).ok_or_else(|| "the route has no assignment".to_owned())
    }

    fn is_recent(&self, own: &OwnIntent) -> bool {
        self.now.since_ms(own.at) < OWN_INTENTS_REMEMBERED_MS
    }

    /// It is our own call that is repeated or undone, and not another hand's change.
    fn ours(&self) -> Result<(), String> {
        let own = self.own_calls()?;
        let seen = self.seen()?.target.as_ref();
        let repeated =
            own.back().is_some_and(|own| own.after == self.to.target && own.outcome != Some(Outcome::Done));
        // A stray call lands once: each success in undoing it takes one of them away.
        let strays = |from: usize| {
            own.iter()
                .skip(from)
                .filter(|own| self.is_recent(own) && Some(&own.after) == seen && own.may_stray())
        };
        let undone = |from: usize| {
            own.iter().skip(from).filter(|own| {
                self.is_recent(own) && own.before.as_ref() == seen && own.outcome == Some(Outcome::Done)
            })
        };
        let stray = (0..own.len()).any(|from| strays(from).count() > undone(from).count());
        require(repeated || stray, || "no call of ours on this route is in doubt".to_owned())
    }

    /// It was changed by another hand, after our own newest call, and has been left alone for long enough.
    fn another_hand(&self) -> Result<(), String> {
        let facts = self.seen()?;
        let own = self.own_calls()?;
        let timing = &self.judge.policy.timing;
        if let Some(newest) = own.back() {
            let call_ms = timing.dispatch_window_ms.saturating_add(timing.call_timeout_ms);
            let lag_ms =
                if newest.before == facts.target { call_ms.saturating_add(READ_STALENESS_MS) } else { 0 };
            let since_ms = self.now.since_ms(newest.at);
            require(since_ms > facts.age_ms.saturating_add(lag_ms), || {
                "what was read may be older than our own newest call".to_owned()
            })?;
        }
        let known = own.iter().any(|own| {
            self.is_recent(own) && (Some(&own.after) == facts.target.as_ref() || own.before == facts.target)
        });
        let policy = self.judge.policy;
        let working = self
            .route
            .paths
            .iter()
            .filter_map(|id| policy.path(id))
            .any(|path| Some(&path.target) == facts.target.as_ref() && self.judge.path_is_up(path, 0));
        require(known || !working || facts.target_for_ms >= timing.drift_grace_ms, || {
            format!("it was moved by hand onto a path that is Up, {} ms ago", facts.target_for_ms)
        })
    }

    /// The route goes back to where it is assigned.
    fn restores(&self) -> Result<(), String> {
        let assigned = self.assigned.ok_or("the route has no assignment")?;
        require(assigned.path == self.to.id, || format!("the route is assigned to {}", assigned.path))?;
        let seen = self.seen()?;
        require(seen.target.as_ref() != Some(&self.to.target), || {
            "the route points there already".to_owned()
        })?;
        require(!self.judge.path_is_down(self.to), || format!("path {} is Down", self.to.id))
    }
}
