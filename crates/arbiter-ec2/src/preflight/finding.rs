//! One thing found wrong.

use std::fmt;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something works less well than the policy hopes.
    Warning,
    /// A failover, or a remediation, that the policy asks for would fail.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing found wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// Which kind of trouble, for programs: `route-missing`.
    pub code: &'static str,
    /// What it is about: `route private-1`.
    pub subject: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl Finding {
    pub(super) fn error(
        code: &'static str,
        subject: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, code, subject, message, remedy)
    }

    pub(super) fn warning(
        code: &'static str,
        subject: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, code, subject, message, remedy)
    }

    fn new(
        severity: Severity,
        code: &'static str,
        subject: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { severity, code, subject: subject.to_owned(), message: message.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, code, subject, message, remedy } = self;
        write!(f, "{severity}[{code}]: {subject}: {message}; {remedy}")
    }
}
