//! A line to another node on which a stream is kept: how patiently it is opened, and how its death is noticed.

use std::time::Duration;
use tonic::transport::{Endpoint, Error};

/// A new connection is given up after this; the next try follows soon.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// The same with the time that it takes to look up the node's name: a resolver that hangs must not keep us from asking
/// it again when it has come back.
pub(crate) const LOOK_UP_AND_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A line that swallows everything is noticed by these, or TCP would wait for minutes before it tries again.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(1);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(1);

/// The way to a node at that host and port, before it is known how the node is recognised.
pub(crate) fn to(address: &str) -> Result<Endpoint, Error> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
    Ok(endpoint
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE_EVERY)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true))
}
