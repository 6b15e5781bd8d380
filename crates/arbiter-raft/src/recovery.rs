//! The way out when the majority is lost for good: a survivor's store becomes that of a one-node cluster.
//!
//! It works on a store that nobody runs on. [`Survivor::examine`] only reads; [`Survivor::recover`] writes. What it writes
//! is what a node has that was sent a snapshot: the state with all of its log applied, and no entries after it. So a node
//! starts on it by the ways that it starts by anyhow.
//!
//! Nothing counts before the switch, the last batch. It holds all at once: which snapshot is the current one, the membership
//! in it, whose folder this is (with the new cluster's id and a new incarnation), the vote, and the log's removal. A crash
//! before it leaves the old cluster's member, as it was; a crash after it the new cluster's only one.

use crate::identity::{Identity, IdentityError};
use crate::log_store::{covers, read_meta, read_whole};
use crate::machine::{Pointer, apply_entry, load, picture, stage};
use crate::record::{self, LOG, meta_key};
use crate::settings::system_random;
use crate::store::{Store, StoreError};
use crate::types::{LogId, SnapshotMeta, StoredMembership, Vote, entry_id};
use arbiter_core::ids::{ClusterId, Incarnation, NodeId};
use arbiter_core::state::{ClusterState, Recovery};
use arbiter_core::time::UnixMs;
use openraft::{BasicNode, CommittedLeaderId, Membership};
use std::collections::{BTreeMap, BTreeSet};

/// Why a store can't be recovered. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecoverError {
    /// It is another node's, or another cluster's.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// It can't be read or written, or makes no sense.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It never belonged to a formed cluster.
    #[error(
        "this node never took part in a formed cluster, so there is nothing in it to go on with: recover another \
         survivor, or, if there is none, move all data folders away and start the nodes: they form a new cluster"
    )]
    NotFormed,
    /// The node is no member any more.
    #[error("node {0} was removed from the cluster: recover a node that belongs to it")]
    Removed(NodeId),
    /// The cluster went on without this disk.
    #[error(
        "another disk was admitted for node {0} after this one: what is in this folder is old. Recover that disk, or \
         another survivor"
    )]
    OtherDisk(NodeId),
    /// It was recovered elsewhere.
    #[error(
        "the cluster {old} was recovered on another node, as {new}: move this folder away, start with an empty one, and \
         run `arbiterctl member add` there"
    )]
    Succeeded {
        /// The disk's cluster.
        old: ClusterId,
        /// What took its place.
        new: ClusterId,
    },
    /// It is a one-node cluster already.
    #[error(
        "node {node} is the only voter of the cluster {cluster} already: there is nothing to recover; start it"
    )]
    Alone {
        /// The node.
        node: NodeId,
        /// Its cluster.
        cluster: ClusterId,
    },
}

/// What a survivor's store holds, with its whole log applied.
pub struct Survivor {
    /// Whose it is.
    pub identity: Identity,
    /// What the whole log adds up to, the entries included that perhaps no majority ever had.
    pub state: ClusterState,
    /// The last entry in the log.
    pub last: LogId,
    /// The last entry that this node knew to be committed when it last wrote that down; it may lag.
    pub committed: Option<LogId>,
    /// The newest term that it has promised anything in.
    pub vote: Vote,
    /// Who votes, by the newest membership in the log.
    pub voters: BTreeSet<NodeId>,
    /// Who takes entries without voting.
    pub learners: BTreeSet<NodeId>,
    /// Where each member is, as whoever added it said.
    pub addresses: BTreeMap<NodeId, String>,
    pointer: Option<Pointer>,
}

/// What an operator has decided.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Who.
    pub by: String,
    /// When.
    pub wall_ms: UnixMs,
    /// The new cluster's id: random.
    pub cluster_id: ClusterId,
    /// The disk's new incarnation: random.
    pub incarnation: Incarnation,
    /// Where the survivor is: `host:port`.
    pub address: String,
}

impl Decision {
    /// A decision with a random cluster and disk.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn draw(by: &str, address: &str) -> std::io::Result<Self> {
        let cluster_id = ClusterId(format!("{:016x}{:016x}", system_random()?, system_random()?));
        Ok(Self {
            by: by.to_owned(),
            wall_ms: crate::settings::system_wall_ms(),
            cluster_id,
            incarnation: Incarnation(system_random()?),
            address: address.to_owned(),
        })
    }
}

