//! The lab: stand-ins for what a laptop lacks, so that tests and the demo see the real thing.
//!
//! First of all an EC2-compatible HTTP endpoint with faults that can be injected and a log of every call: the
//! referee of all later tests. Nothing in here links any AWS code: what we speak to must not be what we speak with.

pub mod bound;
pub mod calllog;
pub mod demo;
pub mod endpoint;
pub mod fast;
pub mod faults;
pub mod flood;
pub mod history;
pub mod iam;
pub mod net;
pub mod programs;
mod seeing;
pub mod signals;
pub mod targets;
pub mod world;
