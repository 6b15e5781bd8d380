//! A cluster of real processes: to start, ask and hurt it, and to wait for what should come of it.

mod ask;
mod door;
mod file;
mod ill_disk;
mod process;
mod referee;
mod rights;
mod small_disk;
mod trust;

pub use ask::{has_alarm, is_linearizable, route_of};
pub use door::Door;
pub use file::{Addresses, Plan, cluster_toml, node_addresses};
pub use ill_disk::{IllDisk, Illness};
pub use process::{Process, arbiterd, last_words, output, started_by};
pub use rights::{without, without_ping};
pub use small_disk::SmallDisk;
pub use trust::Pki;

use arbiter_core::ids::NodeId;
use arbiter_lab::calllog::CallRecord;
use arbiter_lab::endpoint::{Endpoint, EndpointHandle, EndpointSettings};
use arbiter_lab::iam::{IamPolicy, Roles};
use arbiter_proto::v1::admin_client::AdminClient;
use arbiter_tls::{Line, Meant};
use rustix::process::{Pid, Signal};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint as Peer};

/// How long a condition may take to come true on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at a condition that can only be asked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Clusters at once: more than these, and a small machine takes its own slowness for failures.
static ROOM: Semaphore = Semaphore::const_new(2);

/// One of the three nodes of the reference case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member(u8);

pub const ONE: Member = Member(1);
pub const TWO: Member = Member(2);
pub const WITNESS: Member = Member(3);
pub const ALL: [Member; 3] = [ONE, TWO, WITNESS];

