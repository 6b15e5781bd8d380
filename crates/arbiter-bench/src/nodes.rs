//! A cluster of real `arbiterd` processes, and the EC2 that they call.

use crate::reference::{Case, LEADER, NODES};
use anyhow::Context;
use arbiter_lab::calllog::CallRecord;
use arbiter_lab::endpoint::{Endpoint, EndpointHandle, EndpointSettings};
use arbiter_lab::faults::{Effect, Fault};
use arbiter_proto::v1;
use arbiter_proto::v1::admin_client::AdminClient;
use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::{Channel, Endpoint as Peer};

/// What one call to EC2 takes, in milliseconds; as measured against the real one.
pub(crate) const EC2_LATENCY_MS: u64 = 150;

/// How long anything may take to come about, on a busy machine and with a thousand routes to adopt.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks at what can only be asked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How much of a log is shown of a node that has ended, in bytes.
const TAIL_BYTES: usize = 2_000;

/// Three processes. They are killed when this is dropped.
pub(crate) struct Cluster {
    pub ec2: EndpointHandle,
    case: Case,
    folder: tempfile::TempDir,
    children: BTreeMap<&'static str, Child>,
    clients: BTreeMap<&'static str, AdminClient<Channel>>,
}

impl Cluster {
    /// Starts it, in a folder of its own below `scratch`.
    ///
    /// # Errors
    /// A program is missing, or something can't be made.
    pub async fn start(case: Case, bin_dir: &Path, scratch: &Path) -> anyhow::Result<Self> {
        let program = bin_dir.join("arbiterd");
        anyhow::ensure!(program.is_file(), "{} is not there; scripts/bench builds it", program.display());
        let settings = EndpointSettings { world: case.world()?, ..EndpointSettings::default() };
        let ec2 = Endpoint::start(settings).await?;
        let half_ms = EC2_LATENCY_MS / 2;
        ec2.faults().set(Fault::on("*", Effect::Latency { before_ms: half_ms, after_ms: half_ms }))?;
        let folder = tempfile::tempdir_in(scratch).context("no folder can be made for a cluster")?;
        std::fs::write(folder.path().join("cluster.toml"), case.cluster_toml())?;
        let mut clients = BTreeMap::new();
        let mut children = BTreeMap::new();
        for node in NODES {
            let peer = Peer::from_shared(format!("http://{}", case.address(node)))?.timeout(PATIENCE);
            // A thousand routes and their reasons are more than the usual 4 MiB.
            let client = AdminClient::new(peer.connect_lazy()).max_decoding_message_size(64 * 1024 * 1024);
            clients.insert(node, client);
            children.insert(node, start_node(&program, folder.path(), &ec2.url(), node)?);
        }
        Ok(Self { ec2, case, folder, children, clients })
    }

    /// The process of a node.
    ///
    /// # Errors
    /// It has ended.
    pub fn pid(&self, node: &str) -> anyhow::Result<u32> {
        self.children.get(node).and_then(Child::id).with_context(|| format!("arbiterd of {node} has ended"))
    }

    /// Where a node listens.
    pub fn address(&self, node: &str) -> SocketAddr {
        self.case.address(node)
    }

    /// A node's own view, without asking the leader.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn status(&self, node: &str) -> anyhow::Result<v1::StatusReply> {
        let client = self.clients.get(node).with_context(|| format!("no node {node}"))?;
        let asking = Some(v1::Asking { stale: true, forwarded: false });
        let reply = client.clone().status(v1::StatusRequest { asking }).await;
        Ok(reply.with_context(|| format!("{node} does not answer"))?.into_inner())
    }

    /// Waits until the leader's own view is as wanted.
    ///
    /// # Errors
    /// It never was, or a node has ended.
    pub async fn until(
        &mut self,
        what: &str,
        wanted: impl Fn(&v1::StatusReply) -> bool,
    ) -> anyhow::Result<v1::StatusReply> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.check()?;
            let status = self.status(LEADER).await;
            if let Ok(status) = status.as_ref().map(Clone::clone)
                && wanted(&status)
            {
                return Ok(status);
            }
            let seen = || match &status {
                Ok(status) => format!("leader {:?}, alarms {:?}", status.leader, status.alarms.first()),
                Err(error) => format!("{error:#}"),
            };
            anyhow::ensure!(Instant::now() < deadline, "never saw: {what}; the last seen: {}", seen());
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until all nodes are heard, the first leads, all routes are right, and nothing is left to do. That a route
    /// fails over again and again is what is measured, and no trouble.
    ///
    /// # Errors
    /// That never came.
    pub async fn until_well(&mut self) -> anyhow::Result<()> {
        let well = |status: &v1::StatusReply| {
            status.voters_heard == 3
                && status.leader == LEADER
                && status.routes.iter().all(|route| route.right && route.committed == route.home)
                && status.unsettled.is_empty()
                && status.alarms.iter().all(|alarm| alarm.code == "flapping")
        };
        self.until("all nodes heard, all routes at home, no alarm", well).await.map(drop)
    }

    /// Fails if a process has ended.
    fn check(&mut self) -> anyhow::Result<()> {
        for (node, child) in &mut self.children {
            if let Some(status) = child.try_wait()? {
                let log = std::fs::read_to_string(self.folder.path().join(format!("{node}.log")))?;
                let tail = log.get(log.floor_char_boundary(log.len().saturating_sub(TAIL_BYTES))..);
                anyhow::bail!("arbiterd of {node} has ended ({status}):\n{}", tail.unwrap_or_default());
            }
        }
        Ok(())
    }

    /// A number that a node counts on its status port.
    ///
    /// # Errors
    /// It does not answer, or does not count that.
    pub async fn counted(&self, node: &str, name: &str) -> anyhow::Result<f64> {
        let text = timeout(PATIENCE, self.metrics(node)).await.context("no answer in time")??;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.with_context(|| format!("{node} does not count {name}"))?.trim().parse()?)
    }

    async fn metrics(&self, node: &str) -> anyhow::Result<String> {
        let address = self.case.status_port(node);
        let mut stream = TcpStream::connect(address).await.context("no status port")?;
        let request = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    }

    /// The mutating calls after the one of that number.
    ///
    /// # Errors
    /// There were more than are kept.
    pub fn mutations_since(&self, seq: u64) -> anyhow::Result<Vec<CallRecord>> {
        let slice = self.ec2.calls().mutations_since(seq);
        anyhow::ensure!(slice.complete, "the call log has lost calls");
        Ok(slice.calls)
    }

    /// Kills the processes, and waits until they are gone, so that the next figure has the machine for itself.
    ///
    /// # Errors
    /// One can't be killed.
    pub async fn end(mut self) -> anyhow::Result<()> {
        for (node, child) in &mut self.children {
            child.kill().await.with_context(|| format!("arbiterd of {node} can't be killed"))?;
        }
        self.ec2.shutdown().await;
        Ok(())
    }
}

/// A node in an environment that has nothing of the user's own: no keys, no proxies, no profiles.
fn start_node(program: &Path, folder: &Path, url: &str, node: &str) -> anyhow::Result<Child> {
    let log = File::create(folder.join(format!("{node}.log")))?;
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("HOME", folder)
        .env("AWS_ENDPOINT_URL_EC2", url)
        .env("AWS_REGION", "cn-north-1")
        .env("AWS_ACCESS_KEY_ID", "AKIDBENCH")
        .env("AWS_SECRET_ACCESS_KEY", "of-the-benchmark")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .arg("--config")
        .arg(folder.join("cluster.toml"))
        .args(["--node", node])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true);
    command.spawn().with_context(|| format!("{} can't be started", program.display()))
}
