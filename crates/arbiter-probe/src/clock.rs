//! The host's clocks.

use arbiter_control::clock::Clock;
use arbiter_core::time::{MonoMs, UnixMs};
use rustix::time::{ClockId, Timespec, clock_gettime};
#[expect(
    clippy::disallowed_types,
    reason = "this is the one place that reads the wall clock for all others"
)]
use std::time::SystemTime;

/// CLOCK_BOOTTIME, and CLOCK_REALTIME for people.
///
/// ```
/// use arbiter_control::clock::Clock;
/// let clock = arbiter_probe::BoottimeClock;
/// assert!(clock.now() <= clock.now());
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct BoottimeClock;

impl Clock for BoottimeClock {
    fn now(&self) -> MonoMs {
        MonoMs(whole_ms(clock_gettime(ClockId::Boottime)))
    }

    /// By way of libc: what sets a process's clock for a test (libfaketime) stands there.
    #[expect(
        clippy::disallowed_types,
        reason = "this is the one place that reads the wall clock for all others"
    )]
    fn wall_ms(&self) -> UnixMs {
        // A clock that shows a time before 1970 shows 1970.
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        UnixMs(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Nothing is negative.
fn whole_ms(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000).saturating_add(nanos / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_rounded_down_and_never_negative() {
        assert_eq!(whole_ms(Timespec { tv_sec: 2, tv_nsec: 999_999_999 }), 2_999);
        assert_eq!(whole_ms(Timespec { tv_sec: -1, tv_nsec: 0 }), 0);
    }

    #[test]
    fn the_wall_clock_is_in_this_century() {
        let clock = BoottimeClock;
        assert!(clock.wall_ms() > UnixMs(946_684_800_000));
        assert!(clock.now() > MonoMs(0));
    }
}
