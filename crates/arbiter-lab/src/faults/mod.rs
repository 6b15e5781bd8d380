//! What can be made to go wrong, for whom and how often.

mod throttle;

use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use throttle::Buckets;

/// How many faults may be set at once. A test sets a handful; this stops a script that forgets to clear.
const MOST_FAULTS: usize = 256;

/// No delay is longer than an hour: who wants for ever takes [`Silence::Hang`].
const LONGEST_DELAY_MS: u64 = 3_600_000;

/// How far back a stale describe may look, in milliseconds: as far as the endpoint remembers.
pub const LONGEST_STALENESS_MS: u64 = 120_000;

/// How an answer fails to come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Silence {
    /// The connection stays open and nothing ever comes.
    #[default]
    Hang,
    /// The connection is closed without an answer.
    Close,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Effect {
    /// It takes longer.
    Latency {
        /// Before the request takes effect, in milliseconds.
        #[serde(default)]
        before_ms: u64,
        /// After it took effect, before the answer, in milliseconds.
        #[serde(default)]
        after_ms: u64,
    },
    /// `RequestLimitExceeded`, whatever the buckets hold.
    Throttle,
    /// `UnauthorizedOperation`.
    Deny,
    /// Any other error, instead of the work.
    Refuse {
        /// EC2's error code, such as `InternalError` or `InsufficientInstanceCapacity`.
        code: String,
        /// The HTTP status.
        #[serde(default = "internal_error")]
        status: u16,
    },
    /// The request never reaches the endpoint's mind: to set it for every action of a caller takes the endpoint
    /// away from that caller.
    LoseRequest {
        /// How the caller notices.
        #[serde(default)]
        silence: Silence,
    },
    /// The work is done and the answer is lost.
    LoseReply {
        /// How the caller notices.
        #[serde(default)]
        silence: Silence,
    },
    /// The request is accepted and answered now, and takes effect later.
    ApplyLate {
        /// How much later, in milliseconds.
        delay_ms: u64,
    },
    /// Describes show the world as it was a while ago.
    Stale {
        /// How long ago, in milliseconds.
        age_ms: u64,
    },
}

fn internal_error() -> u16 {
    500
}

/// Which requests a fault meets: those that satisfy all that is given here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// An action (`ReplaceRoute`), a beginning (`Describe*`), `mutating`, or `*`, the default.
    pub action: Option<String>,
    /// The caller's access key id.
    pub caller: Option<String>,
    /// Something that the user agent contains.
    pub user_agent: Option<String>,
    /// The value of any parameter: an id that the request names.
    pub names: Option<String>,
}

/// A fault to set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which requests it meets.
    #[serde(default)]
    pub scope: Scope,
    /// It ends after it has met that many; never, if none is given.
    #[serde(default)]
    pub times: Option<u64>,
    /// It spares that many first.
    #[serde(default)]
    pub after: u64,
    /// What it does.
    pub effect: Effect,
}

impl Fault {
    /// A fault for every request of that action (see [`Scope::action`]), until it is removed.
    pub fn on(action: &str, effect: Effect) -> Self {
        let scope = Scope { action: Some(action.to_owned()), ..Scope::default() };
        Self { scope, times: None, after: 0, effect }
    }

    /// Only for the caller with this access key id.
    #[must_use]
    pub fn for_caller(mut self, access_key: &str) -> Self {
        self.scope.caller = Some(access_key.to_owned());
        self
    }

    /// Only for requests that name this id.
    #[must_use]
    pub fn naming(mut self, id: &str) -> Self {
        self.scope.names = Some(id.to_owned());
        self
    }

    /// Only for the next `times` requests that it would meet.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }
}

/// Why a fault can't be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// There are too many.
    #[error("there are {MOST_FAULTS} faults already; remove some (DELETE /_lab/faults removes all)")]
    TooMany,
    /// A time beyond its bound.
    #[error("{what} is {given_ms} ms; the most is {most_ms} ms")]
    TooLong {
        /// Which time.
        what: &'static str,
        /// What was asked for.
        given_ms: u64,
        /// What is allowed.
        most_ms: u64,
    },
    /// Not a status of an error.
    #[error("{0} is no HTTP status of an error: give one between 400 and 599")]
    NotAnErrorStatus(u16),
}

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

/// What a fault looks at in a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub action: &'a str,
    pub mutating: bool,
    pub caller: Option<&'a str>,
    pub user_agent: &'a str,
    pub params: &'a std::collections::BTreeMap<String, String>,
}

impl Scope {
    fn meets(&self, facts: &Facts<'_>) -> bool {
        let action = match self.action.as_deref() {
            None | Some("*") => true,
            Some("mutating") => facts.mutating,
            Some(pattern) => match pattern.strip_suffix('*') {
                Some(beginning) => facts.action.starts_with(beginning),
                None => facts.action == pattern,
            },
        };
        action
            && self.caller.as_deref().is_none_or(|caller| facts.caller == Some(caller))
            && self.user_agent.as_deref().is_none_or(|part| facts.user_agent.contains(part))
            && self.names.as_ref().is_none_or(|id| facts.params.values().any(|value| value == id))
    }
}

/// What all faults together do to one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub before_ms: u64,
    pub after_ms: u64,
    pub refuse: Option<crate::world::Refusal>,
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
        check(&fault.effect)?;
        let mut state = self.state();
        if state.set.len() >= MOST_FAULTS {
            return Err(FaultError::TooMany);
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
    use crate::world::Refusal;
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

fn check(effect: &Effect) -> Result<(), FaultError> {
    let times: &[(&'static str, u64, u64)] = match effect {
        Effect::Latency { before_ms, after_ms } => {
            &[("before_ms", *before_ms, LONGEST_DELAY_MS), ("after_ms", *after_ms, LONGEST_DELAY_MS)]
        }
        Effect::ApplyLate { delay_ms } => &[("delay_ms", *delay_ms, LONGEST_DELAY_MS)],
        Effect::Stale { age_ms } => &[("age_ms", *age_ms, LONGEST_STALENESS_MS)],
        Effect::Refuse { status, .. } if !(400..600).contains(status) => {
            return Err(FaultError::NotAnErrorStatus(*status));
        }
        _ => &[],
    };
    match times.iter().find(|(_, given_ms, most_ms)| given_ms > most_ms) {
        Some(&(what, given_ms, most_ms)) => Err(FaultError::TooLong { what, given_ms, most_ms }),
        None => Ok(()),
    }
}
