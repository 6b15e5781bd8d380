//! A simulated EC2: late, forgetful and unfenced, as the real one is.

use super::dice::Dice;
use super::happening::{Happening, Waiting};
use super::net::Net;
use super::tape::{Called, Tape};
use arbiter_control::provider::{
    Call, CallKind, InstanceSeen, Observation, Provider, ProviderError, ProviderErrorKind, RouteSeen, Scope,
};
use arbiter_core::command::{Action, Outcome};
use arbiter_core::evidence::InstanceState;
use arbiter_core::ids::{InstanceId, NodeId};
use arbiter_core::policy::{Policy, Route, Target};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long an instance stops, and boots.
const STOPPING: Duration = Duration::from_millis(3_000);
const BOOTING: Duration = Duration::from_millis(2_000);

/// How far back describes can be asked to show the world.
const PAST_KEPT: usize = 64;

/// What goes wrong with calls, each in so many of a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moods {
    /// Refused for the rate.
    pub throttled: u64,
    /// It takes effect; the answer is lost.
    pub reply_lost: u64,
    /// The request is lost.
    pub request_lost: u64,
    /// It takes effect long after the client has given up.
    pub late: u64,
    /// It takes effect twice, both times before it is answered.
    pub doubled: u64,
    /// The process stands still between its last check and the socket, for no longer than is allowed for.
    pub write_stalls: u64,
    /// Answers take almost as long as the client waits.
    pub slow: u64,
    /// It takes effect right before the client gives up, and the answer is lost.
    pub last_moment: u64,
    /// Describes show the world of so many milliseconds ago.
    pub stale_ms: u64,
}

type Place = (String, String);

struct Inner {
    dice: Dice,
    moods: Moods,
    routes: BTreeMap<Place, Target>,
    past: Vec<(Instant, BTreeMap<Place, Target>)>,
    instances: BTreeMap<InstanceId, InstanceState>,
    /// Stops of these hang until one comes by force.
    hanging: BTreeSet<InstanceId>,
    unreachable_from: BTreeSet<NodeId>,
    booted: Vec<InstanceId>,
}

/// EC2. Clones share it.
#[derive(Clone)]
pub struct Cloud {
    inner: Arc<Mutex<Inner>>,
    tape: Tape,
    sent: Happening,
}

