//! Who may take part: the gate between the wire and Raft.
//!
//! A node that lost its disk has forgotten its promises. If it voted again under its old id, it could elect a
//! leader that lacks committed entries. So a disk takes part only once its *incarnation* is settled: it is one
//! of the founding disks (each of them stores the founding record before anybody votes, and the cluster's first
//! command commits the same record), or its admission has been committed. Until then the gate is shut in both
//! directions; a new disk starts with it shut.
//!
//! Why an admitted disk may vote with an empty log: its admission was committed by a majority without it, after
//! its predecessor had spoken for the last time. The log has no gaps, so this majority holds everything that
//! was committed before; and a rival who was promised the predecessor's vote before that can't win, since every
//! member of this majority has a longer log than the rival's request names.

use crate::identity::Identity;
use crate::planted::{Bug, planted};
use arbiter_core::ids::{ClusterId, Incarnation, NodeId};
use arbiter_core::state::ClusterState;
use arbiter_proto::v1::PeerHeader;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// The version of the protocol between peers.
pub const PROTOCOL: u32 = 1;

/// A refusal that goes on is logged this often: whoever reads the last page of a journal must find it.
const SAY_AGAIN_AFTER: Duration = Duration::from_secs(600);

/// Different refusals that are remembered: a few for each of nine peers. More can only come from somebody who plays
/// with us, and then some are said twice.
const SAID_LIMIT: usize = 64;

/// Of a foreign cluster's name or id so many characters are shown: it may be as long as a message.
const NAME_SHOWN: usize = 200;

/// Why a message is not let through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It carries no header.
    #[error("the message says not who sends it")]
    NoHeader,
    /// It speaks a version that this program does not know.
    #[error(
        "node {sender} speaks protocol version {found}, this program speaks version {PROTOCOL}: install the same version \
         of the program on both; nothing of the message was taken"
    )]
    Version {
        /// The sender, as it says.
        sender: NodeId,
        /// The version.
        found: u32,
    },
    /// It comes from a node whose file names another cluster.
    #[error(
        "node {sender} is of the cluster `{theirs}`, this node is of `{ours}`: \
         check the nodes' addresses and `cluster.name` in the files of both"
    )]
    OtherName {
        /// The sender.
        sender: NodeId,
        /// What its file calls its cluster.
        theirs: String,
        /// What ours does.
        ours: String,
    },
    /// It was meant for another node.
    #[error("the message is for node {meant}, this is node {me}: check the addresses in the configuration")]
    OtherTarget {
        /// Whom it was meant for.
        meant: NodeId,
        /// Who got it.
        me: NodeId,
    },
    /// It comes from another cluster.
    #[error("node {sender} belongs to the cluster {theirs}, this node to {ours}")]
    OtherCluster {
        /// The sender.
        sender: NodeId,
        /// Its cluster, as it says.
        theirs: String,
        /// The receiver's cluster.
        ours: String,
    },
    /// It comes from the cluster that became this one, when its majority was lost for good.
    #[error(
        "node {sender} still belongs to the cluster {theirs}, which was recovered without it as {ours}: stop `arbiterd` \
         there, move its data folder away, and let it in with an empty one (`arbiterctl member add`)"
    )]
    LeftBehind {
        /// The sender.
        sender: NodeId,
        /// The old cluster.
        theirs: String,
        /// The new one.
        ours: String,
    },
    /// This node's own cluster became another one, without this node.
    #[error("this node's cluster was recovered without it, as {new}")]
    Succeeded {
        /// The new one.
        new: ClusterId,
    },
    /// This node has just started.
    #[error("this node has just started, and asks first whether its cluster was recovered without it")]
    Asking,
    /// The sender's disk is not the recorded one.
    #[error(
        "the disk of node {sender} is not the one recorded for it: \
         run `arbiterctl member replace` for it if its old disk was lost"
    )]
    OtherDisk {
        /// The sender.
        sender: NodeId,
    },
    /// The sender, or the node itself, was removed.
    #[error("node {node} was removed from the cluster")]
    Removed {
        /// Who.
        node: NodeId,
    },
    /// This node's own disk takes no part yet.
    #[error("this node's disk is not admitted to the cluster yet")]
    NotAdmitted,
}

