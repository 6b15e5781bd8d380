//! A cloud: routes and instances that really change, a call log, and faults on request.

use arbiter_control::provider::{
    Call, CallKind, InstanceSeen, Observation, Provider, ProviderError, ProviderErrorKind, RouteSeen, Scope,
};
use arbiter_core::command::{Action, Outcome};
use arbiter_core::evidence::InstanceState;
use arbiter_core::ids::{InstanceId, NodeId};
use arbiter_core::policy::{Policy, Target};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// A usual call of EC2.
pub const CALL_MS: u64 = 150;

/// A describe of everything.
pub const LOOK_MS: u64 = 60;

/// How an instance takes its time.
const STOPPING_MS: u64 = 3_000;
const BOOTING_MS: u64 = 2_000;

/// How long our own pace waits after a refusal for its rate.
const PAUSE: Duration = Duration::from_millis(500);

/// What becomes of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallFate {
    /// It takes effect half-way, and is acknowledged.
    Done { after_ms: u64 },
    /// It takes effect so much later; no answer ever comes.
    Swallowed { applies_after_ms: Option<u64> },
    /// It is acknowledged and changes nothing.
    Hollow,
    /// The provider refuses it.
    Refused,
    /// The provider refuses it for its rate.
    Throttled,
    /// The provider's own code panics.
    Panics,
}

/// One mutation that reached the provider.
#[derive(Debug, Clone)]
pub struct Called {
    pub at: Instant,
    pub by: NodeId,
    pub call: Call,
    pub timeout_ms: u64,
}

type Judge = Box<dyn FnMut(NodeId, &Call) -> Option<CallFate> + Send>;
type Route = (String, String);

/// What EC2 takes, when others of the account call as well.
struct Bucket {
    per_second: u32,
    left: u32,
    since: Instant,
    paused_until: Instant,
}

struct Inner {
    routes: BTreeMap<Route, Target>,
    /// What the routes were before, and until when.
    past: Vec<(Instant, BTreeMap<Route, Target>)>,
    instances: BTreeMap<InstanceId, InstanceSeen>,
    /// Stops of these hang until one comes by force.
    hanging: BTreeSet<InstanceId>,
    calls: Vec<Called>,
    looks: Vec<(Instant, NodeId)>,
    judge: Option<Judge>,
    stale_ms: u64,
    refuses: BTreeMap<NodeId, ProviderErrorKind>,
    allowance: u32,
    bucket: Option<Bucket>,
}

#[derive(Clone)]
pub struct Cloud(Arc<Mutex<Inner>>);

