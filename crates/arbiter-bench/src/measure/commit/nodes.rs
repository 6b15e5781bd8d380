//! Three nodes of Raft in this process, each with its own store on the disk and its own gRPC server on loopback.

use super::data_dir;
use anyhow::Context;
use arbiter_core::command::Mode;
use arbiter_core::ids::NodeId;
use arbiter_core::policy::Policy;
use arbiter_core::state::ClusterState;
use arbiter_raft::{LogBounds, MemberSettings, RaftNode, Settings, Standing, Timings};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_stream::wrappers::TcpListenerStream;

/// How long forming may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct Nodes {
    nodes: Vec<(NodeId, RaftNode)>,
    leader: usize,
    servers: JoinSet<()>,
}

impl Nodes {
    /// Three that have formed a cluster under this policy; one of them leads, and no other will.
    pub async fn start(scratch: &Path, policy: &Policy) -> anyhow::Result<Self> {
        let mut listeners = Vec::new();
        for node in &policy.nodes {
            listeners.push((node.id, TcpListener::bind("127.0.0.1:0").await?));
        }
        let member = |(id, listener): &(NodeId, TcpListener)| {
            let address = listener.local_addr()?.to_string();
            Ok(MemberSettings { id: *id, name: policy.node_name(*id), address })
        };
        let members = listeners.iter().map(member).collect::<std::io::Result<Vec<_>>>()?;
        let (mut nodes, mut servers) = (Vec::new(), JoinSet::new());
        for (id, listener) in listeners {
            let node = RaftNode::open(settings(scratch, policy, id, &members)).await?;
            let server = tonic::transport::Server::builder().tcp_nodelay(true).add_service(node.service());
            let served = server.serve_with_incoming(TcpListenerStream::new(listener));
            servers.spawn(async move {
                if let Err(error) = served.await {
                    eprintln!("bench: a server has ended: {error}");
                }
            });
            nodes.push((id, node));
        }
        let leader = formed(&nodes).await?;
        Ok(Self { nodes, leader, servers })
    }

    pub fn leader(&self) -> &RaftNode {
        &self.nodes[self.leader].1
    }

    pub fn leader_id(&self) -> NodeId {
        self.nodes[self.leader].0
    }

    /// The leader's state.
    pub fn state(&self) -> Arc<ClusterState> {
        self.leader().state().borrow().clone()
    }

    pub async fn end(mut self) {
        self.servers.abort_all();
        for (_, node) in &self.nodes {
            node.shutdown().await;
        }
    }
}

fn settings(scratch: &Path, policy: &Policy, node: NodeId, members: &[MemberSettings]) -> Settings {
    Settings {
        node,
        cluster_name: policy.cluster.clone(),
        data_dir: data_dir(scratch, node.0),
        members: members.to_vec(),
        seed_policy: policy.clone(),
        seed_mode: Mode::Act,
        timings: Timings::default(),
        bounds: LogBounds::default(),
        elections: false,
    }
}

/// The place of the leader, once all are members.
async fn formed(nodes: &[(NodeId, RaftNode)]) -> anyhow::Result<usize> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let member = |node: &RaftNode| {
            let view = node.view();
            let view = view.borrow();
            view.standing == Standing::Member && node.state().borrow().cluster_id.is_some()
        };
        let leader = nodes.iter().position(|(_, node)| node.view().borrow().leads());
        if let Some(leader) = leader.filter(|_| nodes.iter().all(|(_, node)| member(node))) {
            return Ok(leader);
        }
        let standings =
            || nodes.iter().map(|(_, node)| node.view().borrow().standing.clone()).collect::<Vec<_>>();
        let late = || format!("the cluster was not formed: {:?}", standings());
        (Instant::now() < deadline).then_some(()).with_context(late)?;
        sleep(Duration::from_millis(20)).await;
    }
}
