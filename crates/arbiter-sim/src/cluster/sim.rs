//! The nodes and their world, and what can be asked of them.

use super::clock::HostClock;
use super::cloud::Cloud;
use super::dice::Dice;
use super::held::Hold;
use super::members::Members;
use super::net::Net;
use super::tape::Tape;
use super::truth::Truth;
use arbiter_core::ids::NodeId;
use arbiter_core::policy::Policy;
use arbiter_core::state::ClusterState;
use arbiter_raft::store::MemStore;
use arbiter_raft::{RaftNode, Standing};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;

/// A running process.
pub struct Life {
    /// Its Raft.
    pub raft: RaftNode,
    /// Its control loop.
    pub looping: JoinHandle<()>,
    /// Who records what it applies.
    pub watching: JoinHandle<()>,
}

/// A host, whose clocks and disk outlive its processes.
pub struct Host {
    /// Its clocks.
    pub clock: Arc<HostClock>,
    /// Its disk, as the newest process finds it.
    pub disk: MemStore,
    /// How many processes it has had.
    pub boot: u64,
    /// The process that runs, if one does.
    pub life: Option<Life>,
    /// Nobody restarts it before this.
    pub not_before_ms: u64,
    /// A process is about to run.
    pub starting: bool,
    /// The disk was lost, and has not been let in since.
    pub disk_lost: bool,
}

impl Host {
    /// One with an empty disk. Hosts were booted at different times, and their clocks run up to half a per mille apart.
    fn new(id: NodeId, tape: &Tape, dice: &mut Dice) -> Self {
        let clock = Arc::new(HostClock::new(tape.began(), 1_000_000 * id.0, dice.between(0, 500)));
        Self {
            clock,
            disk: MemStore::new(),
            boot: 0,
            life: None,
            not_before_ms: 0,
            starting: false,
            disk_lost: false,
        }
    }
}

/// The whole of one run.
pub struct Sim {
    /// The policy of the run.
    pub policy: Arc<Policy>,
    /// Its record.
    pub tape: Tape,
    /// Its network.
    pub net: Net,
    /// What is really so.
    pub truth: Truth,
    /// Its EC2.
    pub cloud: Cloud,
    /// Where proposals can be held.
    pub hold: Hold,
    /// What everything random follows from.
    pub seed: u64,
    /// Who belongs to the cluster.
    pub members: Members,
    hosts: Mutex<BTreeMap<NodeId, Host>>,
}

impl Sim {
    /// A world in good order, without processes yet.
    pub fn new(seed: u64, policy: Policy) -> Arc<Self> {
        let tape = Tape::new();
        let mut dice = Dice::new(seed, 3);
        let nodes: Vec<NodeId> = policy.nodes.iter().map(|node| node.id).collect();
        let hosts = nodes.iter().map(|id| (*id, Host::new(*id, &tape, &mut dice))).collect();
        Arc::new(Self {
            net: Net::new(seed, tape.clone()),
            truth: Truth::new(tape.clone()),
            cloud: Cloud::new(seed, &policy, tape.clone()),
            hold: Hold::new(tape.clone()),
            policy: Arc::new(policy),
            members: Members::new(nodes),
            seed,
            hosts: Mutex::new(hosts),
            tape,
        })
    }

    /// A machine more, with an empty disk. Its process is started as any other.
    pub fn new_host(&self, id: NodeId) {
        let host = Host::new(id, &self.tape, &mut Dice::new(self.seed, 500_000 + id.0));
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).insert(id, host);
    }

    /// Asks a host, or changes it.
    pub fn with<T>(&self, node: NodeId, f: impl FnOnce(&mut Host) -> T) -> Option<T> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&node).map(f)
    }

    /// A node's clocks.
    pub fn clock(&self, node: NodeId) -> Option<Arc<HostClock>> {
        self.with(node, |host| Arc::clone(&host.clock))
    }

    /// A node's disk.
    pub fn disk(&self, node: NodeId) -> Option<MemStore> {
        self.with(node, |host| host.disk.clone())
    }

    /// A node's Raft, while its process runs.
    pub fn raft(&self, node: NodeId) -> Option<RaftNode> {
        self.with(node, |host| host.life.as_ref().map(|life| life.raft.clone())).flatten()
    }

    /// A node's state as applied there, while its process runs.
    pub fn state(&self, node: NodeId) -> Option<Arc<ClusterState>> {
        self.raft(node).map(|raft| raft.state().borrow().clone())
    }

    /// Who leads, of those who think so the one with the newest term.
    pub fn leader(&self) -> Option<NodeId> {
        let leading = |id: &NodeId| {
            let view = self.raft(*id)?.view().borrow().clone();
            view.leads().then_some((view.term, *id))
        };
        self.nodes().iter().filter_map(leading).max().map(|(_, id)| id)
    }

    /// Whether every node runs, is a member, and holds what is committed.
    pub fn all_are_back(&self) -> bool {
        let nodes = self.nodes();
        let rafts = nodes.iter().filter_map(|node| self.raft(*node));
        let newest = rafts.map(|raft| raft.view().borrow().committed).max();
        nodes.iter().all(|node| {
            let Some(raft) = self.raft(*node) else { return false };
            let view = raft.view().borrow().clone();
            view.standing == Standing::Member && Some(view.committed) >= newest
        })
    }

    /// Whether a node has a disk that takes no part yet, also while it does not run.
    pub fn some_disk_waits(&self) -> bool {
        self.nodes().into_iter().any(|node| {
            let stands = self.raft(node).map(|raft| raft.view().borrow().standing.clone());
            self.with(node, |host| host.disk_lost) == Some(true)
                || stands.is_some_and(|standing| standing != Standing::Member)
        })
    }

    /// What part a node plays, in words.
    pub fn part_of(&self, node: NodeId) -> String {
        let Some(raft) = self.raft(node) else { return format!("node {node} does not run") };
        let view = raft.view().borrow().clone();
        let (standing, role, term, leader) = (view.standing, view.role, view.term.0, view.leader);
        let (log, committed) = (view.last_log, view.committed);
        format!(
            "node {node}: {standing:?} {role:?} in term {term} under {leader:?}, log {log}, committed {committed}"
        )
    }
}
