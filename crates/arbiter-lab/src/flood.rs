//! One client that floods a node with all that it has: connections, half-open handshakes, questions at full speed, long
//! messages, answers that it doesn't take.

use arbiter_proto::v1;
use arbiter_proto::v1::admin_client::AdminClient;
use futures::future::BoxFuture;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::transport::Channel;
use tonic::{Code, Status};

/// Addresses that the client has. No node has any of them.
const ADDRESSES: u8 = 8;

/// Handshakes that are begun and never ended; more than a node lets in.
const HALF_OPEN: u8 = 200;

/// Who asks at full speed, each on a connection of their own, so many questions at once: more than a caller may have under
/// way, so that some are refused however slow all are.
const ASKING: u8 = 8;
const AT_ONCE: u8 = 4;

/// Who sends the longest messages that a node takes.
const LONG: u8 = 2;
const LONG_BYTES: usize = 7 * 1024 * 1024;

/// Who takes no answers.
const DEAF: u8 = 4;

/// Less urgent than nodes, and no less than what else is built or tested meanwhile.
const GIVES_WAY: i32 = 10;

/// After an error of this side, of which there are ports without end in the end.
const BREATH: Duration = Duration::from_millis(10);

/// What came of it so far.
#[derive(Debug, Default)]
pub struct Seen {
    /// Connections that were begun without a certificate.
    pub strangers: AtomicU64,
    /// Questions that were answered.
    pub answered: AtomicU64,
    /// Questions that were refused because they were too many.
    pub refused: AtomicU64,
    /// Answers that lie there.
    pub untaken: AtomicU64,
    /// Connections with a certificate that ended.
    pub ended: AtomicU64,
}

fn count(what: &AtomicU64) {
    what.fetch_add(1, Ordering::Relaxed);
}

/// Makes a connection to an address, with a certificate or without, which leads to the node from one of the client's own
/// addresses. If a number is given, the client takes no more bytes of an answer than that.
pub type Open = dyn Fn(SocketAddr, Option<u32>) -> BoxFuture<'static, io::Result<Channel>> + Send + Sync;

/// A flood, until it is dropped.
#[derive(Debug)]
pub struct Flood {
    seen: Arc<Seen>,
    stop: Option<DropGuard>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// Begins one, of the node at that address. It comes from a thread that gives way to all others, as another host's
    /// would.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn begin(to: SocketAddr, open: Arc<Open>) -> io::Result<Self> {
        let (seen, stop) = (Arc::new(Seen::default()), CancellationToken::new());
        let (counts, stopped) = (Arc::clone(&seen), stop.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("flood".to_owned()).spawn(move || {
            let ended = runtime.block_on(async {
                rustix::process::setpriority_process(Some(rustix::thread::gettid()), GIVES_WAY)?;
                let proxy = proxy(to).await?;
                let open = Arc::new(move |window| open(proxy, window));
                stopped.run_until_cancelled(flood(to, open, counts)).await;
                io::Result::Ok(())
            });
            if let Err(error) = ended {
                tracing::error!(%error, "there is no flood");
            }
        })?;
        Ok(Self { seen, stop: Some(stop.drop_guard()), thread: Some(thread) })
    }

    /// Whether it is what it should be: so much has come, and part of it was refused.
    pub fn is_under_way(&self) -> bool {
        let has = |what: &AtomicU64, least| what.load(Ordering::Relaxed) >= least;
        let Seen { strangers, answered, refused, untaken, .. } = &*self.seen;
        has(strangers, 500) && has(answered, 50) && has(refused, 100) && has(untaken, 4)
    }

    /// What came of it so far.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        drop(self.stop.take());
        drop(self.thread.take().map(JoinHandle::join));
    }
}

