//! Reports coming in.

use arbiter_control::Control;
use arbiter_core::ids::NodeId;
use arbiter_core::state::ClusterState;
use arbiter_proto::report::read_parcel;
use arbiter_proto::v1;
use arbiter_proto::v1::reports_server::Reports;
use arbiter_raft::network::CertifiedNode;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming};

/// Takes parcels in and hands them to the control loop.
pub(crate) struct ReportService {
    control: Control,
    state: watch::Receiver<Arc<ClusterState>>,
    /// The newest refusal. Its sender comes again with the same, and saying so once is enough.
    refused: Mutex<String>,
}

impl ReportService {
    pub const fn new(control: Control, state: watch::Receiver<Arc<ClusterState>>) -> Self {
        Self { control, state, refused: Mutex::new(String::new()) }
    }

    fn refuse(&self, bad: String) -> Status {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if *refused != bad {
            tracing::warn!(bad, "reports are refused");
            refused.clone_from(&bad);
        }
        Status::failed_precondition(bad)
    }
}

#[tonic::async_trait]
impl Reports for ReportService {
    async fn exchange(
        &self,
        request: Request<Streaming<v1::Parcel>>,
    ) -> Result<Response<v1::ExchangeReply>, Status> {
        let Some(cluster) = self.state.borrow().cluster_id.clone() else {
            return Err(Status::unavailable("this node has not joined its cluster yet"));
        };
        let certified = request.extensions().get().map(|CertifiedNode(node)| *node);
        let mut parcels = request.into_inner();
        while let Some(parcel) = parcels.message().await? {
            // Whoever holds one node's certificate must not speak for another.
            let says = NodeId(parcel.own.as_ref().map_or(0, |own| own.node));
            if let Some(certified) = certified.filter(|certified| *certified != says) {
                let bad = format!("the report is node {says}'s, and the certificate is node {certified}'s");
                return Err(self.refuse(bad));
            }
            let parcel = read_parcel(&cluster, parcel).map_err(|bad| self.refuse(bad.to_string()))?;
            if !self.control.deliver(parcel) {
                tracing::debug!("the control loop is busy: a parcel is dropped, the next one says more");
            }
        }
        Ok(Response::new(v1::ExchangeReply {}))
    }
}