impl Cloud {
    pub fn new(policy: &Policy) -> Self {
        let route = |route: &arbiter_core::policy::Route| {
            let path = policy.path(&route.paths[0]).expect("validated");
            ((route.table.clone(), route.destination.clone()), path.target.clone())
        };
        let running = InstanceSeen {
            state: InstanceState::Running,
            impaired: false,
            interface_attached: true,
            source_dest_check: false,
            has_elastic_ip: true,
            auto_scaling_group: None,
        };
        Self(Arc::new(Mutex::new(Inner {
            routes: policy.routes.iter().map(route).collect(),
            past: Vec::new(),
            instances: policy.gateways.iter().map(|g| (g.instance.clone(), running.clone())).collect(),
            hanging: BTreeSet::new(),
            calls: Vec::new(),
            looks: Vec::new(),
            judge: None,
            stale_ms: 0,
            refuses: BTreeMap::new(),
            allowance: 50,
            bucket: None,
        })))
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.0.lock().expect("no test panics while holding it"))
    }

    /// Decides the fate of calls from now on; `None` does as usual.
    pub fn judge(&self, judge: impl FnMut(NodeId, &Call) -> Option<CallFate> + Send + 'static) {
        self.with(|inner| inner.judge = Some(Box::new(judge)));
    }

    pub fn judge_no_more(&self) {
        self.with(|inner| inner.judge = None);
    }

    pub fn calls(&self) -> Vec<Called> {
        self.with(|inner| inner.calls.clone())
    }

    pub fn looks_of(&self, node: NodeId) -> Vec<Instant> {
        self.with(|inner| inner.looks.iter().filter(|(_, by)| *by == node).map(|(at, _)| *at).collect())
    }

    /// Where a route points.
    pub fn target(&self, policy: &Policy, route: &str) -> String {
        let route = policy.route(&route.into()).expect("known");
        let place = (route.table.clone(), route.destination.clone());
        self.with(|inner| inner.routes.get(&place).map(ToString::to_string).unwrap_or_default())
    }

    /// Somebody else's hand.
    pub fn set_target(&self, table: &str, destination: &str, target: &str) {
        let place = (table.to_owned(), destination.to_owned());
        self.with(|inner| inner.set(place, Target::Interface(target.to_owned())));
    }

    pub fn instance(&self, id: &str) -> InstanceState {
        self.with(|inner| inner.instances[&id.into()].state)
    }

    /// What describes show of an instance from now on.
    pub fn edit_instance(&self, id: &str, edit: impl FnOnce(&mut InstanceSeen)) {
        self.with(|inner| edit(inner.instances.get_mut(&id.into()).expect("known")));
    }

    /// Stops of this instance hang from now on, until one comes by force.
    pub fn hang_stops(&self, id: &str) {
        self.with(|inner| inner.hanging.insert(id.into()));
    }

    /// Describes show the world of so long ago.
    pub fn stale(&self, ms: u64) {
        self.with(|inner| inner.stale_ms = ms);
    }

    /// Describes from this node fail.
    pub fn refuse(&self, node: NodeId, kind: Option<ProviderErrorKind>) {
        self.with(|inner| match kind {
            Some(kind) => inner.refuses.insert(node, kind),
            None => inner.refuses.remove(&node),
        });
    }

    /// From now on so many calls a second are taken, and the rest is refused for its rate: others of the account
    /// call as well. After a refusal our pace pauses, and then hopes for the best again.
    pub fn throttle(&self, per_second: u32) {
        let now = Instant::now();
        let bucket = Bucket { per_second, left: per_second, since: now, paused_until: now };
        self.with(|inner| inner.bucket = Some(bucket));
    }

    /// How many mutations its pace allows.
    pub fn allow(&self, calls: u32) {
        self.with(|inner| inner.allowance = calls);
    }

    pub fn handle(&self, node: NodeId) -> Arc<dyn Provider> {
        Arc::new(Handle { node, cloud: self.clone() })
    }

    fn take_effect(&self, call: &Call) {
        let id = self.with(|inner| match &call.action {
            Action::SetRoute { after, .. } => {
                inner.set((call.table.clone(), call.destination.clone()), after.clone());
                None
            }
            Action::Stop { instance, force, .. } => inner.stops(instance, *force),
            Action::Start { instance, .. } => {
                inner.moves(instance, InstanceState::Stopped, InstanceState::Pending)
            }
        });
        let Some(id) = id else { return };
        let cloud = self.clone();
        tokio::spawn(async move {
            let state = cloud.with(|inner| inner.instances[&id].state);
            let (ms, next) = match state {
                InstanceState::Stopping => (STOPPING_MS, InstanceState::Stopped),
                _ => (BOOTING_MS, InstanceState::Running),
            };
            tokio::time::sleep(Duration::from_millis(ms)).await;
            cloud.with(|inner| inner.moves(&id, state, next));
        });
    }
}

impl Inner {
    fn set(&mut self, place: Route, target: Target) {
        self.past.push((Instant::now(), self.routes.clone()));
        self.routes.insert(place, target);
    }

    fn moves(&mut self, id: &InstanceId, from: InstanceState, to: InstanceState) -> Option<InstanceId> {
        let seen = self.instances.get_mut(id).filter(|seen| seen.state == from)?;
        seen.state = to;
        Some(id.clone())
    }

    /// The instance, if it is on its way to `Stopped` by this.
    fn stops(&mut self, id: &InstanceId, force: bool) -> Option<InstanceId> {
        let begins = self.moves(id, InstanceState::Running, InstanceState::Stopping).is_some();
        let hung = if force { self.hanging.remove(id) } else { self.hanging.contains(id) };
        (if force { begins || hung } else { begins && !hung }).then(|| id.clone())
    }

    /// EC2 has refused a call for its rate lately: our own pace lets nothing through.
    fn is_paused(&self) -> bool {
        self.bucket.as_ref().is_some_and(|bucket| Instant::now() < bucket.paused_until)
    }

