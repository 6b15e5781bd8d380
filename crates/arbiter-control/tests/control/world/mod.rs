//! A small world under paused time: up to three real control loops, a replicated log, a cloud, lines between them.
//!
//! Minutes of it take milliseconds. Everything that the loops touch is made here; `arbiter-core`'s `apply` and
//! `plan` are the real ones.

mod clock;
mod consensus;
mod ear;
mod policy;
mod post;
mod prober;
mod provider;
mod ward;

pub use clock::WorldClock;
pub use consensus::{Committed, Fate, Log};
pub use ear::WorldEar;
pub use policy::{DESTINATION, reference, route};
pub use post::Post;
pub use prober::WorldProber;
pub use provider::{CALL_MS, CallFate, Called, Cloud, LOOK_MS};
pub use ward::{EXAMINATION_MS, Examination, Ward};

use arbiter_control::{Answer, AskError, Control, Look, Parts, Settings, start};
use arbiter_core::command::{Action, Cause, Command, Mode, Operation, Outcome};
use arbiter_core::evidence::Verdict;
use arbiter_core::ids::{ClusterId, Epoch, Incarnation, IntentId, NodeId, Resource};
use arbiter_core::policy::Policy;
use arbiter_core::state::{ClusterState, Event};
use arbiter_core::verdict;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Raft's lease in this world.
pub const LEASE_MS: u64 = 900;

pub const ONE: NodeId = NodeId(1);
pub const TWO: NodeId = NodeId(2);
pub const WITNESS: NodeId = NodeId(3);
pub const ALL: [NodeId; 3] = [ONE, TWO, WITNESS];

/// From the loss of the first probe to `Down`.
const PROBE_WINDOW_MS: u64 = 250;

pub struct World {
    pub policy: Policy,
    pub log: Log,
    pub cloud: Cloud,
    pub post: Post,
    pub ward: Ward,
    pub clocks: BTreeMap<NodeId, Arc<WorldClock>>,
    pub probers: BTreeMap<NodeId, Arc<WorldProber>>,
    pub ears: BTreeMap<NodeId, Arc<WorldEar>>,
    /// What nodes have in their own files, where it is not the cluster's policy.
    pub files: BTreeMap<NodeId, Policy>,
    loops: BTreeMap<NodeId, JoinHandle<()>>,
    boots: u64,
}

impl World {
    /// Three processes that know of no cluster.
    pub fn nothing_yet(policy: Policy) -> Self {
        let mut world = Self::without_processes(policy);
        ALL.into_iter().for_each(|id| world.start(id));
        world
    }

    /// A formed cluster of three, led by `leader`, at the very start: nothing is adopted yet.
    pub fn begin(policy: Policy, leader: NodeId) -> Self {
        let mut world = Self::without_processes(policy.clone());
        world.log.elect(leader);
        world.log.commit(Command::Form {
            cluster_id: ClusterId("c-1".to_owned()),
            policy: Box::new(policy),
            members: ALL.iter().map(|id| (*id, Incarnation(id.0))).collect(),
            mode: Mode::Act,
        });
        ALL.into_iter().for_each(|id| world.start(id));
        world
    }

    fn without_processes(policy: Policy) -> Self {
        // `RUST_LOG=debug` shows what the loops say.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
        let began = Instant::now();
        let clocks: BTreeMap<_, _> =
            ALL.into_iter().map(|id| (id, Arc::new(WorldClock::new(began, id.0)))).collect();
        let prober = |id: &NodeId| Arc::new(WorldProber::new(Arc::clone(&clocks[id]) as _));
        Self {
            log: Log::new(ALL),
            cloud: Cloud::new(&policy),
            post: Post::default(),
            ward: Ward::default(),
            probers: ALL.iter().map(|id| (*id, prober(id))).collect(),
            ears: ALL.iter().map(|id| (*id, Arc::default())).collect(),
            clocks,
            files: BTreeMap::new(),
            loops: BTreeMap::new(),
            boots: 0,
            policy,
        }
    }

    /// The same, settled in: every route adopted, the new cluster's wait over.
    pub async fn settled(policy: Policy, leader: NodeId) -> Self {
        let world = Self::begin(policy, leader);
        let routes = world.policy.routes.len();
        world.until("every route is adopted", 5_000, |w| w.state().assignments.len() == routes).await;
        world.pass(world.policy.timing.takeover_wait_ms() + 500).await;
        world
    }

