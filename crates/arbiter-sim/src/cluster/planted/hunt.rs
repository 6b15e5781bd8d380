//! The hunt: each bug, seed after seed, until a promise is broken; and the same seeds without any bug.

use super::super::minimise::{Minimised, minimised};
use super::super::run::{Run, Shape, run};
use super::super::workers;
use super::Planted;
use serde::Serialize;

/// What became of one bug.
#[derive(Debug, Clone, Serialize)]
pub struct Found {
    /// The bug.
    pub name: &'static str,
    /// The seed that found it; none if none did.
    pub seed: Option<u64>,
    /// How many seeds were tried.
    pub seeds_tried: u64,
    /// Which promise was broken.
    pub broke: Option<&'static str>,
    /// How.
    pub says: Option<String>,
    /// What repeats it, with its timeline.
    pub repeat: Option<String>,
    /// The same with less trouble, if that was looked for and found.
    pub minimised: Option<Minimised>,
}

/// What became of all of them.
#[derive(Debug, Clone, Serialize)]
pub struct Hunt {
    /// All were found within their bounds, and without them nothing was.
    pub ok: bool,
    /// Each bug.
    pub planted: Vec<Found>,
    /// The same seeds without any bug: how many.
    pub clean_seeds: u64,
    /// Promises that were broken without any bug.
    pub clean_violations: Vec<String>,
}

/// Looks for these bugs, from this seed on, and then for less trouble in which they do harm, by at most `minimise` runs of
/// each. `say` is told of each, with its last run.
///
/// # Errors
/// A runtime can't be built.
pub fn hunt(
    bugs: &[&'static Planted],
    from: u64,
    shape: &Shape,
    jobs: usize,
    minimise: Option<u64>,
    mut say: impl FnMut(&Found, &Run),
) -> std::io::Result<Hunt> {
    let mut planted: Vec<Found> = Vec::new();
    let each = |number: usize| bugs.get(number).map(|bug| look_for(bug, from, shape, minimise)).transpose();
    workers::in_order(
        jobs,
        bugs.len(),
        || true,
        each,
        |looked| {
            let Some((found, last)) = looked else { return };
            say(&found, &last);
            planted.push(found);
        },
    )?;
    let clean_seeds = planted.iter().map(|found| found.seeds_tried).max().unwrap_or(0);
    let clean = Shape { planted: None, ..shape.clone() };
    let mut clean_violations = Vec::new();
    workers::in_order(
        jobs,
        usize::try_from(clean_seeds).unwrap_or(usize::MAX),
        || true,
        |number| run(from + number as u64, &clean),
        |run| clean_violations.extend(broken(&run)),
    )?;
    let all = !planted.is_empty() && planted.iter().all(|found| found.seed.is_some());
    Ok(Hunt { ok: all && clean_violations.is_empty(), planted, clean_seeds, clean_violations })
}

/// What became of the bug, and the last run that was made with it.
fn look_for(
    bug: &'static Planted,
    from: u64,
    shape: &Shape,
    minimise: Option<u64>,
) -> std::io::Result<(Found, Run)> {
    let shape = Shape { planted: Some(bug), ..shape.clone() };
    let mut found = Found {
        name: bug.name,
        seed: None,
        seeds_tried: 1,
        broke: None,
        says: None,
        repeat: None,
        minimised: None,
    };
    let mut done = run(from, &shape)?;
    while done.violations.is_empty() && found.seeds_tried < bug.within {
        done = run(from.saturating_add(found.seeds_tried), &shape)?;
        found.seeds_tried += 1;
    }
    if let Some(violation) = done.violations.first() {
        found.seed = Some(done.seed);
        found.broke = Some(violation.invariant);
        found.says = Some(violation.says.clone());
        found.repeat = Some(shape.repeat(done.seed));
        if let Some(limit) = minimise {
            found.minimised = minimised(&done, &shape, limit)?;
        }
    }
    Ok((found, done))
}

fn broken(run: &Run) -> Vec<String> {
    let words = |violation: &super::super::Violation| {
        format!("seed {}: {}: {}", run.seed, violation.invariant, violation.says)
    };
    run.violations.iter().map(words).collect()
}
