//! The prober over real sockets, on loopback.

mod icmp;
mod load;
mod own_network;
mod permission;
mod stall;
mod support;
mod tcp;
