//! The whole port, and clients of all kinds: those who ask for what isn't there, too many, too slow, too much.

use super::canned;
use super::door::Bounds;
use super::source::Source;
use super::{router, serve};
use arbiter_control::Look;
use arbiter_proto::v1;
use async_trait::async_trait;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

const LEASE_MS: u64 = 900;

/// Whatever should happen happens by then, or the test has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A node of whom a canned look is all there is.
struct Canned {
    look: fn() -> Look,
    asked: AtomicUsize,
    /// Its loop never answers.
    stuck: bool,
    /// Its leader never answers.
    leaderless: bool,
}

#[async_trait]
impl Source for Canned {
    async fn look(&self) -> Result<Look, String> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.stuck {
            std::future::pending::<()>().await;
        }
        Ok((self.look)())
    }

    async fn status(&self, stale: bool) -> Result<v1::StatusReply, String> {
        if self.stuck || (self.leaderless && !stale) {
            std::future::pending::<()>().await;
        }
        let mut status = canned::told(&(self.look)()).0;
        status.answered.as_mut().unwrap().linearizable = !stale;
        Ok(status)
    }

    async fn history(&self, _stale: bool, _limit: u32) -> Result<Vec<v1::Event>, String> {
        Ok(canned::told(&(self.look)()).1)
    }
}

/// A port that is open until it is dropped.
struct Open {
    address: SocketAddr,
    source: Arc<Canned>,
    _stop: DropGuard,
}

