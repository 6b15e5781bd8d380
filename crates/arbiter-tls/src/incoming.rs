//! Connections that come in: each is checked before anything of it reaches a service.

use crate::caller::{Caller, Connection, Stream};
use crate::credentials::Credentials;
use crate::door::{Bounds, Door, Neighbours};
use crate::hangup::{Hangup, Watch};
use crate::identity::{Identity, Who};
use crate::places::Place;
use crate::refusal::{Refused, Why, inner};
use crate::trust::{Other, Trust};
use crate::verify;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The pause after the system could not give a connection: descriptors have run out, say.
const NOT_TAKEN: Duration = Duration::from_millis(100);

/// A refusal of the same host for the same reason is said again after this.
const SAID_FOR: Duration = Duration::from_secs(60);

/// Refusals that are remembered as said. Of more, none is said until a minute has passed: a flood must not fill the disk.
const SAID_MAX: usize = 256;

/// Connections that wait for the server to take them.
const WAITING: usize = 16;

/// Connections that come in. It ends with what holds it.
#[derive(Debug)]
pub struct Incoming {
    checked: mpsc::Receiver<io::Result<Connection>>,
    door: JoinHandle<()>,
}

impl tokio_stream::Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.checked.poll_recv(context)
    }
}

impl Drop for Incoming {
    /// Closes the port, and drops the handshakes that are under way.
    fn drop(&mut self) {
        self.door.abort();
    }
}

/// Takes the connections of a listener: those whose certificate is good, or all where there are no credentials. No more
/// than `bounds` allows; those of `neighbours` are counted apart.
pub fn incoming(
    listener: TcpListener,
    credentials: Option<Credentials>,
    bounds: Bounds,
    neighbours: Neighbours,
) -> Incoming {
    let (taken, checked) = mpsc::channel(WAITING);
    let hall = Arc::new(Hall {
        door: Door::new(&bounds, neighbours),
        bounds,
        credentials,
        said: Said::default(),
        taken,
    });
    Incoming { checked, door: tokio::spawn(keep_taking(listener, hall)) }
}

/// What all connections share.
struct Hall {
    door: Door,
    bounds: Bounds,
    credentials: Option<Credentials>,
    said: Said,
    taken: mpsc::Sender<io::Result<Connection>>,
}

async fn keep_taking(listener: TcpListener, hall: Arc<Hall>) {
    // What goes on in it ends with this task. It is bounded by the places at the door.
    let mut handshakes = JoinSet::new();
    loop {
        while handshakes.try_join_next().is_some() {}
        let (stream, address) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::debug!(%error, "a connection could not be taken");
                    tokio::time::sleep(NOT_TAKEN).await;
                    continue;
                }
            },
            () = hall.taken.closed() => return,
        };
        // Nobody waits for a place: behind one who waits, others would wait who have theirs.
        match hall.door.arrives(address.ip(), Instant::now()) {
            Ok(place) => drop(handshakes.spawn(Arc::clone(&hall).receive(stream, address, place))),
            Err(crowded) => hall.refuse(address, &crowded.to_string()),
        }
    }
}

impl Hall {
    async fn receive(self: Arc<Self>, stream: TcpStream, address: SocketAddr, place: Place<IpAddr>) {
        // Without it small messages would wait for each other. It fails only on a connection that has ended already.
        drop(stream.set_nodelay(true));
        let received = self.check(stream, address).await;
        drop(place);
        let entered = received.and_then(|(stream, identity)| self.enter(stream, address, identity));
        match entered {
            // A server that takes no more is about to end.
            Ok(connection) => drop(self.taken.send(Ok(connection)).await),
            Err(why) => self.refuse(address, &why),
        }
    }