impl Survivor {
    /// Reads a store, whose node does not run. Changes nothing.
    ///
    /// # Errors
    /// [`RecoverError`]: why it can't be recovered.
    pub fn examine(store: &dyn Store, node: NodeId, cluster_name: &str) -> Result<Self, RecoverError> {
        let identity = Identity::read(store)?.ok_or(RecoverError::NotFormed)?;
        identity.must_be_of(node, cluster_name)?;
        let (pointer, mut state) = load(store)?;
        let covered = pointer.as_ref().and_then(|pointer| pointer.meta.last_log_id);
        let mut membership = pointer.as_ref().map(|p| p.meta.last_membership.clone()).unwrap_or_default();
        let mut applied = Ok(());
        let (purged, last) = read_whole(store, &mut |entry| {
            if Some(entry.log_id) > covered && applied.is_ok() {
                applied = apply_entry(&mut state, &mut membership, entry).map(drop);
            }
        })?;
        applied?;
        covers(covered, purged)?;
        let vote: Option<Vote> = read_meta(store, "vote")?;
        let committed: Option<Option<LogId>> = read_meta(store, "committed")?;
        let survivor = Self {
            last: last.max(covered).unwrap_or_default(),
            committed: committed.flatten().max(covered),
            vote: vote.unwrap_or_default(),
            voters: membership.membership().voter_ids().map(NodeId).collect(),
            learners: membership.membership().learner_ids().map(NodeId).collect(),
            addresses: membership.nodes().map(|(id, node)| (NodeId(*id), node.addr.clone())).collect(),
            identity,
            state,
            pointer,
        };
        survivor.may_recover().map(|()| survivor)
    }

    fn may_recover(&self) -> Result<(), RecoverError> {
        let (node, identity) = (self.identity.node, &self.identity);
        let (Some(cluster), Some(_)) = (&self.state.cluster_id, &identity.cluster) else {
            return Err(RecoverError::NotFormed);
        };
        if let Some(new) = identity.succeeded_by.clone() {
            return Err(RecoverError::Succeeded { old: cluster.clone(), new });
        }
        if self.state.was_removed(node) {
            return Err(RecoverError::Removed(node));
        }
        let recorded = self.state.members.get(&node).and_then(|member| member.incarnation);
        // A disk that was admitted just now may lack the entry that says so.
        if recorded != Some(identity.incarnation) && self.last.index >= identity.admitted_at {
            return Err(RecoverError::OtherDisk(node));
        }
        if self.voters == BTreeSet::from([node]) {
            return Err(RecoverError::Alone { node, cluster: cluster.clone() });
        }
        Ok(())
    }

    /// The voters that are left behind.
    pub fn others(&self) -> BTreeSet<NodeId> {
        self.voters.iter().chain(&self.learners).copied().filter(|id| *id != self.identity.node).collect()
    }

    /// Makes the store the one of a new cluster, of this node alone. When it returns that is durable; after an error
    /// either the one or the other is there, and nobody may go on with this store before it was opened anew.
    ///
    /// # Errors
    /// The disk failed.
    pub fn recover(self, store: &dyn Store, decision: &Decision) -> Result<ClusterState, StoreError> {
        let Self { mut identity, mut state, last, vote, pointer, .. } = self;
        let node = identity.node;
        // As if it had won a term of its own by the only vote that there is, and committed this entry in it.
        let term = last.leader_id.term.max(vote.leader_id().term).saturating_add(1);
        let leader = CommittedLeaderId::new(term, node.0);
        let at = LogId::new(leader, state.recovered_index().0.max(last.index.saturating_add(1)));
        let recovery = Recovery {
            node,
            incarnation: decision.incarnation,
            cluster_id: decision.cluster_id.clone(),
            by: decision.by.clone(),
            wall_ms: decision.wall_ms,
        };
        state.recover(entry_id(&at), &recovery);

        let alone = BTreeMap::from([(node.0, BasicNode { addr: decision.address.clone() })]);
        let membership = Membership::new(vec![BTreeSet::from([node.0])], alone);
        let meta = SnapshotMeta {
            last_log_id: Some(at),
            last_membership: StoredMembership::new(Some(at), membership),
            snapshot_id: format!("recovered-{}-{}-{}", term, node, at.index),
        };
        let staged = stage(store, pointer.as_ref(), &meta, &picture(&state)?)?;
        let mut switch = staged.switch;
        identity.cluster = Some(decision.cluster_id.clone());
        identity.incarnation = decision.incarnation;
        identity.founders.clear();
        identity.admitted_at = at.index;
        identity.put(&mut switch)?;
        switch.put(meta_key("vote"), record::encode("vote", &Vote::new_committed(term, node.0))?);
        switch.put(meta_key("purged"), record::encode("purged", &at)?);
        switch.put(meta_key("committed"), record::encode("committed", &Some(at))?);
        record::delete_records(store, &mut switch, LOG, 0, None)?;

        for batch in &staged.before {
            store.apply(batch)?;
        }
        // The switch must not reach the disk before what it points at.
        store.sync()?;
        store.apply(&switch)?;
        store.sync()?;
        Ok(state)
    }
}

#[cfg(test)]
mod tests;
