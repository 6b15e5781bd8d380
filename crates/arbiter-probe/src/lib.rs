//! Sockets and timers that feed the probe machines of [`arbiter_core::probe`].
//!
//! [`SocketProber`] is the [`arbiter_control::prober::Prober`] of a real node: ICMP and ICMPv6 echo by
//! surge-ping, over an unprivileged datagram socket or a raw one, whichever is permitted; and TCP connect. All
//! machines, however many, are driven by one task that sleeps until the earliest deadline of any of them.
//!
//! What counts as a loss, and what as no evidence: a probe that the *network* refused (no route, unreachable,
//! connection refused, a firewall's `EPERM`, a full queue, a tunnel interface that is gone) is lost. A probe
//! that never left because *we* could not send it (no permission, no file descriptors) is no evidence, and
//! leads to `Unknown`, never to `Down`.

mod clients;
mod clock;
mod driver;
mod icmp;
mod permission;
mod prober;
mod refusal;
mod table;
mod tcp;

pub use clock::BoottimeClock;
pub use permission::{IcmpNotPermitted, icmp_preflight};
pub use prober::{Counters, SocketProber};
pub use table::MAX_PROBES;
