//! The nodes and their world: processes are started, killed, and started again by whatever supervises them.

use super::clock::HostClock;
use super::cloud::Cloud;
use super::dice::Dice;
use super::held::{HeldConsensus, Hold, Standing};
use super::net::{Net, SimTransport, SimWire};
use super::policy::GATEWAYS;
use super::prober::SimProber;
use super::tape::Tape;
use super::truth::Truth;
use arbiter_control::clock::Clock;
use arbiter_control::ear::Deaf;
use arbiter_control::examiner::Examiner;
use arbiter_control::{Parts, RaftConsensus, prepare};
use arbiter_core::command::Mode;
use arbiter_core::evidence::InstanceState;
use arbiter_core::health::Alarm;
use arbiter_core::ids::NodeId;
use arbiter_core::policy::Policy;
use arbiter_core::state::ClusterState;
use arbiter_raft::store::MemStore;
use arbiter_raft::{Environment, LogBounds, MemberSettings, RaftNode, Settings, Timings};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often the supervisor looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long a supervisor waits before it starts a process that has ended.
const RESTART_AFTER: Duration = Duration::from_millis(1_000);

/// A running process.
pub struct Life {
    /// Its Raft.
    pub raft: RaftNode,
    looping: JoinHandle<()>,
    watching: JoinHandle<()>,
}

struct Host {
    clock: Arc<HostClock>,
    disk: MemStore,
    boot: u64,
    life: Option<Life>,
    /// Nobody restarts it before this.
    not_before_ms: u64,
    starting: bool,
}

/// The whole of one run.
pub struct Sim {
    /// The policy of the run.
    pub policy: Arc<Policy>,
    /// Every node.
    pub nodes: Vec<NodeId>,
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
    seed: u64,
    hosts: Mutex<BTreeMap<NodeId, Host>>,
}

/// Nobody is examined here: an examination changes nothing that the invariants speak of.
struct Nobody;

#[async_trait]
impl Examiner for Nobody {
    async fn examine(&self, _: NodeId, _: &Policy) -> Result<Vec<Alarm>, String> {
        Ok(Vec::new())
    }
}

impl Sim {
    /// A world in good order, without processes yet.
    pub fn new(seed: u64, policy: Policy) -> Arc<Self> {
        let tape = Tape::new();
        let mut dice = Dice::new(seed, 3);
        let host = |id: &NodeId| {
            // Hosts were booted at different times, and their clocks run up to half a per mille apart.
            let clock = HostClock::new(tape.began(), 1_000_000 * id.0, dice.between(0, 500));
            let clock = Arc::new(clock);
            (
                *id,
                Host { clock, disk: MemStore::new(), boot: 0, life: None, not_before_ms: 0, starting: false },
            )
        };
        let nodes: Vec<NodeId> = policy.nodes.iter().map(|node| node.id).collect();
        let hosts = nodes.iter().map(host).collect();
        Arc::new(Self {
            net: Net::new(seed, tape.clone()),
            truth: Truth::new(tape.clone()),
            cloud: Cloud::new(seed, &policy, tape.clone()),
            hold: Hold::new(tape.clone()),
            policy: Arc::new(policy),
            nodes,
            seed,
            hosts: Mutex::new(hosts),
            tape,
        })
    }

    fn with<T>(&self, node: NodeId, f: impl FnOnce(&mut Host) -> T) -> Option<T> {
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
        self.nodes.iter().filter_map(leading).max().map(|(_, id)| id)
    }

    /// Whether every node runs, is a member, and holds what is committed.
    pub fn all_are_back(&self) -> bool {
        let newest =
            self.nodes.iter().filter_map(|node| self.raft(*node)).map(|raft| raft.view().borrow().committed);
        let newest = newest.max();
        self.nodes.iter().all(|node| {
            let Some(raft) = self.raft(*node) else { return false };
            let view = raft.view().borrow().clone();
            view.standing == arbiter_raft::Standing::Member && Some(view.committed) >= newest
        })
    }

