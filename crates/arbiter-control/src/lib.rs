//! The control loop: what is seen comes in, one loop decides, intents go out through the log, calls follow.
//!
//! Everything that touches the world is behind a trait: [`consensus::Consensus`], [`provider::Provider`],
//! [`prober::Prober`], [`transport::Transport`], [`ear::Ear`], [`examiner::Examiner`],
//! [`clock::Clock`].

mod arbiter;
pub mod clock;
pub mod consensus;
pub mod ear;
pub mod examiner;
mod eyes;
mod hands;
mod look;
mod looks;
mod message;
mod office;
#[cfg(feature = "raft")]
mod on_raft;
pub mod planted;
pub mod prober;
pub mod provider;
mod reporting;
mod rounds;
mod stalls;
mod tasks;
pub mod transport;

pub use arbiter::{Parts, Settings, prepare, start};
pub use eyes::READ_STALENESS_MS;
pub use hands::{BOUNDS_MS, Histogram, Stage, Stages, Tally};
pub use look::{Aside, Look};
pub use message::{Answer, AskError, Control};
#[cfg(feature = "raft")]
pub use on_raft::RaftConsensus;
pub use rounds::Examined;
