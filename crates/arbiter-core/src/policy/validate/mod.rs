//! What makes a policy acceptable.
//!
//! [`Policy::problems`] finds everything at once, each with its place and, where there is one, the corrected
//! form. It is pure, linear in the size of the policy but for a logarithm, and never panics, whatever the
//! numbers. `apply` asks it too, so that a policy with errors never gets into the replicated state: a new
//! *error* rule here is therefore a change of the replicated rules, not only of the file format.
//!
//! Messages name things, never fields: the place says which field, in the words of whoever shows it.

mod cidr;
mod names;
mod nearest;
mod nodes;
mod numbers;
mod own_host;
mod probes;
mod site;
mod topology;

pub use nearest::{nearest, suggestion};

use super::Policy;
use std::fmt;

/// More voters than this make every commit slower and no failure more survivable.
const NODES_MAX: usize = 9;
/// Twice what the planner is measured with; EC2's own pace (5 calls a second) makes more pointless.
const ROUTES_MAX: usize = 2_000;
/// A path that no route uses is a mistake, so there can't be many more paths than routes.
const PATHS_MAX: usize = ROUTES_MAX;
/// Paths of one route. Choosing walks them all at each decision.
const PATHS_PER_ROUTE_MAX: usize = 16;
/// A suggestion compares a wrong name with all known ones. Whoever got so many wrong sees the pattern, and
/// `apply` must not be kept busy by a policy of nothing but wrong names.
const SUGGESTIONS_MAX: usize = 20;
/// All probes of all nodes; each report carries its sender's, and must stay far below a message's limit.
const PROBES_MAX: usize = 5_000;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The policy is refused.
    Error,
    /// It is accepted, but somebody should know.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
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

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.severity, self.place, self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

impl Policy {
    /// Everything wrong with this policy, all at once.
    ///
    /// A policy that is too large is only told so: its details would be endless.
    pub fn problems(&self) -> Vec<Problem> {
        let mut findings = Findings::default();
        sizes(self, &mut findings);
        if findings.problems.is_empty() {
            names::check(self, &mut findings);
            nodes::check(self, &mut findings);
            topology::check(self, &mut findings);
            probes::check(self, &mut findings);
            numbers::check(self, &mut findings);
        }
        findings.problems
    }

    /// Only what makes the policy refused.
    pub fn errors(&self) -> Vec<Problem> {
        let mut problems = self.problems();
        problems.retain(|problem| problem.severity == Severity::Error);
        problems
    }
}

fn sizes(policy: &Policy, findings: &mut Findings) {
    let sizes = [
        ("nodes", policy.nodes.len(), NODES_MAX),
        ("gateways", policy.gateways.len(), NODES_MAX),
        ("paths", policy.paths.len(), PATHS_MAX),
        ("routes", policy.routes.len(), ROUTES_MAX),
        ("probes", policy.probes.len(), PROBES_MAX),
    ];
    for (what, count, most) in sizes {
        if count > most {
            findings.error(what, format!("{count} {what} are too many"), format!("at most {most}"));
        }
    }
}

/// What the rules have found so far.
#[derive(Debug, Default)]
struct Findings {
    problems: Vec<Problem>,
    /// How many wrong names have been answered with a suggestion.
    suggestions: usize,
}

impl Findings {
    fn error(&mut self, place: impl Into<String>, message: impl Into<String>, help: impl Into<String>) {
        self.push(Severity::Error, place, message, help);
    }

    fn warning(&mut self, place: impl Into<String>, message: impl Into<String>, help: impl Into<String>) {
        self.push(Severity::Warning, place, message, help);
    }

    fn push(
        &mut self,
        severity: Severity,
        place: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let help = Some(help.into()).filter(|help| !help.is_empty());
        self.problems.push(Problem { severity, place: place.into(), message: message.into(), help });
    }
}
