//! What exploring the model came to, for people and for machines.

use super::bounds::Bounds;
use super::clause::{CLAUSES, Clause};
use super::search::explore;
use super::sound;
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::thread;

/// A search with so many worlds is too large for the memory of a small machine: a mistake in the bounds.
const WORLDS_MOST: usize = 100_000_000;

/// Worlds that were explored with all clauses in force.
#[derive(Debug, Serialize)]
pub struct SoundWorlds {
    /// What could happen in them, and how often.
    pub bounds: Bounds,
    /// How many there are.
    pub states: usize,
    /// How many different logs.
    pub logs: usize,
    /// All of them were seen, and every promise was kept.
    pub ok: bool,
    /// What was broken, step by step; empty if nothing was.
    pub broken: Vec<String>,
}

/// A clause that was left out.
#[derive(Debug, Serialize)]
pub struct Missed {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub says: &'static str,
    /// The number of steps to the first broken promise; none if it was not missed.
    pub counterexample_steps: Option<usize>,
    /// The steps in words, and the promise that they break.
    pub counterexample: Vec<String>,
    /// Worlds that were seen before it was found.
    pub states: usize,
}

/// Everything.
#[derive(Debug, Serialize)]
pub struct Report {
    /// All promises hold, and every clause is missed when it is left out.
    pub ok: bool,
    /// Worlds in all that hold.
    pub states: usize,
    /// The worlds with all clauses in force.
    pub sound: Vec<SoundWorlds>,
    /// The clauses.
    pub clauses: Vec<Missed>,
}

impl Report {
    /// Explores, on two threads: that is what the smallest machines have. `told` hears of each part when it is done.
    pub fn make(size: sound::Size, told: impl Fn(&str) + Sync) -> Self {
        let worlds = sound::worlds(size);
        // The largest first, so that no thread is left alone with it at the end.
        let sound = in_parallel(&worlds, |bounds| {
            let worlds = explore_sound(*bounds);
            told(&worlds.line());
            worlds
        });
        let clauses = in_parallel(CLAUSES, |clause| {
            let missed = leave_out(clause);
            told(&missed.line());
            missed
        });
        let ok = sound.iter().all(|worlds| worlds.ok)
            && clauses.iter().all(|clause| clause.counterexample_steps.is_some());
        Self { ok, states: sound.iter().map(|worlds| worlds.states).sum(), sound, clauses }
    }
}

impl Report {
    /// What it came to, in one sentence.
    pub fn summary(&self) -> String {
        let held = self.sound.iter().filter(|worlds| worlds.ok).count();
        let missed = self.clauses.iter().filter(|clause| clause.counterexample_steps.is_some()).count();
        format!(
            "{held} of {} sets of worlds keep every promise ({} worlds); {missed} of {} clauses are missed when they are \
             left out",
            self.sound.len(),
            self.states,
            self.clauses.len(),
        )
    }
}

/// Does all jobs on two threads, and gives what they came to in the order of the jobs.
fn in_parallel<J: Sync, T: Send>(jobs: &[J], work: impl Fn(&J) -> T + Sync) -> Vec<T> {
    let open = Mutex::new(jobs.iter().enumerate());
    let next = || open.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
    let worker = || {
        let mut done = Vec::new();
        while let Some((place, job)) = next() {
            done.push((place, work(job)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let other = scope.spawn(worker);
        let mut done = worker();
        match other.join() {
            Ok(others) => done.extend(others),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        done
    });
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Explores worlds with all clauses in force.
pub fn explore_sound(bounds: Bounds) -> SoundWorlds {
    let found = explore(bounds, None, WORLDS_MOST);
    let (states, logs) = found.as_ref().map_or((0, 0), |found| (found.states, found.logs));
    let whole = found.as_ref().is_some_and(|found| found.whole);
    let broken = found.and_then(|found| found.broken).map(|broken| broken.lines()).unwrap_or_default();
    SoundWorlds { bounds, states, logs, ok: whole && broken.is_empty(), broken }
}

/// Explores the worlds of a clause without it.
pub fn leave_out(clause: &Clause) -> Missed {
    let found = explore(clause.bounds, Some(clause), WORLDS_MOST);
    let states = found.as_ref().map_or(0, |found| found.states);
    let broken = found.and_then(|found| found.broken);
    let counterexample_steps = broken.as_ref().map(|broken| broken.steps.len());
    let counterexample = broken.map(|broken| broken.lines()).unwrap_or_default();
    Missed { name: clause.name, says: clause.says, counterexample_steps, counterexample, states }
}

impl SoundWorlds {
    fn line(&self) -> String {
        let mut line = format!("{}: {} worlds, {} logs", self.bounds, self.states, self.logs);
        if self.ok {
            line += ", all seen, every promise kept";
        } else if self.broken.is_empty() {
            line += ": too many, NOT all seen";
        } else {
            line += ": A PROMISE IS BROKEN";
            append(&mut line, &self.broken);
        }
        line
    }
}

impl Missed {
    /// What is to be said of it.
    pub fn line(&self) -> String {
        match self.counterexample_steps {
            Some(steps) => {
                format!("without {}: missed after {steps} steps ({} worlds)", self.name, self.states)
            }
            None if self.states == 0 => {
                format!(
                    "without {}: can't be left out, this program was built without the switches",
                    self.name
                )
            }
            None => format!("without {}: NOT MISSED in {} worlds", self.name, self.states),
        }
    }

    /// The whole counterexample.
    pub fn story(&self) -> String {
        let mut story = format!("{}: {}\n{}", self.name, self.says, self.line());
        append(&mut story, &self.counterexample);
        story
    }
}

fn append(text: &mut String, lines: &[String]) {
    for (i, line) in lines.iter().enumerate() {
        // Writing to a text can't fail.
        let _ = write!(text, "\n  {:>2}. {line}", i + 1);
    }
}
