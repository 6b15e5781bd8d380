//! What must hold for a gateway to be stopped because an operator asked for its restart: the request stands in the
//! replicated state, and no route is left without what it had.

use super::judge::Judge;
use super::require;
use crate::ids::{GatewayId, Resource};
use crate::policy::{Gateway, Path, Policy, Route};
use crate::state::ClusterState;
use crate::time::LogMs;

pub(super) fn is_asked_for(state: &ClusterState, gateway: &Gateway, now: LogMs) -> Result<(), String> {
    let asked = state.overrides.restart.as_ref();
    let asked = asked.filter(|asked| asked.gateway == gateway.id && asked.instance == gateway.instance);
    let asked = asked.ok_or_else(|| format!("nobody asked for a restart of {}", gateway.id))?;
    require(now < asked.until, || format!("the request to restart {} has run out", gateway.id))
}

/// The routes that have a path over a gateway.
pub(super) fn concerned<'a>(policy: &'a Policy, id: &'a GatewayId) -> impl Iterator<Item = &'a Route> {
    let over = |path: &Path| path.gateway.as_ref() == Some(id);
    policy.routes.iter().filter(move |route| route.paths.iter().any(|id| policy.path(id).is_some_and(over)))
}

pub(super) fn spares_the_routes(
    state: &ClusterState,
    judge: &Judge<'_>,
    gateway: &Gateway,
) -> Result<(), String> {
    let force = state.overrides.restart.as_ref().is_some_and(|asked| asked.force);
    for route in concerned(judge.policy, &gateway.id) {
        let its = Its { state, judge, gateway, route };
        let resource = Resource::Route(route.id.clone());
        let in_doubt = state.unsettled_on(&resource).next().is_some();
        require(!in_doubt, || format!("a call for route {} is in doubt", route.id))?;
        its.must_have_left_for_what_takes_it()?;
        if !force {
            its.keeps_a_path_that_works()?;
            its.is_seen_to_have_left()?;
        }
    }
    Ok(())
}

/// One route that has a path over the gateway.
struct Its<'a> {
    state: &'a ClusterState,
    judge: &'a Judge<'a>,
    gateway: &'a Gateway,
    route: &'a Route,
}

impl<'a> Its<'a> {
    fn paths(&self) -> impl Iterator<Item = &'a Path> {
        let policy = self.judge.policy;
        self.route.paths.iter().filter_map(move |id| policy.path(id))
    }

    fn is_over_it(&self, path: &Path) -> bool {
        path.gateway.as_ref() == Some(&self.gateway.id)
    }

    /// A path of another gateway that is `Up`, and that nothing keeps routes off.
    fn what_takes_it(&self) -> Option<&'a Path> {
        let kept_off = |gateway: &GatewayId| self.state.is_blocked(gateway) || self.state.is_drained(gateway);
        self.paths().find(|path| {
            !self.is_over_it(path)
                && !path.gateway.as_ref().is_some_and(kept_off)
                && self.judge.path_is_up(path, 0)
        })
    }

    fn is_assigned_to_it(&self) -> bool {
        let assigned = self.state.assignments.get(&self.route.id).map(|assignment| &assignment.path);
        self.paths().any(|path| self.is_over_it(path) && assigned == Some(&path.id))
    }

    fn must_have_left_for_what_takes_it(&self) -> Result<(), String> {
        match self.what_takes_it() {
            Some(to) if self.is_assigned_to_it() => {
                Err(format!("route {} is still on it and could go to {}", self.route.id, to.id))
            }
            _ => Ok(()),
        }
    }

    fn keeps_a_path_that_works(&self) -> Result<(), String> {
        let works = self.paths().any(|path| self.is_over_it(path) && !self.judge.path_is_down(path));
        require(!works || self.what_takes_it().is_some(), || {
            format!(
                "route {} would lose its last path that works, and nobody said to force it",
                self.route.id
            )
        })
    }

    /// Seen elsewhere lately; or everything else is `Down` as well.
    fn is_seen_to_have_left(&self) -> Result<(), String> {
        let id = &self.route.id;
        if self.is_assigned_to_it() {
            let other = self.paths().find(|path| !self.is_over_it(path) && !self.judge.path_is_down(path));
            return other.map_or(Ok(()), |other| {
                Err(format!("route {id} is still on it and could go to {}", other.id))
            });
        }
        let timing = &self.judge.policy.timing;
        let limit_ms = timing.reconcile_interval_ms.saturating_mul(2).saturating_add(timing.call_timeout_ms);
        let facts = self.judge.evidence.routes.get(id).filter(|facts| facts.age_ms <= limit_ms);
        let seen = facts.ok_or_else(|| format!("nobody has read route {id}"))?.target.as_ref();
        let here = self.paths().any(|path| self.is_over_it(path) && Some(&path.target) == seen);
        require(!here, || format!("route {id} is still seen pointing at it"))
    }
}
