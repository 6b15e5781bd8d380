//! Three kinds of time that must never be mixed.
//!
//! * [`MonoMs`]: this process's CLOCK_BOOTTIME. It counts on through a suspend; comparable only on one host.
//! * [`LogMs`]: time as the replicated log knows it, the same on every node: it advances only through entries.
//! * [`UnixMs`]: the wall clock, recorded for people. No rule reads it.

mod utc;

pub use utc::Utc;

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! clock_reading {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// Milliseconds from `earlier` to this reading; zero if `earlier` is later.
            pub fn since_ms(self, earlier: Self) -> u64 {
                self.0.saturating_sub(earlier.0)
            }

            /// The reading `ms` milliseconds later.
            #[must_use]
            pub fn plus_ms(self, ms: u64) -> Self {
                Self(self.0.saturating_add(ms))
            }
        }
    };
}

clock_reading! {
    /// Milliseconds of CLOCK_BOOTTIME on the host of this process.
    MonoMs
}
clock_reading! {
    /// Milliseconds of log time: the sum of what the leaders' entries said had passed.
    LogMs
}
clock_reading! {
    /// Milliseconds since 1970-01-01T00:00:00Z by somebody's wall clock.
    UnixMs
}

/// A duration as people read it: `250ms`, `3.2s`, `4m05s`, `2h10m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HumanMs(pub u64);

impl fmt::Display for HumanMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0;
        let text = match ms {
            0..1_000 => format!("{ms}ms"),
            1_000..60_000 => format!("{}.{}s", ms / 1_000, ms % 1_000 / 100),
            60_000..3_600_000 => format!("{}m{:02}s", ms / 60_000, ms % 60_000 / 1_000),
            3_600_000..172_800_000 => format!("{}h{:02}m", ms / 3_600_000, ms % 3_600_000 / 60_000),
            _ => format!("{}d{:02}h", ms / 86_400_000, ms % 86_400_000 / 3_600_000),
        };
        f.pad(&text)
    }
}

/// A duration exactly, in the largest unit that divides it: `250ms`, `90s`, `10m`, `24h`.
///
/// It is what `cluster.toml` takes, so that what is shown can be written back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExactMs(pub u64);

impl fmt::Display for ExactMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        let fits = units.into_iter().find(|(unit, _)| self.0 > 0 && self.0.is_multiple_of(*unit));
        let (unit, name) = fits.unwrap_or((1, "ms"));
        f.pad(&format!("{}{name}", self.0 / unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_durations_lose_nothing() {
        let cases = [
            (0, "0ms"),
            (250, "250ms"),
            (90_000, "90s"),
            (600_000, "10m"),
            (86_400_000, "24h"),
            (1_500, "1500ms"),
        ];
        for (ms, text) in cases {
            assert_eq!(ExactMs(ms).to_string(), text);
        }
    }

    #[test]
    fn durations_read_as_people_say_them() {
        let cases = [
            (0, "0ms"),
            (999, "999ms"),
            (1_000, "1.0s"),
            (59_999, "59.9s"),
            (60_000, "1m00s"),
            (245_000, "4m05s"),
            (7_800_000, "2h10m"),
            (180_000_000, "2d02h"),
        ];
        for (ms, text) in cases {
            assert_eq!(HumanMs(ms).to_string(), text);
        }
    }
}
