//! The prober over real sockets, on loopback.

#[cfg(test)]
mod charon;
mod icmp;
mod ipsec;
mod load;
#[cfg(test)]
mod own_network;
#[cfg(test)]
mod permission;
mod stall;
// Marked, so that the lints know its helpers for parts of tests.
#[cfg(test)]
mod support;
mod tcp;
