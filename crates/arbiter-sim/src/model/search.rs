//! Breadth first through all worlds: the first broken promise is found by the fewest steps.

use super::bounds::Bounds;
use super::clause::{Clause, Habit, LeftOut};
use super::ledger::Ledger;
use super::moves;
use super::print::{Print, Printer};
use super::step::Step;
use super::world::World;

#[expect(
    clippy::disallowed_types,
    reason = "hundreds of millions of look-ups; nothing ever depends on its order"
)]
type Seen = std::collections::HashMap<Print, u32, foldhash::fast::FixedState>;

/// What a search came to.
#[derive(Debug)]
pub struct Found {
    /// Worlds that were seen.
    pub states: usize,
    /// Different logs.
    pub logs: usize,
    /// The steps to the first broken promise, and which it is; none if all promises hold everywhere.
    pub broken: Option<Broken>,
    /// Everything within the bounds was seen.
    pub whole: bool,
}

/// A broken promise.
#[derive(Debug)]
pub struct Broken {
    /// Step by step.
    pub steps: Vec<Step>,
    /// What is broken.
    pub promise: String,
}

impl Broken {
    /// The steps in words, and the promise at the end.
    pub fn lines(&self) -> Vec<String> {
        self.steps.iter().map(ToString::to_string).chain([self.promise.clone()]).collect()
    }
}

/// Explores everything within these bounds, with one clause left out or none; at most about so many worlds. `None` if
/// the clause is a guard of the core, and this program was built without the switches.
pub fn explore(bounds: Bounds, without: Option<&Clause>, limit: usize) -> Option<Found> {
    let habit = match without.map(|clause| clause.left_out) {
        None => None,
        Some(LeftOut::Habit(habit)) => Some(habit),
        Some(LeftOut::Guard(bug)) => return plant::with(bug, || Search::new(bounds, None).run(limit)),
    };
    Some(Search::new(bounds, habit).run(limit))
}

mod plant {
    use arbiter_core::planted::Bug;

    #[cfg(feature = "planted")]
    pub fn with<T>(bug: Bug, run: impl FnOnce() -> T) -> Option<T> {
        arbiter_core::planted::plant(Some(bug));
        let result = run();
        arbiter_core::planted::plant(None);
        Some(result)
    }

    #[cfg(not(feature = "planted"))]
    pub fn with<T>(_bug: Bug, _run: impl FnOnce() -> T) -> Option<T> {
        None
    }
}

struct Search {
    first: World,
    habit: Option<Habit>,
    ledger: Ledger,
    printer: Printer,
    /// Each world's number, in the order of discovery.
    seen: Seen,
    /// For each world the one that it was reached from.
    from: Vec<u32>,
}

impl Search {
    fn new(bounds: Bounds, habit: Option<Habit>) -> Self {
        let ledger = Ledger::new(bounds.setting);
        Self {
            first: World::begin(bounds, &ledger),
            habit,
            ledger,
            printer: Printer::default(),
            seen: Seen::default(),
            from: Vec::new(),
        }
    }

    fn run(mut self, limit: usize) -> Found {
        let mut next = Vec::new();
        let mut edge = vec![(self.first, 0)];
        self.seen.insert(self.printer.print(&self.first, &self.ledger), 0);
        self.from.push(0);
        while !edge.is_empty() {
            let mut further = Vec::new();
            for (world, here) in edge {
                moves::all(world, &mut self.ledger, self.habit, &mut next);
                for (step, result) in next.drain(..) {
                    match result {
                        Err(violation) => {
                            let mut steps = self.way_to(here);
                            steps.push(step);
                            let broken = Some(Broken { steps, promise: violation.0 });
                            return self.found(broken, false);
                        }
                        Ok(world) => {
                            let number = u32::try_from(self.from.len()).unwrap_or(u32::MAX);
                            let print = self.printer.print(&world, &self.ledger);
                            if let std::collections::hash_map::Entry::Vacant(place) = self.seen.entry(print) {
                                place.insert(number);
                                self.from.push(here);
                                further.push((world, number));
                            }
                        }
                    }
                }
                if self.from.len() > limit {
                    return self.found(None, false);
                }
            }
            edge = further;
        }
        self.found(None, true)
    }

    fn found(&self, broken: Option<Broken>, whole: bool) -> Found {
        Found { states: self.from.len(), logs: self.ledger.len(), broken, whole }
    }

    /// The steps to a world: its numbers back to the first, played again from there.
    fn way_to(&mut self, mut here: u32) -> Vec<Step> {
        let mut numbers = Vec::new();
        while here != 0 {
            numbers.push(here);
            here = self.from[here as usize];
        }
        let (mut world, mut steps, mut next) = (self.first, Vec::new(), Vec::new());
        for number in numbers.into_iter().rev() {
            next.clear();
            moves::all(world, &mut self.ledger, self.habit, &mut next);
            let mut is_next =
                |world: &World| self.seen.get(&self.printer.print(world, &self.ledger)) == Some(&number);
            let step = next.iter().find_map(|(step, result)| match result {
                Ok(to) if is_next(to) => Some((*step, *to)),
                _ => None,
            });
            if let Some((step, to)) = step {
                steps.push(step);
                world = to;
            }
        }
        steps
    }
}
