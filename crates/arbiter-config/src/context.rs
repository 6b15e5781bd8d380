//! What reading a file has found: problems with their places, bounded.

use crate::problem::Found;
use arbiter_core::ids::NodeId;
use arbiter_core::policy::{Problem, Severity};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Problems of each kind that are kept: more than this nobody reads, and each costs some hundred bytes.
const PROBLEMS_MAX: usize = 1_000;

/// What has been found so far, and where core's places stand in the file.
#[derive(Debug, Default)]
pub(crate) struct Context {
    pub(crate) found: Vec<Found>,
    /// How many there were of each kind.
    kept: BTreeMap<Severity, usize>,
    /// Core's place (`gateways[0].node`) → where it is written, and the key's name there.
    places: BTreeMap<String, (Option<Range<usize>>, String)>,
    /// Core's places that already have a problem: what core says of them would only repeat it.
    spoken: BTreeSet<String>,
    /// How many stand-ins for unknown nodes have been given out.
    stand_ins: u64,
    /// Each kind of table that was opened, by its label → the keys that it may have.
    pub(crate) opened: BTreeMap<String, Vec<&'static str>>,
}

impl Context {
    /// Adds an error at a place in the file.
    pub(crate) fn error(
        &mut self,
        span: Option<Range<usize>>,
        key: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let help = Some(help.into()).filter(|help| !help.is_empty());
        let (key, message) = (key.into(), message.into());
        self.keep(Found { severity: Severity::Error, span, key, message, help });
    }

    /// Keeps a problem, unless there are more than enough of its kind. That there are more is a problem of the same kind: a
    /// file with errors is refused, however many of them are kept.
    fn keep(&mut self, mut found: Found) {
        let kind = found.severity;
        let count = self.kept.entry(kind).or_default();
        *count += 1;
        if *count == PROBLEMS_MAX {
            found = Found {
                severity: kind,
                span: None,
                key: String::new(),
                message: format!(
                    "there are more problems of this kind than {PROBLEMS_MAX}: the others are not said"
                ),
                help: Some("mend these first".to_owned()),
            };
        }
        if *count <= PROBLEMS_MAX {
            self.found.push(found);
        }
    }

    /// Adds an error at one of core's places, and keeps core from saying more about it.
    pub(crate) fn error_at(&mut self, place: &str, message: impl Into<String>, help: impl Into<String>) {
        let (span, key) = self.places.get(place).cloned().unwrap_or_default();
        self.error(span, key, message, help);
        self.silence(place);
    }

    /// Keeps core from speaking of a place: what stands there is a stand-in.
    pub(crate) fn silence(&mut self, place: &str) {
        self.spoken.insert(place.to_owned());
    }

    /// An id that no node has, another each time: for a node that isn't known, where core wants one.
    pub(crate) fn stand_in(&mut self) -> NodeId {
        self.stand_ins += 1;
        NodeId(u64::MAX - self.stand_ins)
    }

    /// Remembers where one of core's places stands.
    pub(crate) fn stands(
        &mut self,
        place: impl Into<String>,
        span: Option<Range<usize>>,
        key: impl Into<String>,
    ) {
        self.places.insert(place.into(), (span, key.into()));
    }

    /// Adds what core found, at the line that it is about.
    pub(crate) fn meaning(&mut self, problem: Problem) {
        if outer(&problem.place).any(|place| self.spoken.contains(place)) {
            return;
        }
        let written = outer(&problem.place).find_map(|place| self.places.get(place)).cloned();
        let (span, key) = written.unwrap_or((None, problem.place));
        let Problem { severity, message, help, .. } = problem;
        self.keep(Found { severity, span, key, message, help });
    }
}

/// A place, then what it is part of: `a[0].b[1]`, `a[0].b`, `a[0]`, `a`.
fn outer(place: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(place), |place| place.rfind(['.', '[']).map(|cut| &place[..cut]))
}
