//! Agreement: openraft 0.9 on a durable store, over gRPC.
//!
//! This crate decides nothing. What a committed entry means is [`arbiter_core::state::ClusterState::apply`]'s
//! business; who should lead is the control loop's. Everything that the rest of the program uses is
//! [`RaftNode`]; below it:
//!
//! * [`store`], [`disk`], [`record`]: the disk, its one writer, and how records look on it;
//! * [`log_store`], [`machine`], [`types`]: openraft's storage on top of that;
//! * [`network`]: openraft's messages over gRPC, or over anything that a simulation puts in its place;
//! * [`gate`], [`identity`], `formation`: who may take part, and how a cluster is formed once;
//! * [`recovery`], `succession`: how a survivor becomes a cluster of its own when the majority is lost for good, and how
//!   those that were left behind hear of it.

pub mod disk;
mod formation;
pub mod gate;
pub mod handover;
pub mod identity;
pub mod log_store;
pub mod machine;
mod members;
pub mod network;
mod node;
pub mod planted;
mod propose;
pub mod record;
pub mod recovery;
pub mod runtime;
mod settings;
mod silence;
pub mod store;
mod succession;
pub mod types;
mod view;

pub use handover::HandoverError;
pub use members::MemberError;
pub use node::{OpenError, RaftNode};
pub use propose::{NotConfirmed, PROPOSAL_LIMIT_BYTES, ProposeError};
pub use settings::{Environment, LogBounds, MemberSettings, Settings, Timings};
pub use view::{RaftView, Role, Standing};
