//! The programs that the lab starts: where they are, and what `arbiterd` is told.

use crate::demo::cluster::Node;
use anyhow::Context;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// Where `arbiterd` and `arbiterctl` are: in the folder that was named, or where this program is.
///
/// # Errors
/// The system does not say where this program is.
pub fn folder(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(folder) = named {
        return Ok(folder.to_owned());
    }
    let own = std::env::current_exe().context("this program doesn't know where it is")?;
    Ok(own.parent().context("this program is in no folder")?.to_owned())
}

/// Tells `arbiterd` to be a node of a cluster on premises, which knows nothing of EC2.
pub(crate) fn be_site_node(command: &mut Command, name: &str, home: &Path, config: &Path) {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("RUST_BACKTRACE", "1")
        .arg("--config")
        .arg(config)
        .args(["--node", name]);
}

/// Tells `arbiterd` to be a node of a cluster whose EC2 is the lab's endpoint. Nothing of the user's own AWS
/// environment reaches it: neither keys nor proxies nor profiles.
pub(crate) fn be_node(command: &mut Command, node: Node, home: &Path, endpoint_url: &str, config: &Path) {
    be_site_node(command, node.name(), home, config);
    command
        .env("AWS_ENDPOINT_URL_EC2", endpoint_url)
        .env("AWS_REGION", "cn-north-1")
        .env("AWS_ACCESS_KEY_ID", node.access_key())
        .env("AWS_SECRET_ACCESS_KEY", "of-the-lab")
        .env("AWS_EC2_METADATA_DISABLED", "true");
}
