//! The settings of one probe, and what follows from them.

use crate::policy::{Probe, ProbeKind};

/// How many times faster a probe goes between its first miss and the end of its window.
pub const BURST_FACTOR: u64 = 5;

/// The fewest lost probes that make `Down`.
///
/// Where a long round trip leaves room for fewer within `interval × fall`, the window is stretched until this
/// many are lost. Six, because with 1 % loss each way (q = 0.0199 per round trip) and ten probes a second, q⁵
/// makes one false `Down` in fifty years of one probe; five would make it one a year, and each more costs a
/// slow line another fifth of an interval.
pub const MIN_LOST: u32 = 6;

/// Settings of one probe, brought into the range in which the machine makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeTiming {
    interval_ms: u64,
    fall: u32,
    rise: u32,
    timeout_min_ms: u64,
    timeout_max_ms: u64,
}

/// The shortest interval: the burst gap is then one millisecond, the resolution of the clock.
const INTERVAL_MIN_MS: u64 = BURST_FACTOR;

/// The longest interval and timeout: one day. It keeps sums far from overflowing; nobody means more.
const LONGEST_MS: u64 = 86_400_000;

impl ProbeTiming {
    /// Takes the settings as they are, except that what is out of range is moved to the nearest that makes
    /// sense: an interval of at least 5 ms, `fall`, `rise` and timeouts of at least one, a ceiling not below the
    /// floor. (The validation of policies refuses such settings; this keeps a probe harmless without it.)
    pub fn new(interval_ms: u64, fall: u32, rise: u32, timeout_min_ms: u64, timeout_max_ms: u64) -> Self {
        let timeout_min_ms = timeout_min_ms.clamp(1, LONGEST_MS);
        Self {
            interval_ms: interval_ms.clamp(INTERVAL_MIN_MS, LONGEST_MS),
            fall: fall.max(1),
            rise: rise.max(1),
            timeout_min_ms,
            timeout_max_ms: timeout_max_ms.clamp(timeout_min_ms, LONGEST_MS),
        }
    }

    /// Time between two probes while nothing is suspected.
    pub fn interval_ms(&self) -> u64 {
        self.interval_ms
    }

    /// Time between two probes of a burst.
    pub fn burst_gap_ms(&self) -> u64 {
        self.interval_ms / BURST_FACTOR
    }

    /// The window as configured: `interval × fall`.
    pub fn window_ms(&self) -> u64 {
        self.interval_ms.saturating_mul(u64::from(self.fall))
    }

    /// How many answers in a row make `Up`.
    pub fn rise(&self) -> u32 {
        self.rise
    }

    /// The ceiling of the timeout.
    pub fn timeout_max_ms(&self) -> u64 {
        self.timeout_max_ms
    }

    /// The timeout for a wanted one, within the bounds. Before anything is known it is the ceiling.
    pub(super) fn bounded_timeout_ms(&self, wanted_ms: Option<u64>) -> u64 {
        wanted_ms.map_or(self.timeout_max_ms, |ms| ms.clamp(self.timeout_min_ms, self.timeout_max_ms))
    }

    /// A probe that has just started says `Up` or `Down` within this time, unless the line drops some of its packets
    /// and not others: one interval until it is first sent, then the row of answers or the window, with the longest timeout.
    pub fn decides_within_ms(&self) -> u64 {
        let row_ms =
            self.interval_ms.saturating_mul(u64::from(self.rise)).saturating_add(self.timeout_max_ms);
        self.interval_ms.saturating_add(row_ms.max(self.stretched_window_ms(self.timeout_max_ms)))
    }

    /// The window that it takes with this timeout: as configured, or as long as [`MIN_LOST`] probes need.
    pub(super) fn stretched_window_ms(&self, timeout_ms: u64) -> u64 {
        // The burst starts with the first timeout, and never closer than a gap; then come four more gaps, and
        // the timeout of the last.
        let gap_ms = self.burst_gap_ms();
        let last_sent_ms =
            timeout_ms.max(gap_ms).saturating_add(gap_ms.saturating_mul(u64::from(MIN_LOST - 2)));
        self.window_ms().max(last_sent_ms.saturating_add(timeout_ms))
    }
}

impl From<&Probe> for ProbeTiming {
    /// A question to a daemon on the same host, or its kernel, has no round trip to adapt to: how soon it answers tells how
    /// busy the host is, nothing about the tunnel. So its timeout is always the ceiling.
    fn from(probe: &Probe) -> Self {
        let timeout_min_ms = match probe.kind {
            ProbeKind::Ipsec { .. } | ProbeKind::Forwarding => probe.timeout_max_ms,
            ProbeKind::Icmp { .. } | ProbeKind::Tcp { .. } => probe.timeout_min_ms,
        };
        Self::new(probe.interval_ms, probe.fall, probe.rise, timeout_min_ms, probe.timeout_max_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_made_harmless() {
        let timing = ProbeTiming::new(0, 0, 0, 0, 0);
        assert_eq!(
            (timing.interval_ms(), timing.burst_gap_ms(), timing.window_ms(), timing.rise()),
            (5, 1, 5, 1)
        );
        assert_eq!(timing.bounded_timeout_ms(None), 1);
        let timing = ProbeTiming::new(u64::MAX, u32::MAX, u32::MAX, u64::MAX, 0);
        assert_eq!(timing.timeout_max_ms(), LONGEST_MS);
        assert!(timing.stretched_window_ms(LONGEST_MS) < u64::MAX / 2);
    }

    #[test]
    fn a_long_round_trip_stretches_the_window() {
        let timing = ProbeTiming::new(100, 2, 3, 20, 500);
        assert_eq!(timing.stretched_window_ms(20), 200);
        assert_eq!(timing.stretched_window_ms(60), 200);
        assert_eq!(timing.stretched_window_ms(100), 280);
    }

    #[test]
    fn a_started_probe_decides_within_its_window_or_its_row_of_answers() {
        // The defaults: an interval, then six lost probes 20 ms apart with a timeout of 500 ms.
        assert_eq!(ProbeTiming::new(100, 2, 3, 20, 500).decides_within_ms(), 100 + 500 + 4 * 20 + 500);
        assert_eq!(ProbeTiming::new(1_000, 3, 5, 20, 500).decides_within_ms(), 1_000 + 5 * 1_000 + 500);
        let longest = ProbeTiming::new(u64::MAX, 1, u32::MAX, 1, u64::MAX).decides_within_ms();
        assert!(longest > 0, "settings out of range overflow nothing");
    }
}
