//! Agreement: openraft 0.9 on a durable store, over gRPC.
//!
//! This crate decides nothing. What a committed entry means is [`arbiter_core::state::ClusterState::apply`]'s
//! business; who should lead is the control loop's.

pub mod disk;
pub mod log_store;
pub mod machine;
pub mod record;
pub mod store;
pub mod types;
