//! Kernel routes of Linux hosts: the provider of a cluster on premises.
//!
//! EC2 takes calls from anybody who may make them, in whatever order they arrive. A kernel takes them from its own host
//! alone. So here the host's own node sets its routes, from the log as it has applied it, and remembers on its disk how
//! far it has come: an older assignment is never set again, whoever asks, however late. That is a real fence.
//!
//! ```text
//!  log ──► the host's own state ──► Keeper ──┐
//!                                            ├──► Hand ──► fence (disk) ──► kernel
//!  the leader's call ──► Hosts ──► the host ─┘        └──► show
//! ```
//!
//! Routes of ours carry a protocol number of their own ([`PROTOCOL`]). Nothing else is ever changed or removed.

mod fence;
mod hand;
mod keeper;
mod kernel;
mod netlink;
mod permission;
mod provider;
mod seen;
mod withdraw;

pub use fence::{Fence, FenceError};
pub use hand::{Hand, NotSet, Set};
pub use keeper::keep;
pub use kernel::{Kernel, KernelError, KernelRoute, PROTOCOL};
pub use netlink::Netlink;
pub use permission::may_set_routes;
pub use provider::{CarriedOut, Hosts, Linux, carry_out};
pub use seen::{RouteFound, Shown};
pub use withdraw::withdraw;
