//! Sockets and timers that feed the probe machines of [`arbiter_core::probe`].
//!
//! [`SocketProber`] is the [`arbiter_control::prober::Prober`] of a real node: ICMP and ICMPv6 echo by
//! surge-ping, over an unprivileged datagram socket or a raw one, whichever is permitted; TCP connect; a question to
//! strongSwan's daemon over its vici socket; and a look whether the host's kernel forwards. All machines, however many, are
//! driven by one task that sleeps until the earliest deadline of any of them.
//!
//! What counts as a loss, and what as no evidence: a probe that the *network* refused (no route, unreachable,
//! connection refused, a firewall's `EPERM`, a full queue, a tunnel interface that is gone) is lost. A probe
//! that never left because *we* could not send it (no permission, no file descriptors) is no evidence, and
//! leads to `Unknown`, never to `Down`. So is a question to strongSwan that it does not answer: only its own word that
//! it has no such child SA is a loss; and a setting of the kernel that can't be read: only the one that says no is.

mod clients;
mod clock;
mod driver;
mod forwarding;
mod icmp;
mod ipsec;
mod permission;
mod prober;
mod refusal;
mod table;
mod tcp;
mod vici;

pub use clock::BoottimeClock;
pub use ipsec::{ViciNotReachable, vici_preflight};
pub use permission::{IcmpNotPermitted, icmp_preflight};
pub use prober::{Counters, SocketProber};
pub use table::MAX_PROBES;
