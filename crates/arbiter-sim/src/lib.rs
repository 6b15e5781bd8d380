//! Proofs about Route Arbiter that run without a network, a disk or AWS.
//!
//! [`model`] explores the rules of acting exhaustively, at a bounded size, on the real `apply`; [`cluster`] runs whole
//! clusters under virtual time, with everything that can go wrong.

#[cfg(feature = "cluster")]
pub mod cluster;
pub mod model;
