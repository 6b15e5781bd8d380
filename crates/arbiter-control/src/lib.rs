//! The control loop: what is seen comes in, one loop decides, intents go out through the log, calls follow.
//!
//! Everything that touches the world is behind a trait: [`provider::Provider`], [`prober::Prober`],
//! [`transport::Transport`], [`clock::Clock`].

pub mod clock;
pub mod prober;
pub mod provider;
pub mod transport;
