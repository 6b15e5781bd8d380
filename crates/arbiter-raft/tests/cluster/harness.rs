//! Nodes in one process, each with its own folder and gRPC server on loopback.

use arbiter_core::command::{Applied, Command, EntryId, Mode, Proposal};
use arbiter_core::ids::{Incarnation, NodeId};
use arbiter_core::policy::Policy;
use arbiter_core::state::ClusterState;
use arbiter_core::time::UnixMs;
use arbiter_proto::v1::{PeerHeader, PeerRequest};
use arbiter_raft::network::{Answer, Call, GrpcWire, Wire, WireError, plain};
use arbiter_raft::store::SledStore;
use arbiter_raft::{
    Environment, LogBounds, MemberSettings, ProposeError, RaftNode, RaftView, Settings, Standing, Timings,
};
use async_trait::async_trait;
use openraft::raft::VoteRequest;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;

/// Nothing in these tests takes this long, even on a machine with much else to do.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Which directed lines are cut, and how often each node asked what others hold.
#[derive(Clone, Default)]
pub struct Lines {
    cut: Arc<Mutex<BTreeSet<(u64, u64)>>>,
    asked: Arc<Mutex<BTreeMap<u64, u64>>>,
    no_votes: Arc<AtomicBool>,
    /// The node that gets nothing of the log; 0 for nobody.
    no_log_for: Arc<AtomicU64>,
}

impl Lines {
    /// Cuts the line between a node and all others, in both directions.
    pub fn isolate(&self, node: u64, others: &[u64]) {
        let mut cut = self.cut.lock().unwrap();
        for other in others.iter().filter(|other| **other != node) {
            cut.insert((node, *other));
            cut.insert((*other, node));
        }
    }

    /// Lets no request for a vote through, so that nobody is elected.
    pub fn lose_votes(&self, lose: bool) {
        self.no_votes.store(lose, Ordering::SeqCst);
    }

    /// Lets no entry and no snapshot through to this node, until all is healed.
    pub fn lose_log_for(&self, node: u64) {
        self.no_log_for.store(node, Ordering::SeqCst);
    }

    pub fn heal(&self) {
        self.no_log_for.store(0, Ordering::SeqCst);
        self.cut.lock().unwrap().clear();
    }

    pub fn asked(&self, node: u64) -> u64 {
        self.asked.lock().unwrap().get(&node).copied().unwrap_or(0)
    }
}

struct TestWire {
    me: u64,
    wire: GrpcWire,
    lines: Lines,
}

#[async_trait]
impl Wire for TestWire {
    async fn call(
        &self,
        to: NodeId,
        address: Option<&str>,
        call: Call,
        deadline: Duration,
    ) -> Result<Answer, WireError> {
        let asks = matches!(call, Call::Formation(_));
        let lost = match call {
            Call::Vote(_) => self.lines.no_votes.load(Ordering::SeqCst),
            Call::AppendEntries(_) | Call::InstallSnapshot(_) => {
                self.lines.no_log_for.load(Ordering::SeqCst) == to.0
            }
            _ => false,
        };
        let answer = if lost || self.lines.cut.lock().unwrap().contains(&(self.me, to.0)) {
            tokio::time::sleep(deadline).await;
            Err(WireError::Timeout(deadline))
        } else {
            self.wire.call(to, address, call, deadline).await
        };
        if asks {
            *self.lines.asked.lock().unwrap().entry(self.me).or_default() += 1;
        }
        answer
    }
}

struct Live {
    node: RaftNode,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

pub struct Cluster {
    folder: TempDir,
    addresses: BTreeMap<u64, String>,
    /// Who stands in the first nodes' files. A node that comes later has a file that lists all.
    founders: u64,
    live: BTreeMap<u64, Live>,
    pub lines: Lines,
    pub bounds: LogBounds,
}

static DRAWN: AtomicU64 = AtomicU64::new(1);

impl Cluster {
    /// `size` configured nodes, none of them started.
    pub async fn new(size: u64) -> Self {
        let mut addresses = BTreeMap::new();
        let mut listeners = Vec::new();
        for id in 1..=size {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.insert(id, listener.local_addr().unwrap().to_string());
            listeners.push(listener);
        }
        let folder = tempfile::tempdir().unwrap();
        let bounds = LogBounds::default();
        Self { folder, addresses, founders: size, live: BTreeMap::new(), lines: Lines::default(), bounds }
    }

    /// Three configured nodes, started, and addresses for some that come later.
    pub async fn growing(size: u64) -> (Self, u64) {
        let mut cluster = Self { founders: 3, ..Self::new(size).await };
        for id in 1..=3 {
            cluster.start(id).await;
        }
        cluster.until_formed().await;
        let leader = cluster.until_leader().await;
        (cluster, leader)
    }

    pub fn data_dir(&self, id: u64) -> PathBuf {
        self.folder.path().join(id.to_string())
    }

    pub fn address(&self, id: u64) -> String {
        self.addresses[&id].clone()
    }

    /// Puts a wrong address in everybody's book.
    pub fn redirect(&mut self, id: u64, address: String) {
        self.addresses.insert(id, address);
    }

    pub fn settings(&self, id: u64) -> Settings {
        let member = |(id, address): (&u64, &String)| MemberSettings {
            id: NodeId(*id),
            name: format!("node-{id}"),
            address: address.clone(),
        };
        let listed = |(other, _): &(&u64, &String)| id > self.founders || **other <= self.founders;
        Settings {
            node: NodeId(id),
            cluster_name: "test".to_owned(),
            data_dir: self.data_dir(id),
            members: self.addresses.iter().filter(listed).map(member).collect(),
            seed_policy: Policy { cluster: "test".to_owned(), ..Policy::default() },
            seed_mode: Mode::Act,
            // Slow enough for a machine that compiles at the same time.
            timings: Timings {
                heartbeat_interval_ms: 150,
                election_timeout_min_ms: 500,
                election_timeout_max_ms: 900,
                snapshot_timeout_ms: 3_000,
            },
            bounds: self.bounds,
            elections: false,
        }
    }

