//! Asks the cluster: any node answers, so the endpoints are tried in turn until one does.

pub mod endpoints;
mod trouble;

pub use trouble::CallError;

use crate::failure::Place;
use arbiter_proto::v1::admin_client::AdminClient;
use arbiter_tls::{Credentials, Line, Meant};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};
use trouble::{SILENT, Trouble, deepest};

/// The connection to one node's operators' seat.
pub type Admin = AdminClient<Channel>;

/// A node answers a connection within a round trip; one that needs longer than this is as good as away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// One attempt gets at least this, so that many endpoints and a short `--timeout` don't leave each with nothing.
const ATTEMPT_LEAST: Duration = Duration::from_millis(300);

/// The largest status: 2,000 routes of 16 paths and 5,000 probes of 9 observers, some hundred bytes each.
const REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Whether a call may be made again when it is not known what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It changes nothing.
    Read,
    /// It changes something, and carries an id under which it takes effect once only.
    WriteOnce,
    /// It changes something, and must not be sent again after it may have arrived.
    Write,
}

/// A client of one cluster.
#[derive(Debug)]
pub struct Client {
    addresses: Vec<String>,
    credentials: Option<Credentials>,
    /// The endpoint that answered last, and the connection to it: the first to be asked next time.
    connected: Option<(usize, Admin)>,
}

impl Client {
    /// A client that tries these addresses (`host:port`), in this order. Connects to none yet.
    /// With credentials it believes only nodes of the cluster that they are for.
    pub fn new(addresses: Vec<String>, credentials: Option<Credentials>) -> Self {
        Self { addresses, credentials, connected: None }
    }

    /// Makes one call before `deadline`: of the first endpoint that answers.
    ///
    /// # Errors
    /// [`CallError`], which tells "surely not done" from "nobody knows".
    pub async fn call<Q, A, F>(
        &mut self,
        kind: Kind,
        deadline: Instant,
        request: Q,
        send: F,
    ) -> Result<A, CallError>
    where
        Q: Clone,
        F: AsyncFn(&mut Admin, Request<Q>) -> Result<Response<A>, Status>,
    {
        let count = self.addresses.len();
        let first = self.connected.as_ref().map_or(0, |(index, _)| *index);
        let (mut places, mut lost, mut no_quorum) = (Vec::new(), false, false);
        for tried in 0..count {
            let index = (first + tried) % count;
            let left = deadline.saturating_duration_since(Instant::now());
            let shares = u32::try_from(count - tried).unwrap_or(u32::MAX);
            let share = (left / shares).max(ATTEMPT_LEAST);
            let trouble = match self.attempt(index, share, request.clone(), &send).await {
                Ok(answer) => return Ok(answer),
                Err(trouble) => trouble,
            };
            let address = self.addresses[index].clone();
            let why = match trouble {
                Trouble::Refused(why, code) => return Err(CallError::Refused(Place { address, why }, code)),
                Trouble::NotSent(why) => why,
                Trouble::NoQuorum(why) => {
                    no_quorum = true;
                    why
                }
                Trouble::Lost(why) => {
                    lost = true;
                    why
                }
            };
            places.push(Place { address, why });
            if lost && kind == Kind::Write {
                break;
            }
        }
        Err(match (lost, no_quorum) {
            // One that was lost may have taken effect, whatever the others said.
            (true, _) => CallError::Unknown(places),
            (false, true) => CallError::NoQuorum(places),
            (false, false) => CallError::Unreachable(places),
        })
    }

    async fn attempt<Q, A, F>(
        &mut self,
        index: usize,
        share: Duration,
        request: Q,
        send: &F,
    ) -> Result<A, Trouble>
    where
        F: AsyncFn(&mut Admin, Request<Q>) -> Result<Response<A>, Status>,
    {
        let began = Instant::now();
        let mut admin = match self.connected.take() {
            Some((known, admin)) if known == index => admin,
            _ => {
                connect(&self.addresses[index], self.credentials.as_ref(), share.min(CONNECT_TIMEOUT)).await?
            }
        };
        let left = share.saturating_sub(began.elapsed());
        let mut request = Request::new(request);
        // The node is told too, so that it doesn't work on for somebody who has left.
        request.set_timeout(left);
        match timeout(left, send(&mut admin, request)).await {
            Ok(Ok(answer)) => {
                self.connected = Some((index, admin));
                Ok(answer.into_inner())
            }
            Ok(Err(status)) => Err(Trouble::of(&status).of_asker(self.credentials.is_some())),
            Err(_) => Err(Trouble::Lost(SILENT.to_owned())),
        }
    }
}

async fn connect(
    address: &str,
    credentials: Option<&Credentials>,
    within: Duration,
) -> Result<Admin, Trouble> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| Trouble::NotSent(format!("not an address: {error}")))?
        // Both ends are ours, and an operator waits.
        .tcp_nodelay(true);
    let cluster = credentials.map(|own| own.identity().cluster).unwrap_or_default();
    let line = Line::new(endpoint, within, credentials, Meant { cluster, node: None });
    match timeout(within, line.connect()).await {
        Ok(Ok(channel)) => Ok(AdminClient::new(channel).max_decoding_message_size(REPLY_BYTES_MAX)),
        Ok(Err(error)) => Err(Trouble::NotSent(deepest(&error))),
        Err(_) => Err(Trouble::NotSent(format!("no connection within {}", human(within)))),
    }
}

fn human(duration: Duration) -> arbiter_core::time::HumanMs {
    arbiter_core::time::HumanMs(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
