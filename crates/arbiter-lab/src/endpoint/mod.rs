//! An HTTP endpoint that speaks EC2's Query API as the SDKs speak it, over a [`World`], with [`Faults`] and a
//! [`CallLog`]. Control routes for hands outside are below `/_lab/`.

mod actions;
mod acts_on;
mod args;
mod call;
mod control;
mod filter;
mod history;
mod listener;
mod request;
mod state;
mod xml;

use crate::calllog::CallLog;
use crate::faults::Faults;
use crate::iam::Roles;
use crate::world::{Act, Cause, Change, Refusal, World};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::http::{Method, Response, StatusCode};
use axum::serve::Listener;
use listener::{Connection, Cuttable};
use state::Shared;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

/// The longest body that is read, in bytes. A request that names 1,000 ids has some 30 KiB.
const LONGEST_BODY: usize = 256 * 1_024;

/// How an endpoint is to be.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What it serves.
    pub world: World,
    /// A file that gets each call as a line of JSON, appended.
    pub log_file: Option<PathBuf>,
    /// Keep EC2's token buckets.
    pub throttling: bool,
    /// What each caller may do.
    pub roles: Roles,
}

impl Default for EndpointSettings {
    /// The reference case on a free port of the loopback interface, throttled as EC2 is, without a file; everybody may do
    /// everything.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            world: World::reference(),
            log_file: None,
            throttling: true,
            roles: Roles::default(),
        }
    }
}

/// Why an endpoint can't be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or isn't ours.
    #[error("the endpoint can't listen on {listen}; choose another port, or 0 for any free one")]
    Listen {
        /// What was asked for.
        listen: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The call log's file can't be opened.
    #[error("the call log {path} can't be opened for appending; does its folder exist?")]
    LogFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// Starts endpoints.
#[derive(Debug)]
pub struct Endpoint;

impl Endpoint {
    /// Starts an endpoint on the current tokio runtime; when this returns, it answers.
    pub async fn start(settings: EndpointSettings) -> Result<EndpointHandle, StartError> {
        let EndpointSettings { listen, world, log_file, throttling, roles } = settings;
        let cant_listen = |source| StartError::Listen { listen, source };
        let calls = CallLog::open(log_file.as_deref())
            .map_err(|source| StartError::LogFile { path: log_file.unwrap_or_default(), source })?;
        let listener = TcpListener::bind(listen).await.map_err(cant_listen)?;
        let shared = Arc::new(Shared::new(world, Faults::new(throttling), roles, calls));
        let listener = Cuttable { listener, stop: shared.stop.clone() };
        let addr = listener.local_addr().map_err(cant_listen)?;
        let router = Router::new().fallback(route).with_state(Arc::clone(&shared));
        let service = router.into_make_service_with_connect_info::<Connection>();
        let server = tokio::spawn({
            let stop = shared.stop.clone();
            async move {
                let serve = async { axum::serve(listener, service).await };
                tokio::select! {
                    () = stop.cancelled() => {}
                    result = serve => if let Err(error) = result {
                        tracing::error!(%error, "the endpoint has stopped to accept connections");
                    },
                }
            }
        });
        let clockwork = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { shared.run_clockwork().await }
        });
        Ok(EndpointHandle { addr, shared, tasks: vec![server, clockwork] })
    }
}

/// An endpoint that runs. It ends when this is dropped.
#[derive(Debug)]
pub struct EndpointHandle {
    addr: SocketAddr,
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl EndpointHandle {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The same as a URL, for `AWS_ENDPOINT_URL_EC2`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Milliseconds since it started, by the clock of the call log and of changes.
    pub fn now_ms(&self) -> u64 {
        self.shared.now_ms()
    }

    /// When it started by the wall clock, in milliseconds since 1970: to compare with other processes' logs.
    pub fn started_wall_ms(&self) -> u64 {
        self.shared.started_wall_ms
    }

    /// The world, to look at and to change by hand.
    pub fn world(&self) -> WorldHandle {
        WorldHandle { shared: Arc::clone(&self.shared) }
    }

    /// The faults, to set and to remove.
    pub fn faults(&self) -> Faults {
        self.shared.faults.clone()
    }

    /// What each caller may do, to look at and to change.
    pub fn roles(&self) -> Roles {
        self.shared.roles.clone()
    }

    /// The call log.
    pub fn calls(&self) -> CallLog {
        self.shared.calls.clone()
    }

    /// Tells of every change of the world from now on. Who lags more than 1,024 changes behind loses the oldest,
    /// and is told so by the channel.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.shared.changes.subscribe()
    }

    /// Ends it: cuts all connections, completes the log's file.
    pub async fn shutdown(mut self) {
        self.shared.stop.cancel();
        for task in self.tasks.drain(..) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the endpoint had failed");
            }
        }
        self.shared.calls.close();
    }
}

impl Drop for EndpointHandle {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        self.shared.calls.close();
    }
}

/// Access to the world of an endpoint that runs.
#[derive(Debug, Clone)]
pub struct WorldHandle {
    shared: Arc<Shared>,
}

impl WorldHandle {
    /// Looks at the world as it is now.
    pub fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        self.shared.look(0, |world, _| look(world))
    }

    /// Changes it by hand; whoever subscribed to changes is told.
    pub fn edit<T>(&self, edit: impl FnOnce(&mut World, Act) -> Result<T, Refusal>) -> Result<T, Refusal> {
        self.shared.edit(Cause::Hand, edit).0
    }

    /// A copy of the world as it is now.
    pub fn snapshot(&self) -> World {
        self.look(World::clone)
    }
}

async fn route(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    http: HttpRequest,
) -> Response<Body> {
    let (parts, body) = http.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LONGEST_BODY).await else {
        let message = format!("The request is longer than {LONGEST_BODY} bytes, or broke off.");
        return call::respond(StatusCode::PAYLOAD_TOO_LARGE, message);
    };
    if let Some(path) = parts.uri.path().strip_prefix("/_lab/") {
        return control::serve(&shared, &parts.method, path, parts.uri.query().unwrap_or_default(), &body);
    }
    // EC2 takes the parameters from the query string of a GET as well.
    let form =
        if parts.method == Method::GET { parts.uri.query().unwrap_or_default().as_bytes() } else { &body };
    let request = request::Request::read(&parts.headers, form, connection.peer);
    call::serve(shared, request, connection).await
}
