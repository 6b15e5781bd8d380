//! How often somebody may do something.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// So often, and so many at once after a rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run one each time that this has passed.
    pub every: Duration,
    /// So many at once, for whoever has been quiet.
    pub burst: u32,
}

impl Rate {
    /// `per_second` in the long run, `burst` at once.
    pub const fn per_second(per_second: u32, burst: u32) -> Self {
        Self { every: Duration::from_micros(1_000_000 / per_second as u64), burst }
    }
}

/// The pace of each of many: a moment is kept of each, and nothing of those who have been quiet.
#[derive(Debug)]
pub struct Pace<K> {
    rate: Rate,
    most: usize,
    /// When whoever it is will have paid for all that was taken. `None` stands for all who have no place of their own.
    paid: Mutex<BTreeMap<Option<K>, Instant>>,
}

impl<K: Ord> Pace<K> {
    /// Each at that rate. More than `most` of them at once share one place.
    pub const fn new(rate: Rate, most: usize) -> Self {
        Self { rate, most, paid: Mutex::new(BTreeMap::new()) }
    }

    /// Takes one.
    ///
    /// # Errors
    /// It is too early by so much; nothing was taken.
    pub fn take(&self, who: K, now: Instant) -> Result<(), Duration> {
        // Each change is one insertion: a panic elsewhere can't leave it torn.
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        if paid.len() >= self.most {
            paid.retain(|_, paid| *paid > now);
        }
        let who = Some(who);
        let who = if paid.len() < self.most || paid.contains_key(&who) { who } else { None };
        let before = paid.get(&who).copied().unwrap_or(now).max(now);
        let after = before + self.rate.every;
        let early = after.saturating_duration_since(now + self.rate.every * self.rate.burst);
        if !early.is_zero() {
            return Err(early);
        }
        paid.insert(who, after);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_burst_then_its_rate_and_nobody_pays_for_another() {
        let pace = Pace::new(Rate::per_second(10, 5), 8);
        let start = Instant::now();
        let taken = |who: u8, at: Instant| (0..100).filter(|_| pace.take(who, at).is_ok()).count();
        assert_eq!((taken(1, start), taken(2, start)), (5, 5));
        assert_eq!(pace.take(1, start), Err(Duration::from_millis(100)));
        assert_eq!(taken(1, start + Duration::from_millis(350)), 3);
        assert_eq!(taken(1, start + Duration::from_secs(60)), 5, "no more than the burst is saved up");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_those_who_were_there_keep_their_own() {
        let pace = Pace::new(Rate::per_second(1, 2), 4);
        let now = Instant::now();
        assert!((0..4_u32).all(|who| pace.take(who, now).is_ok()));
        // All others share one place.
        assert_eq!((4..10_000_u32).filter(|who| pace.take(*who, now).is_ok()).count(), 2);
        assert!((0..4_u32).all(|who| pace.take(who, now).is_ok()), "theirs is left");
        assert!(pace.paid.lock().unwrap().len() <= 5);
        let later = now + Duration::from_secs(9);
        assert!(pace.take(77, later).is_ok() && pace.paid.lock().unwrap().len() == 1);
    }
}