    /// Starts this node's process.
    pub fn start(&mut self, node: NodeId) {
        self.boots += 1;
        let file = self.files.get(&node).unwrap_or(&self.policy).clone();
        let settings = Settings { me: node, boot: 1_000 + self.boots, lease_ms: LEASE_MS, file };
        self.probers[&node].restart();
        let parts = Parts {
            consensus: self.log.handle(node),
            provider: self.cloud.handle(node),
            prober: Arc::clone(&self.probers[&node]) as _,
            ear: Arc::clone(&self.ears[&node]) as _,
            transport: self.post.handle(node),
            examiner: self.ward.handle(node),
            clock: Arc::clone(&self.clocks[&node]) as _,
        };
        let (control, task) = start(settings, parts);
        self.post.register(node, control);
        self.loops.insert(node, task);
    }

    /// Ends this node's process at once, with everything that it has under way. Its Raft is as it was.
    pub fn kill(&mut self, node: NodeId) {
        self.post.forget(node);
        self.loops.remove(&node).expect("it runs").abort();
    }

    /// The process restarts; Raft finds it in the part that it had.
    pub fn restart(&mut self, node: NodeId) {
        self.kill(node);
        self.start(node);
    }

    /// A whole host dies: its process, its Raft, its tunnel; and the others' probes notice after their window.
    pub async fn host_dies(&mut self, node: NodeId) {
        self.log.cut(node);
        self.kill(node);
        self.pass(PROBE_WINDOW_MS).await;
        self.others_see(node, Verdict::Down);
    }

    /// It comes up again.
    pub fn host_returns(&mut self, node: NodeId) {
        self.log.mend(node);
        self.start(node);
        self.others_see(node, Verdict::Up);
    }

    /// What the others' probes say of a gateway.
    pub fn others_see(&self, node: NodeId, state: Verdict) {
        for other in ALL.into_iter().filter(|other| *other != node) {
            self.probers[&other].set(&format!("gateway-{node}"), state);
        }
    }

    /// What a gateway's own probe says of its tunnel.
    pub fn tunnel(&self, node: NodeId, state: Verdict) {
        self.probers[&node].set(&format!("tunnel-{node}"), state);
    }

    /// The line between two nodes, for everything: reports and pings. Raft goes through the third.
    pub fn cut_line(&self, a: NodeId, b: NodeId) {
        self.post.cut(a, b);
        self.probers[&a].set(&format!("gateway-{b}"), Verdict::Down);
        self.probers[&b].set(&format!("gateway-{a}"), Verdict::Down);
    }