    /// Whether a node runs on a disk that takes no part yet.
    pub fn some_disk_waits(&self) -> bool {
        let rafts = self.nodes.iter().filter_map(|node| self.raft(*node));
        rafts.into_iter().any(|raft| raft.view().borrow().standing != arbiter_raft::Standing::Member)
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

    /// Starts the processes, and what restarts them from now on.
    pub fn begin(self: &Arc<Self>) -> JoinHandle<()> {
        let sim = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                sim.supervise().await;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        })
    }

    /// Takes away what has ended, follows what EC2 does to hosts, starts what should run.
    async fn supervise(self: &Arc<Self>) {
        for node in GATEWAYS {
            let Some(gateway) = self.policy.gateway_of_node(node) else { continue };
            let state = self.cloud.instance(&gateway.instance);
            let runs = state == InstanceState::Running;
            if !runs && !self.truth.host_is_dead(node) {
                self.tape.say(format!("host {node} goes down: its instance is {state}"));
                self.host_dies(node);
            }
        }
        for id in self.cloud.take_booted() {
            let Some(gateway) = self.policy.gateway_of_instance(&id) else { continue };
            self.host_returns(gateway.node);
        }
        for &node in &self.nodes {
            let ended = |host: &mut Host| {
                let fatal = |life: &Life| life.raft.view().borrow().fatal.clone();
                let life = host.life.as_ref()?;
                fatal(life).or_else(|| life.looping.is_finished().then(|| "its loop ended".to_owned()))
            };
            if let Some(Some(why)) = self.with(node, ended) {
                self.tape.say(format!("the process of node {node} ends: {why}"));
                self.crash(node, usize::MAX, RESTART_AFTER);
            }
            let now_ms = self.tape.now_ms();
            let due = |host: &mut Host| host.life.is_none() && !host.starting && now_ms >= host.not_before_ms;
            if !self.truth.host_is_dead(node) && self.with(node, due) == Some(true) {
                self.start(node).await;
            }
        }
    }

    /// The host is dead until its instance is started.
    pub fn host_dies(&self, node: NodeId) {
        self.truth.host_is(node, true);
        self.net.host_is(node, true);
        self.crash(node, 0, Duration::ZERO);
    }

    /// The host has booted.
    pub fn host_returns(&self, node: NodeId) {
        if self.truth.host_is_dead(node) {
            self.tape.say(format!("host {node} is up again"));
        }
        self.truth.host_is(node, false);
        self.net.host_is(node, false);
    }

    /// Ends a process without a word. Of the writes that were not synced only the first `survivors` are on the disk.
    pub fn crash(&self, node: NodeId, survivors: usize, down_for: Duration) {
        let not_before_ms = self.tape.now_ms() + u64::try_from(down_for.as_millis()).unwrap_or(u64::MAX);
        self.net.forget(node);
        let lost = self.with(node, |host| {
            let unsynced = host.disk.unsynced();
            host.disk = host.disk.crash(survivors);
            host.not_before_ms = host.not_before_ms.max(not_before_ms);
            if let Some(life) = host.life.take() {
                life.looping.abort();
                life.watching.abort();
                tokio::spawn(async move { life.raft.shutdown().await });
            }
            unsynced.saturating_sub(survivors)
        });
        if lost.is_some_and(|lost| lost > 0) {
            self.tape.landed("unsynced-lost");
        }
        self.tape.say(format!("the process of node {node} is gone"));
    }

    /// The disk is lost: the next process finds an empty one.
    pub fn wipe(&self, node: NodeId, down_for: Duration) {
        self.crash(node, 0, down_for);
        self.with(node, |host| host.disk = MemStore::new());
        self.net.unadmitted(node);
        self.tape.say(format!("the disk of node {node} is empty"));
    }

    async fn start(self: &Arc<Self>, node: NodeId) {
        let Some((boot, disk, clock)) = self.with(node, |host| {
            (host.boot, host.starting) = (host.boot + 1, true);
            (host.boot, host.disk.clone(), Arc::clone(&host.clock))
        }) else {
            return;
        };
        let dice = Mutex::new(Dice::new(self.seed, 1_000 * node.0 + boot));
        let wall = Arc::clone(&clock);
        let environment = Environment {
            store: Arc::new(disk),
            wire: Arc::new(SimWire { me: node, boot, net: self.net.clone() }),
            draw: Arc::new(move || dice.lock().unwrap_or_else(PoisonError::into_inner).bits()),
            wall_ms: Arc::new(move || wall.wall_ms()),
        };
        let settings = self.settings(node);
        let lease_ms = settings.timings.election_timeout_max_ms;
        let raft = match RaftNode::open_in(settings, environment).await {
            Ok(raft) => raft,
            // A full disk keeps it from starting as it ends one that runs; whoever restarts it makes room.
            Err(error) if format!("{error:?}").contains("the disk is full") => {
                self.tape.say(format!("node {node} can't start: {error}"));
                self.with(node, |host| host.starting = false);
                self.crash(node, usize::MAX, RESTART_AFTER);
                return;
            }
            Err(error) => {
                self.tape
                    .violation("S6", format!("node {node} can't open its disk after a crash: {error:?}"));
                return;
            }
        };
        let consensus = Arc::new(RaftConsensus::new(raft.clone(), lease_ms));
        let parts = Parts {
            consensus: Arc::new(HeldConsensus::new(node, consensus, self.hold.clone(), self.net.clone())),
            provider: self.cloud.handle(node, boot, self.net.clone()),
            prober: SimProber::start(
                node,
                Arc::clone(&self.policy),
                self.net.clone(),
                self.truth.clone(),
                Arc::clone(&clock) as _,
            ),
            ear: Arc::new(Deaf::new()),
            transport: Arc::new(SimTransport { me: node, boot, net: self.net.clone() }),
            examiner: Arc::new(Nobody),
            clock,
        };
        let file = Policy::clone(&self.policy);
        let settings =
            arbiter_control::Settings { me: node, boot: node.0 * 1_000_000 + boot, lease_ms, file };
        let (control, running) = prepare(settings, parts);
        let looping = tokio::spawn(Standing::new(node, self.net.clone(), running));
        let watching = tokio::spawn(watch(node, raft.clone(), self.tape.clone()));
        self.net.register(node, boot, raft.peer_service(), control);
        self.tape.say(format!("node {node} starts, for the {boot}. time"));
        let life = Life { raft, looping, watching };
        self.with(node, |host| (host.life, host.starting) = (Some(life), false));
    }

    fn settings(&self, node: NodeId) -> Settings {
        let member = |id: &NodeId| MemberSettings {
            id: *id,
            name: self.policy.node_name(*id),
            address: format!("node-{id}:1"),
        };
        Settings {
            node,
            cluster_name: self.policy.cluster.clone(),
            data_dir: format!("disk-{node}").into(),
            members: self.nodes.iter().map(member).collect(),
            seed_policy: Policy::clone(&self.policy),
            seed_mode: Mode::Act,
            timings: Timings::default(),
            // Short, so that followers that lag get snapshots.
            bounds: LogBounds { snapshot_every: 60, keep: 20 },
            elections: false,
        }
    }
}

/// Records what a node applies, entry by entry.
async fn watch(node: NodeId, raft: RaftNode, tape: Tape) {
    let mut states = raft.state();
    let mut upto = 0;
    loop {
        let state = states.borrow_and_update().clone();
        let newer: Vec<_> =
            state.history.iter().rev().take_while(|entry| entry.index.0 > upto).cloned().collect();
        tape.applied(node, &newer.into_iter().rev().collect::<Vec<_>>());
        super::invariants::s6::compare(&tape, node, &state, upto);
        upto = state.applied.index.0;
        if states.changed().await.is_err() {
            return;
        }
    }
}
