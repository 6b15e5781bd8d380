//! Connections that come in: each is checked before anything of it reaches a service.

use crate::caller::Connection;
use crate::credentials::Credentials;
use crate::identity::Identity;
use crate::refusal::{Refused, Why, inner};
use crate::verify;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::Stream;

/// How much is let in that is not known yet.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Handshakes at once. More wait until one ends.
    pub handshakes: usize,
    /// A handshake that takes longer is given up.
    pub deadline: Duration,
}

impl Bounds {
    /// A handshake has some 20 KiB; two hundred hosts can come back at once. It takes two round trips: who needs longer
    /// can't keep Raft's pace.
    pub const USUAL: Self = Self { handshakes: 256, deadline: Duration::from_secs(3) };
}

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

impl Stream for Incoming {
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

/// Takes the connections of a listener: those whose certificate is good, or all where there are no credentials.
pub fn incoming(listener: TcpListener, credentials: Option<Credentials>, bounds: Bounds) -> Incoming {
    let (taken, checked) = mpsc::channel(WAITING);
    Incoming { checked, door: tokio::spawn(keep_taking(listener, credentials, bounds, taken)) }
}

async fn keep_taking(
    listener: TcpListener,
    credentials: Option<Credentials>,
    bounds: Bounds,
    taken: mpsc::Sender<io::Result<Connection>>,
) {
    let free = Arc::new(Semaphore::new(bounds.handshakes));
    let said = Arc::new(Said::default());
    // What goes on in it ends with this task.
    let mut handshakes = JoinSet::new();
    loop {
        while handshakes.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&free).acquire_owned().await else { return };
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection could not be taken");
                tokio::time::sleep(NOT_TAKEN).await;
                continue;
            }
        };
        // Without it small messages would wait for each other. It fails only on a connection that has ended already.
        drop(stream.set_nodelay(true));
        match &credentials {
            None => {
                if taken.send(Ok(Connection::plain(stream, address))).await.is_err() {
                    return;
                }
            }
            Some(credentials) => {
                let acceptor = TlsAcceptor::from(credentials.server());
                let handshake = Handshake { stream, address, acceptor, deadline: bounds.deadline, place };
                handshakes.spawn(handshake.make(Arc::clone(&said), taken.clone()));
            }
        }
    }
}

/// One that is under way.
struct Handshake {
    stream: TcpStream,
    address: SocketAddr,
    acceptor: TlsAcceptor,
    deadline: Duration,
    place: OwnedSemaphorePermit,
}

impl Handshake {
    async fn make(self, said: Arc<Said>, taken: mpsc::Sender<io::Result<Connection>>) {
        let Self { stream, address, acceptor, deadline, place } = self;
        let why = match timeout(deadline, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => match identity(&stream) {
                Ok(identity) => {
                    tracing::debug!(%address, %identity, "a connection is taken");
                    // A server that takes no more is about to end.
                    drop(taken.send(Ok(Connection::checked(stream, address, identity))).await);
                    return;
                }
                Err(why) => why.to_string(),
            },
            Ok(Err(error)) => words(&error),
            Err(_) => format!("no handshake within {deadline:?}"),
        };
        drop(place);
        if said.is_new(address.ip(), &why, Instant::now()) {
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
