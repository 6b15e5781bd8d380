//! The one loop that decides.
//!
//! Events only update what is known; then the loop takes one step: report, look, stand for office, act. Nothing
//! acts from inside an event handler, so there is one place to ask why something was done.
//!
//! ```text
//!  parcels ─┐                                   ┌─► reports to peers
//!  probes ──┤   ┌──────────┐   plan    ┌──────┐ ├─► intents into the log ─► calls ─► outcomes
//!  log ─────┼──►│ what is  │──────────►│ step │─┤
//!  looks ───┤   │  known   │           └──────┘ ├─► looks at the provider
//!  operators┘   └──────────┘                    └─► campaigns, handovers
//! ```

use crate::clock::Clock;
use crate::consensus::{Consensus, Role, View};
use crate::eyes::Eyes;
use crate::hands::Hands;
use crate::message::{AskError, Control, Message};
use crate::office::Office;
use crate::prober::Prober;
use crate::provider::Provider;
use crate::tasks::Event;
use crate::transport::Transport;
use arbiter_core::evidence::{Ending, Evidence};
use arbiter_core::ids::{IntentId, NodeId, PolicyVersion};
use arbiter_core::leadership::{Candidacy, Move, Standing};
use arbiter_core::policy::{Policy, Probe};
use arbiter_core::report::{Change, OwnView, Picture, ReportedProbe};
use arbiter_core::state::{ClusterState, RULES_VERSION};
use arbiter_core::time::MonoMs;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Messages taken in before one step: a flood of parcels must not keep the loop from acting.
const MESSAGES_PER_STEP: usize = 64;

/// Everything that touches the world.
#[derive(Clone)]
pub struct Parts {
    /// The replicated log.
    pub consensus: Arc<dyn Consensus>,
    /// The side that owns routes and instances.
    pub provider: Arc<dyn Provider>,
    /// The side that probes.
    pub prober: Arc<dyn Prober>,
    /// The way to the peers, for reports.
    pub transport: Arc<dyn Transport>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// What is this node's own.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This node.
    pub me: NodeId,
    /// Which run of this process: drawn at random at start.
    pub boot: u64,
    /// Raft's lease (`election_timeout_max`): a leader not heard for longer counts as silent.
    pub lease_ms: u64,
}

pub(crate) struct Arbiter {
    pub settings: Settings,
    pub parts: Parts,
    pub state: Arc<ClusterState>,
    pub view: View,
    pub picture: Picture,
    pub eyes: Eyes,
    pub hands: Hands,
    pub office: Option<Office>,
    pub tasks: JoinSet<Event>,
    pub known_since: BTreeMap<IntentId, MonoMs>,
    /// When the loop last woke from a stall: evidence older than this was not gathered by a working leader.
    pub woke: MonoMs,
    /// No new intents before this: the leadership is being handed over.
    pub handing_over_until: MonoMs,
    pub next_look: MonoMs,
    pub looking: bool,
    /// Look often until then: something of ours has just changed.
    pub alert_until: MonoMs,
    candidacy: Candidacy,
    ending: Ending,
    next_report: MonoMs,
    report_now: bool,
    deadline: MonoMs,
    probes_of: Option<PolicyVersion>,
}

/// Starts the loop. It ends when every [`Control`] is dropped.
pub fn start(settings: Settings, parts: Parts) -> (Control, tokio::task::JoinHandle<()>) {
    let (control, inbox) = Control::new();
    let arbiter = Arbiter::new(settings, parts);
    (control, tokio::spawn(arbiter.run(inbox)))
}

