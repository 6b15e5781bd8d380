//! Asking the nodes, as `arbiterctl` does.

use super::{ALL, Cluster, Member, WITNESS};
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use std::sync::atomic::{AtomicU64, Ordering};
use tonic::Status;

/// How a question is to be answered.
fn reading(stale: bool) -> Option<v1::Asking> {
    Some(v1::Asking { stale, forwarded: false })
}

impl Cluster {
    fn client(&self, member: Member) -> v1::admin_client::AdminClient<tonic::transport::Channel> {
        self.clients[&member].clone()
    }

    pub async fn status(&self, member: Member, stale: bool) -> Result<v1::StatusReply, Status> {
        let request = v1::StatusRequest { asking: reading(stale) };
        Ok(self.client(member).status(request).await?.into_inner())
    }

    /// The newest 1,000 events as a node itself has them.
    pub async fn history(&self, member: Member) -> Result<Vec<v1::Event>, Status> {
        let request =
            v1::HistoryRequest { asking: reading(true), limit: 1_000, ..v1::HistoryRequest::default() };
        Ok(self.client(member).history(request).await?.into_inner().events)
    }

    pub async fn explain(&self, member: Member, route: &str) -> Result<v1::ExplainReply, Status> {
        let request = v1::ExplainRequest { asking: reading(false), route: route.to_owned() };
        Ok(self.client(member).explain(request).await?.into_inner())
    }

    pub async fn doctor(&self, member: Member, stale: bool) -> Result<v1::DoctorReply, Status> {
        let request = v1::DoctorRequest { asking: reading(stale), own: false };
        Ok(self.client(member).doctor(request).await?.into_inner())
    }

    pub async fn policy(&self, member: Member) -> (u64, String) {
        let request = v1::GetPolicyRequest { asking: reading(false) };
        let reply = self.client(member).get_policy(request).await.unwrap().into_inner();
        assert!(reply.answered.unwrap().linearizable);
        (reply.version, reply.toml)
    }

    pub async fn hand_over(&self, member: Member, to: &str) -> Result<(), Status> {
        let request =
            v1::HandOverRequest { asking: reading(false), to: to.to_owned(), by: "anna".to_owned() };
        self.client(member).hand_over(request).await.map(drop)
    }

    /// An operation under a request id of its own.
    pub async fn operate(&self, member: Member, operation: Operation) -> Result<v1::OperateReply, Status> {
        static REQUESTS: AtomicU64 = AtomicU64::new(0);
        let id = format!("request-{}", REQUESTS.fetch_add(1, Ordering::Relaxed));
        self.operate_as(member, &id, Some(operation)).await
    }

    pub async fn operate_as(
        &self,
        member: Member,
        request_id: &str,
        operation: Option<Operation>,
    ) -> Result<v1::OperateReply, Status> {
        let request = v1::OperateRequest {
            asking: reading(false),
            request_id: request_id.to_owned(),
            by: "anna".to_owned(),
            operation,
        };
        Ok(self.client(member).operate(request).await?.into_inner())
    }

    /// What an operation would do.
    pub async fn preview(&self, member: Member, operation: Operation) -> Result<v1::PreviewReply, Status> {
        let operation = v1::OperateRequest { operation: Some(operation), ..v1::OperateRequest::default() };
        self.preview_change(member, v1::preview_request::Change::Operate(operation)).await
    }

    pub async fn preview_change(
        &self,
        member: Member,
        change: v1::preview_request::Change,
    ) -> Result<v1::PreviewReply, Status> {
        let request = v1::PreviewRequest { asking: reading(false), change: Some(change) };
        Ok(self.client(member).preview(request).await?.into_inner())
    }

    /// An operation that must be accepted.
    pub async fn accepted(&self, member: Member, operation: Operation) -> v1::OperateReply {
        let reply = self.operate(member, operation.clone()).await;
        let reply = reply.unwrap_or_else(|error| panic!("{operation:?}: {error}"));
        assert!(reply.accepted && reply.refusal.is_empty(), "{operation:?}: {reply:?}");
        reply
    }

    /// Waits until a linearizable status, asked of `member`, satisfies `wanted`.
    pub async fn until_status(
        &mut self,
        member: Member,
        what: &str,
        wanted: impl Fn(&v1::StatusReply) -> bool,
    ) -> v1::StatusReply {
        let mut newest = None;
        let seen = self.until(what, async |cluster| {
            let status = cluster.status(member, false).await;
            let seen =
                status.as_ref().ok().filter(|status| is_linearizable(status) && wanted(status)).cloned();
            newest = Some(status);
            seen
        });
        // Shown before the logs if it never comes.
        let seen = std::panic::AssertUnwindSafe(seen);
        match futures::FutureExt::catch_unwind(seen).await {
            Ok(seen) => seen,
            Err(panic) => {
                eprintln!("--- the newest answer of {member}: {newest:#?}");
                std::panic::resume_unwind(panic)
            }
        }
    }

    /// Waits until the history says what would have been done, were the cluster not observing.
    pub async fn until_advised(&mut self) -> v1::Event {
        self.until("advice in the history", async |cluster| {
            let history = cluster.history(WITNESS).await.ok()?;
            history.into_iter().find(|event| event.kind == "advised")
        })
        .await
    }

    /// Waits until all three nodes are heard.
    pub async fn until_all_heard(&mut self, member: Member) {
        self.until_status(member, "all nodes heard", |status| status.voters_heard == 3).await;
    }

    /// Waits until all three nodes are heard, all routes are at home and right, and nothing is left to do.
    pub async fn until_well(&mut self) -> v1::StatusReply {
        let at_home = |route: &v1::RouteStatus| route.right && route.committed == route.home;
        self.until_status(ALL[0], "all nodes, all routes at home", |status| {
            let waits = |alarm: &v1::Alarm| alarm.code == "new-cluster";
            status.voters_heard == 3
                && status.members.iter().all(|member| member.follows == status.leader)
                && status.routes.len() == 2
                && status.routes.iter().all(at_home)
                && status.unsettled.is_empty()
                && !status.alarms.iter().any(waits)
        })
        .await
    }

    /// Waits until a route is committed to and observed on a path.
    pub async fn until_on(&mut self, member: Member, route: &str, path: &str) -> v1::StatusReply {
        self.until_status(member, &format!("{route} on {path}"), |status| {
            let route = route_of(status, route);
            route.committed == path && route.observed == path && status.unsettled.is_empty()
        })
        .await
    }

    /// Who leads, as a majority confirms it.
    pub async fn leader(&mut self) -> Member {
        let mut leader = None;
        while leader.is_none() {
            let asked = self.running.keys().next().copied().unwrap();
            let status = self.until_status(asked, "a leader", |status| !status.leader.is_empty()).await;
            leader = Some(Member::by_name(&status.leader));
        }
        leader.unwrap()
    }
}

pub fn is_linearizable(status: &v1::StatusReply) -> bool {
    status.answered.as_ref().is_some_and(|answered| answered.linearizable)
}

pub fn route_of<'a>(status: &'a v1::StatusReply, route: &str) -> &'a v1::RouteStatus {
    status.routes.iter().find(|row| row.id == route).unwrap_or_else(|| panic!("no route {route}: {status:?}"))
}

pub fn has_alarm(status: &v1::StatusReply, code: &str, subject: &str) -> bool {
    status.alarms.iter().any(|alarm| alarm.code == code && alarm.subject == subject)
}
