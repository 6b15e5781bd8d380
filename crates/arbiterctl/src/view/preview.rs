//! What a change would do.

use super::{Answered, View, all, some};
use arbiter_proto::v1;
use serde::Serialize;

/// What a change would do. Nothing was changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PreviewView {
    /// Whose answer.
    pub answered: Answered,
    /// Which: `drain`, `policy apply`, ….
    pub command: String,
    /// What it is, in words.
    pub does: String,
    /// It would be accepted.
    pub accepted: bool,
    /// Why not, if not.
    pub refusal: Option<String>,
    /// What would be done because of it, in that order, as far as it does not wait for time to pass.
    pub follows: Vec<StepView>,
    /// What is about to be done, and would not be any more.
    pub prevents: Vec<StepView>,
    /// The routes that it makes a difference to, as they would be.
    pub routes: Vec<PreviewRouteView>,
    /// A pause: nothing that was sent before could still land; `null` for all else.
    pub quiet: Option<bool>,
    /// A gateway whose start would still come.
    pub start_to_come: Option<String>,
    /// What else should be known before.
    pub cautions: Vec<String>,
}

impl View for PreviewView {
    const KIND: &'static str = "preview";
}

/// One mutation that would be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepView {
    /// What it is about: a route or gateway.
    pub subject: String,
    /// What it does, in words.
    pub action: String,
    /// The path that a route would leave.
    pub from: Option<String>,
    /// Its rule.
    pub cause: String,
    /// Who said what.
    pub reasons: Vec<String>,
}

/// A route, as it would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreviewRouteView {
    /// Its name.
    pub id: String,
    /// The path that would be committed.
    pub committed: Option<String>,
    /// The path that policy would ask for.
    pub desired: Option<String>,
    /// Why it would be here, and not elsewhere.
    pub why: Vec<String>,
}

impl From<v1::PreviewStep> for StepView {
    fn from(wire: v1::PreviewStep) -> Self {
        Self {
            subject: wire.subject,
            action: wire.action,
            from: some(wire.from),
            cause: wire.cause,
            reasons: wire.reasons,
        }
    }
}

impl From<v1::PreviewRoute> for PreviewRouteView {
    fn from(wire: v1::PreviewRoute) -> Self {
        let (committed, desired) = (some(wire.committed), some(wire.desired));
        Self { id: wire.id, committed, desired, why: wire.why }
    }
}

impl From<v1::PreviewReply> for PreviewView {
    fn from(wire: v1::PreviewReply) -> Self {
        Self {
            answered: wire.answered.into(),
            accepted: wire.accepted,
            refusal: some(wire.refusal),
            follows: all(wire.follows),
            prevents: all(wire.prevents),
            routes: all(wire.routes),
            start_to_come: some(wire.start_to_come),
            cautions: wire.cautions,
            quiet: Some(wire.quiet),
            ..Self::default()
        }
    }
}
