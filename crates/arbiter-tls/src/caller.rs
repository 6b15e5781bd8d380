//! A connection that was taken, and whose it is.

use crate::door::host;
use crate::hangup::{Hangup, Watch};
use crate::identity::Identity;
use crate::places::Place;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

/// Who calls: found with each request, among its extensions.
#[derive(Debug, Clone)]
pub struct Caller {
    /// From where.
    pub address: Option<SocketAddr>,
    /// By its certificate; `None` where no TLS is spoken.
    pub identity: Option<Arc<Identity>>,
    /// Whether it is a node of this cluster: by its certificate, or by its address where no TLS is spoken.
    pub node: bool,
    /// Ends the connection.
    pub hangup: Hangup,
}

/// Whose share something is taken of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// Whoever has a certificate of that identity.
    Certified(String),
    /// Whoever is at that address.
    At(IpAddr),
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certified(identity) => f.write_str(identity),
            Self::At(address) => address.fmt(f),
        }
    }
}

impl Caller {
    /// Whose share this caller takes: its certificate's, else its address's.
    pub fn party(&self) -> Option<Party> {
        let certified = self.identity.as_ref().map(|identity| Party::Certified(identity.to_string()));
        certified.or_else(|| self.address.map(|address| Party::At(host(address.ip()))))
    }
}

/// A connection that was taken.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    caller: Caller,
    watch: Watch,
    _place: Place<Party>,
}

#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Checked(Box<TlsStream<TcpStream>>),
}

impl Connection {
    pub(crate) const fn new(stream: Stream, caller: Caller, watch: Watch, place: Place<Party>) -> Self {
        Self { stream, caller, watch, _place: place }
    }
}

impl Connected for Connection {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.watch.check(context)?;
        std::task::ready!(self.watch.may_read(context));
        let before = into.filled().len();
        let done = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Stream::Checked(stream) => Pin::new(stream).poll_read(context, into),
        };
        self.watch.has_read(into.filled().len().saturating_sub(before));
        done
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.watch.check(context)?;
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Checked(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch.check(context)?;
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Checked(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch.check(context)?;
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Checked(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
