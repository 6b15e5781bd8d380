//! How nodes reach each other, apart from what they say.

mod client;
mod grpc;
mod heard;
mod payload;
mod service;

pub use client::{Network, PeerNetwork};
pub use grpc::{CertifiedNode, Dial, GrpcService, GrpcWire, MESSAGE_LIMIT_BYTES, plain};
pub use heard::Heard;
pub use payload::Payload;
pub use service::PeerService;

use arbiter_core::ids::NodeId;
use arbiter_proto::v1;
use async_trait::async_trait;
use std::time::Duration;

/// What is asked of a peer.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Entries or a heartbeat.
    AppendEntries(v1::PeerRequest),
    /// A vote.
    Vote(v1::PeerRequest),
    /// A chunk of a snapshot.
    InstallSnapshot(v1::PeerRequest),
    /// To stand for election.
    CallElection(v1::CallElectionRequest),
    /// What its disk holds.
    Formation(v1::FormationRequest),
    /// To remember the founding record.
    Found(v1::FoundRequest),
    /// To be admitted.
    Admit(v1::AdmitRequest),
}

impl Call {
    /// Who says that it calls.
    pub fn header(&self) -> Option<&v1::PeerHeader> {
        match self {
            Self::AppendEntries(request) | Self::Vote(request) | Self::InstallSnapshot(request) => {
                request.header.as_ref()
            }
            Self::CallElection(request) => request.header.as_ref(),
            Self::Formation(request) => request.header.as_ref(),
            Self::Found(request) => request.header.as_ref(),
            Self::Admit(request) => request.header.as_ref(),
        }
    }
}

/// What a peer answers, each to the call of the same name.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// To a Raft message.
    Peer(v1::PeerReply),
    /// To [`Call::CallElection`].
    CallElection(v1::CallElectionReply),
    /// To [`Call::Formation`].
    Formation(v1::FormationReply),
    /// To [`Call::Found`].
    Found(v1::FoundReply),
    /// To [`Call::Admit`].
    Admit(v1::AdmitReply),
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The peer can't be reached, or has just gone.
    #[error("{0}")]
    Unreachable(String),
    /// No answer came in time: it may have been carried out.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The peer refused it, with a reason: it was not carried out.
    #[error("refused: {0}")]
    Refused(String),
}

/// Carries calls to peers. Every call ends by its deadline.
#[async_trait]
pub trait Wire: Send + Sync + 'static {
    /// Asks one peer. `address` is where the membership says that it is, for a peer that is not in the local
    /// address book.
    async fn call(
        &self,
        to: NodeId,
        address: Option<&str>,
        call: Call,
        deadline: Duration,
    ) -> Result<Answer, WireError>;
}
