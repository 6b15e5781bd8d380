//! Both clocks of a host, from tokio's paused time; each can be made to jump.

use arbiter_control::clock::Clock;
use arbiter_core::time::{MonoMs, UnixMs};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use tokio::time::Instant;

/// Hosts were not booted at the same moment: their clocks must never be compared.
const BOOTED_MS: u64 = 1_000_000;

/// 2026-01-01T00:00:00Z.
const WALL_MS: u64 = 1_767_225_600_000;

pub struct WorldClock {
    began: Instant,
    uptime_ms: u64,
    mono_ahead_ms: AtomicU64,
    wall_ahead_ms: AtomicI64,
}

impl WorldClock {
    pub fn new(began: Instant, node: u64) -> Self {
        let uptime_ms = BOOTED_MS * node;
        Self { began, uptime_ms, mono_ahead_ms: AtomicU64::new(0), wall_ahead_ms: AtomicI64::new(0) }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).expect("short tests")
    }

    /// The process, and it alone, stands still for this long: BOOTTIME and the wall clock go on.
    pub fn stall(&self, ms: u64) {
        self.mono_ahead_ms.fetch_add(ms, Ordering::SeqCst);
        self.steal(ms);
    }

    /// The hypervisor stops the host: BOOTTIME does not know of it.
    pub fn steal(&self, ms: u64) {
        self.jump(i64::try_from(ms).expect("short tests"));
    }

    /// Somebody sets the wall clock.
    pub fn jump(&self, ms: i64) {
        self.wall_ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for WorldClock {
    fn now(&self) -> MonoMs {
        MonoMs(self.uptime_ms + self.elapsed_ms() + self.mono_ahead_ms.load(Ordering::SeqCst))
    }

    fn wall_ms(&self) -> UnixMs {
        let right_ms = WALL_MS + self.elapsed_ms();
        UnixMs(right_ms.saturating_add_signed(self.wall_ahead_ms.load(Ordering::SeqCst)))
    }
}