impl Open {
    async fn with(change: impl FnOnce(&mut Canned, &mut Bounds)) -> Self {
        let mut source =
            Canned { look: canned::well, asked: AtomicUsize::new(0), stuck: false, leaderless: false };
        let mut bounds = Bounds::USUAL;
        change(&mut source, &mut bounds);
        let (source, stop) = (Arc::new(source), CancellationToken::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = router(Arc::clone(&source) as Arc<dyn Source>, LEASE_MS);
        serve(listener, bounds, router, stop.clone());
        Self { address, source, _stop: stop.drop_guard() }
    }

    async fn usual() -> Self {
        Self::with(|_, _| {}).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The whole answer to one request, head and body.
    async fn asked(&self, method: &str, path: &str) -> String {
        let mut stream = self.connect().await;
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(&mut stream).await
    }

    async fn status_of(&self, path: &str) -> u16 {
        status(&self.asked("GET", path).await)
    }
}

/// What still comes until the connection ends, in whatever way.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut all)).await;
    drop(read.expect("the connection ends"));
    String::from_utf8(all).unwrap()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {answer:?}")).parse().unwrap()
}

#[tokio::test]
async fn each_path_answers_with_its_kind() {
    let port = Open::usual().await;
    for path in ["/", "/live", "/ready", "/leader", "/metrics", "/metrics?x=1"] {
        let answer = port.asked("GET", path).await;
        assert_eq!(status(&answer), 200, "{answer}");
        for header in ["cache-control: no-store", "x-content-type-options: nosniff", "default-src 'none'"] {
            assert!(answer.contains(header), "{header} is not in {answer}");
        }
        let kind = match path {
            "/" => "content-type: text/html; charset=utf-8\r\n",
            "/live" | "/ready" | "/leader" => "content-type: text/plain; charset=utf-8\r\n",
            _ => "content-type: text/plain; version=0.0.4; charset=utf-8\r\n",
        };
        assert!(answer.contains(kind), "{kind} is not in {answer}");
        let head = port.asked("HEAD", path).await;
        assert_eq!(status(&head), 200);
        assert!(head.ends_with("\r\n\r\n"), "HEAD has no body: {head}");
    }
}

#[tokio::test]
async fn nothing_else_is_there_and_nothing_can_be_changed() {
    let port = Open::usual().await;
    for path in ["/nope", "/metrics/", "//", "/../etc/passwd", "/%2e%2e/", "/live/x", "/admin"] {
        let answer = port.asked("GET", path).await;
        assert_eq!(status(&answer), 404, "{path}: {answer}");
        assert!(answer.ends_with("there are / /live /ready /leader /metrics\n"), "{answer}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        for path in ["/", "/live", "/ready", "/leader", "/metrics"] {
            let answer = port.asked(method, path).await;
            assert_eq!(status(&answer), 405, "{method} {path}: {answer}");
            assert!(answer.contains("allow: GET,HEAD\r\n"), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_loop_that_stands_still_is_not_alive_and_nobody_waits_for_it_for_long() {
    let port = Open::with(|source, _| source.stuck = true).await;
    let ask = |path| tokio::time::timeout(PATIENCE, port.status_of(path));
    let all = futures::future::join_all(["/live", "/ready", "/leader", "/metrics", "/"].map(ask)).await;
    let all: Vec<_> = all.into_iter().map(|status| status.expect("an answer")).collect();
    assert_eq!(all, [503; 5]);
}

#[tokio::test]
async fn without_its_leader_the_page_is_the_nodes_own_and_says_so() {
    let port = Open::with(|source, _| source.leaderless = true).await;
    let answer = port.asked("GET", "/").await;
    assert_eq!(status(&answer), 200);
    assert!(answer.contains("STALE (the leader has not answered within 1500 ms)"), "{answer}");
}

#[tokio::test]
async fn health_follows_the_look() {
    let port = Open::with(|source, _| source.look = canned::nothing).await;
    for (path, expected) in [("/live", 200), ("/ready", 503), ("/leader", 503), ("/metrics", 200), ("/", 200)]
    {
        assert_eq!(port.status_of(path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn however_many_ask_the_loop_is_asked_a_few_times() {
    let port = Open::usual().await;
    let began = tokio::time::Instant::now();
    for _ in 0..10 {
        let asked = (0..20).map(|_| port.status_of("/metrics"));
        assert_eq!(futures::future::join_all(asked).await, [200; 20]);
    }
    // Four a second and one more; on a machine that is slow, as many as the time that it took allows.
    let quarters = usize::try_from(began.elapsed().as_millis() / 250).unwrap();
    let asked = port.source.asked.load(Ordering::Relaxed);
    assert!(asked <= quarters + 1, "{asked} questions in {quarters} quarters of a second");
}

#[tokio::test]
async fn connections_that_only_sit_there_make_room_by_themselves() {
    let port = Open::with(|_, bounds| {
        (bounds.connections, bounds.lifetime) = (3, Duration::from_millis(300));
    })
    .await;
    let mut sitting = Vec::new();
    for _ in 0..3 {
        sitting.push(port.connect().await);
    }
    assert_eq!(tokio::time::timeout(PATIENCE, port.status_of("/live")).await, Ok(200));
    for mut idle in sitting {
        assert_eq!(rest(&mut idle).await, "", "it was ended");
    }
}

#[tokio::test]
async fn a_request_that_drips_in_and_an_answer_that_is_not_taken_end_too() {
    let port = Open::with(|_, bounds| {
        (bounds.connections, bounds.lifetime) = (2, Duration::from_millis(300));
    })
    .await;
    let mut dripping = port.connect().await;
    let drip = async {
        loop {
            if dripping.write_all(b"G").await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, drip).await.expect("the connection is ended");
    // Many requests at once, and none of the answers is read: the connection's buffers fill up.
    let mut deaf = port.connect().await;
    let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1_000);
    drop(deaf.write_all(request.as_bytes()).await);
    for _ in 0..4 {
        assert_eq!(tokio::time::timeout(PATIENCE, port.status_of("/live")).await, Ok(200));
    }
    drop(deaf);
}

#[tokio::test]
async fn a_connection_that_sends_without_end_is_ended() {
    let port = Open::with(|_, bounds| bounds.lifetime = PATIENCE * 2).await;
    let mut stream = port.connect().await;
    let padding = "x".repeat(4_000);
    let request = format!("GET /live HTTP/1.1\r\nHost: x\r\nPadding: {padding}\r\n\r\n");
    let mut answered = 0;
    let mut some = [0; 1_024];
    for _ in 0..100 {
        if stream.write_all(request.as_bytes()).await.is_err() {
            break;
        }
        match tokio::time::timeout(PATIENCE, stream.read(&mut some)).await.expect("an answer or an end") {
            Ok(0) | Err(_) => break,
            Ok(_) => answered += 1,
        }
    }
    assert!((10..=16).contains(&answered), "64 KiB are {answered} requests of 4 KB");
    // A body is never read: the answer comes at once, and the connection ends.
    let mut stream = port.connect().await;
    stream
        .write_all(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        .await
        .unwrap();
    let flood = async { while stream.write_all(&[b'x'; 4_096]).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, flood).await.expect("the connection is ended");
    assert_eq!(port.status_of("/live").await, 200);
}

#[tokio::test]
async fn the_port_closes_with_its_node_whoever_is_connected() {
    let port = Open::usual().await;
    let mut idle = port.connect().await;
    idle.write_all(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut some = [0; 16];
    idle.read_exact(&mut some).await.unwrap();
    let address = port.address;
    drop(port);
    assert!(!rest(&mut idle).await.is_empty(), "what was being said is still said");
    let closed = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, closed).await.expect("nothing listens any more");
}

#[tokio::test]
async fn a_port_that_another_has_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = super::listen(Some(address)).await.expect_err("it is taken");
    let said = format!("{error:#}");
    assert!(said.starts_with(&format!("{address}, this node's `http`, can't be listened on")), "{said}");
    assert!(super::listen(None).await.unwrap().is_none());
}
