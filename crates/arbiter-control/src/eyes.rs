//! What the provider showed, and how much of it may be believed.
//!
//! EC2's reads are eventually consistent: a describe that began before our own call ended, or shortly after,
//! may show the world of before. Such a read of a route is left out; the acknowledged call stands in for it.

use crate::provider::{InstanceSeen, Observation, ProviderError, ProviderErrorKind, RouteSeen};
use arbiter_core::evidence::{InstanceFacts, InstanceState, RouteFacts};
use arbiter_core::ids::{GatewayId, RouteId};
use arbiter_core::policy::{Policy, Target};
use arbiter_core::time::MonoMs;
use std::collections::{BTreeMap, BTreeSet};

pub use arbiter_core::evidence::READ_STALENESS_MS;

#[derive(Debug, Clone)]
struct HeldRoute {
    seen: RouteSeen,
    /// When the read began.
    read: MonoMs,
    /// Since when it has been seen pointing there.
    since: MonoMs,
}

#[derive(Debug, Clone)]
struct HeldInstance {
    seen: InstanceSeen,
    read: MonoMs,
    since: MonoMs,
}

/// Our own newest acknowledged or unanswered call on a route.
#[derive(Debug, Clone)]
struct Touched {
    at: MonoMs,
    /// What the route points at since; none if nobody knows.
    target: Option<Target>,
}

/// What this node has seen of the provider.
#[derive(Debug, Default)]
pub(crate) struct Eyes {
    routes: BTreeMap<RouteId, HeldRoute>,
    instances: BTreeMap<GatewayId, HeldInstance>,
    touched: BTreeMap<RouteId, Touched>,
    /// Routes whose next read must have begun after this.
    must_read: BTreeMap<RouteId, MonoMs>,
    last_ok: Option<MonoMs>,
    last_error: Option<ProviderError>,
    /// What the policy names and the provider doesn't have.
    problems: Vec<ProviderError>,
}

impl Eyes {
    /// Takes in a look that began at `started`.
    pub fn saw(&mut self, look: Observation, started: MonoMs) {
        self.last_ok = Some(started);
        self.last_error = None;
        self.problems = look.problems;
        for (id, seen) in look.routes {
            self.saw_route(id, seen, started);
        }
        self.instances.retain(|id, _| look.instances.contains_key(id));
        for (id, seen) in look.instances {
            let since = match self.instances.get(&id) {
                Some(held) if held.seen.state == seen.state => held.since,
                _ => started,
            };
            self.instances.insert(id, HeldInstance { seen, read: started, since });
        }
    }

    fn saw_route(&mut self, id: RouteId, seen: RouteSeen, started: MonoMs) {
        if self.must_read.get(&id).is_some_and(|after| started >= *after) {
            self.must_read.remove(&id);
        }
        if let Some(touched) = self.touched.get(&id) {
            let agrees = touched.target.is_some() && seen.target == touched.target;
            let settled = started >= touched.at.plus_ms(READ_STALENESS_MS);
            let unknown = touched.target.is_none() && started >= touched.at;
            if !agrees && !settled && !unknown {
                return;
            }
        }
        let since = match self.routes.get(&id) {
            Some(held) if held.read > started => return,
            Some(held) if held.seen.target == seen.target => held.since,
            _ => started,
        };
        self.routes.insert(id, HeldRoute { seen, read: started, since });
    }

    /// A look failed.
    pub fn failed(&mut self, error: ProviderError) {
        self.last_error = Some(error);
    }

    /// Our own call on a route ended: acknowledged with this target, or nobody knows.
    pub fn touched(&mut self, id: &RouteId, target: Option<Target>, now: MonoMs) {
        if let Some(target) = &target {
            let seen = RouteSeen { target: Some(target.clone()), blackhole: false, shadowed_by: None };
            self.routes.insert(id.clone(), HeldRoute { seen, read: now, since: now });
        }
        self.touched.insert(id.clone(), Touched { at: now, target });
    }

    /// Nothing read before `now` may be acted on for this route.
    pub fn demand_read(&mut self, id: RouteId, now: MonoMs) {
        self.must_read.insert(id, now);
    }

    /// Routes that wait for a read.
    pub fn must_read(&self) -> BTreeSet<RouteId> {
        self.must_read.keys().cloned().collect()
    }

    /// Forgets what the policy no longer names.
    pub fn retain(&mut self, policy: &Policy) {
        self.routes.retain(|id, _| policy.route(id).is_some());
        self.touched.retain(|id, _| policy.route(id).is_some());
        self.must_read.retain(|id, _| policy.route(id).is_some());
        self.instances.retain(|id, _| policy.gateway(id).is_some());
    }