    /// Who it is, where certificates are shown.
    async fn check(
        &self,
        stream: TcpStream,
        address: SocketAddr,
    ) -> Result<(Stream, Option<Identity>), String> {
        let Some(credentials) = &self.credentials else { return Ok((Stream::Plain(stream), None)) };
        let acceptor = TlsAcceptor::from(credentials.server());
        let deadline = self.bounds.deadline;
        match timeout(deadline, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                let identity = identity(&stream).map_err(|why| why.to_string())?;
                tracing::debug!(%address, %identity, "a connection is taken");
                Ok((Stream::Checked(Box::new(stream)), Some(identity)))
            }
            Ok(Err(error)) => Err(words(&error)),
            Err(_) => Err(format!("no handshake within {deadline:?}")),
        }
    }

    fn enter(
        &self,
        stream: Stream,
        address: SocketAddr,
        identity: Option<Identity>,
    ) -> Result<Connection, String> {
        let node = match (&identity, &self.credentials) {
            (Some(identity), Some(credentials)) => {
                matches!(identity.who, Who::Node(_)) && identity.cluster == credentials.identity().cluster
            }
            _ => self.door.is_near(address.ip()),
        };
        let identity = identity.map(Arc::new);
        let caller = Caller { address: Some(address), identity, node, hangup: Hangup::default() };
        let party = caller.party().ok_or_else(|| "it is nobody".to_owned())?;
        let place = self.door.enters(party, node).map_err(|crowded| crowded.to_string())?;
        let trust = match (&stream, &self.credentials) {
            (Stream::Checked(stream), Some(credentials)) => {
                let shown = stream.get_ref().1.peer_certificates();
                Some(Trust::new(credentials.clone(), Other::Caller, shown))
            }
            _ => None,
        };
        let watch = Watch::new(&caller.hangup, &self.bounds, node, trust);
        Ok(Connection::new(stream, caller, watch, place))
    }

    fn refuse(&self, address: SocketAddr, why: &str) {
        if self.said.is_new(address.ip(), why, Instant::now()) {
            tracing::warn!(%address, why, "a connection is refused");
        }
    }
}

/// What the handshake has found to be true.
fn identity(stream: &TlsStream<TcpStream>) -> Result<Identity, Why> {
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
    verify::identity(shown.first().ok_or(Why::NoIdentity)?)
}

/// Why a handshake has failed, for people.
fn words(error: &io::Error) -> String {
    if let Some(refused) = inner::<Refused>(error) {
        return refused.to_string();
    }
    match inner::<rustls::Error>(error) {
        Some(rustls::Error::NoCertificatesPresented) => {
            "no certificate was shown: name one with `--certificate` and `--key`, or in `[tls]`".to_owned()
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            "it does not speak TLS: the other side has no `[tls]`, or is no client of ours".to_owned()
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            format!("the other side refuses this node's certificate ({alert:?}): it says why")
        }
        Some(other) => other.to_string(),
        None => error.to_string(),
    }
}

/// What has been said lately.
#[derive(Default)]
struct Said(Mutex<BTreeMap<(IpAddr, String), Instant>>);

impl Said {
    /// Whether this was not said lately. Notes that it is said now.
    fn is_new(&self, from: IpAddr, why: &str, now: Instant) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.retain(|_, at| now.duration_since(*at) < SAID_FOR);
        if said.len() >= SAID_MAX || said.contains_key(&(from, why.to_owned())) {
            return false;
        }
        said.insert((from, why.to_owned()), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_said_once_a_minute_and_a_flood_of_them_does_not_fill_the_log() {
        let (said, now) = (Said::default(), Instant::now());
        let is_new = |last: u8, why: &str, at| said.is_new(IpAddr::from([10, 0, 0, last]), why, at);
        assert!(is_new(1, "expired", now) && !is_new(1, "expired", now));
        assert!(is_new(1, "none", now) && is_new(2, "expired", now));
        let flood = (0..2_000).filter(|k: &u16| is_new(3, &k.to_string(), now)).count();
        assert_eq!(flood, SAID_MAX - 3);
        assert!(is_new(1, "expired", now + SAID_FOR));
    }
}
