//! An authority, its certificates, a server that says who called, and clients of every kind.

use arbiter_core::ids::NodeId;
use arbiter_pki::{Authority, Folder, Validity};
use arbiter_tls::{Bounds, Caller, Credentials, Files, Holder, Identity, Line, Meant, incoming};
use std::convert::Infallible;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;
use tonic::transport::{Channel, Endpoint, Server};
use tracing_subscriber::fmt::MakeWriter;

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The folder of a test, with the authority of cluster `vpn`.
pub struct World {
    pub folder: TempDir,
    pub pki: Folder,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pki = Folder::at(folder.path().join("pki"));
        pki.init("vpn", Validity::days(3_650)).unwrap();
        Self { folder, pki }
    }

    pub fn ca(&self) -> PathBuf {
        self.pki.authority().certificate
    }

    /// Files of an identity for which our authority vouches.
    pub fn files(&self, uri: &str, validity: Validity) -> Files {
        self.files_of(&self.pki.open().unwrap(), uri, validity)
    }

    /// The same by another authority, which this side's `ca` does not have.
    pub fn files_of(&self, authority: &Authority, uri: &str, validity: Validity) -> Files {
        let identity: Identity = uri.parse().unwrap();
        let issued = authority.issue(&identity, validity).unwrap();
        let name = format!("{}-{}", uri.replace(['/', ':', '%'], "-"), std::process::id());
        let folder = tempfile::Builder::new().prefix(&name).tempdir_in(self.folder.path()).unwrap().keep();
        let files = Files { ca: self.ca(), certificate: folder.join("own.crt"), key: folder.join("own.key") };
        write(&files.certificate, &issued.certificate);
        write(&files.key, &issued.key);
        set_mode(&files.key, 0o600);
        files
    }

    pub fn node(&self, id: u64) -> Credentials {
        let files = self.files(&format!("arbiter://vpn/node/{id}"), Validity::days(30));
        open_node(files, id).unwrap()
    }

    pub fn person(&self, uri: &str) -> Credentials {
        Credentials::open(self.files(uri, Validity::days(30)), Holder::Person, Vec::new()).unwrap()
    }
}

pub fn open_node(files: Files, id: u64) -> Result<Credentials, arbiter_tls::LoadError> {
    let holder = Holder::Node { cluster: "vpn".to_owned(), id: NodeId(id) };
    Credentials::open(files, holder, vec!["site".to_owned()])
}

pub fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

pub fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

/// A service that answers with the caller's name, in the words of an error: it needs no messages of its own.
#[derive(Clone)]
struct WhoAmI;

impl NamedService for WhoAmI {
    const NAME: &'static str = "test.WhoAmI";
}

impl Service<http::Request<Body>> for WhoAmI {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        if request.uri().path().ends_with("/HangUp") {
            caller.iter().for_each(|caller| caller.hangup.now());
        }
        let identity = caller.and_then(|caller| caller.identity);
        let name = identity.map_or_else(|| "nobody".to_owned(), |identity| identity.to_string());
        std::future::ready(Ok(Status::aborted(name).into_http()))
    }
}

/// Serves until the test ends.
pub async fn serve(credentials: Option<Credentials>, bounds: Bounds) -> SocketAddr {
    serve_near(credentials, bounds, IpAddr::from([127, 0, 0, 1])).await
}

/// The same with the cluster's nodes at that address.
pub async fn serve_near(credentials: Option<Credentials>, bounds: Bounds, near: IpAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let near = Arc::new(move |address| address == near);
    let incoming = incoming(listener, credentials, bounds, near);
    tokio::spawn(Server::builder().add_service(WhoAmI).serve_with_incoming(incoming));
    address
}

/// Whom the server takes us for, or why there is no answer: all the words along the chain of causes.
pub async fn ask(
    to: SocketAddr,
    credentials: Option<&Credentials>,
    node: Option<u64>,
) -> Result<String, String> {
    ask_of(to, credentials, "vpn", node).await
}

pub async fn ask_of(
    to: SocketAddr,
    credentials: Option<&Credentials>,
    cluster: &str,
    node: Option<u64>,
) -> Result<String, String> {
    let endpoint = Endpoint::from_shared(format!("http://{to}")).unwrap();
    let meant = Meant { cluster: cluster.to_owned(), node: node.map(NodeId) };
    let line = Line::new(endpoint, PATIENCE, credentials, meant);
    let channel =
        tokio::time::timeout(PATIENCE, line.connect()).await.expect("in time").map_err(|it| words(&it))?;
    tokio::time::timeout(PATIENCE, ask_on(channel)).await.expect("in time")
}

pub async fn ask_on(channel: Channel) -> Result<String, String> {
    ask_for(channel, "/test.WhoAmI/Ask").await
}

pub async fn ask_for(mut channel: Channel, path: &str) -> Result<String, String> {
    let request =
        http::Request::post(path).header("content-type", "application/grpc").body(Body::empty()).unwrap();
    std::future::poll_fn(|context| channel.poll_ready(context)).await.map_err(|it| words(&it))?;
    let answer = channel.call(request).await.map_err(|it| words(&it))?;
    let status = Status::from_header_map(answer.headers()).expect("a status");
    Ok(status.message().to_owned())
}

fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        words += &format!(": {cause}");
        next = cause.source();
    }
    words
}

/// What is logged by this test's thread.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Listens from now on; the log of one runtime on one thread.
    pub fn listen() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).unwrap()
    }

    /// Waits until a line has all these words, and gives it.
    pub async fn line_with(&self, all: &[&str]) -> String {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let text = self.text();
            if let Some(line) = text.lines().find(|line| all.iter().all(|words| line.contains(words))) {
                return line.to_owned();
            }
            assert!(tokio::time::Instant::now() < deadline, "never logged {all:?}: {text}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
