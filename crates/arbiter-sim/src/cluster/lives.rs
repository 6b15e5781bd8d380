//! Processes are started, killed, and started again by whatever supervises them.

use super::dice::Dice;
use super::held::{HeldConsensus, Standing};
use super::members::address;
use super::net::{SimTransport, SimWire};
use super::policy::GATEWAYS;
use super::prober::SimProber;
use super::sim::{Host, Life, Sim};
use super::tape::Tape;
use arbiter_control::clock::Clock;
use arbiter_control::ear::Deaf;
use arbiter_control::examiner::Examiner;
use arbiter_control::{Parts, RaftConsensus, prepare};
use arbiter_core::command::Mode;
use arbiter_core::evidence::InstanceState;
use arbiter_core::health::Alarm;
use arbiter_core::ids::NodeId;
use arbiter_core::policy::Policy;
use arbiter_raft::store::{FailPoint, MemStore};
use arbiter_raft::{Environment, LogBounds, MemberSettings, RaftNode, Settings, Timings};
use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often the supervisor looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long a supervisor waits before it starts a process that has ended.
const RESTART_AFTER: Duration = Duration::from_millis(1_000);

/// Nobody is examined here: an examination changes nothing that the invariants speak of.
struct Nobody;

#[async_trait]
impl Examiner for Nobody {
    async fn examine(&self, _: NodeId, _: &Policy) -> Result<Vec<Alarm>, String> {
        Ok(Vec::new())
    }
}

impl Sim {
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
        for node in self.nodes() {
            let ended = |host: &mut Host| {
                let fatal = |life: &Life| life.raft.view().borrow().fatal.clone();
                let life = host.life.as_ref()?;
                fatal(life).or_else(|| life.looping.is_finished().then(|| "its loop ended".to_owned()))
            };
            if let Some(Some(why)) = self.with(node, ended) {
                self.tape.say(format!("the process of node {node} ends: {why}"));
                self.crash(node, usize::MAX, RESTART_AFTER);
            }
            if self
                .raft(node)
                .is_some_and(|raft| raft.view().borrow().standing == arbiter_raft::Standing::Member)
            {
                self.with(node, |host| host.disk_lost = false);
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
        let fate = self.with(node, |host| {
            let unsynced = host.disk.unsynced();
            host.disk = host.disk.crash(survivors);
            host.not_before_ms = host.not_before_ms.max(not_before_ms);
            if let Some(life) = host.life.take() {
                life.looping.abort();
                life.watching.abort();
                tokio::spawn(async move { life.raft.shutdown().await });
            }
            (unsynced.min(survivors), unsynced.saturating_sub(survivors))
        });
        let (kept, lost) = fate.unwrap_or_default();
        if lost > 0 {
            self.tape.landed("unsynced-lost");
        }
        if kept > 0 && lost > 0 {
            self.tape.landed("torn-tail");
        }
        self.tape.say(format!("the process of node {node} is gone"));
    }

    /// The disk is lost: the next process finds an empty one.
    pub fn wipe(&self, node: NodeId, down_for: Duration) {
        self.crash(node, 0, down_for);
        self.with(node, |host| (host.disk, host.disk_lost) = (MemStore::new(), true));
        self.net.unadmitted(node);
        self.tape.say(format!("the disk of node {node} is empty"));
    }

    /// The power of this node is cut in the midst of a write: at this moment, unless it goes down before. Returns the disk that
    /// will be gone then.
    pub fn crash_in_write(
        self: &Arc<Self>,
        node: NodeId,
        point: FailPoint,
        name: &'static str,
        survivors: usize,
        down_for: Duration,
    ) -> Option<MemStore> {
        let disk = self.disk(node)?;
        let sim = Arc::downgrade(self);
        disk.crash_at(point, move || {
            if let Some(sim) = sim.upgrade() {
                sim.tape.landed(name);
                sim.tape.say(format!("the power of node {node} is cut: {name}"));
                sim.crash(node, survivors, down_for);
            }
        });
        Some(disk)
    }

    async fn start(self: &Arc<Self>, node: NodeId) {
        let Some((boot, disk, clock)) = self.with(node, |host| {
            (host.boot, host.starting) = (host.boot + 1, true);
            (host.boot, host.disk.clone(), Arc::clone(&host.clock))
        }) else {
            return;
        };
        let dice = Mutex::new(Dice::new(self.seed, 1_000 * node.0 + boot));
        let held = disk.clone();
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
            Ok(raft) if held.is_gone() => {
                self.tape.say(format!("the power of node {node} was cut while it started"));
                tokio::spawn(async move { raft.shutdown().await });
                self.with(node, |host| host.starting = false);
                return;
            }
            Ok(raft) => raft,
            Err(_) if held.is_gone() => {
                self.tape.say(format!("the power of node {node} was cut while it started"));
                self.with(node, |host| host.starting = false);
                return;
            }
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
        let member =
            |id: NodeId| MemberSettings { id, name: self.policy.node_name(id), address: address(id) };
        // The file of a machine that came later names the first members, and itself.
        let first = self.policy.nodes.iter().map(|node| node.id);
        let itself = self.policy.nodes.iter().all(|first| first.id != node).then_some(node);
        Settings {
            node,
            cluster_name: self.policy.cluster.clone(),
            data_dir: format!("disk-{node}").into(),
            members: first.chain(itself).map(member).collect(),
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
