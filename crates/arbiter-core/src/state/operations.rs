//! Operators' commands.

use super::restart::Asked;
use super::{ClusterState, Event, Pause};
use crate::command::{Applied, EntryId, Mode, Operation, Refusal};
use crate::ids::{GatewayId, InstanceId, PathId, PolicyVersion, Resource, RouteId};
use crate::planted::{Bug, planted};
use crate::policy::{Policy, Severity, Target};
use crate::time::UnixMs;
use std::sync::Arc;

/// Request ids remembered. A client retries within seconds; a thousand requests take far longer.
const REQUESTS_REMEMBERED: usize = 1_000;

/// A reason longer than this is cut: it is shown on every screen.
const REASON_LIMIT: usize = 500;

type Answer = Result<Applied, Refusal>;

impl ClusterState {
    pub(super) fn apply_operator(
        &mut self,
        at: EntryId,
        wall_ms: UnixMs,
        request: &str,
        by: &str,
        operation: &Operation,
    ) -> Answer {
        if self.requests.iter().any(|known| known == request) {
            return Ok(Applied::Repeated);
        }
        match operation {
            Operation::Switchover { route, path } => {
                self.switchover(route, path)?;
            }
            Operation::Pause { reason, for_ms } => {
                let since = self.log_now();
                self.overrides.pause = Some(Pause {
                    reason: reason.chars().take(REASON_LIMIT).collect(),
                    by: by.to_owned(),
                    wall_ms,
                    since,
                    until: for_ms.map(|ms| since.plus_ms(ms)),
                });
            }
            Operation::Resume => self.overrides.pause = None,
            Operation::SetMode(mode) => self.set_mode(*mode),
            Operation::Drain { gateway, reason } => {
                self.known_gateway(gateway)?;
                let reason = reason.chars().take(REASON_LIMIT).collect();
                self.overrides.drains.insert(gateway.clone(), reason);
            }
            Operation::Undrain { gateway } => {
                self.overrides.drains.remove(gateway);
            }
            Operation::Pin { route, path } => {
                self.path_of_route(route, path)?;
                self.overrides.switchovers.remove(route);
                self.overrides.pins.insert(route.clone(), path.clone());
            }
            Operation::Unpin { route } => {
                self.overrides.pins.remove(route);
            }
            Operation::ReplaceGateway { gateway, instance, interface } => {
                self.replace_gateway(gateway, instance, interface)?;
            }
            Operation::RestartGateway { gateway, reason, force } => {
                let reason = reason.chars().take(REASON_LIMIT).collect();
                self.ask_restart(wall_ms, Asked { gateway, reason, force: *force, by })?;
            }
            Operation::CancelRestart { gateway } => self.cancel_restart(gateway)?,
            Operation::ApplyPolicy { version, policy } => {
                self.apply_policy(*version, policy)?;
                self.remember(at, wall_ms, Event::PolicyApplied { by: by.to_owned(), version: *version });
            }
        }
        if self.requests.len() >= REQUESTS_REMEMBERED {
            self.requests.pop_front();
        }
        self.requests.push_back(request.to_owned());
        match operation {
            Operation::ApplyPolicy { .. } => {}
            Operation::SetMode(mode) => {
                self.remember(at, wall_ms, Event::ModeSet { by: by.to_owned(), mode: *mode })
            }
            _ => {
                let event = Event::Operated { by: by.to_owned(), operation: operation.clone() };
                self.remember(at, wall_ms, event);
            }
        }
        Ok(Applied::Accepted)
    }

    /// A switchover lifts an older one. One that leads home is over when the route has come there. Whoever switches,
    /// also to where it is agreed to be, has stopped the other hand: repairs are counted anew.
    fn switchover(&mut self, route: &RouteId, path: &PathId) -> Result<(), Refusal> {
        self.path_of_route(route, path)?;
        if let Some(pin) = self.overrides.pins.get(route).filter(|pin| *pin != path) {
            return Err(Refusal::Other(format!("route {route} is pinned to {pin}: unpin it first")));
        }
        let gateway = self.policy.path(path).and_then(|path| path.gateway.as_ref());
        if let Some(drained) = gateway.filter(|gateway| self.overrides.drains.contains_key(*gateway)) {
            return Err(Refusal::Other(format!("gateway {drained} is drained: undrain it first")));
        }
        if let Some(waits) = gateway.filter(|gateway| self.restart_of(gateway).is_some()) {
            return Err(Refusal::Other(format!(
                "gateway {waits} waits for its restart by hand: `arbiterctl gateway restart {waits} --cancel` first"
            )));
        }
        let home = self.policy.route(route).and_then(|route| self.home(route)) == Some(path);
        let there = self.assignments.get(route).is_some_and(|assignment| assignment.path == *path);
        if home && there {
            self.overrides.switchovers.remove(route);
        } else {
            self.overrides.switchovers.insert(route.clone(), path.clone());
        }
        if let Some(assignment) = self.assignments.get_mut(route) {
            assignment.repairs.clear();
        }
        Ok(())
    }

