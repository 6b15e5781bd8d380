//! Three nodes in one process, each with its own folder and its own gRPC server: `arbiterd`'s own parts, without what
//! has nothing to do with the disk.

use super::PATIENCE;
use anyhow::Context;
use arbiter_core::command::{Command, Mode, Proposal};
use arbiter_core::ids::{ClusterId, Incarnation, NodeId};
use arbiter_core::policy::Policy;
use arbiter_core::time::UnixMs;
use arbiter_raft::{LogBounds, MemberSettings, RaftNode, Settings, Timings};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_stream::wrappers::TcpListenerStream;

/// Between two looks at what can only be looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How many nodes.
pub(super) const NODES: u64 = 3;

/// Small, so that snapshots, purges, and the sending of a snapshot to a node that was away are all in the recording.
const BOUNDS: LogBounds = LogBounds { snapshot_every: 20, keep: 5 };

/// Every so many entries one is long: it is cut in parts, and the store turns over.
const LONG_EVERY: u64 = 7;

/// How long that one is, in bytes.
const LONG_BYTES: usize = 60_000;

/// The folder of a node.
pub(super) fn folder_of(home: &Path, node: u64) -> PathBuf {
    home.join(format!("node-{node}"))
}

/// One node that runs.
struct Running {
    raft: RaftNode,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

struct Cluster {
    home: PathBuf,
    members: Vec<MemberSettings>,
    addresses: Vec<SocketAddr>,
    nodes: Vec<Option<Running>>,
    proposed: u64,
}

/// Lives through `rounds` of entries and misfortunes, below `home`.
///
/// # Errors
/// Something did not come about in time.
pub(super) async fn drive(home: &Path, rounds: u64) -> anyhow::Result<()> {
    let mut cluster = Cluster::start(home).await?;
    for round in 0..rounds {
        cluster.propose(9).await?;
        let leader = cluster.leader().await?;
        let other = (leader + 1) % cluster.nodes.len();
        match round % 4 {
            0 => cluster.elect(other).await?,
            // It misses more than the log keeps, and is sent a snapshot.
            1 => {
                cluster.stop(other).await;
                cluster.propose(BOUNDS.snapshot_every * 2).await?;
                cluster.open(other).await?;
            }
            2 => {
                cluster.stop(leader).await;
                cluster.propose(3).await?;
                cluster.open(leader).await?;
            }
            _ => {
                for node in 0..cluster.nodes.len() {
                    cluster.stop(node).await;
                }
                for node in 0..cluster.nodes.len() {
                    cluster.open(node).await?;
                }
            }
        }
    }
    cluster.propose(9).await?;
    cluster.caught_up().await
}

impl Cluster {
    async fn start(home: &Path) -> anyhow::Result<Self> {
        let (mut members, mut addresses) = (Vec::new(), Vec::new());
        for node in 1..=NODES {
            // Its port is free, and is taken again at once.
            let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
            let name = format!("node-{node}");
            members.push(MemberSettings { id: NodeId(node), name, address: address.to_string() });
            addresses.push(address);
        }
        let nodes = members.iter().map(|_| None).collect();
        let mut cluster = Self { home: home.to_owned(), members, addresses, nodes, proposed: 0 };
        for node in 0..cluster.nodes.len() {
            cluster.open(node).await?;
        }
        Ok(cluster)
    }

