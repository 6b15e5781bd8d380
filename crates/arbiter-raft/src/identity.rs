//! Whose data a folder holds: which node, which disk, which cluster.

use crate::disk::Disk;
use crate::record::{self, meta_key};
use crate::store::{Batch, Store, StoreError};
use arbiter_core::ids::{ClusterId, Incarnation, NodeId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a data folder says of itself. Written when it is made, and when its disk joins a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The cluster's name for people, from the configuration at the time the folder was made.
    pub cluster_name: String,
    /// The node.
    pub node: NodeId,
    /// The disk: drawn at random when the folder was made.
    pub incarnation: Incarnation,
    /// The cluster that this disk belongs to. None: it takes no part in Raft.
    #[serde(default)]
    pub cluster: Option<ClusterId>,
    /// The founding disks, if this is one of them.
    #[serde(default)]
    pub founders: BTreeMap<NodeId, Incarnation>,
    /// The log index by which this disk was admitted; 0 for a founding disk.
    #[serde(default)]
    pub admitted_at: u64,
    /// The cluster that took the place of this disk's: the majority was taken for lost, and an operator recovered it
    /// without this node. It takes part in nothing any more.
    #[serde(default)]
    pub succeeded_by: Option<ClusterId>,
}

/// Why a folder is not this node's.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IdentityError {
    /// It was made by another node.
    #[error(
        "it belongs to node {found}, this is node {configured}: \
         correct `--node` or the folder's path; never copy a data folder from node to node"
    )]
    OtherNode {
        /// Whose it is.
        found: NodeId,
        /// Who opens it.
        configured: NodeId,
    },
    /// It was made for another cluster.
    #[error(
        "it belongs to the cluster `{found}`, the configuration says `{configured}`: \
         correct the cluster's name or the folder's path"
    )]
    OtherCluster {
        /// Which cluster it belongs to.
        found: String,
        /// Which one is configured.
        configured: String,
    },
    /// It can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Identity {
    /// Reads a folder's identity, or gives a new folder one.
    ///
    /// # Errors
    /// [`IdentityError`]: it belongs to another node or cluster, or can't be read or written.
    pub async fn open(
        disk: &Disk,
        node: NodeId,
        cluster_name: &str,
        draw: impl FnOnce() -> u64,
    ) -> Result<Self, IdentityError> {
        if let Some(found) = Self::read(disk.store())? {
            found.must_be_of(node, cluster_name)?;
            return Ok(found);
        }
        let new = Self {
            cluster_name: cluster_name.to_owned(),
            node,
            incarnation: Incarnation(draw()),
            cluster: None,
            founders: BTreeMap::new(),
            admitted_at: 0,
            succeeded_by: None,
        };
        new.write(disk).await?;
        Ok(new)
    }

    /// Checks whose it is.
    pub(crate) fn must_be_of(&self, node: NodeId, cluster_name: &str) -> Result<(), IdentityError> {
        if self.node != node {
            return Err(IdentityError::OtherNode { found: self.node, configured: node });
        }
        if self.cluster_name != cluster_name {
            let (found, configured) = (self.cluster_name.clone(), cluster_name.to_owned());
            return Err(IdentityError::OtherCluster { found, configured });
        }
        Ok(())
    }

    pub(crate) fn read(store: &dyn Store) -> Result<Option<Self>, StoreError> {
        let bytes = store.get(&meta_key("identity"))?;
        bytes.map(|bytes| record::decode("the folder's identity", &bytes)).transpose()
    }

    /// Writes it, durably.
    ///
    /// # Errors
    /// Whatever kept it from being written.
    pub async fn write(&self, disk: &Disk) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        self.put(&mut batch)?;
        disk.write(batch, true).await
    }

    /// Adds it to a batch.
    pub(crate) fn put(&self, batch: &mut Batch) -> Result<(), StoreError> {
        batch.put(meta_key("identity"), record::encode("the folder's identity", self)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemStore;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_folder_stays_with_its_node_and_its_cluster() {
        let disk = Disk::start(Arc::new(MemStore::new())).unwrap();
        let first = Identity::open(&disk, NodeId(1), "blue", || 17).await.unwrap();
        let again = Identity::open(&disk, NodeId(1), "blue", || 18).await.unwrap();
        assert_eq!(first, again, "the incarnation is drawn once");
        let error = Identity::open(&disk, NodeId(2), "blue", || 19).await.unwrap_err();
        assert!(error.to_string().contains("belongs to node 1, this is node 2"), "{error}");
        let error = Identity::open(&disk, NodeId(1), "green", || 19).await.unwrap_err();
        assert!(error.to_string().contains("`blue`") && error.to_string().contains("`green`"), "{error}");
    }

    #[tokio::test]
    async fn a_folder_of_a_later_version_is_refused() {
        let store = MemStore::new();
        let disk = Disk::start(Arc::new(store)).unwrap();
        let mut batch = Batch::default();
        batch.put(meta_key("identity"), vec![record::FORMAT + 1, b'{', b'}']);
        disk.write(batch, true).await.unwrap();
        let error = Identity::open(&disk, NodeId(1), "blue", || 1).await.unwrap_err();
        assert!(matches!(error, IdentityError::Store(StoreError::Newer { .. })), "{error}");
    }
}
