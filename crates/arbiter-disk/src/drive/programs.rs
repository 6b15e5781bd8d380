//! Three processes of `arbiterd` as operators run them, without TLS: what is asked of them, and what is done to them.

use super::PATIENCE;
use anyhow::Context;
use arbiter_lab::demo::cluster::{Addresses, Node, cluster_toml};
use arbiter_lab::demo::processes::Processes;
use arbiter_lab::endpoint::{Endpoint, EndpointHandle, EndpointSettings};
use arbiter_lab::programs;
use arbiter_lab::targets::Target;
use arbiter_proto::v1;
use arbiter_proto::v1::admin_client::AdminClient;
use arbiter_proto::v1::operate_request::Operation;
use arbiter_raft::LogBounds;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tonic::Status;
use tonic::transport::{Channel, Endpoint as Peer};

/// The port of every node, which no outgoing connection takes: each node has an address of its own.
const PORT: u16 = 7_400;

/// Between two looks at what can only be asked for. Each answer is kilobytes of the recording.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long a node may take for one answer. A node that is killed meanwhile gives none.
const ANSWER: Duration = Duration::from_secs(5);

/// Who asks each node at once when the log is filled. A node lets sixteen in.
const ASKERS: usize = 6;

/// Every so many entries one is long.
const LONG_EVERY: u64 = 7;

/// How long that one is, in bytes: the longest reason that is taken.
const LONG_BYTES: usize = 2_000;

struct Cluster {
    home: PathBuf,
    processes: Processes,
    clients: BTreeMap<Node, AdminClient<Channel>>,
    requests: Arc<AtomicU64>,
    /// How many disks were lost.
    lost: u64,
    /// They answer for as long as they are kept.
    _ec2: EndpointHandle,
    _door: Target,
}

/// Lives through `rounds` of entries and misfortunes, below `home`.
///
/// # Errors
/// Something did not come about in time, or a node has ended by itself.
pub(super) async fn drive(home: &Path, rounds: u64) -> anyhow::Result<()> {
    let mut cluster = Cluster::start(home).await?;
    for _ in 0..rounds {
        let follower = cluster.well().await?.others().next().context("three nodes were started")?;
        // The log is cut behind a snapshot: a node without a disk must be sent it.
        cluster.fill(LogBounds::default().snapshot_every + 20).await?;
        cluster.operate().await?;
        cluster.hand_over_to(follower).await?;
        cluster.kill_leader().await?;
        cluster.lose_disk().await?;
        cluster.kill_all().await?;
    }
    cluster.fill(20).await?;
    cluster.caught_up().await?;
    cluster.processes.kill_all().await;
    Ok(())
}

impl Cluster {
    async fn start(home: &Path) -> anyhow::Result<Self> {
        let ec2 = Endpoint::start(EndpointSettings::default()).await?;
        let door = Target::start().context("there is nothing to knock at")?;
        let listen: BTreeMap<Node, SocketAddr> =
            Node::ALL.into_iter().zip(own_addresses().map(|ip| SocketAddr::from((ip, PORT)))).collect();
        let pairs = || Node::ALL.into_iter().flat_map(|node| node.others().map(move |other| (node, other)));
        let reach = pairs().map(|(node, other)| ((node, other), listen[&other])).collect();
        let on_gateways = pairs().filter(|(_, other)| Node::GATEWAYS.contains(other));
        let knock = || Node::GATEWAYS.map(|node| (node, door.addr())).into();
        let gateways = on_gateways.map(|pair| (pair, door.addr())).collect();
        let addresses = Addresses { listen, reach, gateways, tunnels: knock(), behind: knock() };
        std::fs::write(home.join("cluster.toml"), cluster_toml(&addresses))
            .context("the configuration can't be written")?;
        let mut clients = BTreeMap::new();
        for (node, address) in &addresses.listen {
            let peer =
                Peer::from_shared(format!("http://{address}"))?.timeout(ANSWER).connect_timeout(ANSWER);
            clients.insert(*node, AdminClient::new(peer.connect_lazy()));
        }
        let processes = Processes::new(&programs::folder(None)?, home, ec2.url())?;
        let (home, requests) = (home.to_owned(), Arc::default());
        let cluster = Self { home, processes, clients, requests, lost: 0, _ec2: ec2, _door: door };
        Node::ALL.into_iter().try_for_each(|node| cluster.processes.start(node))?;
        Ok(cluster)
    }

