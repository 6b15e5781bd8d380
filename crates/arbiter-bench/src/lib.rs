//! Figures: what a decision, a commit, a node at rest and a failover cost, measured against what they may cost.
//!
//! A figure that has a bound is judged by it. One that misses it fails the run, unless `explanations.toml` says why it
//! does, and up to what: an explanation has a bound of its own. Where a machine's speed would decide, a figure is a
//! ratio of two things that were measured side by side in one run.
//!
//! ```text
//!  measure ──► sheet (values) ──► judge ◄── figures (bounds), explanations
//!                                   └──► results ──► table, JSON, docs/benchmarks.md
//! ```
//!
//! The suite `loss` measures no machine: it watches made-up lines in virtual time. The suite `outage` runs races in the lab's
//! network, Route Arbiter's and others'.

pub mod command;
mod document;
mod explanations;
mod figures;
mod judge;
mod loss;
mod machine;
mod measure;
mod nodes;
mod outage;
mod process_facts;
mod reference;
mod render;
mod results;
mod scenario;
mod sheet;
