//! What can be made to go wrong, for whom and how often.

mod fault;
mod throttle;

pub(crate) use fault::Facts;
pub use fault::{Effect, Fault, FaultError, LONGEST_STALENESS_MS, Scope, Silence};

use crate::world::Refusal;
use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use throttle::Buckets;

/// How many faults may be set at once. A test sets a handful; this stops a script that forgets to clear.
const MOST_FAULTS: usize = 256;

/// A fault that is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetFault {
    /// Its number.
    pub id: u64,
    /// How many requests it has met.
    pub met: u64,
    /// What was set.
    #[serde(flatten)]
    pub fault: Fault,
    spare: u64,
}

/// What all faults together do to one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub before_ms: u64,
    pub after_ms: u64,
    pub refuse: Option<Refusal>,
    pub lose_request: Option<Silence>,
    pub lose_reply: Option<Silence>,
    pub apply_late_ms: Option<u64>,
    pub stale_ms: u64,
    pub met: Vec<u64>,
}

/// The faults that are set, and the throttling. Clones share them.
#[derive(Debug, Clone)]
pub struct Faults {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    next_id: u64,
    set: Vec<SetFault>,
    throttling: bool,
    buckets: Buckets,
}

impl Faults {
    /// No faults; `throttling` says whether EC2's token buckets are kept.
    pub fn new(throttling: bool) -> Self {
        let state = State { next_id: 1, set: Vec::new(), throttling, buckets: Buckets::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a fault, beside those that are set, and gives its number.
    pub fn set(&self, fault: Fault) -> Result<u64, FaultError> {
        fault::check(&fault.effect)?;
        let mut state = self.state();
        if state.set.len() >= MOST_FAULTS {
            return Err(FaultError::TooMany { most: MOST_FAULTS });
        }
        let id = state.next_id;
        state.next_id += 1;
        let spare = fault.after;
        state.set.push(SetFault { id, met: 0, fault, spare });
        Ok(id)
    }

    /// Removes one fault; false if there is no such.
    pub fn remove(&self, id: u64) -> bool {
        let mut state = self.state();
        let before = state.set.len();
        state.set.retain(|set| set.id != id);
        state.set.len() < before
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.state().set.clear();
    }

    /// The faults that are set and not used up.
    pub fn list(&self) -> Vec<SetFault> {
        self.state().set.clone()
    }

    /// Switches EC2's token buckets on (full) or off.
    pub fn set_throttling(&self, on: bool) {
        let mut state = self.state();
        state.throttling = on;
        state.buckets = Buckets::default();
    }

    /// Takes a token; false if the account must slow down.
    pub(crate) fn take_token(&self, now_ms: u64, action: &str, filtered: bool) -> bool {
        let mut state = self.state();
        !state.throttling || state.buckets.take(now_ms, action, filtered)
    }

    /// What happens to this request; counts it for the faults that it meets.
    pub(crate) fn plan(&self, facts: &Facts<'_>) -> Plan {
        let mut plan = Plan::default();
        let mut state = self.state();
        for set in &mut state.set {
            if !set.fault.scope.meets(facts) {
                continue;
            }
            if set.spare > 0 {
                set.spare -= 1;
                continue;
            }
            set.met += 1;
            plan.met.push(set.id);
            add(&mut plan, &set.fault.effect, facts.action);
        }
        state.set.retain(|set| set.fault.times.is_none_or(|times| set.met < times));
        plan
    }
}

/// Delays add up, of two refusals or losses the one that was set first counts, of two ages the greater.
fn add(plan: &mut Plan, effect: &Effect, action: &str) {
    match effect {
        Effect::Latency { before_ms, after_ms } => {
            plan.before_ms += before_ms;
            plan.after_ms += after_ms;
        }
        Effect::Throttle => drop(plan.refuse.get_or_insert_with(Refusal::throttled)),
        Effect::Deny => drop(plan.refuse.get_or_insert_with(|| Refusal::unauthorized(action))),
        Effect::Refuse { code, status } => {
            let refusal = || Refusal::new(code.as_str(), *status, "An error that the lab was told to give.");
            plan.refuse.get_or_insert_with(refusal);
        }
        Effect::LoseRequest { silence } => drop(plan.lose_request.get_or_insert(*silence)),
        Effect::LoseReply { silence } => drop(plan.lose_reply.get_or_insert(*silence)),
        Effect::ApplyLate { delay_ms } => {
            plan.apply_late_ms = Some(plan.apply_late_ms.unwrap_or(0).max(*delay_ms));
        }
        Effect::Stale { age_ms } => plan.stale_ms = plan.stale_ms.max(*age_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn plan(faults: &Faults, action: &str, caller: &str) -> Plan {
        let params = BTreeMap::from([("RouteTableId".to_owned(), "rtb-468f5222".to_owned())]);
        let mutating = action == "ReplaceRoute";
        let user_agent = "sdk arbiter/c#1.2";
        faults.plan(&Facts { action, mutating, caller: Some(caller), user_agent, params: &params })
    }

    #[test]
    fn a_fault_meets_only_whom_it_should() {
        let scope = |change: fn(&mut Scope)| {
            let mut scope = Scope::default();
            change(&mut scope);
            scope
        };
        let meets = [
            scope(|_| ()),
            scope(|s| s.action = Some("*".into())),
            scope(|s| s.action = Some("ReplaceRoute".into())),
            scope(|s| s.action = Some("Replace*".into())),
            scope(|s| s.action = Some("mutating".into())),
            scope(|s| s.caller = Some("A".into())),
            scope(|s| s.user_agent = Some("arbiter/c#".into())),
            scope(|s| s.names = Some("rtb-468f5222".into())),
        ];
        let misses = [
            scope(|s| s.action = Some("Replace".into())),
            scope(|s| s.action = Some("Describe*".into())),
            scope(|s| s.caller = Some("B".into())),
            scope(|s| s.user_agent = Some("boto".into())),
            scope(|s| s.names = Some("rtb-".into())),
            scope(|s| (s.action, s.caller) = (Some("ReplaceRoute".into()), Some("B".into()))),
        ];
        for (scopes, expected) in [(meets.as_slice(), true), (misses.as_slice(), false)] {
            for scope in scopes {
                let faults = Faults::new(false);
                let fault = Fault { scope: scope.clone(), times: None, after: 0, effect: Effect::Deny };
                faults.set(fault).unwrap();
                assert_eq!(plan(&faults, "ReplaceRoute", "A").refuse.is_some(), expected, "{scope:?}");
            }
        }
    }

    #[test]
    fn a_fault_spares_the_first_and_ends_after_its_times() {
        let faults = Faults::new(false);
        let fault = Fault { after: 1, ..Fault::on("*", Effect::Throttle).times(2) };
        faults.set(fault).unwrap();
        let hits: Vec<_> = (0..5).map(|_| plan(&faults, "ReplaceRoute", "A").refuse.is_some()).collect();
        assert_eq!(hits, [false, true, true, false, false]);
        assert!(faults.list().is_empty(), "what is used up is gone");
    }

    #[test]
    fn faults_add_up() {
        let faults = Faults::new(false);
        for effect in [
            Effect::Latency { before_ms: 1, after_ms: 10 },
            Effect::Latency { before_ms: 2, after_ms: 20 },
            Effect::Stale { age_ms: 5 },
            Effect::Stale { age_ms: 3 },
            Effect::LoseReply { silence: Silence::Close },
            Effect::LoseReply { silence: Silence::Hang },
            Effect::Deny,
            Effect::Throttle,
            Effect::ApplyLate { delay_ms: 7 },
        ] {
            faults.set(Fault::on("*", effect)).unwrap();
        }
        let plan = plan(&faults, "ReplaceRoute", "A");
        assert_eq!((plan.before_ms, plan.after_ms, plan.stale_ms), (3, 30, 5));
        assert_eq!((plan.lose_reply, plan.apply_late_ms), (Some(Silence::Close), Some(7)));
        assert_eq!(plan.refuse.map(|refusal| refusal.code), Some("UnauthorizedOperation".to_owned()));
        assert_eq!(plan.met.len(), 9);
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let faults = Faults::new(false);
        let wrong = [
            Effect::Latency { before_ms: u64::MAX, after_ms: 0 },
            Effect::ApplyLate { delay_ms: 3_600_001 },
            Effect::Stale { age_ms: LONGEST_STALENESS_MS + 1 },
            Effect::Refuse { code: "Ok".into(), status: 200 },
        ];
        for effect in wrong {
            assert!(faults.set(Fault::on("*", effect.clone())).is_err(), "{effect:?}");
        }
        for _ in 0..MOST_FAULTS {
            faults.set(Fault::on("*", Effect::Deny)).unwrap();
        }
        let full = faults.set(Fault::on("*", Effect::Deny));
        assert_eq!(full, Err(FaultError::TooMany { most: MOST_FAULTS }));
    }

    #[test]
    fn faults_can_be_taken_back_one_by_one_or_all() {
        let faults = Faults::new(false);
        let first = faults.set(Fault::on("*", Effect::Deny)).unwrap();
        faults.set(Fault::on("*", Effect::Stale { age_ms: 1 })).unwrap();
        assert!(faults.remove(first));
        assert!(!faults.remove(first));
        assert_eq!(faults.list().len(), 1);
        faults.clear();
        assert_eq!(plan(&faults, "ReplaceRoute", "A"), Plan::default());
    }

    #[test]
    fn tokens_count_only_while_throttling_is_on() {
        let faults = Faults::new(true);
        let granted = (0..100).filter(|_| faults.take_token(0, "StartInstances", true)).count();
        assert_eq!(granted, 5);
        faults.set_throttling(false);
        assert!(faults.take_token(0, "StartInstances", true));
        faults.set_throttling(true);
        assert!(faults.take_token(0, "StartInstances", true), "the buckets are full again");
    }
}
