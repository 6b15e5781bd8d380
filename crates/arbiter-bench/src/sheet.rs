//! What was measured, and the arithmetic of samples.

use crate::figures;
use std::collections::BTreeMap;
use std::time::Duration;

/// One value, and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    pub value: f64,
    /// How often it was measured, and what was taken of that.
    pub how: String,
}

/// The values of a run by the figures' ids.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    values: BTreeMap<&'static str, Value>,
}

impl Sheet {
    /// Writes a value down.
    ///
    /// # Panics
    /// On an id that is not in the catalogue, or is written twice: a slip in this program.
    pub fn put(&mut self, id: &'static str, value: f64, how: impl Into<String>) {
        assert!(figures::find(id).is_some(), "`{id}` is in no catalogue of figures");
        let earlier = self.values.insert(id, Value { value, how: how.into() });
        assert!(earlier.is_none(), "`{id}` was measured twice");
    }

    pub fn get(&self, id: &str) -> Option<&Value> {
        self.values.get(id)
    }
}

/// The middle of the samples; not a number if there are none.
pub(crate) fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    let middle = samples.len() / 2;
    match samples.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => samples[middle],
        _ => f64::midpoint(samples[middle - 1], samples[middle]),
    }
}

/// Of several rounds the one with the least value: other work on the machine only ever adds to it.
pub(crate) fn best(rounds: &[f64]) -> f64 {
    rounds.iter().copied().fold(f64::NAN, f64::min)
}

/// Values as words.
pub(crate) fn words(values: &[f64]) -> String {
    values.iter().map(|value| format!("{value:.2}")).collect::<Vec<_>>().join(", ")
}

/// In milliseconds.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Bytes in MiB.
pub(crate) fn mib(bytes: u64) -> f64 {
    let kib = u32::try_from(bytes / 1_024).unwrap_or(u32::MAX);
    f64::from(kib) / 1_024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_samples_and_the_best_of_rounds() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(vec![]).is_nan() && best(&[]).is_nan());
        assert!((best(&[2.0, 1.5, 9.0]) - 1.5).abs() < f64::EPSILON);
        assert!((mib(3 * 512 * 1_024) - 1.5).abs() < f64::EPSILON);
    }

    #[test]
    #[should_panic(expected = "in no catalogue")]
    fn a_value_belongs_to_a_figure() {
        Sheet::default().put("no.such", 1.0, "");
    }
}
