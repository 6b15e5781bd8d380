//! Where the answers come from.

use crate::admin::AdminService;
use crate::policy_file::PolicyFile;
use crate::trust::Trust;
use arbiter_control::{Control, Look};
use arbiter_proto::v1;
use arbiter_proto::v1::admin_server::Admin;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tonic::Request;

/// How long the leader may take to answer for the page; then this node's own view is shown.
const LEADER_LIMIT: Duration = Duration::from_millis(1_500);

/// How long this node itself may take. Both together are shorter than a connection lives.
const OWN_LIMIT: Duration = Duration::from_secs(1);

/// Events on the page.
const EVENTS: u32 = 30;

/// What a status port needs of its node.
#[async_trait]
pub(crate) trait Source: Send + Sync + 'static {
    /// What its loop sees, now.
    async fn look(&self) -> Result<Look, String>;

    /// How many days the node's certificate lasts, if it has one.
    fn certificate_days_left(&self) -> Option<u64> {
        None
    }

    /// What `arbiterctl status` would be told here.
    async fn status(&self, stale: bool) -> Result<v1::StatusReply, String>;

    /// What `arbiterctl history` would be told here: the newest so many, newest last.
    async fn history(&self, stale: bool, limit: u32) -> Result<Vec<v1::Event>, String>;
}

/// What the page is made of.
pub(super) struct Told {
    pub status: v1::StatusReply,
    pub events: Vec<v1::Event>,
    pub wall_ms: u64,
}

/// Asks the leader, as `arbiterctl` does; where that takes too long, this node alone, and says so.
pub(super) async fn tell(source: &dyn Source) -> Result<Told, String> {
    if let Ok(Ok(told)) = tokio::time::timeout(LEADER_LIMIT, ask(source, false)).await {
        return Ok(told);
    }
    let mut told = tokio::time::timeout(OWN_LIMIT, ask(source, true))
        .await
        .map_err(|_| format!("the control loop has not answered within {} s", OWN_LIMIT.as_secs()))??;
    let answered = told.status.answered.get_or_insert_default();
    answered.stale_because = format!("the leader has not answered within {} ms", LEADER_LIMIT.as_millis());
    Ok(told)
}

async fn ask(source: &dyn Source, stale: bool) -> Result<Told, String> {
    let status = source.status(stale).await?;
    let events = source.history(stale, EVENTS).await?;
    let wall_ms = status.answered.as_ref().map_or(0, |answered| answered.wall_ms);
    Ok(Told { status, events, wall_ms })
}

/// A node's own loop, and the operators' seat beside it.
pub(crate) struct Seat {
    pub admin: Arc<AdminService>,
    pub control: Control,
    pub file: Arc<PolicyFile>,
    pub trust: Trust,
}

#[async_trait]
impl Source for Seat {
    async fn look(&self) -> Result<Look, String> {
        let mut look = self.control.look().await.map_err(|error| error.to_string())?;
        self.file.warn_in(&mut look);
        self.trust.warn_in(&mut look);
        Ok(look)
    }

    fn certificate_days_left(&self) -> Option<u64> {
        self.trust.days_left()
    }

    async fn status(&self, stale: bool) -> Result<v1::StatusReply, String> {
        let asking = Some(v1::Asking { stale, forwarded: false });
        let reply = self.admin.status(Request::new(v1::StatusRequest { asking })).await;
        reply.map(tonic::Response::into_inner).map_err(|status| status.message().to_owned())
    }

    async fn history(&self, stale: bool, limit: u32) -> Result<Vec<v1::Event>, String> {
        let asking = Some(v1::Asking { stale, forwarded: false });
        let request = v1::HistoryRequest { asking, limit, ..v1::HistoryRequest::default() };
        let reply = self.admin.history(Request::new(request)).await;
        reply.map(|reply| reply.into_inner().events).map_err(|status| status.message().to_owned())
    }
}
