//! A connection that was taken, and whose it is.

use crate::identity::Identity;
use std::io;
use std::net::SocketAddr;
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
}

/// A connection that was taken.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    caller: Caller,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Checked(Box<TlsStream<TcpStream>>),
}

impl Connection {
    pub(crate) const fn plain(stream: TcpStream, address: SocketAddr) -> Self {
        Self { stream: Stream::Plain(stream), caller: Caller { address: Some(address), identity: None } }
    }

    pub(crate) fn checked(stream: TlsStream<TcpStream>, address: SocketAddr, identity: Identity) -> Self {
        let caller = Caller { address: Some(address), identity: Some(Arc::new(identity)) };
        Self { stream: Stream::Checked(Box::new(stream)), caller }
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
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Stream::Checked(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Checked(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Checked(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Checked(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
