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
use crate::ear::Ear;
use crate::examiner::Examiner;
use crate::eyes::Eyes;
use crate::hands::Hands;
use crate::message::{AskError, Control, Message};
use crate::office::Office;
use crate::planted::{Bug, arrival, planted};
use crate::prober::Prober;
use crate::provider::Provider;
use crate::rounds::Rounds;
use crate::stalls::{Stalls, Told};
use crate::tasks::Event;
use crate::transport::Transport;
use arbiter_core::evidence::{Ending, Evidence};
use arbiter_core::follow::{self, Heard};
use arbiter_core::ids::{IntentId, NodeId, PolicyVersion, Resource};
use arbiter_core::leadership::Candidacy;
use arbiter_core::policy::{Policy, Probe};
use arbiter_core::report::{Change, Picture};
use arbiter_core::state::ClusterState;
use arbiter_core::time::{MonoMs, UnixMs};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Messages taken in before one step: a flood of parcels must not keep the loop from acting.
const MESSAGES_PER_STEP: usize = 64;

/// Ended tasks taken in before one step: the calls of a whole batch.
const EVENTS_PER_STEP: usize = 64;

/// Everything that touches the world.
#[derive(Clone)]
pub struct Parts {
    /// The replicated log.
    pub consensus: Arc<dyn Consensus>,
    /// The side that owns routes and instances.
    pub provider: Arc<dyn Provider>,
    /// The side that probes.
    pub prober: Arc<dyn Prober>,
    /// The side that hears the cluster that is followed.
    pub ear: Arc<dyn Ear>,
    /// The way to the peers, for reports.
    pub transport: Arc<dyn Transport>,
    /// Who examines nodes.
    pub examiner: Arc<dyn Examiner>,
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
    /// The policy in this node's own file. Nothing is decided by it; peers are told whether it differs.
    pub file: Policy,
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
    pub rounds: Rounds,
    pub tasks: JoinSet<Event>,
    /// Each unsettled intent, and when this process first saw it.
    known: BTreeMap<IntentId, (MonoMs, Resource)>,
    /// When the loop last woke from a stall: evidence older than this was not gathered by a working leader.
    pub woke: MonoMs,
    stalls: Stalls,
    /// No new intents before this: the leadership is being handed over.
    pub handing_over_until: MonoMs,
    /// To whom, as long as that is under way.
    pub handing_over_to: Option<NodeId>,
    pub next_look: MonoMs,
    pub looking: bool,
    /// The look that is under way began too early for what it is asked for now.
    pub look_again: bool,
    /// Looks in a row that failed.
    pub failed_looks: u32,
    /// Look often until then: something of ours has just changed.
    pub alert_until: MonoMs,
    /// Operators' commands under way.
    pub operators: usize,
    /// The wall clock at the beginning of this step.
    pub step_wall: UnixMs,
    pub candidacy: Candidacy,
    pub ending: Ending,
    pub last_report: Option<MonoMs>,
    pub report_now: bool,
    deadline: MonoMs,
    probes_of: Option<PolicyVersion>,
    /// Whether this node's own file differs from the policy in force.
    pub file_differs: bool,
}

/// Starts the loop. It ends when every [`Control`] is dropped.
pub fn start(settings: Settings, parts: Parts) -> (Control, tokio::task::JoinHandle<()>) {
    let (control, running) = prepare(settings, parts);
    (control, tokio::spawn(running))
}