async fn flood<F>(
    to: SocketAddr,
    open: Arc<impl Fn(Option<u32>) -> F + Send + Sync + 'static>,
    seen: Arc<Seen>,
) where
    F: Future<Output = io::Result<Channel>> + Send + 'static,
{
    for number in 0..HALF_OPEN {
        let seen = Arc::clone(&seen);
        repeat(move || half_open(number, to, Arc::clone(&seen)));
    }
    for _ in 0..ASKING {
        let (open, seen) = (Arc::clone(&open), Arc::clone(&seen));
        repeat(move || {
            let (channel, seen) = (open(None), Arc::clone(&seen));
            async move { ask(channel.await.map_err(drop)?, &seen).await }
        });
    }
    for _ in 0..LONG {
        let (open, seen) = (Arc::clone(&open), Arc::clone(&seen));
        repeat(move || {
            let (channel, seen) = (open(None), Arc::clone(&seen));
            async move { send_long(channel.await.map_err(drop)?, &seen).await }
        });
    }
    for _ in 0..DEAF {
        let (open, seen) = (Arc::clone(&open), Arc::clone(&seen));
        repeat(move || {
            let (channel, seen) = (open(Some(1)), Arc::clone(&seen));
            async move { take_no_answer(channel.await.map_err(drop)?, &seen).await }
        });
    }
    std::future::pending().await
}

/// Does something again and again, at full speed unless it fails on this side.
fn repeat<F: Future<Output = Result<(), ()>> + Send>(mut what: impl FnMut() -> F + Send + 'static) {
    tokio::spawn(async move {
        loop {
            match what().await {
                Ok(()) => tokio::task::yield_now().await,
                Err(()) => tokio::time::sleep(BREATH).await,
            }
        }
    });
}

async fn connect(number: u8, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 66, 66, 1 + number % ADDRESSES), 0).into())?;
    socket.connect(to).await
}

/// What comes to this address goes on to the node, from one of the client's addresses.
async fn proxy(to: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut own, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut nodes = connect(0, to).await?;
                copy_bidirectional(&mut own, &mut nodes).await
            });
        }
    });
    Ok(address)
}

async fn half_open(number: u8, to: SocketAddr, seen: Arc<Seen>) -> Result<(), ()> {
    let mut stream = connect(number, to).await.map_err(drop)?;
    count(&seen.strangers);
    // Until the node has had enough.
    drop(stream.read(&mut [0; 64]).await);
    Ok(())
}

fn judge<T>(answer: Result<T, Status>, seen: &Seen) -> Result<(), ()> {
    match answer.as_ref().map_err(Status::code) {
        Ok(_) => count(&seen.answered),
        Err(Code::ResourceExhausted) => count(&seen.refused),
        Err(_) => {
            count(&seen.ended);
            return Err(());
        }
    }
    Ok(())
}

async fn ask(channel: Channel, seen: &Seen) -> Result<(), ()> {
    let asking = (0..AT_ONCE).map(async |_| -> Result<(), ()> {
        let mut client = AdminClient::new(channel.clone());
        loop {
            judge(client.status(v1::StatusRequest::default()).await, seen)?;
        }
    });
    futures::future::try_join_all(asking).await.map(drop)
}

async fn send_long(channel: Channel, seen: &Seen) -> Result<(), ()> {
    let mut client = AdminClient::new(channel);
    loop {
        let toml = "#".repeat(LONG_BYTES);
        let operation =
            Some(v1::operate_request::Operation::ApplyPolicy(v1::ApplyPolicy { version: 2, toml }));
        let change = v1::preview_request::Change::Operate(v1::OperateRequest {
            operation,
            ..v1::OperateRequest::default()
        });
        let request = v1::PreviewRequest { asking: None, change: Some(change) };
        // Such a policy is refused, when it has been read.
        match client.preview(request).await {
            Err(status) if status.code() == Code::InvalidArgument => count(&seen.answered),
            other => judge(other, seen)?,
        }
    }
}

async fn take_no_answer(mut channel: Channel, seen: &Seen) -> Result<(), ()> {
    let mut lie_there = Vec::new();
    loop {
        // An empty message, as gRPC frames it.
        let body = Body::new(axum::body::Body::from([0; 5].to_vec()));
        let request = http::Request::post("http://node/arbiter.v1.Admin/History")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(body)
            .map_err(drop)?;
        std::future::poll_fn(|context| channel.poll_ready(context)).await.map_err(drop)?;
        let Ok(answer) = channel.call(request).await else {
            count(&seen.ended);
            return Err(());
        };
        match Status::from_header_map(answer.headers()) {
            Some(_) => count(&seen.refused),
            None => {
                count(&seen.untaken);
                lie_there.push(answer);
            }
        }
    }
}
