//! What a node is told: its own part, Raft's times, and the policy that seeds the cluster.

use crate::ConfigProblem;
use arbiter_core::command::Mode;
use arbiter_core::ids::NodeId;
use arbiter_core::policy::Policy;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A configuration without errors, and what should be known of it nevertheless.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Warnings, in the order of the file.
    pub warnings: Vec<ConfigProblem>,
}

/// All that a node is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What concerns this node alone.
    pub local: LocalConfig,
    /// Raft's times: the same on all nodes.
    pub raft: RaftTiming,
    /// The policy that seeds the cluster at its first start; later the log's own counts.
    pub policy: Policy,
    /// What else seeds it.
    pub seed: Seed,
}

/// What a cluster begins with, besides its policy. It counts at the first start only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seed {
    /// The mode that a new cluster begins in. Once it is formed, `arbiterctl mode` changes it, and this key is not read.
    pub mode: Mode,
}

/// What concerns this node alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalConfig {
    /// Its Raft id.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Where it listens for peers and clients. Other than its address only where the host's own differs (behind NAT).
    pub listen: SocketAddr,
    /// Where others reach it, `host:port`. Use one whose way does not lead over the routes that are moved.
    pub address: String,
    /// Where it serves its status page and metrics over HTTP; nowhere if this is not given.
    pub http: Option<SocketAddr>,
    /// Where its data live: Raft's log and state. A relative folder starts where the file is. Never copy it to another
    /// node, never restore an old one.
    pub data_dir: PathBuf,
    /// Where *this* node reaches each of the others, `host:port`; those that are not named, at their `address`.
    pub peers: BTreeMap<NodeId, String>,
    /// How it logs.
    pub log: LogConfig,
    /// How it reaches EC2, where the standard AWS environment doesn't say.
    pub ec2: Ec2Config,
    /// The cluster that it follows, if it follows one.
    pub follow: Option<FollowConfig>,
    /// How it shows who it is, and who may speak to it.
    pub tls: TlsConfig,
}

impl LocalConfig {
    /// What is reached from this host, or reaches it, other than by loopback. Without TLS it lies open.
    pub fn open_addresses(&self) -> Vec<String> {
        let listens = (!self.listen.ip().is_loopback()).then(|| self.listen.to_string());
        let followed = self.follow.iter().flat_map(|follow| &follow.nodes);
        let reached = self.peers.values().chain(followed).filter(|address| !is_loopback(address)).cloned();
        listens.into_iter().chain(reached).collect()
    }
}

/// Whether `host:port` stays on this host. A name other than `localhost` may be looked up to be anything.
pub fn is_loopback(address: &str) -> bool {
    match address.parse::<SocketAddr>() {
        Ok(address) => address.ip().is_loopback(),
        Err(_) => address.rsplit_once(':').is_some_and(|(host, _)| host == "localhost"),
    }
}

/// Who may speak. All connections between nodes, and of people to nodes, are TLS if the three files are given. They are looked
/// at again every two seconds: new ones need no restart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// The three files; nothing is encrypted and nobody is checked if this is not given.
    pub files: Option<TlsFiles>,
    /// The names of clusters that may follow this one: their nodes may hear its assignments, and nothing else. Their
    /// certificates are of an authority of `ca`, too.
    pub followers: Vec<String>,
    /// Whether addresses other than loopback ones are taken without TLS: whoever reaches them can do everything.
    pub insecure_without_tls: bool,
}

/// Where the files of a node lie. A relative path starts where this file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate authorities whose certificates are believed, in PEM.
    pub ca: PathBuf,
    /// The node's own certificate in PEM, for servers and clients. Among its subject alternative names is the URI
    /// `arbiter://CLUSTER/node/ID`. Those between it and the authority follow it, if there are any.
    pub certificate: PathBuf,
    /// Its key in PEM. Nobody but its owner may write it, and nobody but owner and group may read it.
    pub key: PathBuf,
}

/// Raft's times. They must be equal on all nodes: unequal election timeouts backfire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaftTiming {
    /// How often the leader is heard. Also the time that an append, fsync and round trip included, may take: raise it
    /// where the disk is slow.
    pub heartbeat_interval_ms: u64,
    /// The least silence after which an election may be called.
    pub election_timeout_min_ms: u64,
    /// The longest silence before an election is called. Each node draws a time between the two.
    pub election_timeout_max_ms: u64,
}

impl Default for RaftTiming {
    fn default() -> Self {
        Self { heartbeat_interval_ms: 150, election_timeout_min_ms: 600, election_timeout_max_ms: 900 }
    }
}

/// How a node logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// For people or for machines.
    pub format: LogFormat,
    /// Which lines, in the syntax of `tracing`'s filters: `info`, `info,openraft=warn`.
    pub filter: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info,openraft=off".to_owned() }
    }
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The cluster whose assignments are followed by the routes that name one of its routes, and where it is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FollowConfig {
    /// Its name, as its own file has it. Another cluster is not listened to.
    pub cluster: String,
    /// Where its nodes are reached, each `host:port`: name all of them. All are listened to at once, and the newest
    /// assignment counts, so that one that is reached over each tunnel is enough.
    pub nodes: Vec<String>,
}

/// How EC2 is reached. What is not given here comes from the standard AWS environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ec2Config {
    /// The endpoint's URL, as in `https://ec2.cn-north-1.amazonaws.com.cn`.
    pub endpoint: Option<String>,
    /// The region, as in `cn-north-1`.
    pub region: Option<String>,
}