/// What this node's disk is in its cluster, and what that lets through. Clones share it.
#[derive(Clone)]
pub struct Gate {
    identity: Arc<Mutex<Identity>>,
    state: watch::Receiver<Arc<ClusterState>>,
    said: Arc<Said>,
    shut: Arc<AtomicBool>,
    asks: Arc<AtomicBool>,
    doubt: Arc<AtomicBool>,
}

impl Gate {
    /// A gate for a disk; `state` is what this node has applied.
    pub fn new(identity: Identity, state: watch::Receiver<Arc<ClusterState>>) -> Self {
        let shut = Arc::new(AtomicBool::new(identity.succeeded_by.is_some()));
        let (asks, doubt) = (Arc::default(), Arc::default());
        Self { identity: Arc::new(Mutex::new(identity)), state, said: Arc::default(), shut, asks, doubt }
    }

    /// Keeps it closed until [`Gate::asked`]: a disk that was away may belong to a cluster that is no more.
    pub fn ask_first(&self) {
        self.asks.store(true, Ordering::Release);
    }

    /// Whether the peers are to be asked whether this disk's cluster is still there: at the start, or because one of
    /// them has refused us since they were last asked.
    pub fn must_ask(&self) -> bool {
        self.doubt.swap(false, Ordering::AcqRel) || self.asks.load(Ordering::Acquire)
    }

    /// They were asked.
    pub fn asked(&self) {
        self.asks.store(false, Ordering::Release);
    }

    /// A peer refuses us: perhaps it knows more.
    pub fn refused(&self, reason: &str) {
        self.doubt.store(true, Ordering::Release);
        self.say_refused("a peer refuses us", reason);
    }

    /// The disk's identity as it stands.
    pub fn identity(&self) -> Identity {
        self.lock().clone()
    }

    /// Lets the disk in, or changes its standing. The identity must have been written durably before.
    pub fn set_identity(&self, identity: Identity) {
        *self.lock() = identity;
    }

    /// Shuts the gate for good: a leader says that this node was removed, or a peer that its cluster is no more.
    pub fn shut(&self) {
        self.shut.store(true, Ordering::Release);
    }