    /// Starts a node on its folder, as it is.
    pub async fn start(&mut self, id: u64) {
        let settings = self.settings(id);
        let book = settings.members.iter().map(|member| (member.id, member.address.clone())).collect();
        let wire = TestWire { me: id, wire: GrpcWire::new(book, plain()), lines: self.lines.clone() };
        let environment = Environment {
            store: Arc::new(SledStore::open(&settings.data_dir).unwrap()),
            wire: Arc::new(wire),
            draw: Arc::new(|| DRAWN.fetch_add(1, Ordering::SeqCst) * 0x9e37_79b9),
            wall_ms: Arc::new(|| UnixMs(1)),
        };
        let node = RaftNode::open_in(settings, environment).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let listener = TcpListener::bind(&self.addresses[&id]).await.unwrap();
        let service = node.service();
        let server = tokio::spawn(async move {
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async {
                    let _ = stopped.await;
                })
                .await
                .unwrap();
        });
        self.live.insert(id, Live { node, stop, server });
    }

    pub async fn start_all(&mut self) {
        for id in self.ids() {
            self.start(id).await;
        }
    }

    /// Ends a node as a process would end: its connections break.
    pub async fn stop(&mut self, id: u64) {
        let live = self.live.remove(&id).unwrap();
        let _ = live.stop.send(());
        // Peers keep their connections open; a server that waits for them would never end.
        live.server.abort();
        live.node.shutdown().await;
    }

    /// Takes the disk away from a node that is stopped.
    pub fn wipe(&self, id: u64) {
        std::fs::remove_dir_all(self.data_dir(id)).unwrap();
    }

    pub fn ids(&self) -> Vec<u64> {
        self.addresses.keys().copied().collect()
    }

    pub fn live(&self) -> Vec<u64> {
        self.live.keys().copied().collect()
    }

    pub fn node(&self, id: u64) -> &RaftNode {
        &self.live[&id].node
    }

    pub fn view(&self, id: u64) -> RaftView {
        self.node(id).view().borrow().clone()
    }

    pub fn state(&self, id: u64) -> Arc<ClusterState> {
        self.node(id).state().borrow().clone()
    }

    /// Waits until a condition holds; says what was waited for, and what was there instead.
    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waited = tokio::time::timeout(DEADLINE, async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        if waited.await.is_err() {
            let views: Vec<RaftView> = self.live().into_iter().map(|id| self.view(id)).collect();
            panic!("waited in vain until {what}: {views:#?}");
        }
    }

    pub fn is_member(&self, id: u64) -> bool {
        self.state(id).cluster_id.is_some() && self.view(id).standing == Standing::Member
    }

    pub async fn until_formed(&self) {
        self.until("all are members", |cluster| cluster.live().iter().all(|id| cluster.is_member(*id))).await;
    }

    /// The live node that leads and that all live, reachable nodes of its term follow.
    pub fn leader(&self) -> Option<u64> {
        let leading = |id: &u64| self.view(*id).leads();
        let newest = self.live().into_iter().filter(leading).max_by_key(|id| self.view(*id).term)?;
        Some(newest)
    }

    pub async fn until_leader(&self) -> u64 {
        self.until("somebody leads", |cluster| cluster.leader().is_some()).await;
        self.leader().unwrap()
    }

    pub fn elections(&self, on: bool) {
        for live in self.live.values() {
            live.node.elections(on);
        }
    }

    /// Proposes to remember `number`, on one node.
    pub async fn remember(&self, id: u64, number: u64) -> Result<(EntryId, Applied), ProposeError> {
        self.node(id).propose(remember(number), Duration::from_secs(10)).await
    }

    pub fn remembers(&self, id: u64, number: u64) -> bool {
        remembers(&self.state(id), number)
    }
}

/// A command that leaves a trace in the state without needing an epoch: an unknown node's disk.
pub fn remember(number: u64) -> Proposal {
    let command = Command::Admit { node: NodeId(1_000 + number), incarnation: Incarnation(number) };
    Proposal { wall_ms: UnixMs(1), command }
}

pub fn remembers(state: &ClusterState, number: u64) -> bool {
    let member = state.members.get(&NodeId(1_000 + number));
    member.is_some_and(|member| member.incarnation == Some(Incarnation(number)))
}

/// Asks a node for its vote in a far term, with the credentials of another node.
pub async fn ask_for_vote(
    cluster: &Cluster,
    from: u64,
    to: u64,
    header: PeerHeader,
) -> Result<(), WireError> {
    let book = BTreeMap::from([(NodeId(to), cluster.address(to))]);
    let wire = GrpcWire::new(book, plain());
    let message = VoteRequest::<u64>::new(openraft::Vote::new(99, from), None);
    let payload = serde_json::to_vec(&message).unwrap();
    let request = PeerRequest { header: Some(header), payload, data: Vec::new() };
    wire.call(NodeId(to), None, Call::Vote(request), Duration::from_secs(5)).await.map(drop)
}

/// The credentials that a node shows another one.
pub fn header_of(cluster: &Cluster, from: u64, to: u64) -> PeerHeader {
    PeerHeader {
        version: 1,
        cluster_id: cluster.state(from).cluster_id.clone().unwrap().0,
        sender: from,
        target: to,
        incarnation: cluster.view(from).incarnation.0,
        admitted_at: 0,
        cluster_name: "test".to_owned(),
    }
}