impl Arbiter {
    fn new(settings: Settings, parts: Parts) -> Self {
        let now = parts.clock.now();
        Self {
            picture: Picture::new(settings.me, settings.boot, now),
            state: parts.consensus.state().borrow().clone(),
            view: parts.consensus.view(),
            settings,
            parts,
            eyes: Eyes::default(),
            hands: Hands::default(),
            office: None,
            tasks: JoinSet::new(),
            known_since: BTreeMap::new(),
            woke: now,
            handing_over_until: MonoMs(0),
            next_look: now,
            looking: false,
            alert_until: now,
            candidacy: Candidacy::default(),
            ending: Ending::None,
            next_report: now,
            report_now: true,
            deadline: now,
            probes_of: None,
        }
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut states = self.parts.consensus.state();
        let mut changes = self.parts.consensus.changes();
        let mut transitions = self.parts.prober.transitions();
        self.step();
        loop {
            let wait = Duration::from_millis(self.deadline.since_ms(self.now()));
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => self.receive(message, &mut inbox),
                    None => break,
                },
                alive = states.changed() => if alive.is_err() { break },
                alive = changes.changed() => if alive.is_err() { break },
                alive = transitions.changed() => match alive {
                    Ok(()) => self.report_now = true,
                    Err(watch_closed) => {
                        tracing::error!(%watch_closed, "the prober has ended: this node can't observe any more");
                        break;
                    }
                },
                Some(done) = self.tasks.join_next() => self.done(done),
                () = tokio::time::sleep(wait) => {}
            }
            self.notice_a_stall();
            self.state = latest(&mut states);
            changes.mark_unchanged();
            self.step();
        }
        tracing::info!("the control loop has ended");
    }

    pub fn now(&self) -> MonoMs {
        self.parts.clock.now()
    }

    pub fn policy(&self) -> &Policy {
        &self.state.policy
    }

    fn receive(&mut self, first: Message, inbox: &mut mpsc::Receiver<Message>) {
        self.handle(first);
        for _ in 1..MESSAGES_PER_STEP {
            match inbox.try_recv() {
                Ok(message) => self.handle(message),
                Err(_) => return,
            }
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Parcel(parcel) => {
                if self.picture.accept(parcel) == Change::Transition {
                    // What one node has just learned, the others must learn from it: it may be the only bridge.
                    self.report_now = true;
                }
            }
            Message::Operate { request, by, operation, reply } => self.operate(request, by, operation, reply),
            Message::HandOver { to, reply } => {
                if self.view.role == Role::Leader {
                    self.hand_over(to, Some(reply));
                } else {
                    crate::tasks::answer(reply, Err(AskError::NotLeader { leader: self.view.leader }));
                }
            }
            Message::Look(reply) => crate::tasks::answer(reply, self.look()),
            Message::Ending(ending, reply) => {
                self.ending = ending;
                self.report(self.now());
                crate::tasks::answer(reply, ());
            }
        }
    }

    fn done(&mut self, done: Result<Event, tokio::task::JoinError>) {
        match done {
            Ok(event) => self.take_in(event),
            Err(error) => tracing::error!(%error, "a task of the control loop ended badly"),
        }
    }

    /// The loop should have been back by its deadline. If it is later than a report interval, it stood still:
    /// what it holds is older than it looks, and its own silence may have made others act.
    fn notice_a_stall(&mut self) {
        let now = self.now();
        let late_ms = now.since_ms(self.deadline);
        if late_ms > self.policy().timing.report_interval_ms {
            tracing::warn!(
                late_ms,
                "the loop stood still; it plans nothing until a quorum has reported anew"
            );
            self.woke = now;
        }
    }

    fn step(&mut self) {
        let now = self.now();
        self.view = self.parts.consensus.view();
        self.know_intents(now);
        self.follow_policy();
        if self.report_now || now >= self.next_report {
            self.report(now);
            self.stand(now);
        }
        if now >= self.next_look && !self.looking && self.state.cluster_id.is_some() {
            self.start_look(now);
        }
        self.hold_office(now);
        if self.may_act(now) {
            self.act(now);
        }
        self.deadline = self.next_report.min(if self.looking { self.next_report } else { self.next_look });
        self.deadline = self.deadline.max(now.plus_ms(1));
    }

    /// Notes when this process first saw each unsettled intent: the takeover wait counts from there.
    fn know_intents(&mut self, now: MonoMs) {
        let unsettled = &self.state.unsettled;
        self.known_since.retain(|id, _| unsettled.contains_key(id));
        for id in unsettled.keys() {
            self.known_since.entry(*id).or_insert(now);
        }
    }

    fn follow_policy(&mut self) {
        if self.state.cluster_id.is_none() || self.probes_of == Some(self.state.policy_version) {
            return;
        }
        self.probes_of = Some(self.state.policy_version);
        let policy = Arc::clone(&self.state.policy);
        let mine = |probe: &&Probe| probe.observers.contains(&self.settings.me);
        self.parts.prober.set_probes(policy.probes.iter().filter(mine).cloned().collect());
        self.eyes.retain(&policy);
        self.next_look = self.now();
        let peers = self.peers();
        self.picture.retain(|node| peers.contains(&node));
    }

    fn peers(&self) -> BTreeSet<NodeId> {
        let members = self.view.voters.iter().chain(&self.view.learners).copied();
        let named = self.policy().nodes.iter().map(|node| node.id);
        members.chain(named).filter(|node| *node != self.settings.me).collect()
    }

    fn report(&mut self, now: MonoMs) {
        self.report_now = false;
        self.next_report = now.plus_ms(self.policy().timing.report_interval_ms);
        let view = self.own_view(now);
        self.picture.compose(view, now);
        for peer in self.peers() {
            self.parts.transport.offer(peer, self.picture.parcel_for(peer));
        }
    }

    fn own_view(&self, now: MonoMs) -> OwnView {
        let probes = self.parts.prober.snapshot().into_iter().map(|(id, status)| {
            let reported = ReportedProbe {
                state: status.state,
                for_ms: now.since_ms(status.since),
                last_rtt_us: status.last_rtt_us,
                loss_permille: status.loss_permille,
                error: status.last_error,
            };
            (id, reported)
        });
        let leader = match self.view.role {
            Role::Leader => Some((self.settings.me, 0)),
            _ => self.view.leader.zip(self.view.leader_heard_ms),
        };
        OwnView {
            probes: probes.collect(),
            ending: self.ending,
            describe_ok_age_ms: self.eyes.describe_ok_age_ms(now),
            provider_unreachable: self.eyes.unreachable(),
            leader,
            rules_supported: RULES_VERSION,
            wall_ms: self.parts.clock.wall_ms(),
        }
    }

    /// Leadership: nobody campaigns unless a majority says that the leader is silent.
    fn stand(&mut self, now: MonoMs) {
        if self.state.cluster_id.is_none() && self.view.voters.is_empty() {
            return;
        }
        let standing = Standing {
            me: self.settings.me,
            policy: &self.state.policy,
            picture: &self.picture,
            voters: &self.view.voters,
            silence_ms: self.settings.lease_ms,
            leads: self.view.role == Role::Leader,
            quiet: self.state.is_quiet() && self.hands.is_empty(),
        };
        match self.candidacy.decide(&standing, now) {
            Move::Stay => {}
            Move::Campaign if self.ending == Ending::None => {
                tracing::info!("a majority hears no leader: this node stands for election");
                self.parts.consensus.campaign();
            }
            Move::Campaign => {}
            Move::HandOver(to) => self.hand_over(to, None),
        }
    }

    /// Everything that a decision of this moment could rest on.
    pub fn evidence(&self, now: MonoMs) -> Evidence {
        Evidence {
            listening_ms: self.picture.listening_ms(now),
            voters: self.view.voters.clone(),
            nodes: self.picture.facts(now),
            instances: self.eyes.instance_facts(now),
            routes: self.eyes.route_facts(now),
        }
    }

    pub fn known_for_ms(&self, now: MonoMs) -> BTreeMap<IntentId, u64> {
        self.known_since.iter().map(|(id, since)| (*id, now.since_ms(*since))).collect()
    }
}

fn latest(states: &mut watch::Receiver<Arc<ClusterState>>) -> Arc<ClusterState> {
    states.borrow_and_update().clone()
}