    /// Whether it is shut for good.
    pub fn is_shut(&self) -> bool {
        self.shut.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Identity> {
        // The identity is replaced as a whole; a panic elsewhere can't leave half of it.
        self.identity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cluster that this disk takes part in.
    ///
    /// # Errors
    /// [`Refused::NotAdmitted`] while it takes part in none; [`Refused::Removed`] or [`Refused::Succeeded`] when it does
    /// so no more.
    pub fn cluster(&self) -> Result<ClusterId, Refused> {
        let identity = self.identity();
        if self.is_shut() {
            return Err(why_shut(&identity));
        }
        identity.cluster.ok_or(Refused::NotAdmitted)
    }

    /// Whether a Raft message may go out.
    ///
    /// # Errors
    /// As [`Gate::cluster`], and [`Refused::Asking`] at the start.
    pub fn may_call(&self) -> Result<(), Refused> {
        if self.asks.load(Ordering::Acquire) {
            return Err(Refused::Asking);
        }
        self.cluster().map(drop)
    }

    /// The header of a message to `target`.
    pub fn header_to(&self, target: NodeId) -> PeerHeader {
        let identity = self.lock();
        PeerHeader {
            version: PROTOCOL,
            cluster_id: identity.cluster.as_ref().map(|id| id.0.clone()).unwrap_or_default(),
            sender: identity.node.0,
            target: target.0,
            incarnation: identity.incarnation.0,
            admitted_at: identity.admitted_at,
            cluster_name: identity.cluster_name.clone(),
        }
    }

    /// Logs why a message was refused, by us or by a peer: not each time, for the same comes again many times a
    /// second until somebody does something about it. That a disk is not admitted yet, or asks first, is no news: it is
    /// being seen to.
    pub fn say_refused(&self, what: &str, reason: &str) {
        let passes = [Refused::NotAdmitted, Refused::Asking].map(|refused| refused.to_string());
        if !passes.iter().any(|passing| passing == reason) && self.said.is_news(what, reason) {
            tracing::warn!(reason, "{what}");
        }
    }

    /// Checks version, the cluster's name and target: what every message must have right, also before there is a
    /// cluster.
    ///
    /// # Errors
    /// Why it is not let through.
    pub fn check_envelope(&self, header: Option<&PeerHeader>) -> Result<PeerHeader, Refused> {
        let header = header.ok_or(Refused::NoHeader)?;
        let (me, ours) = {
            let identity = self.lock();
            (identity.node, identity.cluster_name.clone())
        };
        if header.version != PROTOCOL {
            return Err(Refused::Version { sender: NodeId(header.sender), found: header.version });
        }
        if header.cluster_name != ours {
            let (sender, theirs) = (NodeId(header.sender), shortened(&header.cluster_name));
            return Err(Refused::OtherName { sender, theirs, ours });
        }
        if header.target != me.0 {
            return Err(Refused::OtherTarget { meant: NodeId(header.target), me });
        }
        Ok(header.clone())
    }

    /// Whether our cluster was that one, before its majority was lost for good.
    pub fn succeeds(&self, cluster: &str) -> bool {
        self.state.borrow().succeeds(&ClusterId(cluster.to_owned()))
    }

    /// Checks a Raft message, or the answer to one: same cluster, for this node, from the recorded disk.
    ///
    /// # Errors
    /// Why it is not let through.
    pub fn check_peer(&self, header: Option<&PeerHeader>) -> Result<NodeId, Refused> {
        let header = self.check_envelope(header)?;
        let identity = self.identity();
        let ours = identity.cluster.as_ref().ok_or(Refused::NotAdmitted)?;
        let sender = NodeId(header.sender);
        if header.cluster_id != ours.0 {
            let succeeds = self.succeeds(&header.cluster_id);
            let (theirs, ours) = (shortened(&header.cluster_id), ours.0.clone());
            return Err(match succeeds {
                true => Refused::LeftBehind { sender, theirs, ours },
                false => Refused::OtherCluster { sender, theirs, ours },
            });
        }
        let me = identity.node;
        if let Some(node) = [me, sender].into_iter().find(|node| self.state.borrow().was_removed(*node)) {
            return Err(Refused::Removed { node });
        }
        if self.is_shut() {
            return Err(why_shut(&identity));
        }
        if self.asks.load(Ordering::Acquire) {
            return Err(Refused::Asking);
        }
        if may_speak(&identity, &self.state.borrow(), &header) || planted(Bug::OtherDiskAdmitted) {
            Ok(sender)
        } else {
            Err(Refused::OtherDisk { sender })
        }
    }
}

/// Why a gate is shut for good.
fn why_shut(identity: &Identity) -> Refused {
    match &identity.succeeded_by {
        Some(new) => Refused::Succeeded { new: new.clone() },
        None => Refused::Removed { node: identity.node },
    }
}

/// What a stranger calls its cluster, as far as it fits into a line of a log.
fn shortened(name: &str) -> String {
    name.chars().take(NAME_SHOWN).collect()
}

/// What was logged of refusals, and when.
#[derive(Default)]
struct Said(Mutex<BTreeMap<(String, String), Instant>>);

impl Said {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Instant>> {
        // Each change is one step; a panic elsewhere can't leave half of it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this was not said for a while. Notes that it is said now.
    fn is_news(&self, what: &str, reason: &str) -> bool {
        let now = Instant::now();
        let mut said = self.lock();
        said.retain(|_, at| now.duration_since(*at) < SAY_AGAIN_AFTER);
        if said.len() >= SAID_LIMIT {
            said.clear();
        }
        let key = (what.to_owned(), reason.to_owned());
        let is_news = !said.contains_key(&key);
        if is_news {
            said.insert(key, now);
        }
        is_news
    }
}

/// Whether the sender's disk is the recorded one, as far as this node can know.
fn may_speak(identity: &Identity, state: &ClusterState, header: &PeerHeader) -> bool {
    let sender = NodeId(header.sender);
    let shown = Some(Incarnation(header.incarnation));
    if state.cluster_id.is_some() {
        // Who has not applied the entry that admitted the sender can't judge it: refusing would keep the very
        // leader out that brings the entry.
        let recorded = state.members.get(&sender).and_then(|member| member.incarnation);
        recorded == shown || state.applied.index.0 < header.admitted_at
    } else {
        // A founding disk knows its fellows; a later one learns of everybody from the log.
        identity.founders.is_empty()
            || header.admitted_at > 0
            || identity.founders.get(&sender).copied() == shown
    }
}

#[cfg(test)]
mod tests;