    /// When observing ends, the assignments are forgotten: what is observed then is adopted anew, and brought
    /// home by the ordinary rules.
    fn set_mode(&mut self, mode: Mode) {
        if self.overrides.mode == Mode::Observe && mode == Mode::Act {
            let doubted: Vec<Resource> =
                self.unsettled.values().map(|doubt| doubt.intent.action.resource()).collect();
            self.assignments.retain(|route, _| doubted.contains(&Resource::Route(route.clone())));
        }
        self.overrides.mode = mode;
    }

    /// Gives a gateway a new instance and interface: a policy change of its own, and the end of its slot.
    fn replace_gateway(
        &mut self,
        id: &GatewayId,
        instance: &InstanceId,
        interface: &str,
    ) -> Result<(), Refusal> {
        self.known_gateway(id)?;
        let mut policy = Policy::clone(&self.policy);
        let Some(gateway) = policy.gateways.iter_mut().find(|gateway| gateway.id == *id) else {
            return Err(Refusal::Unknown { kind: "gateway".to_owned(), name: id.to_string() });
        };
        let old = Resource::Instance(gateway.instance.clone());
        let in_doubt =
            |resource| self.unsettled_on(resource).next().filter(|_| !planted(Bug::ReplacedInDoubt));
        if let Some((doubt, _)) = in_doubt(&old) {
            return Err(Refusal::Unsettled(*doubt));
        }
        let slot = self.slot.as_ref().filter(|slot| slot.gateway == *id);
        let stopped = slot.map(|slot| Resource::Instance(slot.instance.clone()));
        if let Some((doubt, _)) = stopped.as_ref().and_then(in_doubt) {
            return Err(Refusal::Unsettled(*doubt));
        }
        gateway.instance = instance.clone();
        gateway.interface = interface.to_owned();
        for path in policy.paths.iter_mut().filter(|path| path.gateway.as_ref() == Some(id)) {
            path.target = Target::Interface(interface.to_owned());
        }
        refuse_errors(&policy)?;
        if self.slot.as_ref().is_some_and(|slot| slot.gateway == *id) {
            self.close_slot();
        }
        self.policy = Arc::new(policy);
        self.policy_version.0 = self.policy_version.0.saturating_add(1);
        self.forget_restart();
        Ok(())
    }

    /// A new policy. What it drops keeps its slot and its unsettled intents until they end.
    fn apply_policy(&mut self, version: PolicyVersion, policy: &Policy) -> Result<(), Refusal> {
        let next = PolicyVersion(self.policy_version.0.saturating_add(1));
        if version != next {
            return Err(Refusal::NotNextVersion { named: version, next });
        }
        refuse_errors(policy)?;
        if let Some(gateway) = policy.gateways.iter().find(|gateway| self.was_removed(gateway.node)) {
            return Err(Refusal::Removed { node: gateway.node });
        }
        if policy.linux.is_some() != self.policy.linux.is_some() {
            let what =
                "EC2's routes and kernel routes can't take each other's place: form a cluster of its own";
            return Err(Refusal::Other(what.to_owned()));
        }
        let old = std::mem::replace(&mut self.policy, Arc::new(policy.clone()));
        self.policy_version = version;
        if planted(Bug::DroppedIsForgotten) {
            self.slot.take_if(|slot| policy.gateway(&slot.gateway).is_none());
        }
        let policy = Arc::clone(&self.policy);
        let doubted: Vec<Resource> =
            self.unsettled.values().map(|doubt| doubt.intent.action.resource()).collect();
        // A name that now stands for another route in another table begins anew.
        let same = |id: &RouteId| {
            old.route(id).zip(policy.route(id)).is_some_and(|(old, new)| {
                (&old.table, &old.destination, old.host) == (&new.table, &new.destination, new.host)
            })
        };
        self.assignments.retain(|route, _| same(route) || doubted.contains(&Resource::Route(route.clone())));
        let known =
            |route: &RouteId, path: &PathId| policy.route(route).is_some_and(|r| r.paths.contains(path));
        self.forget_preferences(&policy);
        self.overrides.pins.retain(|route, path| known(route, path));
        self.overrides.switchovers.retain(|route, path| known(route, path));
        self.overrides.drains.retain(|gateway, _| policy.gateway(gateway).is_some());
        self.forget_restart();
        Ok(())
    }

    fn known_gateway(&self, id: &GatewayId) -> Result<(), Refusal> {
        let unknown = || Refusal::Unknown { kind: "gateway".to_owned(), name: id.to_string() };
        self.policy.gateway(id).map(|_| ()).ok_or_else(unknown)
    }

    fn path_of_route(&self, route: &RouteId, path: &PathId) -> Result<(), Refusal> {
        let unknown = |kind: &str, name: String| Refusal::Unknown { kind: kind.to_owned(), name };
        let known = self.policy.route(route).ok_or_else(|| unknown("route", route.to_string()))?;
        if known.paths.contains(path) {
            return Ok(());
        }
        Err(unknown(&format!("path of route {route}"), path.to_string()))
    }
}

fn refuse_errors(policy: &Policy) -> Result<(), Refusal> {
    let problems = policy.problems();
    let errors: Vec<_> = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| format!("{}: {}", problem.place, problem.message))
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Refusal::InvalidPolicy(errors)) }
}
