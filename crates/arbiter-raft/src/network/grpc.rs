//! Calls over gRPC: one warm connection to each peer, a deadline on every call, a limit on every message.

use super::{Answer, Call, PeerService, Wire, WireError};
use arbiter_core::ids::NodeId;
use arbiter_proto::v1;
use arbiter_proto::v1::raft_peer_client::RaftPeerClient;
use arbiter_proto::v1::raft_peer_server::{RaftPeer, RaftPeerServer};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

/// The longest message that is sent or accepted. One entry has at most 4 MiB, and travels alone if it is that
/// long; JSON and headers add a little.
pub const MESSAGE_LIMIT_BYTES: usize = 8 * 1024 * 1024;

/// How long a connection may take to be made. A peer that is further away than this can't keep Raft's pace.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection without traffic is asked for a sign of life this often, and given up after as long again, so
/// that a peer that vanished without a word is reached anew as soon as it is back.
const KEEPALIVE: Duration = Duration::from_secs(2);

/// How a peer is connected to, when first needed: by the node that is meant, the way to it, and how long the making of a
/// connection may take. Whoever wants the connections checked gives another one than [`plain`].
pub type Dial = Arc<dyn Fn(NodeId, Endpoint, Duration) -> Channel + Send + Sync>;

/// Connections that nobody checks.
pub fn plain() -> Dial {
    Arc::new(|_, endpoint, patience| endpoint.connect_timeout(patience).connect_lazy())
}

/// The node that the certificate of a connection names. Where a request has it among its extensions, it must be the sender's
/// own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertifiedNode(pub NodeId);

/// Reaches peers by gRPC. The connections are made when first needed, and kept.
pub struct GrpcWire {
    book: BTreeMap<NodeId, String>,
    dial: Dial,
    channels: Mutex<BTreeMap<NodeId, (String, Channel)>>,
}

impl GrpcWire {
    /// `book`: where this node reaches its peers, as `host:port`.
    pub fn new(book: BTreeMap<NodeId, String>, dial: Dial) -> Self {
        Self { book, dial, channels: Mutex::new(BTreeMap::new()) }
    }

    fn client(&self, to: NodeId, address: Option<&str>) -> Result<RaftPeerClient<Channel>, WireError> {
        let address = self.book.get(&to).map(String::as_str).or(address).unwrap_or_default();
        // The map is changed in one step; a panic elsewhere can't leave it torn.
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = match channels.get(&to) {
            Some((known, channel)) if known == address => channel.clone(),
            _ => {
                let endpoint = endpoint(address)
                    .map_err(|error| WireError::Unreachable(format!("`{address}` is no address: {error}")))?;
                let channel = (self.dial)(to, endpoint, CONNECT_TIMEOUT);
                channels.insert(to, (address.to_owned(), channel.clone()));
                channel
            }
        };
        Ok(RaftPeerClient::new(channel)
            .max_decoding_message_size(MESSAGE_LIMIT_BYTES)
            .max_encoding_message_size(MESSAGE_LIMIT_BYTES))
    }
}

fn endpoint(address: &str) -> Result<Endpoint, tonic::transport::Error> {
    Ok(Endpoint::from_shared(format!("http://{address}"))?
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true))
}

/// A request that the peer gives up as well when the deadline has passed.
fn timed<T>(message: T, deadline: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}

async fn send(mut client: RaftPeerClient<Channel>, call: Call, deadline: Duration) -> Result<Answer, Status> {
    let answer = match call {
        Call::AppendEntries(message) => {
            Answer::Peer(client.append_entries(timed(message, deadline)).await?.into_inner())
        }
        Call::Vote(message) => Answer::Peer(client.vote(timed(message, deadline)).await?.into_inner()),
        Call::InstallSnapshot(message) => {
            Answer::Peer(client.install_snapshot(timed(message, deadline)).await?.into_inner())
        }
        Call::CallElection(message) => {
            Answer::CallElection(client.call_election(timed(message, deadline)).await?.into_inner())
        }
        Call::Formation(message) => {
            Answer::Formation(client.formation(timed(message, deadline)).await?.into_inner())
        }
        Call::Found(message) => Answer::Found(client.found(timed(message, deadline)).await?.into_inner()),
        Call::Admit(message) => Answer::Admit(client.admit(timed(message, deadline)).await?.into_inner()),
    };
    Ok(answer)
}

