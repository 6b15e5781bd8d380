//! What becomes of the disks that a recovery has left behind.
//!
//! A recovered cluster has a new id, so none of them can speak to it. But two of three that come back with their old disks
//! are a majority of the *old* cluster: left alone, they would elect a leader, and move the same routes. So a node that
//! starts asks everybody whom it knows, before it takes part in anything, whether the cluster of its disk is still there; it
//! asks again when a peer refuses it. Every node of the new cluster knows which cluster it was
//! ([`ClusterState::succeeds`](arbiter_core::state::ClusterState::succeeds)). Who hears that notes it on its disk, and stands
//! still for good.
//!
//! A start waits for that as long as one question may take, and no longer: who does not answer must not keep a cluster from
//! starting. So a majority of the old cluster that reaches *nobody* of the new one goes on as before: see docs/safety.md.

use crate::formation::{MEMBER_EVERY, ask_what_it_holds};
use crate::node::{Inner, RaftNode};
use crate::view::Standing;
use arbiter_core::ids::{ClusterId, NodeId};
use futures::future::join_all;
use std::collections::BTreeSet;
use std::time::Duration;

impl RaftNode {
    /// Whether this node's cluster was recovered without it. Whoever led it is no leader of anybody's.
    pub fn is_left_behind(&self) -> bool {
        self.inner().gate.identity().succeeded_by.is_some()
    }
}

/// Asks all peers whether our cluster became theirs.
pub(crate) async fn ask_for_successor(node: &Inner) -> Option<ClusterId> {
    let mut peers: BTreeSet<NodeId> = node.settings.members.iter().map(|member| member.id).collect();
    peers.extend(node.view().borrow().addresses.keys());
    peers.remove(&node.settings.node);
    let questions = peers.into_iter().map(|peer| async move {
        let reply = ask_what_it_holds(node, peer).await.ok()??;
        let cluster = ClusterId(reply.header?.cluster_id);
        (reply.succeeds && !cluster.0.is_empty()).then_some(cluster)
    });
    join_all(questions).await.into_iter().flatten().next()
}

/// Our cluster is no more: nothing goes in or out from now on, also after a restart.
pub(crate) async fn take_leave(node: &Inner, successor: ClusterId) -> Duration {
    node.gate.shut();
    let _change = node.identity_change.lock().await;
    let mut identity = node.gate.identity();
    identity.succeeded_by = Some(successor.clone());
    let written = match node.disk() {
        Ok((disk, _)) => identity.write(&disk).await,
        Err(error) => Err(error),
    };
    if let Err(error) = written {
        tracing::error!(%error, "that this node's cluster is no more can't be stored");
    }
    node.gate.set_identity(identity);
    left_behind(node, &successor);
    MEMBER_EVERY
}

/// Says where this disk stands.
pub(crate) fn left_behind(node: &Inner, successor: &ClusterId) {
    let name = node.settings.name_of(node.settings.node);
    let old = node.gate.identity().cluster.unwrap_or_default();
    let reason = format!(
        "the cluster {old} was recovered without node {name}, as {successor}: stop `arbiterd` here, move this data folder \
         away, start with an empty one, and run `arbiterctl member add {name}` there"
    );
    node.set_standing(Standing::Refused { reason });
}
