//! The composition of one node. [`build`] is the one place where the parts meet; everything else here is
//! either an adapter between two of them or a gRPC service.

mod admin;
mod assignments;
mod book;
mod build;
mod causes;
mod examination;
mod expiry;
mod following;
#[doc(hidden)]
pub mod foreign;
mod hosts;
mod http;
mod joining;
mod limits;
mod line;
pub mod logging;
mod neighbours;
mod options;
mod policy_file;
mod privileges;
mod recover;
mod reports;
mod rights;
mod shutdown;
mod side;
mod trust;

pub use build::{Node, build};
pub use options::{IamPolicyOptions, LogFormat, Options, Subcommand};
pub use privileges::keep_what_is_needed;
pub use recover::{RecoverOptions, Recovered, recover};
pub use side::withdraw_routes;

use anyhow::Context;
use arbiter_config::Config;
use arbiter_ec2::iam;

/// A node whose guards could be switched off is not compiled.
const _: () = assert!(
    !arbiter_core::planted::POSSIBLE
        && !arbiter_control::planted::POSSIBLE
        && !arbiter_raft::planted::POSSIBLE,
    "the feature `planted` of these crates is for scripts/sim alone: build arbiterd without it"
);

/// The IAM policy that a node's role needs, as JSON.
pub fn iam_policy(options: IamPolicyOptions) -> String {
    iam::policy_document(if options.observe { iam::Extent::Observe } else { iam::Extent::Act })
}

/// Builds the node and runs it until it is told to end.
///
/// # Errors
/// What keeps it from starting or from going on, with what to do.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let name = config.local.name.clone();
    let mut signals = shutdown::Signals::listen().context("signals can't be listened to")?;
    let node = tokio::select! {
        node = build(config) => node.with_context(|| format!("node {name} can't start"))?,
        reason = signals.reason() => {
            tracing::info!(?reason, "ending before it has started");
            return Ok(());
        }
    };
    tracing::info!(node = %name, address = %node.address(), "started");
    shutdown::notify_started();
    node.until_ended(signals).await
}
