//! What a node answers its peers.

use super::{Answer, Call, WireError, payload};
use crate::gate::Refused;
use crate::node::Inner;
use crate::planted::{Bug, planted};
use crate::propose::{confirm_on, propose_on};
use crate::settings::QUESTION_TIMEOUT;
use crate::silence::hears_no_leader;
use crate::types::TypeConfig;
use crate::view::Standing;
use arbiter_core::command::{Applied, Command, Proposal, Refusal};
use arbiter_core::ids::{ClusterId, Incarnation, NodeId};
use arbiter_proto::v1::{
    Admission, AdmitReply, AdmitRequest, CallElectionReply, CallElectionRequest, FormationReply,
    FormationRequest, FormationState, FoundReply, FoundRequest, LastEntry, PeerHeader, PeerReply,
    PeerRequest,
};
use openraft::error::{InstallSnapshotError, RaftError};
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, VoteRequest};
use openraft::{ServerState, error::Fatal};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How long a peer's call may keep us busy. The caller has given up long before; this only bounds what a stuck
/// disk can pile up.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// Answers peers. It keeps nothing alive: once the node has ended, it says so.
#[derive(Clone)]
pub struct PeerService {
    node: Weak<Inner>,
}

impl PeerService {
    pub(crate) fn new(node: Weak<Inner>) -> Self {
        Self { node }
    }

    /// Answers one call.
    ///
    /// # Errors
    /// [`WireError::Refused`] if it was not carried out, with the reason; [`WireError::Unreachable`] if this
    /// node has ended or its disk has failed.
    pub async fn answer(&self, call: Call) -> Result<Answer, WireError> {
        self.answer_from(None, call).await
    }

    /// The same for a caller whose certificate names a node: it may speak for itself alone.
    ///
    /// # Errors
    /// The same.
    pub async fn answer_from(&self, certified: Option<NodeId>, call: Call) -> Result<Answer, WireError> {
        let node =
            self.node.upgrade().ok_or_else(|| WireError::Unreachable("the node has ended".to_owned()))?;
        let answered = async {
            speaks_for_itself(certified, &call)?;
            answer(&node, call).await
        };
        match tokio::time::timeout(CALL_LIMIT, answered).await {
            Ok(Err(WireError::Refused(reason))) => {
                node.gate.say_refused("a peer's message is refused", &reason);
                Err(WireError::Refused(reason))
            }
            Ok(answer) => answer,
            Err(_) => Err(WireError::Timeout(CALL_LIMIT)),
        }
    }
}

impl From<Refused> for WireError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused.to_string())
    }
}

/// Whoever holds one node's certificate must not vote for another.
fn speaks_for_itself(certified: Option<NodeId>, call: &Call) -> Result<(), WireError> {
    let says = call.header().map(|header| NodeId(header.sender));
    match (certified, says) {
        (Some(certified), Some(says)) if certified != says => Err(WireError::Refused(format!(
            "it says that it is node {says}, and its certificate is node {certified}'s"
        ))),
        _ => Ok(()),
    }
}

async fn answer(node: &Arc<Inner>, call: Call) -> Result<Answer, WireError> {
    match call {
        Call::AppendEntries(request) => {
            let (from, message): (_, AppendEntriesRequest<TypeConfig>) = open(node, &request)?;
            let reply = node.raft.append_entries(message).await.map_err(ended)?;
            if !matches!(reply, AppendEntriesResponse::HigherVote(_)) {
                node.heard_leader();
            }
            seal(node, from, &reply)
        }
        Call::Vote(request) => {
            let (from, message): (_, VoteRequest<u64>) = open(node, &request)?;
            let reply = node.raft.vote(message).await.map_err(ended)?;
            seal(node, from, &reply)
        }
        Call::InstallSnapshot(request) => {
            let (from, mut message): (_, InstallSnapshotRequest<TypeConfig>) = open(node, &request)?;
            message.data = request.data;
            node.heard_leader();
            let reply = match node.raft.install_snapshot(message).await {
                Ok(reply) => Ok(reply),
                Err(RaftError::APIError(error)) => Err::<_, InstallSnapshotError>(error),
                Err(RaftError::Fatal(fatal)) => return Err(stopped(&fatal)),
            };
            seal(node, from, &reply)
        }
        Call::CallElection(request) => call_election(node, &request).await,
        Call::Formation(request) => formation(node, &request),
        Call::Found(request) => found(node, &request).await,
        Call::Admit(request) => admit(node, &request).await,
    }
}

/// Opens a Raft message, if its sender may speak to us.
fn open<M: DeserializeOwned>(node: &Inner, request: &PeerRequest) -> Result<(NodeId, M), WireError> {
    let sender = node.gate.check_peer(request.header.as_ref())?;
    let message = payload::read(&request.payload).map_err(WireError::Refused)?;
    Ok((sender, message))
}

