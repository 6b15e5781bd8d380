//! What must hold for a route to be changed, cause by cause.

use super::judge::Judge;
use super::require;
use crate::command::{Cause, Outcome};
use crate::evidence::Evidence;
use crate::ids::{PathId, RouteId};
use crate::policy::{DriftAction, Path, Route, Target};
use crate::state::{Assignment, ClusterState};
use crate::time::LogMs;

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
                require(self.route.drift == DriftAction::Repair, || {
                    "drift of this route is only reported".to_owned()
                })?;
                self.best_or_nothing_better()
            }
            Cause::Failover => {
                let from = self.moves()?;
                require(self.judge.path_is_down(from), || format!("path {} is not Down", from.id))?;
                require(!self.judge.path_is_down(self.to), || {
                    format!("path {} is Down as well", self.to.id)
                })?;
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
            Cause::Switchover => self.asked(self.state.overrides.switchovers.get(&self.route.id), "switched"),
            Cause::Pin => self.asked(self.state.overrides.pins.get(&self.route.id), "pinned"),
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
                self.restores()
            }
            Cause::Reissue => {
                self.ours()?;
                self.restores()
            }
            Cause::Remediate | Cause::ForceStop | Cause::StartOwed => {
                Err(format!("{cause} is no cause to change a route"))
            }
        }
    }

    fn failback(&self) -> Result<(), String> {
        let from = self.moves()?;
        let rank = |path: &Path| self.route.paths.iter().position(|id| *id == path.id);
        require(rank(self.to) < rank(from), || format!("{} is not preferred to {}", self.to.id, from.id))?;
        for overriding in [&self.state.overrides.pins, &self.state.overrides.switchovers] {
            let held = overriding.get(&self.route.id).is_some_and(|path| *path == from.id);
            require(!held, || format!("an operator put the route on {}", from.id))?;
        }
        self.not_drained()?;
        let wait_ms = self.judge.policy.timing.failback_wait_ms(self.state.flaps(&self.route.id, self.now));
        let up = self.judge.path_is_up(self.to, wait_ms);
        require(up, || format!("path {} has not been Up for {wait_ms} ms", self.to.id))?;
        require(self.judge.nothing_warns(self.to, wait_ms), || {
            format!("an advisory probe of {} is not up", self.to.id)
        })
    }

    fn asked(&self, asked: Option<&PathId>, how: &str) -> Result<(), String> {
        self.moves()?;
        require(asked == Some(&self.to.id), || format!("nobody {how} the route to {}", self.to.id))
    }

    fn drain(&self) -> Result<(), String> {
        let from = self.moves()?;
        let drained = from.gateway.as_ref().is_some_and(|id| self.state.overrides.drains.contains_key(id));
        require(drained, || format!("the gateway of {} is not drained", from.id))?;
        self.not_drained()?;
        require(self.judge.path_is_up(self.to, 0), || format!("path {} is not Up", self.to.id))
    }

    fn not_drained(&self) -> Result<(), String> {
        let drained = self.to.gateway.as_ref().filter(|id| self.state.overrides.drains.contains_key(*id));
        require(drained.is_none(), || format!("the gateway of {} is drained", self.to.id))
    }

    /// It is our own call that is repeated or undone, and not another hand's change.
    fn ours(&self) -> Result<(), String> {
        let own = self.assigned.map(|assigned| &assigned.own).ok_or("the route has no assignment")?;
        let seen = self.judge.evidence.routes.get(&self.route.id).and_then(|facts| facts.target.as_ref());
        let repeated =
            own.back().is_some_and(|own| own.after == self.to.target && own.outcome != Some(Outcome::Done));
        let stray = own.iter().any(|own| Some(&own.after) == seen && own.may_stray());
        require(repeated || stray, || "no call of ours on this route is in doubt".to_owned())
    }

    /// The route goes back to where it is assigned.
    fn restores(&self) -> Result<(), String> {
        let assigned = self.assigned.ok_or("the route has no assignment")?;
        require(assigned.path == self.to.id, || format!("the route is assigned to {}", assigned.path))?;
        let seen = self.judge.evidence.routes.get(&self.route.id).ok_or("nobody has read the route")?;
        require(seen.target.as_ref() != Some(&self.to.target), || {
            "the route points there already".to_owned()
        })?;
        require(!self.judge.path_is_down(self.to), || format!("path {} is Down", self.to.id))
    }
}
