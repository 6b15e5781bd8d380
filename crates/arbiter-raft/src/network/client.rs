//! openraft's network: its messages, in envelopes, over a [`Wire`].

use super::heard::Heard;
use super::{Answer, Call, Wire, WireError, payload};
use crate::gate::Gate;
use crate::types::TypeConfig;
use arbiter_core::ids::NodeId;
use arbiter_proto::v1::{PeerReply, PeerRequest};
use openraft::error::{
    InstallSnapshotError, NetworkError, RPCError, RaftError, RemoteError, Timeout, Unreachable,
};
use openraft::network::{Backoff, RPCOption, RPCTypes, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};
use openraft::{AnyError, BasicNode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// How long to leave a peer alone that can't be reached or refuses us. Short, because until then it gets no
/// heartbeat either; long enough not to spin on a closed port.
const BACKOFF: Duration = Duration::from_millis(100);

/// Makes a [`PeerNetwork`] for each peer.
#[derive(Clone)]
pub struct Network {
    wire: Arc<dyn Wire>,
    gate: Gate,
    heard: Heard,
}

impl Network {
    /// Messages go over `wire`, as far as `gate` lets them; who answers is noted in `heard`.
    pub fn new(wire: Arc<dyn Wire>, gate: Gate, heard: Heard) -> Self {
        Self { wire, gate, heard }
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = PeerNetwork;

    async fn new_client(&mut self, target: u64, node: &BasicNode) -> PeerNetwork {
        PeerNetwork { network: self.clone(), target, address: node.addr.clone() }
    }
}

/// The way to one peer.
pub struct PeerNetwork {
    network: Network,
    target: u64,
    address: String,
}

type Failure<E> = RPCError<u64, BasicNode, E>;

impl PeerNetwork {
    /// One exchange. Errors that would only repeat at once are `Unreachable`, because openraft backs off for
    /// these alone.
    async fn exchange<M, R, E>(
        &self,
        kind: RPCTypes,
        message: &M,
        data: Vec<u8>,
        option: &RPCOption,
    ) -> Result<R, Failure<E>>
    where
        M: Serialize,
        R: DeserializeOwned,
        E: std::error::Error,
    {
        let gate = &self.network.gate;
        gate.may_call().map_err(|refused| Unreachable::new(&refused))?;
        let request = PeerRequest {
            header: Some(gate.header_to(NodeId(self.target))),
            payload: payload::write(message).map_err(|error| NetworkError::new(&error))?,
            data,
        };
        let call = match kind {
            RPCTypes::AppendEntries => Call::AppendEntries(request),
            RPCTypes::Vote => Call::Vote(request),
            RPCTypes::InstallSnapshot => Call::InstallSnapshot(request),
        };
        // openraft drops the call at the hard limit: ours ends before, so that the reason is known.
        let deadline = option.hard_ttl().mul_f64(0.95);
        let to = NodeId(self.target);
        let answer = self.network.wire.call(to, Some(&self.address), call, deadline).await;
        match answer {
            Ok(Answer::Peer(reply)) => {
                let message = self.open(&reply)?;
                self.network.heard.note(to);
                Ok(message)
            }
            Ok(_) => {
                Err(Unreachable::from(AnyError::error("the answer is of another kind than the call")).into())
            }
            Err(WireError::Timeout(timeout)) => {
                let id = gate.identity().node.0;
                Err(Timeout { action: kind, id, target: self.target, timeout }.into())
            }
            Err(error) => {
                if let WireError::Refused(reason) = &error {
                    gate.refused(reason);
                }
                Err(Unreachable::new(&error).into())
            }
        }
    }

    /// An answer counts only if it comes from the recorded disk of the node that was asked.
    fn open<R: DeserializeOwned>(&self, reply: &PeerReply) -> Result<R, Unreachable> {
        let sender = self
            .network
            .gate
            .check_peer(reply.header.as_ref())
            .map_err(|refused| Unreachable::new(&refused))?;
        if sender != NodeId(self.target) {
            let words = format!("node {sender} answered for node {}: check the addresses", self.target);
            return Err(Unreachable::from(AnyError::error(words)));
        }
        payload::read(&reply.payload).map_err(|words| Unreachable::from(AnyError::error(words)))
    }
}

impl RaftNetwork<TypeConfig> for PeerNetwork {
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<u64>, Failure<RaftError<u64>>> {
        self.exchange(RPCTypes::AppendEntries, &rpc, Vec::new(), &option).await
    }

    async fn install_snapshot(
        &mut self,
        mut rpc: InstallSnapshotRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<InstallSnapshotResponse<u64>, Failure<RaftError<u64, InstallSnapshotError>>> {
        // The chunk travels beside the JSON: as JSON it would be a list of numbers, four times as long.
        let data = std::mem::take(&mut rpc.data);
        let answer: Result<InstallSnapshotResponse<u64>, InstallSnapshotError> =
            self.exchange(RPCTypes::InstallSnapshot, &rpc, data, &option).await?;
        answer.map_err(|error| RemoteError::new(self.target, RaftError::APIError(error)).into())
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<u64>,
        option: RPCOption,
    ) -> Result<VoteResponse<u64>, Failure<RaftError<u64>>> {
        self.exchange(RPCTypes::Vote, &rpc, Vec::new(), &option).await
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(BACKOFF))
    }
}
