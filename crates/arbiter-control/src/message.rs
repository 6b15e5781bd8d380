//! What others can ask of the control loop.

use crate::look::Look;
use crate::rounds::Examined;
use arbiter_core::command::{Applied, EntryId, Operation};
use arbiter_core::evidence::Ending;
use arbiter_core::ids::{GatewayId, NodeId};
use arbiter_core::report::Parcel;
use tokio::sync::{mpsc, oneshot};

/// Messages that may wait: parcels of eight peers at ten a second fill it in six seconds of a halted loop.
/// A full mailbox drops parcels (the next one says more) and refuses operators.
const MAILBOX: usize = 512;

/// How an operator's command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Where it stands in the log; `None` if it was not proposed.
    pub entry: Option<EntryId>,
    /// What `apply` said.
    pub applied: Applied,
    /// Nothing that was sent before can still land.
    pub quiet: bool,
    /// A gateway whose start will still come.
    pub start_to_come: Option<GatewayId>,
}

/// Why an operator's command has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Ask this node instead.
    #[error("this node does not lead")]
    NotLeader {
        /// Who does.
        leader: Option<NodeId>,
    },
    /// It can't be done as things are; nothing was done.
    #[error("{0}")]
    Refused(String),
    /// It may have taken effect.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// The loop has too much to do, or has ended.
    #[error("{0}")]
    Unavailable(String),
}

pub(crate) enum Message {
    Parcel(Parcel),
    Operate {
        request: String,
        by: String,
        operation: Operation,
        reply: oneshot::Sender<Result<Answer, AskError>>,
    },
    HandOver {
        to: NodeId,
        reply: oneshot::Sender<Result<(), AskError>>,
    },
    Look(oneshot::Sender<Look>),
    Examine(oneshot::Sender<Result<Examined, AskError>>),
    Ending(Ending, oneshot::Sender<()>),
}

/// The way to a running control loop.
#[derive(Debug, Clone)]
pub struct Control {
    mailbox: mpsc::Sender<Message>,
}

impl Control {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Message>) {
        let (mailbox, inbox) = mpsc::channel(MAILBOX);
        (Self { mailbox }, inbox)
    }

    /// Takes in a parcel from a peer. False if the mailbox is full: the parcel is dropped.
    pub fn deliver(&self, parcel: Parcel) -> bool {
        self.mailbox.try_send(Message::Parcel(parcel)).is_ok()
    }

    /// Proposes an operator's command, as leader. The request id makes it safe to send again.
    pub async fn operate(
        &self,
        request: String,
        by: String,
        operation: Operation,
    ) -> Result<Answer, AskError> {
        self.ask(|reply| Message::Operate { request, by, operation, reply }).await?
    }

    /// Gives the leadership to a node.
    pub async fn hand_over(&self, to: NodeId) -> Result<(), AskError> {
        self.ask(|reply| Message::HandOver { to, reply }).await?
    }

    /// Everything that the loop sees and thinks, now.
    pub async fn look(&self) -> Result<Look, AskError> {
        self.ask(Message::Look).await
    }

    /// Has the whole cluster examined, as leader. Who asks while that is under way, or shortly after, gets the same.
    pub async fn examine(&self) -> Result<Examined, AskError> {
        self.ask(Message::Examine).await?
    }

    /// Tells the peers, through the next report, what is about to end. Returns when that report has been offered.
    pub async fn announce(&self, ending: Ending) -> Result<(), AskError> {
        self.ask(|reply| Message::Ending(ending, reply)).await
    }

    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Result<T, AskError> {
        let (reply, answer) = oneshot::channel();
        self.mailbox
            .try_send(message(reply))
            .map_err(|error| AskError::Unavailable(format!("the control loop takes no messages: {error}")))?;
        answer.await.map_err(|_| AskError::Unavailable("the control loop has ended".to_owned()))
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Parcel(_) => "Parcel",
            Self::Operate { .. } => "Operate",
            Self::HandOver { .. } => "HandOver",
            Self::Look(_) => "Look",
            Self::Examine(_) => "Examine",
            Self::Ending(..) => "Ending",
        })
    }
}