/// The loop, for a caller that runs it itself: a simulation lets it stand still as a process does that gets no CPU.
pub fn prepare(settings: Settings, parts: Parts) -> (Control, impl Future<Output = ()> + Send + 'static) {
    let (control, inbox) = Control::new();
    (control, Arbiter::new(settings, parts).run(inbox))
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
            rounds: Rounds::default(),
            tasks: JoinSet::new(),
            known: BTreeMap::new(),
            woke: now,
            stalls: Stalls::default(),
            handing_over_until: MonoMs(0),
            handing_over_to: None,
            next_look: now,
            looking: false,
            look_again: false,
            failed_looks: 0,
            alert_until: now,
            operators: 0,
            step_wall: UnixMs(0),
            candidacy: Candidacy::default(),
            ending: Ending::None,
            last_report: None,
            report_now: true,
            deadline: now,
            probes_of: None,
            file_differs: false,
        }
    }

    async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut states = self.parts.consensus.state();
        let mut changes = self.parts.consensus.changes();
        let mut transitions = self.parts.prober.transitions();
        let mut hearsay = self.parts.ear.changes();
        self.step();
        loop {
            let wait = Duration::from_millis(self.deadline.since_ms(self.now()));
            // In order, so that the same events give the same run: what has ended first, what is asked last. No
            // source can keep the others from their turn: tasks are bounded, and each message is a step's whole
            // share.
            tokio::select! {
                biased;
                Some(done) = self.tasks.join_next() => if !self.done(done) { break },
                alive = states.changed() => if alive.is_err() { break },
                alive = changes.changed() => if alive.is_err() { break },
                alive = transitions.changed() => match alive {
                    Ok(()) => self.report_now = true,
                    Err(watch_closed) => {
                        tracing::error!(%watch_closed, "the prober has ended: this node can't observe any more");
                        break;
                    }
                },
                alive = hearsay.changed() => match alive {
                    Ok(()) => self.report_now = true,
                    Err(watch_closed) => {
                        tracing::error!(%watch_closed, "nobody listens to the followed cluster any more");
                        break;
                    }
                },
                message = inbox.recv() => match message {
                    Some(message) => self.receive(message, &mut inbox),
                    None => break,
                },
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
                if self.accept(parcel) == Change::Transition {
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
            Message::Examine(reply) => self.examine_for(reply),
            Message::Ending(ending, reply) => {
                self.ending = ending;
                self.report(self.now());
                crate::tasks::answer(reply, ());
            }
        }
    }

    /// Takes in what has ended, a batch of calls together. False if the loop can't go on: a task that broke off
    /// took with it what it had to bring back, and books with a hole are worse than a restart.
    fn done(&mut self, first: Result<Event, tokio::task::JoinError>) -> bool {
        let (mut next, mut taken) = (Some(first), 0);
        while let Some(done) = next {
            match done {
                Ok(event) => self.take_in(event),
                Err(error) => {
                    tracing::error!(%error, "a task of the control loop broke off: the loop ends");
                    return false;
                }
            }
            taken += 1;
            next = if taken < EVENTS_PER_STEP { self.tasks.try_join_next() } else { None };
        }
        true
    }

    /// The loop should have been back by its deadline, which is half a report interval away at most. If it is
    /// later than as much again, it may have stood still for a report interval: what it holds is older than it
    /// looks, and its own silence may have made others act.
    fn notice_a_stall(&mut self) {
        let now = self.now();
        let late_ms = now.since_ms(self.deadline);
        if late_ms > self.half_interval_ms() {
            self.woke = now;
            let long_ms = self.policy().timing.report_stale_after_ms;
            if let Some(Told { count, longest_ms }) = self.stalls.note(late_ms, long_ms, now) {
                tracing::warn!(
                    count,
                    longest_ms,
                    "the loop stood still; after each time it plans nothing until a quorum has reported anew"
                );
            }
        }
    }

    fn half_interval_ms(&self) -> u64 {
        self.policy().timing.report_interval_ms / 2
    }

    fn step(&mut self) {
        // The wall clock first: if the hypervisor stops us in between, it shows in the check before each call.
        self.step_wall = self.parts.clock.wall_ms();
        let now = self.now();
        self.look_at_consensus();
        self.know_intents(now);
        self.follow_policy();
        if self.report_is_due(now) {
            self.report(now);
            self.stand(now);
        }
        self.hold_office(now);
        if now >= self.next_look && !self.looking && self.state.cluster_id.is_some() {
            self.start_look(now);
        }
        if self.is_in_office() {
            self.own_orphans();
            self.write_outcomes(now);
            self.keep_house(now);
        }
        if self.may_act(now) {
            self.act(now);
        }
        self.make_rounds(now);
        self.deadline = self.next_deadline(now);
    }

    fn look_at_consensus(&mut self) {
        let view = self.parts.consensus.view();
        if (view.role, view.leader) != (self.view.role, self.view.leader) {
            // Who stands for election rests on what everybody says of the leader.
            self.report_now = true;
        }
        self.view = view;
    }

    /// When to be back if nothing happens before: never now, or the loop would run hot.
    fn next_deadline(&self, now: MonoMs) -> MonoMs {
        let looks = self.state.cluster_id.is_some() && !self.looking;
        let look = if looks { self.next_look } else { self.report_due() };
        let stale = self.next_stale(now).unwrap_or(look);
        let idle = now.plus_ms(self.half_interval_ms());
        self.report_due().min(look).min(stale).min(idle).max(now.plus_ms(1))
    }

    /// When the next node's report grows stale, unless another comes: that is an event like any other.
    fn next_stale(&self, now: MonoMs) -> Option<MonoMs> {
        let limit_ms = self.policy().timing.report_stale_after_ms;
        let ages = self.picture.reports().filter(|report| report.node != self.settings.me);
        ages.filter_map(|report| self.picture.age_ms(report.node, now))
            .filter(|age_ms| *age_ms <= limit_ms)
            .map(|age_ms| now.plus_ms(limit_ms - age_ms + 1))
            .min()
    }

    /// Notes when this process first saw each unsettled intent: the takeover wait counts from there. A route
    /// whose intent a newer epoch has settled must be read: nobody knows what became of the call.
    fn know_intents(&mut self, now: MonoMs) {
        let current = self.state.office.epoch;
        let known = std::mem::take(&mut self.known);
        for (id, (since, resource)) in known {
            if self.state.unsettled.contains_key(&id) {
                self.known.insert(id, (since, resource));
            } else if id.epoch < current {
                if let Resource::Route(route) = resource {
                    self.eyes.demand_read(route, now);
                }
                self.look_now(now);
            }
        }
        for (id, doubt) in &self.state.unsettled {
            self.known.entry(*id).or_insert_with(|| (now, doubt.intent.action.resource()));
        }
    }

    fn follow_policy(&mut self) {
        if self.state.cluster_id.is_none() || self.probes_of == Some(self.state.policy_version) {
            return;
        }
        self.probes_of = Some(self.state.policy_version);
        let policy = Arc::clone(&self.state.policy);
        self.file_differs = *policy != self.settings.file;
        let mine = |probe: &&Probe| probe.observers.contains(&self.settings.me);
        self.parts.prober.set_probes(policy.probes.iter().filter(mine).cloned().collect());
        self.parts.ear.listen_for(follow::asked_for(&policy));
        self.eyes.retain(&policy);
        self.look_now(self.now());
        self.picture.set_stale_after(policy.timing.report_stale_after_ms);
        let peers = self.peers();
        self.picture.retain(|node| peers.contains(&node));
    }

    /// Everything that a decision of this moment could rest on.
    pub fn evidence(&self, now: MonoMs) -> Evidence {
        let awake_ms = now.since_ms(self.woke);
        let mut nodes = self.picture.facts(now);
        if planted(Bug::AgeByArrival) {
            for (node, facts) in &mut nodes {
                let came = arrival(self.settings.me, *node);
                facts.age_ms = came.map(|came| now.since_ms(came)).or(facts.age_ms);
            }
        }
        for (_, facts) in nodes.iter_mut().filter(|(node, _)| **node != self.settings.me) {
            // While we stood still nobody heard from us, so nobody's silence counts that long: who has not
            // reported since is as one who was never heard.
            if facts.age_ms.is_some_and(|age_ms| age_ms > awake_ms) {
                facts.age_ms = None;
                facts.heard_for_ms = 0;
            }
        }
        Evidence {
            listening_ms: self.picture.listening_ms(now).min(awake_ms),
            voters: self.view.voters.clone(),
            nodes,
            instances: self.eyes.instance_facts(now),
            routes: self.eyes.route_facts(now),
            followed: self.heard(now),
        }
    }

    /// What all nodes together hear of the cluster that is followed, if one is.
    fn heard(&self, now: MonoMs) -> Option<Heard> {
        if !self.policy().follows() {
            return None;
        }
        self.picture.heard(self.state.followed_cluster(), now)
    }

    pub fn known_for_ms(&self, now: MonoMs) -> BTreeMap<IntentId, u64> {
        let known = |(id, (since, resource)): (&IntentId, &(MonoMs, Resource))| {
            let known_ms = now.since_ms(*since);
            (*id, if self.waits_for_nothing(resource, known_ms, now) { u64::MAX } else { known_ms })
        };
        self.known.iter().map(known).collect()
    }

    /// Whether a bug is planted by which the takeover wait of a resource is over.
    fn waits_for_nothing(&self, resource: &Resource, known_ms: u64, now: MonoMs) -> bool {
        let read_back = || match resource {
            Resource::Route(route) => {
                self.eyes.route_facts(now).get(route).is_some_and(|facts| facts.age_ms < known_ms)
            }
            Resource::Instance(_) => false,
        };
        planted(Bug::NoTakeoverWait) || planted(Bug::ReadBackSettles) && read_back()
    }
}

fn latest(states: &mut watch::Receiver<Arc<ClusterState>>) -> Arc<ClusterState> {
    states.borrow_and_update().clone()
}