    pub fn describe_ok_age_ms(&self, now: MonoMs) -> Option<u64> {
        self.last_ok.map(|at| now.since_ms(at))
    }

    pub fn unreachable(&self) -> bool {
        self.last_error.as_ref().is_some_and(|error| error.kind == ProviderErrorKind::Unreachable)
    }

    pub const fn last_error(&self) -> Option<&ProviderError> {
        self.last_error.as_ref()
    }

    pub fn problems(&self) -> &[ProviderError] {
        &self.problems
    }

    pub fn route_facts(&self, now: MonoMs) -> BTreeMap<RouteId, RouteFacts> {
        let facts = |held: &HeldRoute| RouteFacts {
            age_ms: now.since_ms(held.read),
            target: held.seen.target.clone(),
            blackhole: held.seen.blackhole,
            shadowed_by: held.seen.shadowed_by.clone(),
            target_for_ms: now.since_ms(held.since),
        };
        self.routes.iter().map(|(id, held)| (id.clone(), facts(held))).collect()
    }

    pub fn instance_facts(&self, now: MonoMs) -> BTreeMap<GatewayId, InstanceFacts> {
        let facts = |held: &HeldInstance| InstanceFacts {
            age_ms: now.since_ms(held.read),
            state: held.seen.state,
            // Up to the read, not to now: what it was since then nobody knows.
            state_for_ms: held.read.since_ms(held.since),
            impaired: held.seen.impaired,
            interface_attached: held.seen.interface_attached,
            source_dest_check: held.seen.source_dest_check,
            has_elastic_ip: held.seen.has_elastic_ip,
            auto_scaling_group: held.seen.auto_scaling_group.clone(),
        };
        self.instances.iter().map(|(id, held)| (id.clone(), facts(held))).collect()
    }

    /// Whether an instance is on its way somewhere, so that it is worth looking again soon.
    pub fn something_moves(&self) -> bool {
        use InstanceState::{Pending, ShuttingDown, Stopping};
        self.instances.values().any(|held| matches!(held.seen.state, Pending | Stopping | ShuttingDown))
            || !self.must_read.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(target: &str) -> Observation {
        let seen =
            RouteSeen { target: Some(Target::Interface(target.into())), blackhole: false, shadowed_by: None };
        Observation { routes: BTreeMap::from([("r".into(), seen)]), ..Observation::default() }
    }

    fn shown(eyes: &Eyes) -> String {
        let facts = eyes.route_facts(MonoMs(100_000));
        facts[&RouteId::from("r")].target.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn a_read_that_began_before_our_call_was_acknowledged_is_left_out() {
        let mut eyes = Eyes::default();
        eyes.saw(at("eni-1"), MonoMs(0));
        eyes.touched(&"r".into(), Some(Target::Interface("eni-2".into())), MonoMs(1_000));
        eyes.saw(at("eni-1"), MonoMs(900));
        assert_eq!(shown(&eyes), "eni-2");
        eyes.saw(at("eni-1"), MonoMs(1_000 + READ_STALENESS_MS - 1));
        assert_eq!(shown(&eyes), "eni-2");
        eyes.saw(at("eni-1"), MonoMs(1_000 + READ_STALENESS_MS));
        assert_eq!(shown(&eyes), "eni-1");
    }

    #[test]
    fn after_an_unanswered_call_the_next_read_counts_at_once() {
        let mut eyes = Eyes::default();
        eyes.saw(at("eni-1"), MonoMs(0));
        eyes.touched(&"r".into(), None, MonoMs(1_000));
        eyes.saw(at("eni-9"), MonoMs(999));
        assert_eq!(shown(&eyes), "eni-1");
        eyes.saw(at("eni-2"), MonoMs(1_000));
        assert_eq!(shown(&eyes), "eni-2");
    }

    #[test]
    fn a_demanded_read_must_have_begun_after_the_demand() {
        arbiter_core::rules::proves("takeover.otherwise-settle-and-read");
        let mut eyes = Eyes::default();
        eyes.demand_read("r".into(), MonoMs(500));
        eyes.saw(at("eni-1"), MonoMs(499));
        assert_eq!(eyes.must_read().len(), 1);
        eyes.saw(at("eni-1"), MonoMs(500));
        assert_eq!(eyes.must_read().len(), 0);
    }
}
