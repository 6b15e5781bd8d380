//! What makes a policy acceptable. (Placeholder types; filled in by the validation rules.)

use super::Policy;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The policy is refused.
    Error,
    /// It is accepted, but somebody should know.
    Warning,
}

/// One thing wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// Where: `gateways[0].zone`.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Policy {
    /// Everything wrong with this policy, all at once.
    pub fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }
}
