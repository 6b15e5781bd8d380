//! The one hand on this host's kernel routes.

use crate::fence::{Fence, FenceError};
use crate::kernel::{Kernel, KernelError, KernelRoute, PROTOCOL};
use crate::seen::{Shown, find, leading_to, place};
use arbiter_core::command::Mode;
use arbiter_core::ids::{LogIndex, NodeId, PathId, RouteId};
use arbiter_core::policy::{Policy, Route};
use arbiter_core::state::ClusterState;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// A route that stands as it is assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// The path.
    pub path: PathId,
    /// The entry that assigned it.
    pub entry: LogIndex,
    /// Whether the kernel had to be changed.
    pub changed: bool,
}

/// Why a route was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSet {
    /// This node's state has no such route on this host, or nothing is assigned to it.
    #[error("{0}")]
    NotHere(String),
    /// A newer assignment was set before.
    #[error(
        "the assignment of entry {asked} is older than that of entry {last}, which this host has set already"
    )]
    Fenced {
        /// What was to be set.
        asked: LogIndex,
        /// What was set.
        last: LogIndex,
    },
    /// Nothing is changed now.
    #[error("{0}: this host changes nothing")]
    Halted(&'static str),
    /// Another's route takes the place.
    #[error(
        "`{0}` is not ours (protocol {PROTOCOL}) and stands where ours belongs: remove it, or give ours another `metric` \
         in [linux]"
    )]
    Conflict(String),
    /// The kernel refused.
    #[error("{0}")]
    Kernel(#[from] KernelError),
    /// The disk failed.
    #[error("{0}")]
    Fence(String),
}

impl NotSet {
    /// A short word for it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotHere(_) => "NotHere",
            Self::Fenced { .. } => "Fenced",
            Self::Halted(_) => "Halted",
            Self::Conflict(_) => "Conflict",
            Self::Kernel(_) => "Kernel",
            Self::Fence(_) => "Fence",
        }
    }
}

/// The hand of one node. Whoever wants a route set asks for it here, one after the other.
pub struct Hand {
    me: NodeId,
    kernel: Arc<dyn Kernel>,
    fence: Arc<Mutex<Fence>>,
}

impl Hand {
    /// The hand of a node.
    pub fn new(me: NodeId, kernel: Arc<dyn Kernel>, fence: Fence) -> Self {
        Self { me, kernel, fence: Arc::new(Mutex::new(fence)) }
    }

