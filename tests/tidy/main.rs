//! What no compiler checks, and what should hold for the whole repository all the same.
//!
//! Each check is a function from text to a list of findings, so that the same function is run over the repository
//! (where it must find nothing) and over a bad sample (where it must find exactly that). All findings are shown at once.

mod advisories;
mod alarms;
mod bad_days;
mod configuration;
mod ec2_calls;
mod edges;
mod habits;
mod licences;
mod links;
mod modules;
mod operating;
mod repository;
mod rules;
mod rust_text;
mod sources;

/// Fails with all findings, one a line, or passes when there is none.
fn none(what: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{what}: {} found\n  {}\n", findings.len(), findings.join("\n  "));
}
