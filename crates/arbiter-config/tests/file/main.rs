//! `cluster.toml`: the example, what is said of broken ones, and policies there and back.

mod bounds;
mod example;
mod problems;
mod released;
mod render;
mod site;

/// Core's own: the reference case and random valid policies.
#[path = "../../../arbiter-core/tests/policy/policies.rs"]
mod policies;
