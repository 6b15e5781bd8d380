//! Many runs, and what they add up to.

use super::minimise::{Minimised, minimised};
use super::nemesis::NEMESES;
use super::policy::Nodes;
use super::run::{Run, Shape, run};
use super::workers;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// With so many seeds every kind of trouble must have had an effect; fewer may miss one by chance.
const SEEDS_FOR_ALL: u64 = 40;

/// Of so many seeds that broke a promise the trouble is minimised: each takes a minute or two.
const MINIMISED_SEEDS: usize = 3;

/// What to run.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// No new run begins after this much real time.
    pub limit: Option<Duration>,
    /// Run each seed twice, and compare (D1).
    pub twice: bool,
    /// How many runs there are at once.
    pub jobs: usize,
    /// Look for less trouble that breaks the same promise, by so many runs at most of each of the first few seeds that
    /// broke one.
    pub minimise: Option<u64>,
    /// How each run looks.
    pub shape: Shape,
}

/// A run in which a promise was broken.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// Which promise.
    pub invariant: &'static str,
    /// How.
    pub says: String,
    /// What repeats it, with its timeline.
    pub repeat: String,
    /// The same with less trouble, if that was looked for and found.
    pub minimised: Option<Minimised>,
}

/// What the runs add up to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// No promise was broken, and all trouble had an effect.
    pub ok: bool,
    /// How many seeds were run.
    pub seeds: u64,
    /// How many of them had five nodes.
    pub of_five_nodes: u64,
    /// Virtual hours.
    pub virtual_hours: f64,
    /// Seeds in a second of real time.
    pub seeds_per_second: f64,
    /// Seeds that were run twice, with the same trace.
    pub repeated_alike: u64,
    /// Accepted intents.
    pub decisions: usize,
    /// Calls to EC2 that left a node.
    pub calls: usize,
    /// Epochs.
    pub epochs: usize,
    /// Faults that had an effect, by kind.
    pub landed: BTreeMap<&'static str, u64>,
    /// Trouble that never had an effect although it should have.
    pub never_landed: Vec<&'static str>,
    /// Broken promises.
    pub violations: Vec<Failure>,
}

/// A campaign under way.
#[derive(Debug, Default)]
pub struct Campaign {
    plan: Plan,
    summary: Summary,
    /// The first few runs that broke a promise.
    broken: Vec<Run>,
    virtual_ms: u64,
}

impl Campaign {
    /// One that has not begun.
    pub fn new(plan: Plan) -> Self {
        Self { plan, ..Self::default() }
    }

    /// Runs it. `elapsed` tells the real time since it began; `say` is told of each run.
    ///
    /// # Errors
    /// A runtime can't be built.
    pub fn go(
        mut self,
        elapsed: impl Fn() -> Duration + Sync,
        mut say: impl FnMut(&Run),
    ) -> std::io::Result<Summary> {
        let plan = self.plan.clone();
        workers::in_order(
            plan.jobs,
            usize::try_from(plan.seeds).unwrap_or(usize::MAX),
            || plan.limit.is_none_or(|limit| elapsed() < limit),
            |number| {
                let done = run(plan.from + number as u64, &plan.shape)?;
                if plan.twice { compared(done, &plan.shape) } else { Ok((done, false)) }
            },
            |(done, alike)| {
                say(&done);
                self.add(&done, alike);
            },
        )?;
        let seconds = elapsed().as_secs_f64().max(0.001);
        if let Some(limit) = plan.minimise {
            for broken in &self.broken {
                let minimised = minimised(broken, &plan.shape, limit)?;
                // It breaks the first of the promises that this seed has broken.
                let mut failures = self.summary.violations.iter_mut();
                if let Some(first) = failures.find(|failure| failure.seed == broken.seed) {
                    first.minimised = minimised;
                }
            }
        }
        let (seeds, summary) = (self.summary.seeds, &mut self.summary);
        summary.virtual_hours = (self.virtual_ms as f64 / 36_000.0).round() / 100.0;
        summary.seeds_per_second = (seeds as f64 / seconds * 100.0).round() / 100.0;
        if seeds >= SEEDS_FOR_ALL {
            let shape = &self.plan.shape;
            let largest = shape.nodes.unwrap_or(Nodes::Five).count();
            let wanted = NEMESES.iter().filter(|it| shape.wants(it.name) && it.suits(largest));
            let names = wanted.flat_map(|nemesis| nemesis.counted());
            summary.never_landed = names.filter(|name| !summary.landed.contains_key(name)).collect();
        }
        summary.ok = seeds > 0 && summary.violations.is_empty() && summary.never_landed.is_empty();
        Ok(self.summary)
    }

    fn add(&mut self, run: &Run, alike: bool) {
        if !run.violations.is_empty() && self.broken.len() < MINIMISED_SEEDS {
            self.broken.push(run.clone());
        }
        let summary = &mut self.summary;
        summary.seeds += 1;
        summary.of_five_nodes += u64::from(run.nodes == 5);
        summary.repeated_alike += u64::from(alike);
        self.virtual_ms += run.virtual_ms;
        summary.decisions += run.decisions;
        summary.calls += run.calls;
        summary.epochs += run.epochs;
        for (kind, count) in &run.landed {
            *summary.landed.entry(kind).or_default() += count;
        }
        for violation in &run.violations {
            summary.violations.push(Failure {
                seed: run.seed,
                invariant: violation.invariant,
                says: violation.says.clone(),
                repeat: self.plan.shape.repeat(run.seed),
                minimised: None,
            });
        }
    }
}

/// The run, and whether a second one of its seed was the same.
fn compared(mut first: Run, shape: &Shape) -> std::io::Result<(Run, bool)> {
    let second = run(first.seed, shape)?;
    if second.digest == first.digest {
        return Ok((first, true));
    }
    let lines = first.timeline.iter().zip(&second.timeline);
    let parted = lines.filter(|(a, b)| a != b).map(|(a, b)| format!("first {a:?}, then {b:?}")).next();
    let says = parted.unwrap_or_else(|| "they part between two lines".to_owned());
    first.violations.push(super::Violation { invariant: "D1", says });
    Ok((first, false))
}