fn seal<M: Serialize>(node: &Inner, to: NodeId, message: &M) -> Result<Answer, WireError> {
    let payload = payload::write(message)
        .map_err(|error| WireError::Unreachable(format!("the answer can't be written: {error}")))?;
    Ok(Answer::Peer(PeerReply { header: Some(node.gate.header_to(to)), payload }))
}

fn ended(error: RaftError<u64>) -> WireError {
    match error {
        RaftError::APIError(never) => match never {},
        RaftError::Fatal(fatal) => stopped(&fatal),
    }
}

fn stopped(fatal: &Fatal<u64>) -> WireError {
    WireError::Unreachable(format!("Raft has stopped: {fatal}"))
}

/// The leader has fallen silent for a lease and asks us to stand.
async fn call_election(node: &Inner, request: &CallElectionRequest) -> Result<Answer, WireError> {
    let sender = node.gate.check_peer(request.header.as_ref())?;
    let (term, leader, state) = {
        let metrics = node.raft.metrics();
        let metrics = metrics.borrow();
        (metrics.current_term, metrics.current_leader, metrics.state)
    };
    let reason = if term != request.term || leader != Some(sender.0) {
        format!("node {sender} in term {} is not the leader known here: term {term}", request.term)
    } else if state == ServerState::Follower {
        match node.raft.trigger().elect().await {
            Ok(()) => String::new(),
            Err(fatal) => return Err(stopped(&fatal)),
        }
    } else {
        "this node does not vote".to_owned()
    };
    let called = reason.is_empty();
    Ok(Answer::CallElection(CallElectionReply { header: Some(node.gate.header_to(sender)), called, reason }))
}

fn known_leader(node: &Inner) -> u64 {
    node.raft.metrics().borrow().current_leader.unwrap_or(0)
}

/// Says what our disk holds. Asked also by nodes of no cluster, so only the envelope is checked.
fn formation(node: &Inner, request: &FormationRequest) -> Result<Answer, WireError> {
    let header = node.gate.check_envelope(request.header.as_ref())?;
    let (_, log) = node.disk().map_err(|error| WireError::Unreachable(error.to_string()))?;
    let pristine = log.is_pristine().map_err(|error| WireError::Unreachable(error.to_string()))?;
    let state = if node.gate.cluster().is_ok() {
        FormationState::Formed
    } else if matches!(*node.standing.borrow(), Standing::Refused { .. }) {
        FormationState::Refused
    } else if pristine {
        FormationState::Empty
    } else {
        FormationState::Unspecified
    };
    Ok(Answer::Formation(FormationReply {
        header: Some(node.gate.header_to(NodeId(header.sender))),
        state: state.into(),
        leader: known_leader(node),
        succeeds: node.gate.succeeds(&header.cluster_id),
        hears_no_leader: hears_no_leader(node),
        last: log.last().map(|last| LastEntry {
            term: last.leader_id.term,
            leader: last.leader_id.node_id,
            index: last.index,
        }),
    }))
}

/// Stores the founding record, if our disk is empty and named in it.
async fn found(node: &Inner, request: &FoundRequest) -> Result<Answer, WireError> {
    let header = node.gate.check_envelope(request.header.as_ref())?;
    let founders: BTreeMap<NodeId, Incarnation> = request
        .founders
        .iter()
        .map(|founder| (NodeId(founder.node), Incarnation(founder.incarnation)))
        .collect();
    let reason = match take_founding_record(node, &header, founders).await {
        Ok(()) => String::new(),
        Err(reason) => reason,
    };
    let accepted = reason.is_empty();
    let header = Some(node.gate.header_to(NodeId(header.sender)));
    Ok(Answer::Found(FoundReply { header, accepted, reason }))
}

async fn take_founding_record(
    node: &Inner,
    header: &PeerHeader,
    founders: BTreeMap<NodeId, Incarnation>,
) -> Result<(), String> {
    let _change = node.identity_change.lock().await;
    let mut identity = node.gate.identity();
    let cluster = ClusterId(header.cluster_id.clone());
    if identity.cluster.as_ref() == Some(&cluster) && identity.founders == founders {
        return Ok(());
    }
    if let Some(other) = &identity.cluster {
        return Err(format!("this disk belongs to the cluster {other} already"));
    }
    if matches!(*node.standing.borrow(), Standing::Refused { .. }) {
        return Err("this node knows of a cluster that was formed before".to_owned());
    }
    let first = node.settings.members.first().map(|member| member.id);
    if first != Some(NodeId(header.sender)) {
        return Err("only the first configured node forms a cluster".to_owned());
    }
    if cluster.0.is_empty() || founders.get(&identity.node) != Some(&identity.incarnation) {
        return Err("this disk is not among the founding ones".to_owned());
    }
    let (disk, log) = node.disk().map_err(|error| error.to_string())?;
    if !log.is_pristine().map_err(|error| error.to_string())? {
        return Err("this disk is not empty".to_owned());
    }
    identity.cluster = Some(cluster);
    identity.founders = founders;
    identity.write(&disk).await.map_err(|error| error.to_string())?;
    node.gate.set_identity(identity);
    node.set_standing(Standing::Founding);
    Ok(())
}

