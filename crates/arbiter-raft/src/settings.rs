//! What a node is told at its start.

use crate::network::Wire;
use crate::store::Store;
use arbiter_core::command::Mode;
use arbiter_core::ids::NodeId;
use arbiter_core::policy::Policy;
use arbiter_core::time::UnixMs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A configured member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberSettings {
    /// Its id.
    pub id: NodeId,
    /// Its name for people; errors name it in the commands that they propose.
    pub name: String,
    /// Where *this* node reaches it: `host:port`. Every node may reach it under another address.
    pub address: String,
}

/// Raft's clock. It must be the same on all nodes: a lease is judged by its receiver's own settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// A leader speaks at least this often. It is also the deadline of each message that carries entries, so a
    /// round trip and a disk barrier must fit in it with room to spare.
    pub heartbeat_interval_ms: u64,
    /// A follower that heard nothing for the lease and between this ...
    pub election_timeout_min_ms: u64,
    /// ... and this long stands for election. It is also the lease: nobody who heard the leader within it votes.
    pub election_timeout_max_ms: u64,
    /// The deadline of each chunk of a snapshot, installing it included.
    pub snapshot_timeout_ms: u64,
}

impl Default for Timings {
    /// For nodes a few milliseconds apart, on disks that take up to 50 ms for a barrier.
    fn default() -> Self {
        Self {
            heartbeat_interval_ms: 100,
            election_timeout_min_ms: 300,
            election_timeout_max_ms: 600,
            snapshot_timeout_ms: 3_000,
        }
    }
}

/// How long the log may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogBounds {
    /// A snapshot is taken after this many entries.
    pub snapshot_every: u64,
    /// This many entries that are in the snapshot are kept, for followers that lag a little.
    pub keep: u64,
}

impl Default for LogBounds {
    /// At most some 700 entries: they are read once at each start, and applied again.
    fn default() -> Self {
        Self { snapshot_every: 500, keep: 200 }
    }
}

/// What a node is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This node.
    pub node: NodeId,
    /// The cluster's name for people. A data folder that was made under another name is refused.
    pub cluster_name: String,
    /// Where its data are.
    pub data_dir: PathBuf,
    /// All configured members, this node included, in the order of the configuration: the first one forms the
    /// cluster.
    pub members: Vec<MemberSettings>,
    /// The policy that a new cluster starts with.
    pub seed_policy: Policy,
    /// The mode that a new cluster starts in.
    pub seed_mode: Mode,
    /// Raft's clock.
    pub timings: Timings,
    /// How long the log may grow.
    pub bounds: LogBounds,
    /// Whether elections are on from the start. The control loop switches them; until the cluster is formed
    /// the founding nodes hold elections whatever this says.
    pub elections: bool,
}

impl Settings {
    /// The configured member with this id.
    pub fn member(&self, id: NodeId) -> Option<&MemberSettings> {
        self.members.iter().find(|member| member.id == id)
    }

    /// A member's name for people, or its id.
    pub fn name_of(&self, id: NodeId) -> String {
        self.member(id).map_or_else(|| id.to_string(), |member| member.name.clone())
    }

    /// How many members are a majority of the configured ones.
    pub fn majority(&self) -> usize {
        self.members.len() / 2 + 1
    }
}

/// What a node takes from the world, so that a simulation can give it another one.
#[derive(Clone)]
pub struct Environment {
    /// Its disk.
    pub store: Arc<dyn Store>,
    /// How it reaches its peers.
    pub wire: Arc<dyn Wire>,
    /// Random numbers, for incarnations and the cluster's id.
    pub draw: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// The wall clock, recorded for people.
    pub wall_ms: Arc<dyn Fn() -> UnixMs + Send + Sync>,
}

/// The system's wall clock.
pub(crate) fn system_wall_ms() -> UnixMs {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    UnixMs(seconds * 1_000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000)
}

/// Sixty-four random bits from the system.
///
/// # Errors
/// The system gives none.
pub(crate) fn system_random() -> std::io::Result<u64> {
    use std::io::Read;
    let mut bytes = [0; 8];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// How long a peer gets to answer a question outside of Raft: what its disk holds, an admission, an election
/// call. Long enough for a barrier on a slow disk and a lost packet, short enough to try the next peer.
pub(crate) const QUESTION_TIMEOUT: Duration = Duration::from_millis(1_500);
