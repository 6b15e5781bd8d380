//! The composition of one node. [`build`] is the one place where the parts meet; everything else here is
//! either an adapter between two of them or a gRPC service.

mod admin;
mod build;
mod consensus;
pub mod logging;
mod options;
mod reports;
mod shutdown;

pub use build::{Node, build};
pub use options::{LogFormat, Options};

use anyhow::Context;
use arbiter_config::Config;

/// Builds the node and runs it until it is told to end.
///
/// # Errors
/// What keeps it from starting or from going on, with what to do.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let name = config.local.name.clone();
    let node = build(config).await.with_context(|| format!("node {name} can't start"))?;
    tracing::info!(node = %name, address = %node.address(), "started");
    shutdown::notify_ready();
    node.until_ended().await
}
