//! Routes and instances of Amazon EC2: [`Ec2`] implements the control loop's
//! [`Provider`](arbiter_control::provider::Provider).
//!
//! EC2 does not fence us: `ReplaceRoute` has no condition and no client token. So everything here serves one
//! promise: a mutation is one request, sent once, ended at its timeout, and what became of it is said honestly
//! ([`failure`]). Reads are by filter, so that one missing id blinds nobody ([`describe`]).
//!
//! Region, credentials and endpoint come from the standard AWS environment ([`connect`]); no region, partition
//! or host name is written here.

mod answers;
mod canned;
mod connect;
mod describe;
mod facts;
mod failure;
pub mod iam;
mod mutate;
pub mod pace;
mod preflight;
mod provider;
mod settings;
mod tagging;
mod way;

pub use canned::Answers;
pub use connect::StartError;
pub use provider::{Ec2, WarmUpError};
pub use settings::Settings;
