//! The kernel routes of all hosts of a cluster on premises: this one's for the others, the others' for this one.

use crate::admin::forward::{self, Peers};
use arbiter_core::ids::{ClusterId, LogIndex, NodeId, PathId, RouteId};
use arbiter_core::state::ClusterState;
use arbiter_linux::{CarriedOut, Hand, Hosts, RouteFound, Shown, carry_out};
use arbiter_proto::v1;
use arbiter_proto::v1::hand_server;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tonic::{Request, Response, Status};

/// How long this host may take to come as far as an entry, and to set a route: as long as a call of the leader's.
const CARRY_OUT: Duration = Duration::from_secs(2);

/// How long another host may take to show its routes.
const SHOW: Duration = Duration::from_secs(3);

/// This host's hand, for the leader.
pub(crate) struct HandService {
    hand: Arc<Hand>,
    state: watch::Receiver<Arc<ClusterState>>,
}

impl HandService {
    pub const fn new(hand: Arc<Hand>, state: watch::Receiver<Arc<ClusterState>>) -> Self {
        Self { hand, state }
    }

    fn of_this_cluster(&self, theirs: &str) -> Result<Arc<ClusterState>, Status> {
        let state = self.state.borrow().clone();
        match &state.cluster_id {
            Some(ours) if ours.0 == theirs => Ok(state),
            Some(ours) => Err(Status::failed_precondition(format!("this node is of cluster `{ours}`"))),
            None => Err(Status::unavailable("this node has not joined its cluster yet")),
        }
    }
}

#[tonic::async_trait]
impl hand_server::Hand for HandService {
    async fn show(&self, request: Request<v1::ShowRequest>) -> Result<Response<v1::ShowReply>, Status> {
        let state = self.of_this_cluster(&request.into_inner().cluster_id)?;
        let shown = self.hand.show(&state.policy).await;
        let route = |(id, found): (RouteId, RouteFound)| v1::KernelRoute {
            route: id.0,
            via: found.via.map(|via| via.to_string()).unwrap_or_default(),
            dev: found.dev.unwrap_or_default(),
            shadowed_by: found.shadowed_by.unwrap_or_default(),
        };
        let routes = shown.routes.into_iter().map(route).collect();
        Ok(Response::new(v1::ShowReply { routes, problems: shown.problems }))
    }

    async fn carry_out(
        &self,
        request: Request<v1::CarryOutRequest>,
    ) -> Result<Response<v1::CarryOutReply>, Status> {
        let v1::CarryOutRequest { cluster_id, route, entry } = request.into_inner();
        self.of_this_cluster(&cluster_id)?;
        let route = RouteId(route);
        let carried_out = carry_out(&self.hand, self.state.clone(), &route, LogIndex(entry));
        let late = |_| {
            let why = format!("this host has not come to entry {entry} within {CARRY_OUT:?}");
            Err(("Late".to_owned(), why))
        };
        let carried_out = tokio::time::timeout(CARRY_OUT, carried_out).await.unwrap_or_else(late);
        Ok(Response::new(match carried_out {
            Ok((path, entry)) => v1::CarryOutReply { path: path.0, entry: entry.0, ..Default::default() },
            Err((code, message)) => v1::CarryOutReply { code, message, ..Default::default() },
        }))
    }
}

/// The way to the other hosts' hands.
pub(crate) struct OtherHosts(pub Peers);

#[async_trait]
impl Hosts for OtherHosts {
    async fn show(&self, cluster: &ClusterId, host: NodeId) -> Result<Shown, String> {
        let mut client = self.0.hand(host).map_err(|status| status.message().to_owned())?;
        let mut request = Request::new(v1::ShowRequest { cluster_id: cluster.0.clone() });
        request.set_timeout(SHOW);
        let reply = client.show(request).await.map_err(|status| forward::words(&status))?.into_inner();
        let route = |route: v1::KernelRoute| {
            let some = |text: String| Some(text).filter(|text| !text.is_empty());
            let found = RouteFound {
                via: route.via.parse().ok(),
                dev: some(route.dev),
                shadowed_by: some(route.shadowed_by),
            };
            (RouteId(route.route), found)
        };
        Ok(Shown { routes: reply.routes.into_iter().map(route).collect(), problems: reply.problems })
    }

    async fn carry_out(
        &self,
        cluster: &ClusterId,
        host: NodeId,
        route: &RouteId,
        entry: LogIndex,
    ) -> Result<CarriedOut, String> {
        let mut client = self.0.hand(host).map_err(|status| status.message().to_owned())?;
        let (cluster_id, route) = (cluster.0.clone(), route.0.clone());
        let request = v1::CarryOutRequest { cluster_id, route, entry: entry.0 };
        let reply = client.carry_out(request).await.map_err(|status| forward::words(&status))?.into_inner();
        Ok(match reply.code.is_empty() {
            true => Ok((PathId(reply.path), LogIndex(reply.entry))),
            false => Err((reply.code, reply.message)),
        })
    }
}
