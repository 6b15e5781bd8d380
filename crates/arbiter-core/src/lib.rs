//! The deciding part of Route Arbiter, without I/O.
//!
//! Nothing here reads a clock, a socket, a random number or a hash map's order: `now` is a parameter, effects
//! are returned. What is seen comes in as [`evidence::Evidence`]; what is decided goes out as
//! [`command::Intent`]s; what a quorum agreed is [`state::ClusterState`].

pub mod bad_days;
pub mod check;
pub mod command;
pub mod destination;
pub mod doctor;
pub mod evidence;
#[cfg(test)]
pub(crate) mod fixture;
pub mod follow;
pub mod health;
pub mod ids;
pub mod leadership;
pub mod plan;
pub mod planted;
pub mod policy;
pub mod probe;
pub mod report;
pub mod rules;
pub mod state;
pub mod tag;
pub mod time;
pub mod verdict;