    /// Looks again and again, at one node after the other, until one shows something.
    async fn until<T>(
        &self,
        what: &str,
        look: impl AsyncFn(AdminClient<Channel>) -> Result<Option<T>, Status>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut newest = String::from("nothing was asked");
        for client in self.clients.values().cycle() {
            match look(client.clone()).await {
                Ok(Some(seen)) => return Ok(seen),
                Ok(None) => "not yet".clone_into(&mut newest),
                Err(error) => newest = error.to_string(),
            }
            self.processes.check()?;
            anyhow::ensure!(Instant::now() < deadline, "never came about: {what}; the last answer: {newest}");
            sleep(LOOK_EVERY).await;
        }
        anyhow::bail!("there are no nodes")
    }

    /// Gets it done, whoever leads.
    async fn insist(&self, operation: Operation) -> anyhow::Result<()> {
        let request = request(&self.requests, operation.clone());
        self.until(&format!("{operation:?}"), async |mut client| {
            let reply = client.operate(request.clone()).await?.into_inner();
            if reply.accepted { Ok(Some(())) } else { Err(Status::aborted(reply.refusal)) }
        })
        .await
    }

    /// Waits until a leader that a majority confirms shows this.
    async fn shown(&self, what: &str, wanted: impl Fn(&v1::StatusReply) -> bool) -> anyhow::Result<Node> {
        self.until(what, async |client| {
            let status = status_of(client, false).await?;
            let confirmed = status.answered.as_ref().is_some_and(|answered| answered.linearizable);
            let leader = Node::ALL.into_iter().find(|node| node.name() == status.leader);
            Ok(leader.filter(|_| confirmed && wanted(&status)))
        })
        .await
    }

    /// Waits until three nodes follow one leader that has nothing left to do.
    async fn well(&self) -> anyhow::Result<Node> {
        self.shown("three nodes that follow one leader, and nothing left to do", |status| {
            let follows = status.members.iter().all(|member| member.follows == status.leader);
            follows && status.voters_heard == 3 && status.unsettled.is_empty() && !status.routes.is_empty()
        })
        .await
    }

