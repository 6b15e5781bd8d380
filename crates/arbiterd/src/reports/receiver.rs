//! Reports coming in.

use arbiter_control::Control;
use arbiter_core::state::ClusterState;
use arbiter_proto::report::{BadParcel, read_parcel};
use arbiter_proto::v1;
use arbiter_proto::v1::reports_server::Reports;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming};

/// Takes parcels in and hands them to the control loop.
pub(crate) struct ReportService {
    control: Control,
    state: watch::Receiver<Arc<ClusterState>>,
    /// The newest refusal. Its sender comes again with the same, and saying so once is enough.
    refused: Mutex<Option<BadParcel>>,
}

impl ReportService {
    pub const fn new(control: Control, state: watch::Receiver<Arc<ClusterState>>) -> Self {
        Self { control, state, refused: Mutex::new(None) }
    }

    fn refuse(&self, bad: &BadParcel) -> Status {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.as_ref() != Some(bad) {
            tracing::warn!(%bad, "reports are refused");
            *refused = Some(bad.clone());
        }
        Status::failed_precondition(bad.to_string())
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
        let mut parcels = request.into_inner();
        while let Some(parcel) = parcels.message().await? {
            let parcel = read_parcel(&cluster, parcel).map_err(|bad| self.refuse(&bad))?;
            if !self.control.deliver(parcel) {
                tracing::debug!("the control loop is busy: a parcel is dropped, the next one says more");
            }
        }
        Ok(Response::new(v1::ExchangeReply {}))
    }
}