    /// A refusal has come back. Those of one burst are one refusal.
    fn pause(&mut self) {
        let paused = self.is_paused();
        if let Some(bucket) = self.bucket.as_mut().filter(|_| !paused) {
            bucket.paused_until = Instant::now() + PAUSE;
        }
    }

    /// Takes a token; true if there is none.
    fn is_over_its_rate(&mut self) -> bool {
        let Some(bucket) = &mut self.bucket else { return false };
        let now = Instant::now();
        if now - bucket.since >= Duration::from_secs(1) {
            (bucket.since, bucket.left) = (now, bucket.per_second);
        }
        if let Some(left) = bucket.left.checked_sub(1) {
            bucket.left = left;
            return false;
        }
        true
    }

    fn routes_as_shown(&self) -> &BTreeMap<Route, Target> {
        let then = Instant::now() - Duration::from_millis(self.stale_ms);
        self.past.iter().find(|(until, _)| *until > then).map_or(&self.routes, |(_, routes)| routes)
    }
}

struct Handle {
    node: NodeId,
    cloud: Cloud,
}

#[async_trait]
impl Provider for Handle {
    async fn observe(&self, policy: &Policy, _scope: Scope) -> Result<Observation, ProviderError> {
        self.cloud.with(|inner| inner.looks.push((Instant::now(), self.node)));
        tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        self.cloud.with(|inner| {
            if let Some(kind) = inner.refuses.get(&self.node) {
                let (operation, code) = ("DescribeRouteTables".to_owned(), format!("{kind:?}"));
                return Err(ProviderError { kind: *kind, operation, code, message: "told to".to_owned() });
            }
            let shown = inner.routes_as_shown();
            let route = |route: &arbiter_core::policy::Route| {
                let target = shown.get(&(route.table.clone(), route.destination.clone())).cloned();
                (route.id.clone(), RouteSeen { target, blackhole: false, shadowed_by: None })
            };
            let instance = |gateway: &arbiter_core::policy::Gateway| {
                Some((gateway.id.clone(), inner.instances.get(&gateway.instance)?.clone()))
            };
            Ok(Observation {
                routes: policy.routes.iter().map(route).collect(),
                instances: policy.gateways.iter().filter_map(instance).collect(),
                problems: Vec::new(),
            })
        })
    }

    async fn mutate(&self, call: &Call, timeout_ms: u64) -> Outcome {
        if self.cloud.with(|inner| inner.is_paused()) {
            return Outcome::NotSent { reason: "the pace allows none".to_owned() };
        }
        let fate = self.cloud.with(|inner| {
            let called = Called { at: Instant::now(), by: self.node, call: call.clone(), timeout_ms };
            inner.calls.push(called);
            inner.judge.as_mut().and_then(|judge| judge(self.node, call))
        });
        let later = |ms: u64| {
            // What has left this host happens, whatever becomes of the caller.
            let (cloud, call) = (self.cloud.clone(), call.clone());
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                cloud.take_effect(&call);
            });
        };
        let usual = if self.cloud.with(Inner::is_over_its_rate) {
            CallFate::Throttled
        } else {
            CallFate::Done { after_ms: CALL_MS }
        };
        match fate.unwrap_or(usual) {
            CallFate::Done { after_ms } => {
                later(after_ms / 2);
                tokio::time::sleep(Duration::from_millis(after_ms)).await;
                Outcome::Done
            }
            CallFate::Swallowed { applies_after_ms } => {
                applies_after_ms.map(later);
                std::future::pending().await
            }
            CallFate::Hollow => {
                tokio::time::sleep(Duration::from_millis(CALL_MS)).await;
                Outcome::Done
            }
            CallFate::Refused => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Outcome::Failed { code: "IncorrectState".to_owned(), message: "told to".to_owned() }
            }
            CallFate::Throttled => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                self.cloud.with(Inner::pause);
                let message = "Request limit exceeded.".to_owned();
                Outcome::Failed { code: "RequestLimitExceeded".to_owned(), message }
            }
            CallFate::Panics => panic!("told to"),
        }
    }

    fn allowance(&self, kind: CallKind, _within_ms: u64) -> u32 {
        self.cloud.with(|inner| match kind {
            CallKind::Route if inner.is_paused() => 0,
            CallKind::Route => inner.allowance,
            CallKind::Stop | CallKind::Start => 5,
        })
    }
}
