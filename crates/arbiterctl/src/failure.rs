//! What a command that did not succeed says: what, where, why, and a hint.

use crate::exit::Exit;
use serde::Serialize;

/// Why a command did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What failed, in one line.
    pub what: String,
    /// Where it was tried, and what came of it there.
    pub places: Vec<Place>,
    /// Commands that help.
    pub hints: Vec<String>,
}

/// One address, and what came of trying it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// `host:port`.
    pub address: String,
    /// What came of it.
    pub why: String,
}

impl Failure {
    /// A failure without a place.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), places: Vec::new(), hints: Vec::new() }
    }

    /// With a hint more.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}
