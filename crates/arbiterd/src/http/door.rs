//! Bounded connections: neither many clients nor slow ones may take memory, descriptors or time without end.

use axum::serve::Listener;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How much is let in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Connections at once. More wait until one ends.
    pub connections: usize,
    /// A connection lives no longer than this, whatever it does.
    pub lifetime: Duration,
    /// All that a connection may send.
    pub bytes: u64,
}

impl Bounds {
    /// A few Prometheus servers, health checks and people at once, and some to spare; longer than any answer takes,
    /// and short enough that connections which only sit there can't keep a health check out beyond its patience; a
    /// hundred requests of a browser, none of which has a body worth reading.
    pub const USUAL: Self = Self { connections: 64, lifetime: Duration::from_secs(5), bytes: 64 * 1024 };
}

/// Lets so many in, each for so long.
pub(super) struct Door {
    listener: TcpListener,
    bounds: Bounds,
    free: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Door {
    pub fn new(listener: TcpListener, bounds: Bounds, stop: CancellationToken) -> Self {
        Self { listener, bounds, free: Arc::new(Semaphore::new(bounds.connections)), stop }
    }
}

/// A connection that ends by itself.
pub(super) struct Visit {
    stream: TcpStream,
    over: Pin<Box<Sleep>>,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
    bytes_left: u64,
    /// Its place, free for another when it is dropped. `None` only if places are no longer given out.
    _place: Option<OwnedSemaphorePermit>,
}

impl Listener for Door {
    type Io = Visit;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visit, SocketAddr) {
        let place = Arc::clone(&self.free).acquire_owned().await.ok();
        // The listener's own `accept` waits and tries again when descriptors run out.
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        let visit = Visit {
            stream,
            over: Box::pin(tokio::time::sleep(self.bounds.lifetime)),
            stopped: Box::pin(self.stop.clone().cancelled_owned()),
            bytes_left: self.bounds.bytes,
            _place: place,
        };
        (visit, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Visit {
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.over.as_mut().poll(context).is_ready() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if self.stopped.as_mut().poll(context).is_ready() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl AsyncRead for Visit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        let before = into.filled().len();
        let done = Pin::new(&mut self.stream).poll_read(context, into);
        let more = into.filled().len().saturating_sub(before);
        match self.bytes_left.checked_sub(u64::try_from(more).unwrap_or(u64::MAX)) {
            Some(left) => self.bytes_left = left,
            None => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
        }
        done
    }
}

impl AsyncWrite for Visit {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
