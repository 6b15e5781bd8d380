//! Time, as the control loop asks for it.

use arbiter_core::time::{MonoMs, UnixMs};

/// The two clocks of one host.
pub trait Clock: Send + Sync + 'static {
    /// CLOCK_BOOTTIME: monotonic, and it counts on while the host is suspended.
    fn now(&self) -> MonoMs;

    /// The wall clock: for people, and to notice that the hypervisor stopped us.
    fn wall_ms(&self) -> UnixMs;
}
