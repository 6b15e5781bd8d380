//! What the nodes say: each is asked for its own view, without asking the leader, several times a second.

use super::cluster::Node;
use arbiter_proto::v1::admin_client::AdminClient;
use arbiter_proto::v1::operate_request::Operation;
use arbiter_proto::v1::{Asking, HandOverRequest, OperateRequest, StatusReply, StatusRequest, Switchover};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::{Channel, Endpoint};

/// Time between two questions to one node.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// A question that takes longer is given up, and asked again.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);
/// A view older than this is no view: a node that is asked ten times a second and does not answer is not there.
const VIEW_LASTS: Duration = Duration::from_millis(1_500);
/// A handover takes a lease and an election: some two seconds; more on a busy machine.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(10);

/// One node's view, and when it was given.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub at: Instant,
    pub status: StatusReply,
}

/// Asks all nodes, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch<N = Node> {
    views: BTreeMap<N, watch::Receiver<Option<View>>>,
    clients: BTreeMap<N, AdminClient<Channel>>,
    _tasks: JoinSet<()>,
}

impl<N: Copy + Ord + Display> Watch<N> {
    /// Begins to ask; nodes that are not there yet are asked until they are.
    pub fn start(listen: &BTreeMap<N, SocketAddr>) -> anyhow::Result<Self> {
        let (mut views, mut clients, mut tasks) = (BTreeMap::new(), BTreeMap::new(), JoinSet::new());
        for (node, at) in listen {
            let endpoint = Endpoint::from_shared(format!("http://{at}"))?.connect_timeout(ASK_TIMEOUT);
            let client = AdminClient::new(endpoint.connect_lazy());
            let (sender, receiver) = watch::channel(None);
            tasks.spawn(ask(client.clone(), sender));
            views.insert(*node, receiver);
            clients.insert(*node, client);
        }
        Ok(Self { views, clients, _tasks: tasks })
    }

    /// The views that are young enough to be believed.
    pub fn views(&self) -> BTreeMap<N, View> {
        let young = |view: &View| view.at.elapsed() <= VIEW_LASTS;
        self.views
            .iter()
            .filter_map(|(node, view)| Some((*node, view.borrow().clone().filter(young)?)))
            .collect()
    }

    /// A connection to a node, for whoever wants to ask something else.
    pub fn client(&self, node: N) -> Option<AdminClient<Channel>> {
        self.clients.get(&node).cloned()
    }

    /// Asks `leader` to give the leadership to `to`, as an operator does. Whether it came to pass must be seen.
    pub async fn hand_over(&self, leader: N, to: N) -> Result<(), String> {
        let Some(client) = self.clients.get(&leader) else { return Err(format!("{leader} is unknown")) };
        let request = HandOverRequest {
            asking: Some(Asking::default()),
            to: to.to_string(),
            ..HandOverRequest::default()
        };
        match timeout(HAND_OVER_TIMEOUT, client.clone().hand_over(request)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(status)) => Err(format!("{leader} does not hand over to {to}: {}", status.message())),
            Err(_) => Err(format!("{leader} does not answer the request to hand over to {to}")),
        }
    }

    /// Asks a node, as an operator does, to switch a route over to a path. Whether it came to pass must be seen.
    pub async fn switch(&self, node: N, route: &str, path: &str, request_id: String) -> Result<(), String> {
        let Some(client) = self.clients.get(&node) else { return Err(format!("{node} is unknown")) };
        let operation = Switchover { route: route.to_owned(), path: path.to_owned() };
        let request = OperateRequest {
            asking: Some(Asking::default()),
            request_id,
            by: "the lab".to_owned(),
            operation: Some(Operation::Switchover(operation)),
        };
        match timeout(ASK_TIMEOUT * 5, client.clone().operate(request)).await {
            Ok(Ok(reply)) if reply.get_ref().refusal.is_empty() => Ok(()),
            Ok(Ok(reply)) => Err(format!("the switchover is refused: {}", reply.into_inner().refusal)),
            Ok(Err(status)) => Err(format!("the switchover has failed: {}", status.message())),
            Err(_) => Err(format!("{node} does not answer the request to switch {route} over")),
        }
    }
}

async fn ask(mut client: AdminClient<Channel>, sender: watch::Sender<Option<View>>) {
    loop {
        let request = StatusRequest { asking: Some(Asking { stale: true, forwarded: false }) };
        if let Ok(Ok(reply)) = timeout(ASK_TIMEOUT, client.status(request)).await {
            sender.send_replace(Some(View { at: Instant::now(), status: reply.into_inner() }));
        }
        sleep(ASK_EVERY).await;
    }
}
