//! One task a peer: it keeps a stream open and writes the newest parcel into it. What could not leave is
//! replaced, never queued.

use crate::book::Book;
use crate::causes::innermost;
use crate::line::{self, CONNECT_TIMEOUT, LOOK_UP_AND_CONNECT_TIMEOUT};
use crate::trust::Trust;
use arbiter_control::transport::Transport;
use arbiter_core::ids::{ClusterId, NodeId};
use arbiter_core::report::Parcel;
use arbiter_core::state::ClusterState;
use arbiter_proto::report::write_parcel;
use arbiter_proto::v1;
use arbiter_proto::v1::reports_client::ReportsClient;
use arbiter_tls::Line;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_stream::wrappers::WatchStream;
use tonic::{Code, Status};

/// A stream ends by itself after this long, and a new one is begun. One that hangs although its connection seems alive
/// (a server that was reached while it started, a proxy that forgot it) is noticed by that, and at nothing else.
const STREAM_LIFE: Duration = Duration::from_secs(5);

/// How long the peer may take to say that it has seen the end of a stream.
const STREAM_END: Duration = Duration::from_secs(2);

/// Time between two tries to reach a peer: five connections a second at most, and a peer that has come back hears
/// from us as fast as that.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Time between two tries where the peer takes no reports from us: only people can change that.
const RETRY_REFUSED_AFTER: Duration = Duration::from_secs(5);

/// A stream that has lasted this long was a good one: if it breaks, that is news.
const GOOD_AFTER: Duration = Duration::from_secs(3);

/// The address that a peer's task writes to, and the newest parcel for it.
type Peer = (String, watch::Sender<Option<Parcel>>);

/// The reports' way out.
pub(crate) struct ReportSender {
    book: Book,
    state: watch::Receiver<Arc<ClusterState>>,
    trust: Trust,
    /// One a peer, with the address that it leads to; dropping one ends its task.
    peers: Mutex<BTreeMap<NodeId, Peer>>,
}

impl ReportSender {
    /// Starts a task for each peer of the own file; those for other members begin with their first parcel.
    pub fn start(
        book: &Book,
        state: &watch::Receiver<Arc<ClusterState>>,
        trust: &Trust,
    ) -> Result<Self, tonic::transport::Error> {
        let mut peers = BTreeMap::new();
        for (peer, address) in book.own() {
            peers.insert(*peer, (address.clone(), begin(*peer, address, state, trust)?));
        }
        let peers = Mutex::new(peers);
        Ok(Self { book: book.clone(), state: state.clone(), trust: trust.clone(), peers })
    }
}

/// Starts the task for one peer.
fn begin(
    peer: NodeId,
    address: &str,
    state: &watch::Receiver<Arc<ClusterState>>,
    trust: &Trust,
) -> Result<watch::Sender<Option<Parcel>>, tonic::transport::Error> {
    let line = trust.line(line::to(address)?, CONNECT_TIMEOUT, peer);
    let (sender, newest) = watch::channel(None);
    tokio::spawn(keep_sending(peer, line, newest, state.clone()));
    Ok(sender)
}

impl Transport for ReportSender {
    fn offer(&self, to: NodeId, parcel: Parcel) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that are members no more get nothing more.
        peers.retain(|peer, (address, _)| self.book.address(*peer).as_ref() == Some(address));
        if !peers.contains_key(&to)
            && let Some(address) = self.book.address(to)
        {
            match begin(to, &address, &self.state, &self.trust) {
                Ok(sender) => drop(peers.insert(to, (address, sender))),
                Err(error) => tracing::debug!(to = to.0, address, %error, "that is no address"),
            }
        }
        match peers.get(&to) {
            Some((_, peer)) => drop(peer.send_replace(Some(parcel))),
            None => tracing::debug!(to = to.0, "no address of this peer is known"),
        }
    }
}

async fn keep_sending(
    peer: NodeId,
    line: Line,
    mut newest: watch::Receiver<Option<Parcel>>,
    state: watch::Receiver<Arc<ClusterState>>,
) {
    let mut said = false;
    // Ends with the sender: when the node ends.
    while newest.changed().await.is_ok() {
        let Some(cluster) = state.borrow().cluster_id.clone() else { continue };
        let began = Instant::now();
        let broken = send_until_broken(&line, cluster, newest.clone()).await;
        if began.elapsed() >= GOOD_AFTER {
            said = false;
        }
        let error = innermost(&broken);
        if said {
            tracing::debug!(peer = peer.0, error, "no stream to the peer");
        } else {
            tracing::warn!(
                peer = peer.0,
                error,
                "no stream to the peer: reports reach it by others, if at all"
            );
            said = true;
        }
        let refused = broken.code() == Code::FailedPrecondition;
        tokio::time::sleep(if refused { RETRY_REFUSED_AFTER } else { RETRY_AFTER }).await;
    }
}

/// Sends until that does not work any more, and says why.
async fn send_until_broken(
    line: &Line,
    cluster: ClusterId,
    newest: watch::Receiver<Option<Parcel>>,
) -> Status {
    let channel = match tokio::time::timeout(LOOK_UP_AND_CONNECT_TIMEOUT, line.connect()).await {
        Ok(Ok(channel)) => channel,
        Ok(Err(error)) => return Status::from_error(Box::new(error)),
        Err(_) => {
            return Status::unavailable(format!("no connection within {LOOK_UP_AND_CONNECT_TIMEOUT:?}"));
        }
    };
    let mut client = ReportsClient::new(channel);
    loop {
        let cluster = cluster.clone();
        let parcels = WatchStream::new(newest.clone())
            .filter_map(move |parcel| {
                let written = parcel.map(|parcel| -> v1::Parcel { write_parcel(&cluster, &parcel) });
                std::future::ready(written)
            })
            .take_until(tokio::time::sleep(STREAM_LIFE));
        match tokio::time::timeout(STREAM_LIFE + STREAM_END, client.exchange(parcels)).await {
            // The node ends, or only this stream: then the next one follows on the same connection.
            Ok(Ok(_)) if newest.has_changed().is_err() => return Status::ok("this node ends"),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return error,
            Err(_) => {
                return Status::deadline_exceeded("the peer does not take reports, though it is connected");
            }
        }
    }
}