impl Cloud {
    /// Every route at home, every instance running.
    pub fn new(seed: u64, policy: &Policy, tape: Tape) -> Self {
        let home = |route: &Route| Some((place(route), policy.path(route.paths.first()?)?.target.clone()));
        let inner = Inner {
            dice: Dice::new(seed, 2),
            moods: Moods::default(),
            routes: policy.routes.iter().filter_map(home).collect(),
            past: Vec::new(),
            instances: policy.gateways.iter().map(|g| (g.instance.clone(), InstanceState::Running)).collect(),
            hanging: BTreeSet::new(),
            unreachable_from: BTreeSet::new(),
            booted: Vec::new(),
        };
        Self { inner: Arc::new(Mutex::new(inner)), tape, sent: Happening::new() }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes what goes wrong.
    pub fn moods(&self, change: impl FnOnce(&mut Moods)) {
        self.with(|inner| change(&mut inner.moods));
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        self.with(|inner| {
            inner.moods = Moods::default();
            // A stop that hangs already is ended by force alone.
            let instances = &inner.instances;
            inner.hanging.retain(|id| instances.get(id) == Some(&InstanceState::Stopping));
            inner.unreachable_from.clear();
        });
    }

    /// An operator starts an instance that is stopped, or whose stop hangs: by force.
    pub async fn start_by_hand(&self, id: &InstanceId) {
        if self.instance(id) == InstanceState::Stopping {
            tokio::time::sleep(STOPPING).await;
            self.with(|inner| {
                inner.hanging.remove(id);
                inner.moves(id, InstanceState::Stopping, InstanceState::Stopped)
            });
        }
        if self.with(|inner| inner.moves(id, InstanceState::Stopped, InstanceState::Pending)) {
            self.tape.say(format!("an operator starts {id}"));
            self.later(BOOTING, id, InstanceState::Pending, InstanceState::Running);
        }
    }

    /// Whether this node reaches EC2.
    pub fn reach(&self, node: NodeId, reaches: bool) {
        self.with(|inner| {
            if reaches {
                inner.unreachable_from.remove(&node);
            } else {
                inner.unreachable_from.insert(node);
            }
        });
    }

    /// Stops of this instance hang from now on.
    pub fn hang(&self, id: &InstanceId) {
        self.with(|inner| inner.hanging.insert(id.clone()));
    }

    /// Where a route points.
    pub fn target(&self, route: &Route) -> Option<Target> {
        self.with(|inner| inner.routes.get(&place(route)).cloned())
    }

    /// Somebody else's hand.
    pub fn set_by_hand(&self, route: &Route, target: Target) {
        self.with(|inner| inner.set(place(route), target));
    }

    /// An instance's state.
    pub fn instance(&self, id: &InstanceId) -> InstanceState {
        self.with(|inner| inner.instances.get(id).copied().unwrap_or(InstanceState::Absent))
    }

    /// What has come up since the last question.
    pub fn take_booted(&self) -> Vec<InstanceId> {
        self.with(|inner| std::mem::take(&mut inner.booted))
    }

    /// Tells who sends a call.
    pub fn sent(&self) -> Waiting {
        self.sent.wait()
    }

    /// The side of one node.
    pub fn handle(&self, node: NodeId, boot: u64, net: Net) -> Arc<dyn Provider> {
        Arc::new(Handle { node, boot, net, cloud: self.clone() })
    }

    /// A process has made its last check: it may stand still before it sends, for no longer than is allowed for.
    #[cfg(feature = "planted")]
    pub async fn halt_after_check(&self, node: NodeId, allowed_ms: u64) {
        let halt_ms = self.with(|inner| match inner.moods.write_stalls {
            always if always >= 1_000 => inner.dice.between(allowed_ms * 9 / 10, allowed_ms),
            permille if inner.dice.chance(permille) => inner.dice.between(1, allowed_ms),
            _ => 0,
        });
        if halt_ms > 0 {
            self.tape.landed("ec2-write-stall");
            self.tape.say(format!("node {node} stands still for {halt_ms} ms after its last check"));
            tokio::time::sleep(Duration::from_millis(halt_ms)).await;
        }
    }

    fn takes_effect(&self, number: usize, call: &Call) {
        let at_ms = self.tape.now_ms();
        self.tape.with(|record| {
            if let Some(called) = record.calls.get_mut(number) {
                called.landed_ms.push(at_ms);
            }
        });
        self.tape.say(format!("EC2 carries out {}: {:?}", call.intent, call.action));
        match &call.action {
            Action::SetRoute { after, .. } => {
                self.with(|inner| inner.set((call.table.clone(), call.destination.clone()), after.clone()));
            }
            Action::Stop { instance, force, .. } => {
                if !force && self.with(|inner| inner.hanging.contains(instance)) {
                    self.tape.landed("ec2-stop-hangs");
                }
                if self.with(|inner| inner.stops(instance, *force)) {
                    self.later(STOPPING, instance, InstanceState::Stopping, InstanceState::Stopped);
                }
            }
            Action::Start { instance, .. } => {
                if self.with(|inner| inner.moves(instance, InstanceState::Stopped, InstanceState::Pending)) {
                    self.later(BOOTING, instance, InstanceState::Pending, InstanceState::Running);
                }
            }
        }
    }

    fn later(&self, wait: Duration, id: &InstanceId, from: InstanceState, to: InstanceState) {
        let (cloud, id) = (self.clone(), id.clone());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            cloud.with(|inner| {
                if inner.moves(&id, from, to) && to == InstanceState::Running {
                    inner.booted.push(id);
                }
            });
        });
    }

    /// It takes effect so much later, whatever becomes of the caller.
    fn lands(&self, number: usize, call: &Call, after_ms: u64) {
        let (cloud, call) = (self.clone(), call.clone());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            cloud.takes_effect(number, &call);
        });
    }
}

fn place(route: &Route) -> Place {
    (route.table.clone(), route.destination.clone())
}

impl Inner {
    fn set(&mut self, place: Place, target: Target) {
        if self.past.len() >= PAST_KEPT {
            self.past.remove(0);
        }
        self.past.push((Instant::now(), self.routes.clone()));
        self.routes.insert(place, target);
    }

    fn moves(&mut self, id: &InstanceId, from: InstanceState, to: InstanceState) -> bool {
        let now = self.instances.get_mut(id).filter(|now| **now == from);
        now.map(|now| *now = to).is_some()
    }

    /// Whether it is on its way to `Stopped` by this. One that hangs stays at `Stopping` until force comes.
    fn stops(&mut self, id: &InstanceId, force: bool) -> bool {
        let begins = self.moves(id, InstanceState::Running, InstanceState::Stopping);
        let hung = if force { self.hanging.remove(id) } else { self.hanging.contains(id) };
        if force { begins || hung } else { begins && !hung }
    }

    fn shown(&self) -> &BTreeMap<Place, Target> {
        let ago = Duration::from_millis(self.moods.stale_ms);
        self.past.iter().find(|(until, _)| until.elapsed() < ago).map_or(&self.routes, |(_, routes)| routes)
    }
}

struct Handle {
    node: NodeId,
    boot: u64,
    net: Net,
    cloud: Cloud,
}

impl Handle {
    fn silence(&self, operation: &str) -> ProviderError {
        self.cloud.tape.landed("ec2-cut");
        let (operation, code) = (operation.to_owned(), "Timeout".to_owned());
        let message = format!("node {} does not reach EC2", self.node);
        ProviderError { kind: ProviderErrorKind::Unreachable, operation, code, message }
    }