impl Member {
    pub fn name(self) -> &'static str {
        ["strongswan-1", "strongswan-2", "witness"][self.index()]
    }

    pub fn number(self) -> u8 {
        self.0
    }

    pub fn index(self) -> usize {
        usize::from(self.0) - 1
    }

    /// The access key that it signs with, by which the call log knows it.
    pub fn access_key(self) -> String {
        format!("AKIDNODE{}", self.0)
    }

    pub fn by_name(name: &str) -> Self {
        ALL.into_iter().find(|member| member.name() == name).unwrap_or_else(|| panic!("no node `{name}`"))
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Three nodes, or fewer while some are down, their EC2, and what they probe.
pub struct Cluster {
    pub ec2: EndpointHandle,
    /// The far ends of the tunnels of ONE and TWO.
    pub tunnels: [Door; 2],
    /// The hosts of ONE and TWO.
    pub hosts: [Door; 2],
    pub addresses: Addresses,
    running: BTreeMap<Member, Process>,
    clients: BTreeMap<Member, AdminClient<Channel>>,
    /// Certificates, where the plan wants them.
    pub pki: Option<Pki>,
    folder: TempDir,
    _room: SemaphorePermit<'static>,
}

/// What EC2 lets the nodes do, also those that join later: what operators are told to allow, and not more.
fn roles_of_nodes() -> Roles {
    let keys: Vec<_> = (1..=9).map(|number| Member(number).access_key()).collect();
    Roles::of_callers(keys.iter().map(String::as_str), &IamPolicy::of_nodes().unwrap())
}

impl Cluster {
    /// Everything but the processes.
    pub async fn prepare(plan: &Plan) -> Self {
        let room = ROOM.acquire().await.unwrap();
        let roles = roles_of_nodes();
        let ec2 = Endpoint::start(EndpointSettings { roles, ..EndpointSettings::default() }).await.unwrap();
        let (tunnels, hosts) = ([Door::open(), Door::open()], [Door::open(), Door::open()]);
        let addresses = Addresses {
            nodes: node_addresses(),
            tunnels: [tunnels[0].address(), tunnels[1].address()],
            hosts: [hosts[0].address(), hosts[1].address()],
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        let text = cluster_toml(plan, &addresses);
        std::fs::write(folder.path().join("cluster.toml"), &text).unwrap();
        let pki = plan.tls.then(|| Pki::found(folder.path(), &text));
        let admin = pki.as_ref().map(|pki| pki.person("arbiter://test/admin/anna"));
        let client = |member: Member| {
            let peer = Peer::from_shared(format!("http://{}", addresses.nodes[member.index()])).unwrap();
            let meant = Meant { cluster: "test".to_owned(), node: Some(NodeId(member.number().into())) };
            let line = Line::new(peer.timeout(PATIENCE), PATIENCE, admin.as_ref(), meant);
            (member, AdminClient::new(line.connect_lazy()))
        };
        let clients = ALL.into_iter().map(client).collect();
        let running = BTreeMap::new();
        Self { ec2, tunnels, hosts, addresses, running, clients, pki, folder, _room: room }
    }

    /// Three nodes that run and have formed their cluster, all routes at home, nothing left to do.
    pub async fn start(plan: &Plan) -> Self {
        let mut cluster = Self::prepare(plan).await;
        for member in plan.order {
            cluster.start_node(member);
        }
        cluster.until_well().await;
        cluster
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn data_dir(&self, member: Member) -> PathBuf {
        self.folder().join(member.name())
    }

    /// The command that starts a node as this cluster does.
    pub fn command(&self, member: Member) -> Command {
        let file = if self.pki.is_some() { format!("{member}.toml") } else { "cluster.toml".to_owned() };
        self.command_with(member, &self.folder().join(file))
    }

    /// The same with another file.
    pub fn command_with(&self, member: Member, file: &Path) -> Command {
        let mut command = arbiterd(self.folder());
        command
            .env("AWS_ENDPOINT_URL_EC2", self.ec2.url())
            .env("AWS_ACCESS_KEY_ID", member.access_key())
            .arg("--config")
            .arg(file)
            .args(["--node", member.name()]);
        command
    }

    /// The same with the cluster's file changed.
    pub fn changed(&self, member: Member, change: impl Fn(String) -> String) -> Command {
        let text = std::fs::read_to_string(self.folder().join("cluster.toml")).unwrap();
        let path = self.folder().join("changed.toml");
        std::fs::write(&path, change(text)).unwrap();
        self.command_with(member, &path)
    }

    pub fn start_node(&mut self, member: Member) {
        self.start_by(member, self.command(member));
    }

    /// The same with a file of its own.
    pub fn start_node_with(&mut self, member: Member, file: &Path) {
        self.start_by(member, self.command_with(member, file));
    }

    /// Starts a node whose data folder is on a small disk.
    pub fn start_on(&mut self, member: Member, disk: &SmallDisk) {
        self.start_by(member, disk.on(&self.command(member)));
    }

    /// Starts a node by a command of the test's own.
    pub fn start_by(&mut self, member: Member, mut command: Command) {
        let process = Process::start(&mut command, &self.log_file(member));
        assert!(self.running.insert(member, process).is_none(), "{member} runs already");
    }

    fn log_file(&self, member: Member) -> PathBuf {
        self.folder().join(format!("{member}.log"))
    }

    /// All that a node has logged, over all its starts.
    pub fn log(&self, member: Member) -> String {
        std::fs::read_to_string(self.log_file(member)).unwrap_or_default()
    }

    pub fn pid(&self, member: Member) -> Pid {
        self.running[&member].pid()
    }

    pub fn signal(&self, member: Member, signal: Signal) {
        self.running[&member].signal(signal);
    }

    /// Waits until a process that was told to has ended.
    pub async fn ended(&mut self, member: Member) -> ExitStatus {
        self.running.remove(&member).unwrap().end().await
    }

    /// SIGKILL, as a host that dies.
    pub async fn kill(&mut self, member: Member) {
        self.signal(member, Signal::KILL);
        self.ended(member).await;
    }

    pub fn mutations(&self) -> Vec<CallRecord> {
        let mutations = self.ec2.calls().mutations_since(0);
        assert!(mutations.complete);
        mutations.calls
    }

    /// Waits until `holds` gives something; panics with `what` if it never does.
    pub async fn until<T>(&mut self, what: &str, mut holds: impl AsyncFnMut(&mut Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(seen) = holds(self).await {
                return seen;
            }
            for (member, process) in &mut self.running {
                if let Some(status) = process.has_ended() {
                    panic!("{member} has ended by itself: {status}");
                }
            }
            assert!(Instant::now() < deadline, "never saw: {what}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until a node has logged something.
    pub async fn until_logged(&mut self, member: Member, words: &str) {
        let what = format!("`{words}` in the log of {member}");
        self.until(&what, async |cluster| cluster.log(member).contains(words).then_some(())).await;
    }
}

impl Drop for Cluster {
    /// What happened, for whoever has to find out why a test failed.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for member in ALL {
            eprintln!("--- log of {member}\n{}", self.log(member));
        }
        for call in self.ec2.calls().mutations_since(0).calls {
            eprintln!(
                "--- {} ms {:?} {:?} {:?} {:?}",
                call.arrived_ms, call.caller, call.tag, call.params, call.outcome
            );
        }
    }
}