    async fn open(&mut self, node: usize) -> anyhow::Result<()> {
        let id = self.members[node].id;
        let settings = Settings {
            node: id,
            cluster_name: "disk".to_owned(),
            data_dir: folder_of(&self.home, id.0),
            members: self.members.clone(),
            seed_policy: Policy::default(),
            seed_mode: Mode::Act,
            timings: Timings {
                heartbeat_interval_ms: 150,
                election_timeout_min_ms: 450,
                election_timeout_max_ms: 700,
                snapshot_timeout_ms: 5_000,
            },
            bounds: BOUNDS,
            elections: true,
        };
        let listener = TcpListener::bind(self.addresses[node]).await?;
        let raft = RaftNode::open(settings).await?;
        let server = tonic::transport::Server::builder().tcp_nodelay(true).add_service(raft.service());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = server.serve_with_incoming_shutdown(TcpListenerStream::new(listener), async {
            // Its sender is gone when the node is.
            let _ = stopped.await;
        });
        let server = tokio::spawn(async move {
            if let Err(error) = serving.await {
                eprintln!("disk: a server has ended: {error}");
            }
        });
        self.nodes[node] = Some(Running { raft, stop, server });
        Ok(())
    }

    async fn stop(&mut self, node: usize) {
        if let Some(running) = self.nodes[node].take() {
            // Connections are ended by the signal. A server that waits until peers close theirs would never end.
            let _ = running.stop.send(());
            running.server.abort();
            // Its end is what is waited for: the port is free then.
            let _ = running.server.await;
            running.raft.shutdown().await;
        }
    }

    /// The node that leads a formed cluster; waits for one.
    async fn leader(&self) -> anyhow::Result<usize> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let leads = |running: &Running| {
                running.raft.view().borrow().leads() && running.raft.state().borrow().cluster_id.is_some()
            };
            if let Some(leader) = self.nodes.iter().position(|node| node.as_ref().is_some_and(leads)) {
                return Ok(leader);
            }
            anyhow::ensure!(Instant::now() < deadline, "nobody leads");
            sleep(LOOK_EVERY).await;
        }
    }

    /// Gets so many more entries committed, whoever leads.
    async fn propose(&mut self, count: u64) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let wanted = self.proposed + count;
        while self.proposed < wanted {
            anyhow::ensure!(Instant::now() < deadline, "entry {} is not committed", self.proposed);
            let leader = self.leader().await?;
            let Some(running) = &self.nodes[leader] else { continue };
            let proposal = proposal(self.proposed);
            if running.raft.propose(proposal, Duration::from_secs(5)).await.is_ok() {
                self.proposed += 1;
            }
        }
        Ok(())
    }

    /// Another node stands for election until somebody is elected in a later term.
    async fn elect(&mut self, node: usize) -> anyhow::Result<()> {
        let leader = self.leader().await?;
        let (Some(old), Some(new)) = (&self.nodes[leader], &self.nodes[node]) else { return Ok(()) };
        // Refused, or won by somebody else: both happen, and both are worth a recording.
        if let Err(error) = old.raft.handover_to(self.members[node].id, Duration::from_millis(700)).await {
            eprintln!("disk: {error}");
        }
        new.raft.trigger_election().await.context("a node has ended")?;
        self.leader().await.map(drop)
    }

    /// Waits until all nodes have applied what the leader has.
    async fn caught_up(&self) -> anyhow::Result<()> {
        let leader = self.leader().await?;
        let applied = self.nodes[leader].as_ref().map(|node| node.raft.view().borrow().applied);
        let deadline = Instant::now() + PATIENCE;
        for running in self.nodes.iter().flatten() {
            let mut view = running.raft.view();
            let reached = view.wait_for(|view| Some(view.applied) >= applied);
            timeout_at(deadline, reached).await.context("a node lags")?.context("a node has ended")?;
        }
        Ok(())
    }
}

/// Entries are told apart by their number. A long one is refused when it is applied; on the disk it is like any other.
fn proposal(number: u64) -> Proposal {
    let command = if number % LONG_EVERY == LONG_EVERY - 1 {
        Command::Form {
            cluster_id: ClusterId("x".repeat(LONG_BYTES)),
            policy: Box::default(),
            members: Vec::new(),
            mode: Mode::Act,
        }
    } else {
        Command::Admit { node: NodeId(1_000 + number), incarnation: Incarnation(number) }
    };
    Proposal { wall_ms: UnixMs(number), command }
}
