//! The clocks of a host: each at a pace and with a beginning of its own.

use arbiter_control::clock::Clock;
use arbiter_core::time::{MonoMs, UnixMs};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// 2026-01-01T00:00:00Z.
const WALL_MS: u64 = 1_767_225_600_000;

/// Both clocks of one host.
#[derive(Debug)]
pub struct HostClock {
    began: Instant,
    uptime_ms: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// How much faster than true time BOOTTIME runs, in millionths.
    fast_ppm: u64,
    /// How long the hypervisor has stopped this host: BOOTTIME does not know of it.
    stolen_ms: u64,
    /// When the stop that is under way began, and when it ends.
    stop: Option<(Instant, Instant)>,
    wall_ahead_ms: i64,
}

impl HostClock {
    /// A host that has been up for `uptime_ms`; hosts were booted at different moments, so no two clocks agree.
    pub fn new(began: Instant, uptime_ms: u64, fast_ppm: u64) -> Self {
        Self { began, uptime_ms, inner: Mutex::new(Inner { fast_ppm, ..Inner::default() }) }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn elapsed_ms(&self) -> u64 {
        millis(self.began.elapsed())
    }

    /// From now on BOOTTIME stands still for this long, and the wall clock goes on.
    pub fn steal(&self, ms: u64) {
        let now = Instant::now();
        self.with(|inner| {
            inner.end_stop(now);
            inner.stop = Some((now, now + Duration::from_millis(ms)));
        });
    }

    /// Somebody sets the wall clock.
    pub fn jump(&self, ms: i64) {
        self.with(|inner| inner.wall_ahead_ms += ms);
    }
}

impl Inner {
    /// Counts a stop, as far as it has lasted.
    fn end_stop(&mut self, now: Instant) {
        if let Some((from, until)) = self.stop.take() {
            self.stolen_ms += millis(until.min(now) - from);
        }
    }
}

impl Clock for HostClock {
    fn now(&self) -> MonoMs {
        let elapsed_ms = self.elapsed_ms();
        self.with(|inner| {
            let under_way = inner.stop.map_or(0, |(from, until)| millis(until.min(Instant::now()) - from));
            let ran_ms = elapsed_ms.saturating_sub(inner.stolen_ms + under_way);
            MonoMs(self.uptime_ms + ran_ms + ran_ms * inner.fast_ppm / 1_000_000)
        })
    }

    fn wall_ms(&self) -> UnixMs {
        UnixMs((WALL_MS + self.elapsed_ms()).saturating_add_signed(self.with(|inner| inner.wall_ahead_ms)))
    }
}

/// In milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
