//! Everything random in a run follows from its seed.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

/// A source of random numbers that the same seed makes the same.
#[derive(Debug)]
pub struct Dice(StdRng);

impl Dice {
    /// Those of one seed. `purpose` keeps apart who draws: one more draw in one place changes no other place.
    pub fn new(seed: u64, purpose: u64) -> Self {
        Self(StdRng::seed_from_u64(
            seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ purpose.wrapping_mul(0xd1b5_4a32_d192_ed03),
        ))
    }

    /// A number of `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.gen_range(low..=high.max(low))
    }

    /// True in so many of a thousand cases.
    pub fn chance(&mut self, permille: u64) -> bool {
        self.between(0, 999) < permille
    }

    /// One of these, if there is one.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let last = u64::try_from(from.len()).unwrap_or(u64::MAX).checked_sub(1)?;
        let index = usize::try_from(self.between(0, last)).ok()?;
        from.get(index).copied()
    }

    /// Puts these in another order.
    pub fn shuffle<T>(&mut self, these: &mut [T]) {
        these.shuffle(&mut self.0);
    }

    /// Sixty-four bits.
    pub fn bits(&mut self) -> u64 {
        self.0.r#gen()
    }
}