    fn is_cut(&self) -> bool {
        self.cloud.with(|inner| inner.unreachable_from.contains(&self.node))
    }
}

#[async_trait]
impl Provider for Handle {
    async fn observe(&self, policy: &Policy, _scope: Scope) -> Result<Observation, ProviderError> {
        if self.is_cut() {
            tokio::time::sleep(Duration::from_millis(policy.timing.call_timeout_ms)).await;
            return Err(self.silence("DescribeRouteTables"));
        }
        let wait_ms = self.cloud.with(|inner| inner.dice.between(30, 90));
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        let (seen, stale) = self.cloud.with(|inner| {
            let shown = inner.shown();
            let route = |route: &Route| {
                let target = shown.get(&place(route)).cloned();
                (route.id.clone(), RouteSeen { target, blackhole: false, shadowed_by: None })
            };
            let instances = policy.gateways.iter().map(|gateway| {
                let state = inner.instances.get(&gateway.instance).copied().unwrap_or(InstanceState::Absent);
                let seen = InstanceSeen {
                    state,
                    impaired: false,
                    interface_attached: true,
                    source_dest_check: false,
                    has_elastic_ip: true,
                    auto_scaling_group: None,
                };
                (gateway.id.clone(), seen)
            });
            let seen = Observation {
                routes: policy.routes.iter().map(route).collect(),
                instances: instances.collect(),
                problems: Vec::new(),
            };
            (seen, *shown != inner.routes)
        });
        if stale {
            self.cloud.tape.landed("ec2-stale");
        }
        self.net.thawed(self.node).await;
        Ok(seen)
    }

    async fn mutate(&self, call: &Call, timeout_ms: u64) -> Outcome {
        let first = self.send(call, timeout_ms);
        if !super::planted::client_retries() {
            return first.await;
        }
        let patience = Duration::from_millis(timeout_ms / 3);
        match tokio::time::timeout(patience, first).await {
            Ok(outcome @ Outcome::Done) => outcome,
            _ => self.send(call, timeout_ms).await,
        }
    }

    fn allowance(&self, _: CallKind, _within_ms: u64) -> u32 {
        50
    }
}

impl Handle {
    /// One request, and what becomes of it.
    async fn send(&self, call: &Call, timeout_ms: u64) -> Outcome {
        let cloud = &self.cloud;
        let moods = cloud.with(|inner| inner.moods);
        let sent_ms = cloud.tape.now_ms();
        cloud.tape.say(format!("node {} calls {}: {:?}", self.node, call.intent, call.action));
        let number = cloud.tape.with(|record| {
            record.calls.push(Called {
                by: self.node,
                boot: self.boot,
                intent: call.intent,
                action: call.action.clone(),
                sent_ms,
                window_ends_ms: sent_ms + timeout_ms,
                landed_ms: Vec::new(),
            });
            record.calls.len() - 1
        });
        cloud.sent.happens(self.node);
        let chance = |permille| cloud.with(|inner| inner.dice.chance(permille));
        let between = |low, high| cloud.with(|inner| inner.dice.between(low, high));
        if self.is_cut() || chance(moods.request_lost) {
            cloud.tape.landed("ec2-request-lost");
            return std::future::pending().await;
        }
        if chance(moods.throttled) {
            cloud.tape.landed("ec2-throttle");
            tokio::time::sleep(Duration::from_millis(20)).await;
            let code = "RequestLimitExceeded".to_owned();
            return Outcome::Failed { code, message: "Request limit exceeded.".to_owned() };
        }
        if chance(moods.late) {
            cloud.tape.landed("ec2-late");
            cloud.lands(number, call, timeout_ms + between(200, 8_000));
            return std::future::pending().await;
        }
        if chance(moods.last_moment) {
            cloud.tape.landed("ec2-last-moment");
            cloud.lands(number, call, timeout_ms - between(2, 20));
            return std::future::pending().await;
        }
        let slow = chance(moods.slow);
        let takes_ms = if slow { between(timeout_ms * 3 / 4, timeout_ms - 50) } else { between(60, 250) };
        let lands_ms = between(1, takes_ms - 1);
        cloud.lands(number, call, lands_ms);
        if slow {
            cloud.tape.landed("ec2-slow");
        }
        if chance(moods.reply_lost) {
            cloud.tape.landed("ec2-reply-lost");
            return std::future::pending().await;
        }
        if chance(moods.doubled) {
            cloud.tape.landed("ec2-doubled");
            cloud.lands(number, call, between(lands_ms, takes_ms - 1));
        }
        tokio::time::sleep(Duration::from_millis(takes_ms)).await;
        self.net.thawed(self.node).await;
        Outcome::Done
    }
}
