//! Raft, as the control loop sees it.

use crate::consensus::{Consensus, Peer, ProposeError, Role, View};
use arbiter_core::command::{Applied, EntryId, Proposal};
use arbiter_core::ids::NodeId;
use arbiter_core::state::ClusterState;
use arbiter_raft::{RaftNode, RaftView};
use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// A node of Raft behind the control loop's trait.
pub struct RaftConsensus {
    raft: RaftNode,
    lease: Duration,
    /// The newest view, and when it was made: its ages go on growing although nothing changes.
    newest: Arc<Mutex<(RaftView, Instant)>>,
    changes: watch::Receiver<u64>,
}

impl RaftConsensus {
    /// The view is followed from now on, on the runtime that this is called on. `lease_ms` is Raft's
    /// `election_timeout_max`.
    pub fn new(raft: RaftNode, lease_ms: u64) -> Self {
        let mut views = raft.view();
        let newest = Arc::new(Mutex::new((views.borrow_and_update().clone(), Instant::now())));
        let (sender, changes) = watch::channel(0);
        let kept = Arc::clone(&newest);
        tokio::spawn(async move {
            while views.changed().await.is_ok() {
                let view = views.borrow_and_update().clone();
                let mut newest = kept.lock().unwrap_or_else(PoisonError::into_inner);
                let before = std::mem::replace(&mut *newest, (view.clone(), Instant::now())).0;
                drop(newest);
                // The numbers of a busy log change all the time; only a change of parts is worth waking for.
                let parts = |v: &RaftView| {
                    (v.role, v.term, v.leader, v.voters.clone(), v.learners.clone(), v.fatal.clone())
                };
                if parts(&before) != parts(&view) {
                    sender.send_modify(|count| *count += 1);
                }
            }
        });
        Self { raft, lease: Duration::from_millis(lease_ms), newest, changes }
    }
}

#[async_trait]
impl Consensus for RaftConsensus {
    async fn propose(&self, proposal: Proposal, timeout_ms: u64) -> Result<(EntryId, Applied), ProposeError> {
        let timeout = Duration::from_millis(timeout_ms);
        self.raft.propose(proposal, timeout).await.map_err(|error| match error {
            arbiter_raft::ProposeError::NotLeader { leader } => ProposeError::NotLeader { leader },
            arbiter_raft::ProposeError::Unknown(_) => ProposeError::Unknown(timeout_ms),
            other => ProposeError::Stopped(other.to_string()),
        })
    }

    fn state(&self) -> watch::Receiver<Arc<ClusterState>> {
        self.raft.state()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    fn view(&self) -> View {
        let (view, made) = self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let since_ms = millis(made.elapsed());
        let leads = view.leads();
        let peer = |id: NodeId, address: &String| Peer {
            address: address.clone(),
            lag: view.lag.get(&id).copied().flatten().filter(|_| leads),
            answered_ms: self.raft.heard_from(id).map(millis).filter(|_| leads),
        };
        // A leader that is the only voter is its own quorum. Nobody's answers renew that, so that it would grow old.
        let alone = leads && view.voters.iter().eq([&view.id]);
        let acked_ms = view.millis_since_quorum_ack.map(|ms| ms.saturating_add(since_ms));
        let members = view.addresses.iter().map(|(id, address)| (*id, peer(*id, address))).collect();
        View {
            role: match view.role {
                arbiter_raft::Role::Leader if view.leads() => Role::Leader,
                arbiter_raft::Role::Candidate => Role::Candidate,
                arbiter_raft::Role::Learner => Role::Learner,
                _ => Role::Follower,
            },
            term: view.term,
            leader: view.leader,
            leader_heard_ms: self.raft.leader_heard().map(millis),
            quorum_acked_ms: if alone { Some(0) } else { acked_ms },
            last_log: view.last_log.0,
            applied: view.applied.0,
            voters: view.voters,
            learners: view.learners,
            members,
            changing: view.joint,
            disk_slow_ms: self.raft.disk_slow().map(millis),
            fatal: view.fatal,
        }
    }

    fn campaign(&self) {
        let raft = self.raft.clone();
        tokio::spawn(async move {
            if let Err(error) = raft.trigger_election().await {
                tracing::warn!(%error, "the election could not be called");
            }
        });
    }

    async fn hand_over(&self, to: NodeId) -> Result<(), String> {
        self.raft.handover_to(to, self.lease).await.map_err(|error| error.to_string())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
