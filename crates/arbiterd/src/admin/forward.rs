//! Passing a question on to the leader.

use crate::book::Book;
use crate::causes::{causes, innermost};
use crate::trust::Trust;
use arbiter_core::ids::NodeId;
use arbiter_proto::v1::admin_client::AdminClient;
use arbiter_proto::v1::hand_client::HandClient;
use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, ConnectError, Request, Status};

/// A command is confirmed by a quorum and applied: a second at most where all is well. A handover takes longer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(8);

/// A read is confirmed by a quorum. If the leader does not answer by then, the node that was asked answers itself.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// An examination of nine nodes, one after the other, at the ten seconds that each may take at most.
const EXAMINATION_TIMEOUT: Duration = Duration::from_secs(90);

const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// A leader whose host has vanished is noticed by these while a question waits for it, or TCP would hold the
/// connection for minutes.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(1);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest answer that is passed on, in bytes: the status of a thousand routes has about 1 MiB.
const ANSWER_LIMIT: usize = 32 * 1024 * 1024;

/// The way to each peer's own seat.
#[derive(Clone)]
pub(crate) struct Peers {
    book: Book,
    trust: Trust,
    /// As they were needed, each with the address that it leads to: one a member.
    lines: Arc<Mutex<BTreeMap<NodeId, (String, Lines)>>>,
}

/// The lines to one peer.
#[derive(Clone)]
struct Lines {
    usual: Channel,
    /// With the patience that an examination takes.
    patient: Channel,
}

impl Peers {
    /// The addresses of the own file must be some; those of the membership are judged when they are needed.
    pub fn new(book: &Book, trust: &Trust) -> Result<Self, tonic::transport::Error> {
        let peers = Self { book: book.clone(), trust: trust.clone(), lines: Arc::default() };
        for (node, address) in book.own() {
            peers.keep(*node, address)?;
        }
        Ok(peers)
    }

    fn keep(&self, node: NodeId, address: &str) -> Result<Lines, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?
            .http2_keep_alive_interval(KEEPALIVE_EVERY)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .tcp_nodelay(true);
        let line = self.trust.line(endpoint, CONNECT_TIMEOUT, node);
        let patient = line.clone().with_timeout(EXAMINATION_TIMEOUT).connect_lazy();
        let lines = Lines { usual: line.with_timeout(WRITE_TIMEOUT).connect_lazy(), patient };
        let mut all = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(node, (address.to_owned(), lines.clone()));
        Ok(lines)
    }

    fn lines(&self, node: NodeId) -> Result<Lines, Status> {
        let unknown = || Status::unavailable(format!("this node lacks the address of node {node}"));
        let address = self.book.address(node).ok_or_else(unknown)?;
        let kept = self.lines.lock().unwrap_or_else(PoisonError::into_inner).get(&node).cloned();
        match kept {
            Some((known, lines)) if known == address => Ok(lines),
            _ => self.keep(node, &address).map_err(|error| {
                Status::unavailable(format!("`{address}` of node {node} is no address: {error}"))
            }),
        }
    }

    pub fn client(&self, node: NodeId) -> Result<AdminClient<Channel>, Status> {
        self.lines(node).map(|lines| seat(lines.usual))
    }

    /// The hand on another host's kernel routes.
    pub fn hand(&self, node: NodeId) -> Result<HandClient<Channel>, Status> {
        self.lines(node).map(|lines| HandClient::new(lines.usual))
    }

    /// For questions that are answered late.
    pub fn patient_client(&self, node: NodeId) -> Result<AdminClient<Channel>, Status> {
        self.lines(node).map(|lines| seat(lines.patient))
    }
}

fn seat(channel: Channel) -> AdminClient<Channel> {
    AdminClient::new(channel).max_decoding_message_size(ANSWER_LIMIT)
}

/// A question that is given up in time for another answer.
pub(super) fn in_time<T>(question: T) -> Request<T> {
    let mut request = Request::new(question);
    request.set_timeout(READ_TIMEOUT);
    request
}

/// Why the leader could not be asked, in words.
pub(super) fn why(error: &Status) -> String {
    format!("the leader does not answer: {}", innermost(error))
}

/// Why another node did not answer, in words.
pub(crate) fn words(error: &Status) -> String {
    match error.code() {
        Code::Unimplemented => {
            "its program is older than the leader's, and does not know the question".to_owned()
        }
        _ => format!("it does not answer: {}", innermost(error)),
    }
}

/// An error of a command that was passed on. UNAVAILABLE promises that nothing was done: only the leader itself can
/// say so, or a connection that never was. All else may have taken effect.
pub(super) fn written(error: Status) -> Status {
    let never_sent = causes(&error).any(|source| source.is::<ConnectError>());
    // Whoever has a source was made here; the leader's own words have none. But a timeout may be the leader's as
    // well, which has kept to ours.
    let leaders_own = error.source().is_none() && !matches!(error.code(), Code::Cancelled | Code::Unknown);
    match error.code() {
        _ if never_sent => Status::unavailable(format!(
            "the leader can't be reached, nothing was done: {}; there may be another one soon",
            innermost(&error)
        )),
        _ if leaders_own => error,
        _ => Status::deadline_exceeded(format!(
            "the leader was asked and did not answer, and it may or may not have been done: {}",
            innermost(&error)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbiter_proto::v1;
    use std::net::SocketAddr;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    async fn asked(address: SocketAddr) -> Status {
        let book = BTreeMap::from([(NodeId(1), address.to_string())]);
        let peers = Peers::new(&Book::new(&book), &Trust::none("vpn")).unwrap();
        written(peers.client(NodeId(1)).unwrap().operate(v1::OperateRequest::default()).await.unwrap_err())
    }

    #[tokio::test]
    async fn only_a_connection_that_never_was_means_that_nothing_was_done() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let breaking = tokio::spawn(async move {
            // Takes what was asked, and is gone.
            let (mut stream, _) = listener.accept().await.unwrap();
            assert_ne!(stream.read(&mut [0; 1_024]).await.unwrap(), 0);
        });
        let error = asked(address).await;
        assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
        breaking.await.unwrap();
        let error = asked(address).await;
        assert_eq!(error.code(), Code::Unavailable, "{error}");
        assert!(error.message().contains("refused"), "{error}");
    }

    #[tokio::test]
    async fn a_leader_that_is_silent_may_have_done_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let error = asked(listener.local_addr().unwrap()).await;
        assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
        drop(listener);
    }

    #[test]
    fn what_the_leader_itself_says_is_passed_on() {
        for code in [Code::Unavailable, Code::NotFound, Code::InvalidArgument, Code::DeadlineExceeded] {
            assert_eq!(written(Status::new(code, "its words")).code(), code);
        }
        for code in [Code::Cancelled, Code::Unknown] {
            assert_eq!(written(Status::new(code, "its words")).code(), Code::DeadlineExceeded);
        }
    }
}
