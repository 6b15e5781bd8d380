//! What this node shows of itself, and how it makes sure whom it reaches.

use crate::expiry;
use crate::neighbours::Neighbours;
use anyhow::Context;
use arbiter_config::{LocalConfig, TlsFiles};
use arbiter_control::Look;
use arbiter_core::health::Alarm;
use arbiter_core::ids::NodeId;
use arbiter_raft::network::Dial;
use arbiter_tls::{
    Bounds, Credentials, Files, Holder, Incoming, Line, Meant, days_left, incoming, keep_fresh, wall_seconds,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tonic::transport::Endpoint;

/// Without certificates a node speaks with this host alone, unless somebody has said that it need not.
fn must_be_alone(local: &LocalConfig) -> anyhow::Result<()> {
    let open = local.open_addresses().join(", ");
    if open.is_empty() {
        return Ok(());
    }
    if local.tls.insecure_without_tls {
        tracing::warn!(addresses = open, "insecure_without_tls: whoever reaches this node may do everything");
        return Ok(());
    }
    anyhow::bail!(
        "without certificates only loopback addresses are taken, and these are others: {open}. Name `ca`, `certificate` and \
         `key` in `[tls]` (`arbiterctl pki` makes them); or, where nobody else can reach this node, write \
         `insecure_without_tls = true` there"
    )
}

/// A node's credentials, if it has any.
#[derive(Clone)]
pub(crate) struct Trust {
    cluster: String,
    credentials: Option<Credentials>,
}

impl Trust {
    /// Nobody is checked.
    pub fn none(cluster: &str) -> Self {
        Self { cluster: cluster.to_owned(), credentials: None }
    }

    #[cfg(test)]
    pub fn by(credentials: Credentials) -> Self {
        Self { cluster: credentials.identity().cluster, credentials: Some(credentials) }
    }

    /// Reads what the file names. It must be run inside of a runtime: the files are looked at again from now on.
    pub fn open(local: &LocalConfig, cluster: &str) -> anyhow::Result<Self> {
        let Some(TlsFiles { ca, certificate, key }) = local.tls.files.clone() else {
            must_be_alone(local)?;
            return Ok(Self::none(cluster));
        };
        let holder = Holder::Node { cluster: cluster.to_owned(), id: local.id };
        let credentials =
            Credentials::open(Files { ca, certificate, key }, holder, local.tls.followers.clone())
                .context("the certificates can't be used")?;
        tokio::spawn(keep_fresh(credentials.clone()));
        Ok(Self { cluster: cluster.to_owned(), credentials: Some(credentials) })
    }

    /// The way to a node of this cluster.
    pub fn line(&self, endpoint: Endpoint, patience: Duration, node: NodeId) -> Line {
        let meant = Meant { cluster: self.cluster.clone(), node: Some(node) };
        Line::new(endpoint, patience, self.credentials.as_ref(), meant)
    }

    /// The way to some node of another cluster.
    pub fn line_to_cluster(&self, endpoint: Endpoint, patience: Duration, cluster: &str) -> Line {
        let meant = Meant { cluster: cluster.to_owned(), node: None };
        Line::new(endpoint, patience, self.credentials.as_ref(), meant)
    }

    /// How Raft reaches its peers.
    pub fn dial(&self) -> Dial {
        let trust = self.clone();
        Arc::new(move |node, endpoint, patience| trust.line(endpoint, patience, node).connect_lazy())
    }

    /// How many days the certificate lasts.
    pub fn days_left(&self) -> Option<u64> {
        let not_after = self.credentials.as_ref().map(Credentials::not_after)?;
        Some(days_left(not_after, wall_seconds()))
    }

    /// What is to be said of this node's certificates now.
    pub fn alarms(&self, node: &str) -> Vec<Alarm> {
        self.credentials.as_ref().map(|credentials| expiry::alarms(credentials, node)).unwrap_or_default()
    }

    /// Adds it to what this node sees.
    pub fn warn_in(&self, look: &mut Look) {
        if let Some(credentials) = &self.credentials {
            expiry::warn_in(credentials, look);
        }
    }

    /// Takes connections of those who may call.
    pub fn incoming(&self, listener: TcpListener, nodes: Neighbours) -> Incoming {
        let near = Arc::new(move |address| nodes.has(address));
        incoming(listener, self.credentials.clone(), Bounds::USUAL, near)
    }
}