#[async_trait]
impl Wire for GrpcWire {
    async fn call(
        &self,
        to: NodeId,
        address: Option<&str>,
        call: Call,
        deadline: Duration,
    ) -> Result<Answer, WireError> {
        let client = self.client(to, address)?;
        match tokio::time::timeout(deadline, send(client, call, deadline)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(status)) => Err(match status.code() {
                Code::FailedPrecondition | Code::InvalidArgument => {
                    WireError::Refused(status.message().to_owned())
                }
                Code::DeadlineExceeded | Code::Cancelled => WireError::Timeout(deadline),
                code => WireError::Unreachable(format!("{code:?}: {}", status.message())),
            }),
            Err(_) => Err(WireError::Timeout(deadline)),
        }
    }
}

/// The serving side: hands each call to the [`PeerService`].
pub struct GrpcService {
    service: PeerService,
}

impl GrpcService {
    /// The service, ready to be mounted.
    pub fn mount(service: PeerService) -> RaftPeerServer<Self> {
        RaftPeerServer::new(Self { service })
            .max_decoding_message_size(MESSAGE_LIMIT_BYTES)
            .max_encoding_message_size(MESSAGE_LIMIT_BYTES)
    }

    async fn answer<T>(&self, request: Request<T>, call: fn(T) -> Call) -> Result<Answer, Status> {
        let certified = request.extensions().get().map(|CertifiedNode(node)| *node);
        self.service.answer_from(certified, call(request.into_inner())).await.map_err(|error| match error {
            WireError::Refused(reason) => Status::failed_precondition(reason),
            WireError::Timeout(after) => Status::deadline_exceeded(format!("not done within {after:?}")),
            WireError::Unreachable(reason) => Status::unavailable(reason),
        })
    }
}

/// Takes the answer of one kind; the peer service gives no other to the call of the same name.
macro_rules! answered {
    ($answer:expr, $kind:ident) => {
        match $answer {
            Answer::$kind(reply) => Ok(Response::new(reply)),
            _ => Err(Status::internal("the answer is of another kind than the call")),
        }
    };
}

#[async_trait]
impl RaftPeer for GrpcService {
    async fn append_entries(
        &self,
        request: Request<v1::PeerRequest>,
    ) -> Result<Response<v1::PeerReply>, Status> {
        answered!(self.answer(request, Call::AppendEntries).await?, Peer)
    }

    async fn vote(&self, request: Request<v1::PeerRequest>) -> Result<Response<v1::PeerReply>, Status> {
        answered!(self.answer(request, Call::Vote).await?, Peer)
    }

    async fn install_snapshot(
        &self,
        request: Request<v1::PeerRequest>,
    ) -> Result<Response<v1::PeerReply>, Status> {
        answered!(self.answer(request, Call::InstallSnapshot).await?, Peer)
    }

    async fn call_election(
        &self,
        request: Request<v1::CallElectionRequest>,
    ) -> Result<Response<v1::CallElectionReply>, Status> {
        answered!(self.answer(request, Call::CallElection).await?, CallElection)
    }

    async fn formation(
        &self,
        request: Request<v1::FormationRequest>,
    ) -> Result<Response<v1::FormationReply>, Status> {
        answered!(self.answer(request, Call::Formation).await?, Formation)
    }

    async fn found(&self, request: Request<v1::FoundRequest>) -> Result<Response<v1::FoundReply>, Status> {
        answered!(self.answer(request, Call::Found).await?, Found)
    }

    async fn admit(&self, request: Request<v1::AdmitRequest>) -> Result<Response<v1::AdmitReply>, Status> {
        answered!(self.answer(request, Call::Admit).await?, Admit)
    }
}
