//! Proofs about Route Arbiter that run without a network, a disk or AWS.
//!
//! [`model`] explores the rules of acting exhaustively, at a bounded size, on the real `apply`.

pub mod model;
