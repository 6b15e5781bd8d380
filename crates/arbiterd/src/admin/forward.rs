//! Passing a question on to the leader.

use arbiter_core::ids::NodeId;
use arbiter_proto::v1::admin_client::AdminClient;
use std::collections::BTreeMap;
use std::time::Duration;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// The leader confirms by a quorum and applies: a second at most where all is well. A handover takes longer.
const TIMEOUT: Duration = Duration::from_secs(8);

const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// The way to each peer's own seat.
pub(crate) struct Peers {
    channels: BTreeMap<NodeId, Channel>,
}

impl Peers {
    pub fn new(addresses: &BTreeMap<NodeId, String>) -> Result<Self, tonic::transport::Error> {
        let mut channels = BTreeMap::new();
        for (node, address) in addresses {
            let endpoint = Endpoint::from_shared(format!("http://{address}"))?
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(TIMEOUT)
                .tcp_nodelay(true);
            channels.insert(*node, endpoint.connect_lazy());
        }
        Ok(Self { channels })
    }

    pub fn client(&self, node: NodeId) -> Result<AdminClient<Channel>, Status> {
        let channel = self.channels.get(&node).cloned();
        let unknown =
            || Status::unavailable(format!("the leader is node {node}, whose address this node lacks"));
        channel.map(AdminClient::new).ok_or_else(unknown)
    }
}
