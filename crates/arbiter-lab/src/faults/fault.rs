//! One fault: which requests it meets, and what it does to them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    #[error("there are {most} faults already; remove some (DELETE /_lab/faults removes all)")]
    TooMany {
        /// How many there may be.
        most: usize,
    },
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

/// What a fault looks at in a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub action: &'a str,
    pub mutating: bool,
    pub caller: Option<&'a str>,
    pub user_agent: &'a str,
    pub params: &'a BTreeMap<String, String>,
}

impl Scope {
    pub(super) fn meets(&self, facts: &Facts<'_>) -> bool {
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

/// Refuses times and statuses out of bounds.
pub(super) fn check(effect: &Effect) -> Result<(), FaultError> {
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
