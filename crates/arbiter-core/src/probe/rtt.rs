//! The round trip, smoothed, and the timeout that follows from it.

/// TCP's clock granularity term: a timeout is never closer than this to the smoothed round trip.
const GRANULARITY_US: u64 = 1_000;

/// No sample counts for more than this, so that nonsense can't overflow the sums: one hour.
const SAMPLE_MAX_US: u64 = 3_600_000_000;

/// Estimates the round trip as TCP does for its retransmission timer (RFC 6298): smoothed mean plus four times
/// the smoothed deviation.
///
/// Every probe has its own number, so, unlike TCP, it never has to guess which transmission was answered, and
/// late answers are samples like any other: one of them lifts the timeout above the new round trip.
#[derive(Debug, Clone, Default)]
pub(super) struct RttEstimator {
    /// Mean and deviation in microseconds; none before the first sample.
    smoothed_us: Option<(u64, u64)>,
}

impl RttEstimator {
    /// Takes one measured round trip.
    pub(super) fn sample(&mut self, rtt_us: u64) {
        let rtt_us = rtt_us.min(SAMPLE_MAX_US);
        self.smoothed_us = Some(match self.smoothed_us {
            None => (rtt_us, rtt_us / 2),
            Some((mean_us, deviation_us)) => {
                ((7 * mean_us + rtt_us) / 8, (3 * deviation_us + mean_us.abs_diff(rtt_us)) / 4)
            }
        });
    }

    /// The timeout that the round trip asks for, in whole milliseconds, rounded up; none before any sample.
    pub(super) fn wanted_ms(&self) -> Option<u64> {
        self.smoothed_us
            .map(|(mean_us, deviation_us)| (mean_us + (4 * deviation_us).max(GRANULARITY_US)).div_ceil(1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_round_trip_settles_just_above_itself() {
        let mut rtt = RttEstimator::default();
        assert_eq!(rtt.wanted_ms(), None);
        rtt.sample(40_000);
        assert_eq!(rtt.wanted_ms(), Some(120), "the first sample allows for a deviation of half of it");
        for _ in 0..100 {
            rtt.sample(40_000);
        }
        assert_eq!(rtt.wanted_ms(), Some(41));
    }

    #[test]
    fn one_sample_of_a_much_longer_round_trip_is_enough() {
        let mut rtt = RttEstimator::default();
        for _ in 0..100 {
            rtt.sample(1_000);
        }
        rtt.sample(300_000);
        assert!(rtt.wanted_ms().is_some_and(|ms| ms > 300), "{rtt:?}");
    }

    #[test]
    fn nonsense_does_not_overflow() {
        let mut rtt = RttEstimator::default();
        for _ in 0..100 {
            rtt.sample(u64::MAX);
            rtt.sample(0);
        }
        assert!(rtt.wanted_ms().is_some());
    }
}
