//! Failovers while a client floods the leader, by those of the same cluster a moment before.
//!
//! There is no TLS here, and the client has addresses that are no node's: it is a stranger to the leader. That a flood with a
//! certificate delays nothing either is a test of `arbiterd`.

use super::Run;
use super::failover::{DEFAULTS, Place, Stages};
use crate::reference::LEADER;
use crate::sheet::{Sheet, median};
use arbiter_lab::flood::Flood;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tonic::transport::Endpoint;

/// How soon the flood has to have become one.
const UNDER_WAY: Duration = Duration::from_secs(60);

pub(crate) async fn measure(run: &Run, sheet: &mut Sheet) -> anyhow::Result<()> {
    let runs = if run.quick { 1 } else { 24 };
    let mut place = Place::open(run, &DEFAULTS).await?;
    let quiet = place.repeat(runs, &DEFAULTS).await?;
    let leader = place.cluster.address(LEADER);
    let flood = Flood::begin(leader, Arc::new(|address, window| Box::pin(open(address, window))))?;
    let deadline = Instant::now() + UNDER_WAY;
    while !flood.is_under_way() {
        anyhow::ensure!(Instant::now() < deadline, "there is no flood: {:?}", flood.seen());
        sleep(Duration::from_millis(10)).await;
    }
    let epoch = place.cluster.status(LEADER).await?.epoch;
    let flooded = place.repeat(runs, &DEFAULTS).await?;
    let after = place.cluster.status(LEADER).await?.epoch;
    anyhow::ensure!(epoch == after, "there was an election: epoch {epoch:?}, then {after:?}");
    let seen = format!("{:?}", flood.seen());
    drop(flood);
    place.cluster.end().await?;
    let total = |all: &[Stages]| median(all.iter().map(Stages::total).collect());
    let how = format!("medians of {runs}; {seen}");
    sheet.put("flood.total", total(&flooded), &how);
    sheet.put("flood.delay", total(&flooded) / total(&quiet), &how);
    Ok(())
}

async fn open(address: std::net::SocketAddr, window: Option<u32>) -> io::Result<tonic::transport::Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(io::Error::other)?;
    endpoint.initial_stream_window_size(window).connect().await.map_err(io::Error::other)
}
