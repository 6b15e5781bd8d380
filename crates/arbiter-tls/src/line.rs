//! A connection to the node that is meant.

use crate::credentials::Credentials;
use crate::refusal::{Refused, inner};
use crate::trust::{Other, Trust};
use arbiter_core::ids::NodeId;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::io::{self, BufRead};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codegen::Service;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint, Error};

/// What stands in the place of a server's name: it is not sent, and nobody is believed by it.
const NO_NAME: &str = "node.invalid";

/// What is read at first: the other side's settings have some tens of bytes.
const FIRST_BYTES: usize = 1_024;

/// Whom a caller means to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meant {
    /// The cluster.
    pub cluster: String,
    /// The node; any of that cluster, if this is not given.
    pub node: Option<NodeId>,
}

/// The way to one address. It is not opened yet, and may be opened again and again.
#[derive(Debug, Clone)]
pub struct Line {
    endpoint: Endpoint,
    connector: Option<Connector>,
}

impl Line {
    /// The way to the address of `endpoint`, given up after `patience`. Where there are credentials, the other side must
    /// show that it is the one that is meant.
    pub fn new(
        endpoint: Endpoint,
        patience: Duration,
        credentials: Option<&Credentials>,
        meant: Meant,
    ) -> Self {
        match credentials {
            None => Self { endpoint: endpoint.connect_timeout(patience), connector: None },
            Some(credentials) => {
                let connector = Connector { credentials: credentials.clone(), meant, patience };
                Self { endpoint, connector: Some(connector) }
            }
        }
    }

    /// The same with a deadline for each call.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { endpoint: self.endpoint.timeout(timeout), ..self }
    }

    /// Opens it.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn connect(&self) -> Result<Channel, Error> {
        match &self.connector {
            None => self.endpoint.connect().await,
            Some(connector) => self.endpoint.connect_with_connector(connector.clone()).await,
        }
    }

    /// Opens it when it is needed, and anew when it is broken.
    pub fn connect_lazy(&self) -> Channel {
        match &self.connector {
            None => self.endpoint.connect_lazy(),
            Some(connector) => self.endpoint.connect_with_connector_lazy(connector.clone()),
        }
    }
}

/// Makes connections: a new one each time, with the newest certificate.
#[derive(Debug, Clone)]
struct Connector {
    credentials: Credentials,
    meant: Meant,
    patience: Duration,
}

type Connecting = Pin<Box<dyn Future<Output = io::Result<TokioIo<Checked>>> + Send>>;

impl Service<Uri> for Connector {
    type Response = TokioIo<Checked>;
    type Error = io::Error;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Connecting {
        let this = self.clone();
        Box::pin(async move {
            let late = |_| {
                let words = format!("no connection within {:?}", this.patience);
                io::Error::new(io::ErrorKind::TimedOut, words)
            };
            let stream = timeout(this.patience, this.open(&uri)).await.map_err(late)??;
            Ok(TokioIo::new(stream))
        })
    }
}

impl Connector {
    /// In TLS 1.3 the other side judges us after our part of the handshake is over. So its first bytes are waited for, its
    /// settings of HTTP/2, which it sends unasked: who is refused has no connection, and has asked nothing yet.
    async fn open(&self, uri: &Uri) -> io::Result<Checked> {
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or_default();
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        let client = self.credentials.client(self.meant.clone()).map_err(io::Error::other)?;
        let name = ServerName::try_from(NO_NAME).map_err(io::Error::other)?;
        let mut stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.map_err(plainly)?;
        let mut first = vec![0; FIRST_BYTES];
        let read = stream.read(&mut first).await.map_err(plainly)?;
        if read == 0 {
            let words = "the other side has closed the connection: its log may say why";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, words));
        }
        first.truncate(read);
        let shown = stream.get_ref().1.peer_certificates();
        let trust = Trust::new(self.credentials.clone(), Other::Called(self.meant.clone()), shown);
        Ok(Checked { stream, first: io::Cursor::new(first), trust })
    }
}

/// The reason in words of ours. What is refused with an alert is said by the other side's log, and there only.
fn plainly(error: io::Error) -> io::Error {
    if let Some(refused) = inner::<Refused>(&error) {
        return io::Error::new(io::ErrorKind::PermissionDenied, refused.to_string());
    }
    match inner::<rustls::Error>(&error) {
        Some(rustls::Error::AlertReceived(alert)) => io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("the other side refuses this certificate ({alert:?}): its log says why"),
        ),
        Some(rustls::Error::InvalidMessage(_)) => {
            io::Error::new(io::ErrorKind::InvalidData, "the other side does not speak TLS: has it a `[tls]`?")
        }
        _ => error,
    }
}

/// A connection whose both ends believe each other.
#[derive(Debug)]
struct Checked {
    stream: TlsStream<TcpStream>,
    /// What has been read already.
    first: io::Cursor<Vec<u8>>,
    trust: Trust,
}

impl AsyncRead for Checked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.trust.check(context)?;
        let first = self.first.fill_buf()?;
        if first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, into);
        }
        let taken = first.len().min(into.remaining());
        into.put_slice(&first[..taken]);
        self.first.consume(taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Checked {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.trust.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
