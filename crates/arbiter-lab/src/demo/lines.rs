//! Lines between two nodes, as TCP relays that can fall silent.
//!
//! A cut line says nothing: no refusal, no reset, no end of file. So a silent relay stops reading what its open
//! connections bring, and what their ends would say; new connections are accepted, as a far queue would, and then
//! nothing comes. When the line heals, everything goes on from where it stood: bytes that were under way arrive
//! late, as TCP's repeats do.

use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Bytes that one direction of a connection holds at most while its line is silent.
const HELD_BYTES: usize = 16 * 1_024;

/// Connections of one relay at most. A peer has two or three and makes a new one every second or two while the line
/// is cut; far more is a defect, and shall not eat the machine.
const CONNECTIONS_MOST: usize = 256;

/// One direction of making connections: what connects to [`Relay::addr`] is talking to the relay's goal. It ends
/// when this is dropped.
#[derive(Debug)]
pub(super) struct Relay {
    addr: SocketAddr,
    silent: watch::Sender<bool>,
    // Dropped with the relay, which ends all its connections.
    _tasks: JoinSet<()>,
}

impl Relay {
    /// Listens on a free port of the loopback interface and passes on to `goal`, which need not answer yet.
    pub async fn start(goal: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let addr = listener.local_addr()?;
        let (silent, gate) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, goal, gate));
        Ok(Self { addr, silent, _tasks: tasks })
    }

    /// Where to connect to.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Falls silent, or speaks again.
    pub fn set_silent(&self, silent: bool) {
        self.silent.send_replace(silent);
    }
}

async fn accept(listener: TcpListener, goal: SocketAddr, gate: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MOST {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn(pass(stream, goal, gate.clone()))),
            // Out of descriptors, most likely: wait for one of ours to come back.
            Err(error) => {
                tracing::warn!(%error, "a relay can't accept");
                if connections.join_next().await.is_none() {
                    return;
                }
            }
        }
    }
}

async fn pass(near: TcpStream, goal: SocketAddr, mut gate: watch::Receiver<bool>) {
    speaks(&mut gate).await;
    // Whoever is not there refuses; the near side learns it as a closed connection.
    let Ok(far) = TcpStream::connect(goal).await else { return };
    // Small messages must not wait for each other: the relay shall cost no time.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let there = copy(near_in, far_out, gate.clone());
    let back = copy(far_in, near_out, gate);
    // Half-closed connections live on until the other half ends as well.
    tokio::join!(there, back);
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut gate: watch::Receiver<bool>) {
    let mut bytes = vec![0; HELD_BYTES];
    loop {
        speaks(&mut gate).await;
        let read = tokio::select! {
            biased;
            _ = gate.changed() => continue,
            read = from.read(&mut bytes) => read,
        };
        // What came in the moment of the cut is held until it heals; an end or an error is news as well.
        speaks(&mut gate).await;
        let count = match read {
            Ok(0) | Err(_) => break,
            Ok(count) => count,
        };
        if to.write_all(&bytes[..count]).await.is_err() {
            break;
        }
    }
    // Fails only where the connection is gone already.
    let _ = to.shutdown().await;
}

/// Returns when the line speaks. If the relay is gone, its tasks are about to be as well.
async fn speaks(gate: &mut watch::Receiver<bool>) {
    if gate.wait_for(|silent| !silent).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    /// On a busy machine nothing here takes longer.
    const PATIENCE: Duration = Duration::from_secs(20);
    /// Long enough for something that would come, to come: only ever used to see that nothing does.
    const A_WHILE: Duration = Duration::from_millis(300);

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mut from, mut to) = stream.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
            }
        });
        addr
    }

    async fn comes_back(stream: &mut TcpStream, text: &[u8]) {
        let mut got = vec![0; text.len()];
        timeout(PATIENCE, stream.read_exact(&mut got)).await.expect("an answer").unwrap();
        assert_eq!(got, text);
    }

    async fn says_nothing(stream: &mut TcpStream) {
        let mut byte = [0];
        let read = timeout(A_WHILE, stream.read(&mut byte)).await;
        assert!(read.is_err(), "a silent line says nothing, not even that it ends: {read:?}");
    }

    #[tokio::test]
    async fn an_open_connection_falls_silent_and_goes_on_when_healed() {
        let relay = Relay::start(echo().await).await.unwrap();
        let mut stream = TcpStream::connect(relay.addr()).await.unwrap();
        stream.write_all(b"one").await.unwrap();
        comes_back(&mut stream, b"one").await;
        relay.set_silent(true);
        stream.write_all(b"two").await.unwrap();
        says_nothing(&mut stream).await;
        relay.set_silent(false);
        comes_back(&mut stream, b"two").await;
    }

    #[tokio::test]
    async fn a_new_connection_over_a_silent_line_is_neither_refused_nor_answered() {
        let relay = Relay::start(echo().await).await.unwrap();
        relay.set_silent(true);
        let mut stream = TcpStream::connect(relay.addr()).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        says_nothing(&mut stream).await;
        relay.set_silent(false);
        comes_back(&mut stream, b"hello").await;
    }

    #[tokio::test]
    async fn the_far_ends_death_is_not_heard_over_a_silent_line() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay::start(listener.local_addr().unwrap()).await.unwrap();
        let mut stream = TcpStream::connect(relay.addr()).await.unwrap();
        let (far, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
        relay.set_silent(true);
        drop((far, listener));
        says_nothing(&mut stream).await;
        relay.set_silent(false);
        let mut byte = [0];
        let read = timeout(PATIENCE, stream.read(&mut byte)).await.expect("the end is heard now");
        assert!(matches!(read, Ok(0) | Err(_)));
    }
}
