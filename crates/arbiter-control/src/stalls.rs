//! Halts of the control loop: each counts, but a machine that is busy for an hour must not fill the journal with them.

use arbiter_core::time::MonoMs;

/// So often at most halts are told of, in milliseconds; those in between are counted.
const TELL_EVERY_MS: u64 = 60_000;

/// What is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// How many halts there were since they were last told of.
    pub count: u32,
    /// The longest of them, in milliseconds.
    pub longest_ms: u64,
}

/// The halts since they were last told of.
#[derive(Debug, Default)]
pub struct Stalls {
    told_at: Option<MonoMs>,
    count: u32,
    longest_ms: u64,
}

impl Stalls {
    /// Notes one. It is told of at once if it is the first for a while, or so long that others may have acted upon it.
    pub fn note(&mut self, late_ms: u64, long_ms: u64, now: MonoMs) -> Option<Told> {
        self.count = self.count.saturating_add(1);
        self.longest_ms = self.longest_ms.max(late_ms);
        let lately = self.told_at.is_some_and(|at| now.since_ms(at) < TELL_EVERY_MS);
        if lately && late_ms < long_ms {
            return None;
        }
        let told = Told { count: self.count, longest_ms: self.longest_ms };
        *self = Self { told_at: Some(now), ..Self::default() };
        Some(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_halts_are_counted_and_long_ones_told_of_at_once() {
        let mut stalls = Stalls::default();
        let mut note = |late_ms, now| stalls.note(late_ms, 300, MonoMs(now));
        assert_eq!(note(60, 1_000), Some(Told { count: 1, longest_ms: 60 }), "the first");
        assert_eq!(note(80, 2_000), None);
        assert_eq!(note(70, 3_000), None);
        assert_eq!(
            note(300, 4_000),
            Some(Told { count: 3, longest_ms: 300 }),
            "a long one, and those before"
        );
        assert_eq!(note(50, 63_999), None);
        assert_eq!(note(40, 64_000), Some(Told { count: 2, longest_ms: 50 }), "a minute has passed");
    }
}