    /// Waits until all nodes have applied what the leader has now.
    async fn caught_up(&self) -> anyhow::Result<()> {
        self.well().await?;
        let applied =
            |status: &v1::StatusReply| status.answered.as_ref().map_or(0, |answered| answered.applied);
        let leaders =
            self.until("a reading", async |client| status_of(client, false).await.map(Some)).await?;
        for (node, client) in &self.clients {
            self.until(&format!("{node} has applied what the leader has"), async |_| {
                let status = status_of(client.clone(), true).await?;
                Ok((applied(&status) >= applied(&leaders)).then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// Gets so many more entries into the log, many at once and of several nodes, as fast as these take them.
    async fn fill(&self, entries: u64) -> anyhow::Result<()> {
        let left = Arc::new(AtomicU64::new(entries));
        let mut askers = JoinSet::new();
        for client in self.clients.values().flat_map(|client| std::iter::repeat_n(client, ASKERS)) {
            askers.spawn(ask(client.clone(), Arc::clone(&left), Arc::clone(&self.requests)));
        }
        while let Some(asked) = askers.join_next().await {
            asked??;
        }
        self.insist(Operation::Resume(v1::ResumeCluster {})).await
    }

    /// What operators do, with its calls to EC2.
    async fn operate(&self) -> anyhow::Result<()> {
        let (route, path) = ("private-1", "tunnel-1");
        for path in ["tunnel-2", path] {
            let switchover = v1::Switchover { route: route.to_owned(), path: path.to_owned() };
            self.insist(Operation::Switchover(switchover)).await?;
            self.shown(&format!("{route} on {path}"), |status| {
                let there = |row: &v1::RouteStatus| row.committed == path && row.observed == path;
                status.routes.iter().any(|row| row.id == route && there(row)) && status.unsettled.is_empty()
            })
            .await?;
        }
        let pin = v1::Pin { route: route.to_owned(), path: path.to_owned() };
        self.insist(Operation::Pin(pin)).await?;
        self.insist(Operation::Unpin(v1::Unpin { route: route.to_owned() })).await
    }

    /// The leadership goes over, or is won by somebody else: both are worth a recording.
    async fn hand_over_to(&self, node: Node) -> anyhow::Result<()> {
        let asking = Some(v1::Asking::default());
        let request = v1::HandOverRequest { asking, to: node.name().to_owned(), by: "disk".to_owned() };
        self.until("a handover", async |mut client| client.hand_over(request.clone()).await.map(Some))
            .await?;
        self.shown(&format!("{node} or another leads"), |_| true).await.map(drop)
    }

    /// The others elect, and go on; it comes back.
    async fn kill_leader(&self) -> anyhow::Result<()> {
        let leader = self.well().await?;
        self.processes.kill(leader).await?;
        self.shown("another leader", |status| status.leader != leader.name()).await?;
        self.fill(20).await?;
        self.processes.start(leader)
    }

    /// A follower comes back with a new disk. It is let in by hand, and sent a snapshot.
    async fn lose_disk(&mut self) -> anyhow::Result<()> {
        // What only this disk and the leader's hold would be gone, and nobody's fault.
        self.caught_up().await?;
        let node = self.well().await?.others().next().context("three nodes were started")?;
        self.processes.kill(node).await?;
        self.lost += 1;
        let lost = self.home.join(format!("{node}.lost-{}", self.lost));
        std::fs::rename(self.home.join(node.name()), lost).context("a disk can't be taken away")?;
        self.processes.start(node)?;
        let hint = format!("arbiterctl member replace {node}");
        self.until(&format!("{node} says that it lost its disk"), async |_| {
            let status = status_of(self.clients[&node].clone(), true).await?;
            let waits = |answered: &v1::Answered| answered.stale_because.contains(&hint);
            Ok(status.answered.as_ref().is_some_and(waits).then_some(()))
        })
        .await?;
        self.insist(Operation::Readmit(v1::Readmit { node: node.name().to_owned() })).await?;
        self.caught_up().await
    }

    /// All hosts lose power at once.
    async fn kill_all(&self) -> anyhow::Result<()> {
        self.processes.kill_all().await;
        Node::ALL.into_iter().try_for_each(|node| self.processes.start(node))?;
        self.well().await.map(drop)
    }
}

/// Three addresses that no other cluster of this machine has: in the upper half of the loopback network, where nobody lives.
fn own_addresses() -> impl Iterator<Item = Ipv4Addr> {
    let [.., second, third] = std::process::id().to_be_bytes();
    (1..).map(move |last| Ipv4Addr::new(127, second | 128, third, last))
}

fn request(requests: &AtomicU64, operation: Operation) -> v1::OperateRequest {
    v1::OperateRequest {
        asking: Some(v1::Asking::default()),
        request_id: format!("disk-{}", requests.fetch_add(1, Ordering::Relaxed)),
        by: "disk".to_owned(),
        operation: Some(operation),
    }
}

async fn status_of(mut client: AdminClient<Channel>, stale: bool) -> Result<v1::StatusReply, Status> {
    let asking = Some(v1::Asking { stale, forwarded: false });
    Ok(client.status(v1::StatusRequest { asking }).await?.into_inner())
}

/// Asks one node for one entry after the other, until nothing is left to ask for.
async fn ask(
    mut client: AdminClient<Channel>,
    left: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let one_less = |left: u64| left.checked_sub(1);
    while let Ok(number) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less) {
        let bytes = if number % LONG_EVERY == 0 { LONG_BYTES } else { 10 };
        let pause = v1::PauseCluster { reason: "x".repeat(bytes), for_ms: None };
        let request = request(&requests, Operation::Pause(pause));
        // It may have enough of us, or none of a leader; then somebody else takes what is left.
        if let Err(error) = client.operate(request).await {
            left.fetch_add(1, Ordering::Relaxed);
            anyhow::ensure!(Instant::now() < deadline, "entry {number} is not committed: {error}");
            sleep(LOOK_EVERY).await;
        }
    }
    Ok(())
}
