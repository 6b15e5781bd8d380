//! Drops the trouble that doesn't matter from a run that broke a promise.

use super::run::{Run, Shape, run};
use serde::Serialize;
use std::io;

/// A run of the same seed that still breaks the promise, with as little trouble as was found.
#[derive(Debug, Clone, Serialize)]
pub struct Minimised {
    /// The trouble that is left, each with its number.
    pub troubles: Vec<(u64, &'static str)>,
    /// Of how many.
    pub of: usize,
    /// How many runs it took to find.
    pub runs: u64,
    /// What repeats it, with its timeline.
    pub repeat: String,
}

/// Looks for less trouble by which the seed of this run breaks the same promise, by so many runs at most. Nothing, if it
/// has broken none.
///
/// # Errors
/// A runtime can't be built.
pub fn minimised(broken: &Run, shape: &Shape, limit: u64) -> io::Result<Option<Minimised>> {
    let Some(invariant) = broken.violations.first().map(|violation| violation.invariant) else {
        return Ok(None);
    };
    let all: Vec<u64> = broken.troubles.iter().map(|(number, _)| *number).collect();
    let mut best = None;
    let runs = fewest(&all, limit, |kept| {
        let shape = Shape { only: Some(kept.iter().copied().collect()), ..shape.clone() };
        let again = run(broken.seed, &shape)?;
        let same = again.violations.iter().any(|violation| violation.invariant == invariant);
        if same {
            best = Some((again.troubles, shape.repeat(broken.seed)));
        }
        Ok(same)
    })?;
    Ok(best.map(|(troubles, repeat)| Minimised { troubles, of: all.len(), runs, repeat }))
}

/// Asks `fails` of fewer and fewer of `all`: first whole, then without larger parts, then without single ones, until none
/// can be left out or it was asked `limit` times. Its last yes was the fewest. Returns how often it was asked.
///
/// # Errors
/// The first that `fails` has.
fn fewest(all: &[u64], limit: u64, mut fails: impl FnMut(&[u64]) -> io::Result<bool>) -> io::Result<u64> {
    let mut asked = 0;
    let mut ask = |kept: &[u64]| {
        let may = asked < limit;
        asked += u64::from(may);
        may.then(|| fails(kept)).transpose()
    };
    let mut kept = all.to_vec();
    if ask(&kept)? == Some(true) {
        let mut part = kept.len().div_ceil(2);
        while part > 0 {
            let (mut from, mut dropped) = (0, false);
            while from < kept.len() {
                let without: Vec<u64> =
                    kept.iter().take(from).chain(kept.iter().skip(from + part)).copied().collect();
                match ask(&without)? {
                    None => return Ok(asked),
                    Some(true) => (kept, dropped) = (without, true),
                    Some(false) => from += part,
                }
            }
            // What could not be dropped before may be droppable now.
            part = if part == 1 && dropped { 1 } else { part / 2 };
        }
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fewest_of(all: &[u64], limit: u64, fails: impl Fn(&[u64]) -> bool) -> (Option<Vec<u64>>, u64) {
        let mut last = None;
        let asked = fewest(all, limit, |kept| {
            let yes = fails(kept);
            if yes {
                last = Some(kept.to_vec());
            }
            Ok(yes)
        })
        .unwrap();
        (last, asked)
    }

    #[test]
    fn only_what_matters_is_left() {
        let all: Vec<u64> = (1..=40).collect();
        let needs = |wanted: &'static [u64]| move |kept: &[u64]| wanted.iter().all(|one| kept.contains(one));
        assert_eq!(fewest_of(&all, 200, needs(&[7, 8, 31])).0, Some(vec![7, 8, 31]));
        assert_eq!(fewest_of(&all, 200, needs(&[])).0, Some(vec![]));
        // None of what is left can be dropped alone. Two together may still be.
        let odd = |kept: &[u64]| kept.contains(&3) && (kept.contains(&9) == kept.contains(&20));
        assert_eq!(fewest_of(&all, 200, odd).0, Some(vec![3, 9, 20]));
    }

    #[test]
    fn it_ends_in_time_and_says_if_nothing_breaks() {
        let all: Vec<u64> = (1..=40).collect();
        let (last, asked) = fewest_of(&all, 9, |kept| kept.contains(&1) && kept.contains(&40));
        assert_eq!(asked, 9);
        assert!(last.is_some_and(|last| last.contains(&1) && last.contains(&40)));
        assert_eq!(fewest_of(&all, 200, |_| false), (None, 1));
    }
}