    pub async fn pass(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    /// Waits until something holds; returns after how many milliseconds it did.
    pub async fn until(&self, what: &str, limit_ms: u64, holds: impl Fn(&Self) -> bool) -> u64 {
        let began = Instant::now();
        loop {
            let ms = u64::try_from(began.elapsed().as_millis()).expect("short tests");
            if holds(self) {
                return ms;
            }
            assert!(ms < limit_ms, "not within {limit_ms} ms: {what}\n{}", self.tale());
            self.pass(1).await;
        }
    }

    pub fn state(&self) -> ClusterState {
        self.log.state()
    }

    pub fn epoch(&self) -> Epoch {
        self.state().office.epoch
    }

    pub fn control(&self, node: NodeId) -> Control {
        self.post.control(node)
    }

    pub async fn look(&self, node: NodeId) -> Look {
        self.control(node).look().await.expect("the loop runs")
    }

    pub async fn operate(&self, node: NodeId, operation: Operation) -> Result<Answer, AskError> {
        static REQUESTS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = REQUESTS.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        self.control(node).operate(format!("request-{number}"), "somebody".to_owned(), operation).await
    }

    pub fn target(&self, route: &str) -> String {
        self.cloud.target(&self.policy, route)
    }

    pub fn path(&self, route: &str) -> String {
        let state = self.state();
        state.assignments.get(&route.into()).map(|a| a.path.to_string()).unwrap_or_default()
    }

    /// Every accepted intent, oldest first, with its cause and reasons.
    pub fn intended(&self) -> Vec<(IntentId, Action, Cause, Vec<String>)> {
        let intended = |event: &Event| match event.clone() {
            Event::Intended { id, action, cause, reasons, .. } => Some((id, action, cause, reasons)),
            _ => None,
        };
        self.state().history.iter().filter_map(|entry| intended(&entry.event)).collect()
    }

    /// Every outcome, oldest first.
    pub fn outcomes(&self) -> Vec<(IntentId, Outcome)> {
        let ended = |event: &Event| match event.clone() {
            Event::Ended { id, outcome, .. } => Some((id, outcome)),
            _ => None,
        };
        self.state().history.iter().filter_map(|entry| ended(&entry.event)).collect()
    }

    /// The calls of stops and starts, as words.
    pub fn instance_calls(&self) -> Vec<String> {
        let words = |called: &Called| match &called.call.action {
            Action::Stop { instance, force: false, .. } => Some(format!("stop {instance}")),
            Action::Stop { instance, force: true, .. } => Some(format!("force {instance}")),
            Action::Start { instance, .. } => Some(format!("start {instance}")),
            Action::SetRoute { .. } => None,
        };
        self.cloud.calls().iter().filter_map(words).collect()
    }

    /// What no story may break: every call has an accepted intent of its own, made before; no id is used twice; on
    /// each resource no epoch acts after a newer one has.
    pub fn referee(&self) {
        let accepted: BTreeSet<_> = self.intended().into_iter().map(|(id, ..)| id).collect();
        let proposed = self.log.commands().into_iter().flat_map(|command| match command {
            Command::Intents(batch) => batch.intents.into_iter().map(|intent| intent.id).collect(),
            _ => Vec::new(),
        });
        let mut ids = BTreeSet::new();
        for id in proposed {
            assert!(ids.insert(id), "intent {id} was proposed twice\n{}", self.tale());
        }
        let (mut called, mut newest) = (BTreeSet::new(), BTreeMap::<Resource, Epoch>::new());
        for call in self.cloud.calls() {
            let id = call.call.intent;
            assert!(accepted.contains(&id), "{id} was called and never accepted\n{}", self.tale());
            assert!(called.insert(id), "{id} was called twice\n{}", self.tale());
            let epoch = newest.entry(call.call.action.resource()).or_default();
            assert!(id.epoch >= *epoch, "{id} was called after epoch {epoch}\n{}", self.tale());
            *epoch = id.epoch;
        }
        self.judge_stops();
    }

    /// S5: what can be seen is stopped only by an operator's request, one stop for each.
    fn judge_stops(&self) {
        let state = self.state();
        let mut asked = BTreeSet::new();
        for entry in &state.history {
            match &entry.event {
                Event::Operated { operation: Operation::RestartGateway { gateway, .. }, .. } => {
                    asked.insert(gateway.clone());
                }
                Event::Operated { operation: Operation::CancelRestart { gateway }, .. }
                | Event::RestartExpired { gateway, .. } => {
                    asked.remove(gateway);
                }
                Event::Intended { id, action: Action::Stop { gateway, .. }, cause, evidence, .. } => {
                    let of_policy = self.policy.gateway(gateway).expect("known");
                    let evidence = evidence.as_ref().expect("a short story keeps it");
                    let seen = verdict::can_be_seen(&self.policy, evidence, of_policy);
                    let excused = asked.remove(gateway) && *cause == Cause::OperatorRestart;
                    assert!(!seen || excused, "S5: {id} stops what can be seen\n{}", self.tale());
                }
                _ => {}
            }
        }
    }

    /// What happened, for somebody who reads a failed test.
    pub fn tale(&self) -> String {
        let state = self.state();
        let mut lines: Vec<_> = state
            .history
            .iter()
            .map(|entry| {
                let mut event = entry.event.clone();
                if let Event::Intended { evidence, .. } = &mut event {
                    *evidence = None;
                }
                format!("{} log time {} ms: {event:?}", entry.index, entry.at.0)
            })
            .collect();
        lines.push(format!("unsettled: {:?}", state.unsettled.keys().collect::<Vec<_>>()));
        lines.push(format!("slot: {:?}", state.slot));
        lines.extend(self.cloud.calls().iter().map(|c| format!("call by {}: {:?}", c.by, c.call)));
        lines.join("\n")
    }
}
