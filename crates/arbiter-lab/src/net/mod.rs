//! The reference topology in network namespaces, with real strongSwan, real `arbiterd` and real packets.
//!
//! Each host of the reference case is a network namespace ([`topology`]); gateways and on-premises routers run charon
//! ([`charon`]); the VPC's router does what the EC2 endpoint's route tables say ([`vpc`]); instances that are stopped and
//! started take their hosts along ([`lab`]). Faults have names ([`faults`]), a packet stream measures what they cost
//! ([`meter`]), and scenarios say whether the program does what it promises ([`scenarios`]). Partition tests
//! ([`partition`]) do it all the harm they can, while operators work, and write down what happened.
//!
//! ```text
//!  up, run ──► sandbox (namespaces of its own) ──► serve ──► lab ──► machines ── wires ── charon, nat, vpc, site
//!  status, fault, heal ──► control (a socket) ────────────────┤
//!  shell ──► sandbox ──► a host's namespaces                  └──► endpoint, watch, meter ◄── scenarios
//! ```

mod charon;
mod cli;
mod cluster;
mod control;
mod exec;
mod faults;
mod lab;
mod machine;
mod meter;
mod nat;
mod partition;
mod partition_cli;
mod peers;
mod race;
mod race_cli;
mod sandbox;
mod scenarios;
mod serve;
mod site;
mod site_cluster;
mod small_disk;
mod status;
mod topology;
mod turns;
mod vpc;
mod wall_clock;
mod wires;

pub use cli::{NetArgs, run};
