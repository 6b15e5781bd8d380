//! What a run has shown.

use crate::coverage;
use crate::promises;
use crate::run::Run;
use arbiter_lab::history::Answer;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// So many broken promises are told in words; the rest is counted.
const TOLD: usize = 20;

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which one: `S1` … `L1`.
    pub invariant: &'static str,
    /// How, in words.
    pub says: String,
}

impl Violation {
    pub fn new(invariant: &'static str, says: String) -> Self {
        Self { invariant, says }
    }
}

/// What was judged, and what came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub who: String,
    pub seed: u64,
    pub seconds: u64,
    pub nodes: usize,
    /// Requests of operators.
    pub requests: usize,
    /// Those that took effect.
    pub accepted: usize,
    /// Those of which nobody knows.
    pub unknown: usize,
    /// Readings that a quorum confirmed.
    pub readings: usize,
    /// Pieces of the history that were searched for an order of their own.
    pub linearized: usize,
    /// Entries of the log that some node told of.
    pub entries: usize,
    /// Epochs that began.
    pub epochs: usize,
    /// Calls that change something.
    pub calls: usize,
    /// How often each kind of nemesis had an effect.
    pub landed: BTreeMap<String, u64>,
    /// Kinds that never had one.
    pub never_landed: Vec<String>,
    /// How many times each promise was not kept.
    pub broken: BTreeMap<&'static str, usize>,
    pub violations: Vec<Violation>,
    /// From the healing until all was well; none if it never was.
    pub well_after_ms: Option<u64>,
}

impl Report {
    /// Judges a run.
    pub fn of(run: &Run) -> Self {
        let mut violations = promises::judge(run);
        let mut broken = BTreeMap::new();
        for violation in &violations {
            *broken.entry(violation.invariant).or_default() += 1;
        }
        violations.truncate(TOLD);
        let answers = || run.requests.iter().map(|request| &request.answer);
        let count = |is_it: fn(&Answer) -> bool| answers().filter(|answer| is_it(answer)).count();
        let history = run.history();
        let events = history.values().copied().flatten();
        Self {
            who: run.start.who.clone(),
            seed: run.start.seed,
            seconds: run.start.seconds,
            nodes: run.start.nodes.len(),
            requests: run.requests.len(),
            accepted: count(|answer| matches!(answer, Answer::Accepted { .. })),
            unknown: count(|answer| matches!(answer, Answer::Unknown { .. })),
            readings: count(|answer| matches!(answer, Answer::Seen { linearizable: true, .. })),
            linearized: promises::linear::judged(run),
            entries: history.len(),
            epochs: events.filter(|event| event.event == "epoch-began").count(),
            calls: run.calls.len(),
            landed: coverage::landed(run),
            never_landed: coverage::never_landed(run),
            broken,
            violations,
            well_after_ms: run.end.well_ms.map(|at_ms| at_ms.saturating_sub(run.end.healed_ms)),
        }
    }

    /// Nothing was broken, and everything was tried.
    pub fn is_well(&self, all_must_land: bool) -> bool {
        self.violations.is_empty() && (self.never_landed.is_empty() || !all_must_land)
    }

    /// For people.
    pub fn words(&self, all_must_land: bool) -> String {
        let mut text = String::new();
        let landed: u64 = self.landed.values().sum();
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "{}, seed {}: {} s of trouble for {} nodes; {landed} nemeses of {} kinds landed; {} requests ({} accepted, {} \
             unknown, {} readings confirmed); {} entries, {} epochs, {} calls",
            self.who,
            self.seed,
            self.seconds,
            self.nodes,
            self.landed.len(),
            self.requests,
            self.accepted,
            self.unknown,
            self.readings,
            self.entries,
            self.epochs,
            self.calls
        );
        for Violation { invariant, says } in &self.violations {
            let _ = writeln!(text, "  {invariant} is broken: {says}");
        }
        let told: usize = self.broken.values().sum();
        if told > self.violations.len() {
            let _ = writeln!(text, "  … and {} more", told - self.violations.len());
        }
        if all_must_land && !self.never_landed.is_empty() {
            let _ = writeln!(text, "  never landed: {}", self.never_landed.join(", "));
        }
        let verdict = if self.is_well(all_must_land) { "every promise was kept" } else { "NOT WELL" };
        let _ = writeln!(text, "  {verdict}");
        text
    }
}
