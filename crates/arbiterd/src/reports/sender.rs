//! One task a peer: it keeps a stream open and writes the newest parcel into it. What could not leave is
//! replaced, never queued.

use arbiter_control::transport::Transport;
use arbiter_core::ids::{ClusterId, NodeId};
use arbiter_core::report::Parcel;
use arbiter_core::state::ClusterState;
use arbiter_proto::report::write_parcel;
use arbiter_proto::v1;
use arbiter_proto::v1::reports_client::ReportsClient;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::WatchStream;
use tonic::transport::{Channel, Endpoint};

/// A new connection is given up after this; the next try follows at once.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// A line that swallows everything is noticed by these, or TCP would wait for minutes before it tries again.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(1);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(1);

/// Time between two tries to reach a peer.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// The reports' way out.
pub(crate) struct ReportSender {
    peers: BTreeMap<NodeId, watch::Sender<Option<Parcel>>>,
}

impl ReportSender {
    /// Starts a task for each peer of the address book.
    pub fn start(
        addresses: &BTreeMap<NodeId, String>,
        state: &watch::Receiver<Arc<ClusterState>>,
    ) -> Result<Self, tonic::transport::Error> {
        let mut peers = BTreeMap::new();
        for (peer, address) in addresses {
            let endpoint = Endpoint::from_shared(format!("http://{address}"))?
                .connect_timeout(CONNECT_TIMEOUT)
                .tcp_nodelay(true)
                .http2_keep_alive_interval(KEEPALIVE_EVERY)
                .keep_alive_timeout(KEEPALIVE_TIMEOUT)
                .keep_alive_while_idle(true);
            let (sender, newest) = watch::channel(None);
            peers.insert(*peer, sender);
            tokio::spawn(keep_sending(*peer, endpoint, newest, state.clone()));
        }
        Ok(Self { peers })
    }
}

impl Transport for ReportSender {
    fn offer(&self, to: NodeId, parcel: Parcel) {
        match self.peers.get(&to) {
            Some(peer) => drop(peer.send_replace(Some(parcel))),
            None => tracing::debug!(to = to.0, "no address of this peer is known"),
        }
    }
}

async fn keep_sending(
    peer: NodeId,
    endpoint: Endpoint,
    mut newest: watch::Receiver<Option<Parcel>>,
    state: watch::Receiver<Arc<ClusterState>>,
) {
    let mut said = false;
    // Ends with the sender: when the node ends.
    while newest.changed().await.is_ok() {
        let Some(cluster) = state.borrow().cluster_id.clone() else { continue };
        match send_until_broken(&endpoint, cluster, newest.clone()).await {
            Ok(()) => said = false,
            Err(error) if said => tracing::debug!(peer = peer.0, %error, "no stream to the peer"),
            Err(error) => {
                tracing::warn!(peer = peer.0, %error, "no stream to the peer: reports reach it by others, if at all");
                said = true;
            }
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

async fn send_until_broken(
    endpoint: &Endpoint,
    cluster: ClusterId,
    newest: watch::Receiver<Option<Parcel>>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let channel: Channel = endpoint.connect().await?;
    let parcels = WatchStream::new(newest)
        .filter_map(move |parcel| parcel.map(|parcel| -> v1::Parcel { write_parcel(&cluster, &parcel) }));
    ReportsClient::new(channel).exchange(parcels).await?;
    Ok(())
}