/// Decides, as the leader, whether a disk may take part.
async fn admit(node: &Inner, request: &AdmitRequest) -> Result<Answer, WireError> {
    let header = node.gate.check_envelope(request.header.as_ref())?;
    let ours = node.gate.cluster()?;
    let (admission, admitted_at, reason) = if header.cluster_id.is_empty() || header.cluster_id == ours.0 {
        decide(node, NodeId(header.sender), Incarnation(header.incarnation)).await
    } else {
        (Admission::Foreign, 0, format!("this is the cluster {ours}"))
    };
    Ok(Answer::Admit(AdmitReply {
        header: Some(node.gate.header_to(NodeId(header.sender))),
        admission: admission.into(),
        admitted_at,
        leader: known_leader(node),
        reason,
    }))
}

async fn decide(node: &Inner, sender: NodeId, shown: Incarnation) -> (Admission, u64, String) {
    let ask_leader = |reason: String| (Admission::AskLeader, 0, reason);
    if let Err(error) = confirm_on(&node.raft, node.found, QUESTION_TIMEOUT / 2).await {
        return ask_leader(error.to_string());
    }
    let state = node.state.borrow().clone();
    if state.cluster_id.is_none() {
        return ask_leader("the cluster is being formed".to_owned());
    }
    if state.was_removed(sender) {
        return (Admission::Removed, 0, Refusal::Removed { node: sender }.to_string());
    }
    let member = node.raft.metrics().borrow().membership_config.membership().get_node(&sender.0).is_some();
    if !member {
        return (
            Admission::Foreign,
            0,
            format!("node {sender} is no member of the cluster: `arbiterctl member add` makes it one"),
        );
    }
    let other_disk = || (Admission::OtherDisk, 0, format!("another disk is recorded for node {sender}"));
    match state.members.get(&sender).and_then(|member| member.incarnation) {
        // What is applied here is committed, and the record among it.
        Some(recorded) if recorded == shown => (Admission::Admitted, state.applied.index.0, String::new()),
        Some(_) if planted(Bug::OtherDiskAdmitted) => {
            (Admission::Admitted, state.applied.index.0, String::new())
        }
        // Answered from what a majority has just confirmed: a wiped node that keeps asking fills no log.
        Some(_) => other_disk(),
        None => {
            let command = Command::Admit { node: sender, incarnation: shown };
            let proposal = Proposal { wall_ms: (node.wall_ms)(), command };
            match propose_on(&node.raft, &node.proposals, proposal, QUESTION_TIMEOUT / 2).await {
                Ok((at, Applied::Accepted | Applied::Repeated)) => {
                    (Admission::Admitted, at.index.0, String::new())
                }
                Ok((_, Applied::Refused(Refusal::OtherIncarnation { .. }))) => other_disk(),
                Ok((_, other)) => ask_leader(format!("{other:?}")),
                Err(error) => ask_leader(error.to_string()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_speaks_for_its_own_node_alone() {
        let header = || Some(PeerHeader { sender: 2, ..PeerHeader::default() });
        let calls = [
            Call::Vote(PeerRequest { header: header(), ..PeerRequest::default() }),
            Call::AppendEntries(PeerRequest { header: header(), ..PeerRequest::default() }),
            Call::InstallSnapshot(PeerRequest { header: header(), ..PeerRequest::default() }),
            Call::CallElection(CallElectionRequest { header: header(), ..CallElectionRequest::default() }),
            Call::Formation(FormationRequest { header: header() }),
            Call::Found(FoundRequest { header: header(), ..FoundRequest::default() }),
            Call::Admit(AdmitRequest { header: header() }),
        ];
        for call in calls {
            assert_eq!(speaks_for_itself(None, &call), Ok(()), "no TLS: {call:?}");
            assert_eq!(speaks_for_itself(Some(NodeId(2)), &call), Ok(()), "{call:?}");
            let refused = speaks_for_itself(Some(NodeId(3)), &call).unwrap_err().to_string();
            assert!(refused.contains("says that it is node 2") && refused.contains("node 3's"), "{refused}");
        }
    }
}
