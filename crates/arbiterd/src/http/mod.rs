//! The status port: what operators, load balancers and Prometheus may read over HTTP, where a node's `http` says so.
//!
//! | path | answers |
//! |---|---|
//! | `/` | a page that says what `arbiterctl status` says |
//! | `/live` | 200 if the control loop answers within a second |
//! | `/ready` | 200 if the node has joined, knows a leader and its loop answers |
//! | `/leader` | 200 on the leader in office whose quorum has just acknowledged it |
//! | `/metrics` | numbers, by Prometheus' conventions |
//!
//! All of it is read-only and without secrets: there is no way from here to an operation. And whatever is asked, by
//! how many, how slowly: the loop gets at most four questions a second from here, and [`door`] bounds the rest.

mod cache;
mod door;
mod exposition;
mod health;
mod html;
mod metrics;
mod page;
mod source;

#[cfg(test)]
mod canned;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod tests;

pub(crate) use source::{Seat, Source};

use anyhow::Context;
use arbiter_control::Look;
use arbiter_core::time::UnixMs;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cache::Cache;
use door::{Bounds, Door};
use health::Health;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A loop that has not answered by then is not alive.
const LOOP_LIMIT: Duration = Duration::from_secs(1);

/// An answer serves all who ask within this time: however many ask, the loop is asked four times a second.
const KEPT: Duration = Duration::from_millis(250);

/// The page also asks the leader, over the network: half as often.
const PAGE_KEPT: Duration = Duration::from_millis(500);

/// The leader's limit and this node's own together, and one second for the rest. A connection lives longer.
const PAGE_LIMIT: Duration = Duration::from_secs(4);

/// Text of the form that Prometheus reads.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The page holds its own style and loads nothing, runs nothing, is framed by nothing.
const PAGE_MAY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Opens the port, if the node has one.
///
/// # Errors
/// The address can't be listened on.
pub(crate) async fn listen(on: Option<SocketAddr>) -> anyhow::Result<Option<TcpListener>> {
    let Some(on) = on else { return Ok(None) };
    let listener = TcpListener::bind(on).await.with_context(|| {
        format!("{on}, this node's `http`, can't be listened on: does another program have it? (`ss -ltnp`)")
    })?;
    tracing::info!(address = %listener.local_addr()?, "status page and metrics");
    Ok(Some(listener))
}

/// Answers on the port until `stop`.
pub(crate) fn start(listener: TcpListener, source: Arc<dyn Source>, lease_ms: u64, stop: CancellationToken) {
    serve(listener, Bounds::USUAL, router(source, lease_ms), stop);
}

fn serve(listener: TcpListener, bounds: Bounds, router: Router, stop: CancellationToken) {
    let door = Door::new(listener, bounds, stop.clone());
    let served = axum::serve(door, router).with_graceful_shutdown(stop.cancelled_owned());
    tokio::spawn(async move {
        if let Err(error) = served.await {
            tracing::error!(%error, "the status port is closed");
        }
    });
}

/// What all requests share.
struct Port {
    source: Arc<dyn Source>,
    lease_ms: u64,
    looks: Cache<Arc<Look>>,
    metrics: Cache<Bytes>,
    page: Cache<Bytes>,
}

fn router(source: Arc<dyn Source>, lease_ms: u64) -> Router {
    let port = Port {
        source,
        lease_ms,
        looks: Cache::new(KEPT),
        metrics: Cache::new(KEPT),
        page: Cache::new(PAGE_KEPT),
    };
    Router::new()
        .route("/", get(page))
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/leader", get(leader))
        .route("/metrics", get(metrics))
        .fallback(nothing_here)
        .with_state(Arc::new(port))
}

impl Port {
    /// What the loop sees, not older than [`KEPT`]; or why it does not say.
    async fn look(&self) -> Result<Arc<Look>, String> {
        let asked = self.looks.get(async { self.source.look().await.map(Arc::new) });
        within(LOOP_LIMIT, asked).await
    }

    async fn health(&self, judge: impl FnOnce(&Look, u64) -> Health) -> Response {
        let health = match self.look().await {
            Ok(look) => judge(&look, self.lease_ms),
            Err(error) => Health::bad(error),
        };
        let status = if health.good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        text(status, "text/plain; charset=utf-8", format!("{}\n", health.because))
    }
}

async fn live(State(port): State<Arc<Port>>) -> Response {
    port.health(|_, _| Health::good("the control loop answers")).await
}

async fn ready(State(port): State<Arc<Port>>) -> Response {
    port.health(health::ready).await
}

async fn leader(State(port): State<Arc<Port>>) -> Response {
    port.health(health::leader).await
}

async fn metrics(State(port): State<Arc<Port>>) -> Response {
    let written = port.metrics.get(async {
        let look = port.look().await?;
        let certificate = metrics::certificate(port.source.certificate_days_left());
        Ok(Bytes::from(metrics::write(&look, port.lease_ms) + &certificate))
    });
    answer(METRICS_TYPE, within(LOOP_LIMIT, written).await)
}

async fn page(State(port): State<Arc<Port>>) -> Response {
    let written = port.page.get(async {
        let told = source::tell(&*port.source).await?;
        Ok(Bytes::from(page::write(&told.status, &told.events, UnixMs(told.wall_ms))))
    });
    answer("text/html; charset=utf-8", within(PAGE_LIMIT, written).await)
}

async fn nothing_here() -> Response {
    let paths = "nothing is here; there are / /live /ready /leader /metrics\n";
    text(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", paths)
}

/// The wait for others who asked before counts too.
async fn within<T>(limit: Duration, asked: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    match tokio::time::timeout(limit, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("the control loop has not answered within {} s", limit.as_secs())),
    }
}

fn answer(kind: &'static str, written: Result<Bytes, String>) -> Response {
    match written {
        Ok(written) => text(StatusCode::OK, kind, written),
        Err(error) => {
            text(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", format!("{error}\n"))
        }
    }
}

/// An answer that nobody keeps and nobody takes for something else than it is.
fn text(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_MAY)),
    ];
    (status, headers, body.into()).into_response()
}