    /// The routes that the policy puts on this host.
    pub fn own<'a>(&self, policy: &'a Policy) -> impl Iterator<Item = &'a Route> + use<'a> {
        let me = self.me;
        policy.routes.iter().filter(move |route| route.host == Some(me))
    }

    /// What the kernel has of them. Changes nothing.
    pub async fn show(&self, policy: &Policy) -> Shown {
        let Some(linux) = &policy.linux else { return Shown::default() };
        let (mut shown, mut tables) = (Shown::default(), BTreeMap::new());
        for route in self.own(policy) {
            let Some(place) = place(route, linux) else { continue };
            if let std::collections::btree_map::Entry::Vacant(vacant) = tables.entry(place.table) {
                let read = self.kernel.routes(Some(place.table), None).await;
                if let Err(error) = &read {
                    shown.problems.push(format!("table {}: {error}", place.table));
                }
                vacant.insert(read.ok());
            }
            if let Some(Some(table)) = tables.get(&place.table) {
                shown.routes.insert(route.id.clone(), find(&place, table));
            }
        }
        shown
    }

    /// Sets a route as this state has it assigned.
    ///
    /// # Errors
    /// It was not set: an assignment of an older entry never is, and another's route is never touched.
    pub async fn carry_out(&self, state: &ClusterState, id: &RouteId) -> Result<Set, NotSet> {
        let not_here = |why: String| NotSet::NotHere(why);
        let route = state.policy.route(id).filter(|route| route.host == Some(self.me));
        let route = route.ok_or_else(|| not_here(format!("route {id} is not on this host")))?;
        let assigned = state.assignments.get(id);
        let assigned = assigned.ok_or_else(|| not_here(format!("route {id} is not assigned yet")))?;
        let (cluster, linux) = state
            .cluster_id
            .as_ref()
            .zip(state.policy.linux.as_ref())
            .ok_or_else(|| not_here("this node is of no cluster with kernel routes".to_owned()))?;
        let wanted = place(route, linux).and_then(|place| leading_to(place, &assigned.target));
        let wanted = wanted.ok_or_else(|| not_here(format!("{} is no next hop", assigned.target)))?;

        let mut fence = Arc::clone(&self.fence).lock_owned().await;
        let last = fence.last(cluster, id);
        if let Some(last) = last.filter(|last| assigned.index < *last) {
            return Err(NotSet::Fenced { asked: assigned.index, last });
        }
        // What was set before may be put back meanwhile, say, after a boot.
        if last != Some(assigned.index) {
            halted(state).map_or(Ok(()), |why| Err(NotSet::Halted(why)))?;
        }
        let (cluster, index, of) = (cluster.clone(), assigned.index, id.clone());
        // On the disk before the kernel: a disk may take its time, which must not hold up the loop that decides.
        let advanced =
            tokio::task::spawn_blocking(move || fence.advance(&cluster, &of, index).map(|()| fence));
        let broke_off = |error: tokio::task::JoinError| NotSet::Fence(error.to_string());
        let failed = |error: FenceError| NotSet::Fence(error.to_string());
        // Held until the kernel has done it: no other assignment comes in between.
        let _fence = advanced.await.map_err(broke_off)?.map_err(failed)?;
        let changed = self.set(&wanted).await?;
        Ok(Set { path: assigned.path.clone(), entry: index, changed })
    }

    /// Brings the kernel to where one route of ours stands in that place, and it is this one. The new one is there before
    /// the old one goes, so that no packet finds none.
    async fn set(&self, wanted: &KernelRoute) -> Result<bool, NotSet> {
        let table = self.kernel.routes(Some(wanted.table), None).await?;
        let there: Vec<_> = table.iter().filter(|route| route.destination == wanted.destination).collect();
        if let Some(other) = there.iter().find(|route| !route.is_ours() && route.same_place(wanted)) {
            return Err(NotSet::Conflict(other.to_string()));
        }
        let stands = there.iter().find(|route| route.is(wanted));
        if stands.is_none() {
            self.kernel.append(wanted).await?;
        }
        let mut changed = stands.is_none();
        for old in there.iter().filter(|route| route.is_ours() && stands != Some(*route)) {
            self.kernel.remove(old).await?;
            changed = true;
        }
        Ok(changed)
    }

    /// Which of this host's routes are gone from the kernel: those that were set last and should still stand.
    pub(crate) async fn gone(&self, state: &ClusterState) -> Result<Vec<RouteId>, KernelError> {
        let (policy, Some(linux)) = (&state.policy, &state.policy.linux) else { return Ok(Vec::new()) };
        // Most nodes have no route on their host: nothing to ask the kernel about, each second.
        if self.own(policy).next().is_none() {
            return Ok(Vec::new());
        }
        let ours = self.kernel.routes(None, Some(PROTOCOL)).await?;
        let gone = |route: &&Route| {
            place(route, linux).is_some_and(|place| !ours.iter().any(|found| found.same_place(&place)))
        };
        Ok(self.own(policy).filter(gone).map(|route| route.id.clone()).collect())
    }
}

/// Why nothing new is set now, if nothing is.
fn halted(state: &ClusterState) -> Option<&'static str> {
    if state.overrides.pause.is_some() {
        return Some("the cluster is paused");
    }
    (state.overrides.mode == Mode::Observe).then_some("the cluster only observes")
}
