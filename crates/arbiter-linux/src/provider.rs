//! The provider of a cluster on premises: each route is asked for at the node of its host.

use crate::hand::Hand;
use crate::seen::Shown;
use arbiter_control::provider::{
    Call, CallKind, Observation, Provider, ProviderError, ProviderErrorKind, Scope,
};
use arbiter_core::command::{Action, Outcome};
use arbiter_core::ids::{ClusterId, LogIndex, NodeId, PathId, RouteId};
use arbiter_core::policy::{Policy, Target};
use arbiter_core::state::ClusterState;
use async_trait::async_trait;
use futures::future::join_all;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Routes that are set at once, at most: as many as an entry of the log may hold.
const AT_ONCE: u32 = 100;

/// How a host answered that was asked to set a route: the path that it stands for now, or a short word for why not, and
/// the same in words.
pub type CarriedOut = Result<(PathId, LogIndex), (String, String)>;

/// The way to the other hosts. An error means that no answer came.
#[async_trait]
pub trait Hosts: Send + Sync + 'static {
    /// What a host's kernel has.
    async fn show(&self, cluster: &ClusterId, host: NodeId) -> Result<Shown, String>;

    /// Has a host set a route as it is committed, once it has applied the log up to that entry.
    async fn carry_out(
        &self,
        cluster: &ClusterId,
        host: NodeId,
        route: &RouteId,
        entry: LogIndex,
    ) -> Result<CarriedOut, String>;
}

/// The kernel routes of all hosts.
pub struct Linux {
    me: NodeId,
    hand: Arc<Hand>,
    hosts: Arc<dyn Hosts>,
    states: watch::Receiver<Arc<ClusterState>>,
}

impl Linux {
    /// The provider of a node, with its own hand, the way to the others, and its own state.
    pub fn new(
        me: NodeId,
        hand: Arc<Hand>,
        hosts: Arc<dyn Hosts>,
        states: watch::Receiver<Arc<ClusterState>>,
    ) -> Self {
        Self { me, hand, hosts, states }
    }

    async fn show(&self, policy: &Policy, host: NodeId) -> Result<Shown, ProviderError> {
        let failed = |message| unreachable("Show", &policy.node_name(host), message);
        if host == self.me {
            return Ok(self.hand.show(policy).await);
        }
        let cluster = self.states.borrow().cluster_id.clone();
        let cluster = cluster.ok_or_else(|| failed("this node is of no cluster yet".to_owned()))?;
        self.hosts.show(&cluster, host).await.map_err(failed)
    }

    async fn carry_out(&self, call: &Call, host: NodeId, route: &RouteId) -> Result<CarriedOut, String> {
        if host == self.me {
            return Ok(carry_out(&self.hand, self.states.clone(), route, call.entry).await);
        }
        self.hosts.carry_out(&call.cluster, host, route, call.entry).await
    }
}

/// Sets a route on this host, once its state has come as far as that entry.
pub async fn carry_out(
    hand: &Hand,
    mut states: watch::Receiver<Arc<ClusterState>>,
    route: &RouteId,
    entry: LogIndex,
) -> CarriedOut {
    let gone = |_| ("Late".to_owned(), "this node ends".to_owned());
    let state = states.wait_for(|state| state.applied.index >= entry).await.map_err(gone)?.clone();
    match hand.carry_out(&state, route).await {
        Ok(set) => Ok((set.path, set.entry)),
        Err(error) => Err((error.code().to_owned(), error.to_string())),
    }
}

fn unreachable(operation: &str, host: &str, message: String) -> ProviderError {
    let kind = ProviderErrorKind::Unreachable;
    ProviderError { kind, operation: format!("{operation} on {host}"), code: "NoAnswer".to_owned(), message }
}

#[async_trait]
impl Provider for Linux {
    async fn observe(&self, policy: &Policy, _: Scope) -> Result<Observation, ProviderError> {
        let hosts: BTreeSet<NodeId> = policy.routes.iter().filter_map(|route| route.host).collect();
        let asked = hosts.iter().map(async |host| (*host, self.show(policy, *host).await));
        let mut look = Observation::default();
        let (mut answered, mut first_error) = (false, None);
        for (host, shown) in join_all(asked).await {
            match shown {
                Ok(shown) => {
                    answered = true;
                    add(policy, host, shown, &mut look);
                }
                Err(error) => {
                    look.problems.push(error.clone());
                    first_error.get_or_insert(error);
                }
            }
        }
        match first_error.filter(|_| !answered) {
            Some(error) => Err(error),
            None => Ok(look),
        }
    }

    async fn mutate(&self, call: &Call, timeout_ms: u64) -> Outcome {
        let Action::SetRoute { route, after, .. } = &call.action else {
            return Outcome::NotSent {
                reason: "hosts on premises are neither stopped nor started".to_owned(),
            };
        };
        let state = self.states.borrow().clone();
        let Some(host) = state.policy.route(route).and_then(|route| route.host) else {
            return Outcome::NotSent { reason: format!("route {route} is on no host") };
        };
        let asked =
            tokio::time::timeout(Duration::from_millis(timeout_ms), self.carry_out(call, host, route));
        match asked.await {
            Ok(Ok(Ok((path, entry)))) => {
                let state = self.states.borrow().clone();
                if state.policy.path(&path).is_some_and(|path| path.target == *after) {
                    return Outcome::Done;
                }
                let message = format!("the host has come to entry {entry}, which leads to {path}");
                Outcome::Failed { code: "Overtaken".to_owned(), message }
            }
            Ok(Ok(Err((code, message)))) => Outcome::Failed { code, message },
            Ok(Err(message)) => Outcome::NoAnswer { message },
            Err(_) => Outcome::NoAnswer { message: format!("none within {timeout_ms} ms") },
        }
    }

    fn allowance(&self, kind: CallKind, _: u64) -> u32 {
        if kind == CallKind::Route { AT_ONCE } else { 0 }
    }
}

/// What one host has shown. Only its own routes: what it says of others counts nothing.
fn add(policy: &Policy, host: NodeId, shown: Shown, look: &mut Observation) {
    for (id, found) in shown.routes {
        let Some(route) = policy.route(&id).filter(|route| route.host == Some(host)) else { continue };
        let path = |id: &PathId| policy.path(id).map(|path| path.target.clone());
        let targets: Vec<Target> = route.paths.iter().filter_map(path).collect();
        look.routes.insert(id, found.as_seen(&targets));
    }
    for message in shown.problems {
        look.problems.push(unreachable("Show", &policy.node_name(host), message));
    }
}
