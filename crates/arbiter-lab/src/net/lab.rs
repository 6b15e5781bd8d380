//! The whole: all hosts, the endpoint, and what happens to hosts because of it.

use super::charon::{self, Esp};
use super::cluster::{self, Pace};
use super::faults::Trouble;
use super::machine::{Machine, Pids};
use super::meter::Meter;
use super::nat;
use super::peers::{self, Peer};
use super::site::{self, IpSla, SiteSide, WaysBack};
use super::site_cluster;
use super::small_disk;
use super::topology::{ENDPOINT_ADDRESS, ENDPOINT_PORT, Host};
use super::turns::Turns;
use super::vpc::{self, VpcRouter};
use super::wall_clock;
use super::wires::{self, Machines};
use crate::demo::cluster::{GATEWAYS, Node};
use crate::demo::scene::Scene;
use crate::demo::watch::Watch;
use crate::endpoint::{Endpoint, EndpointHandle, EndpointSettings};
use crate::faults::{Effect, Fault};
use crate::iam::{IamPolicy, Role, Roles};
use crate::world::{Change, InstanceState, What, World};
use anyhow::Context;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard, broadcast, watch};

/// What one call to EC2 takes, in milliseconds; as measured against the real one.
const EC2_LATENCY_MS: u64 = 150;

/// How a lab is to be.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// Where configuration, data and logs go.
    pub folder: PathBuf,
    /// Where `arbiterd` is; none for a lab without a cluster.
    pub arbiterd: Option<PathBuf>,
    /// The nodes of that cluster.
    pub nodes: &'static [Node],
    /// Who runs on the gateways where there is no cluster.
    pub peer: Option<Peer>,
    /// How fast the cluster is to judge.
    pub pace: Pace,
    /// Who decides about the way back.
    pub site: SiteSide,
    /// How often the routers' reachability tracking looks.
    pub sla_every: Duration,
    /// Whether the nodes' wall clocks can be set, and their disks filled.
    pub harm: Harm,
}

/// What can be done to the nodes of a lab beside what can be done to any process.
#[derive(Debug, Clone, Default)]
pub(super) struct Harm {
    /// The library by which their wall clocks are set; none where they can't be.
    pub clocks: Option<PathBuf>,
    /// Whether their disks are small enough to be filled.
    pub small_disks: bool,
}

impl Settings {
    /// The hosts that are to be.
    pub fn hosts(&self) -> impl Iterator<Item = Host> {
        let more = Host::OF_FIVE.into_iter();
        let is_node = |host: &Host| cluster::node_of(*host).is_some_and(|node| self.nodes.contains(&node));
        Host::ALL.into_iter().chain(more.filter(is_node))
    }
}

/// A lab that runs.
#[derive(Debug)]
pub(super) struct Lab {
    pub settings: Settings,
    pub endpoint: EndpointHandle,
    pub watch: Watch,
    /// What the nodes of the data centre's own cluster say; none without it.
    pub site_watch: Option<Watch<Host>>,
    pub meter: Meter,
    pub pids: Pids,
    pub esp: Esp,
    /// Which router carries each way back.
    pub ways: watch::Sender<WaysBack>,
    /// When either direction turned.
    pub turns: Turns,
    /// Whether a gateway's boot starts the peer, too: not while the lab is being put in order.
    pub with_peer: AtomicBool,
    secret: String,
    inner: Mutex<Inner>,
}

/// What changes when hosts come and go.
#[derive(Debug)]
pub(super) struct Inner {
    pub machines: Machines,
    pub trouble: Trouble,
    /// Hosts whose node may end by itself: something is done to it that it can't live with.
    pub may_end: BTreeSet<Host>,
    vpc: VpcRouter,
}

impl Inner {
    /// A host that is on.
    pub fn machine(&mut self, host: Host) -> anyhow::Result<&mut Machine> {
        self.machines.get_mut(&host).with_context(|| format!("{host} is off"))
    }
}

impl Lab {
    /// Builds it; when this returns, all hosts are on, and charon and the nodes are starting.
    pub async fn build(settings: Settings) -> anyhow::Result<Self> {
        wires::settle_lab().await?;
        let endpoint = start_endpoint(&settings.folder).await?;
        let config = settings.folder.join("cluster.toml");
        std::fs::write(&config, cluster::cluster_toml(settings.pace, settings.nodes))
            .with_context(|| format!("{} can't be written", config.display()))?;
        let site = settings.folder.join("site.toml");
        std::fs::write(&site, site_cluster::site_toml(settings.pace))
            .with_context(|| format!("{} can't be written", site.display()))?;

        let pids = Pids::default();
        let mut machines = Machines::new();
        let folder_of = |host: Host| settings.folder.join("hosts").join(host.name());
        let vpc = Machine::switch_on(Host::Vpc, &folder_of(Host::Vpc)).await?;
        let (esp, secret) = (Esp::of(&vpc).await, secret()?);
        pids.set(Host::Vpc, Some(vpc.pid()));
        machines.insert(Host::Vpc, vpc);
        for host in settings.hosts().filter(|host| *host != Host::Vpc) {
            charon::configure(host, &folder_of(host), esp, &secret)?;
            if cluster::node_of(host).is_some() {
                settings.harm.prepare(&folder_of(host)).await?;
            }
            let machine = Machine::switch_on(host, &folder_of(host)).await?;
            pids.set(host, Some(machine.pid()));
            machines.insert(host, machine);
            wires::connect(&machines, host).await?;
        }
        wires::connect_last(&machines).await?;
        let world = endpoint.world().snapshot();
        let mut inner = Inner {
            machines,
            trouble: Trouble::default(),
            may_end: BTreeSet::new(),
            vpc: VpcRouter::default(),
        };
        inner.machine(Host::Vpc)?.ip(&vpc::rules(&world)).await?;
        inner.machine(Host::Internet)?.nft(&nat::of_site()).await?;
        inner.vpc.program(&inner.machines, &world).await?;
        let has_cluster = settings.site == SiteSide::Cluster;
        // The cluster makes the ways back itself.
        let ways = watch::Sender::new(if has_cluster { WaysBack::new() } else { site::at_home() });
        let lines: Vec<_> =
            ways.borrow().iter().filter_map(|(net, letter)| site::line(net, letter)).collect();
        inner.machine(Host::Core)?.ip(&lines).await?;
        let meter = Meter::start(&pids)?;
        let watch = Watch::start(&cluster::addresses(settings.nodes))?;
        let site_watch = has_cluster.then(|| Watch::start(&site_cluster::addresses())).transpose()?;
        let turns = Turns::default();
        turns.routes(&world, meter.now_us());
        let lab = Self {
            settings,
            endpoint,
            watch,
            site_watch,
            meter,
            pids,
            esp,
            ways,
            turns,
            with_peer: AtomicBool::new(false),
            secret,
            inner: Mutex::new(inner),
        };
        let mut inner = lab.inner.lock().await;
        for host in lab.settings.hosts() {
            lab.start_services(&mut inner, host).await?;
        }
        drop(inner);
        Ok(lab)
    }

    pub async fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().await
    }

    /// Where a host keeps what outlives it.
    pub fn folder_of(&self, host: Host) -> PathBuf {
        self.settings.folder.join("hosts").join(host.name())
    }

    /// Starts what a host's boot starts.
    pub async fn start_services(&self, inner: &mut Inner, host: Host) -> anyhow::Result<()> {
        let machine = inner.machine(host)?;
        charon::start(host, machine).await?;
        if let Some(peer) = self.settings.peer
            && self.with_peer.load(Ordering::Relaxed)
        {
            peers::start(peer, host, machine, &self.folder_of(host))?;
        }
        let Some(arbiterd) = &self.settings.arbiterd else { return Ok(()) };
        if self.settings.site == SiteSide::Cluster {
            site_cluster::start(host, machine, &self.settings.folder, arbiterd)?;
        }
        let clocks = self.settings.harm.clocks.as_deref();
        cluster::start(host, machine, &self.settings.folder, arbiterd, clocks)
    }

    /// Boots a host that is off; one that is on is left alone.
    pub async fn boot(&self, inner: &mut Inner, host: Host) -> anyhow::Result<()> {
        if inner.machines.contains_key(&host) {
            return Ok(());
        }
        charon::configure(host, &self.folder_of(host), self.esp, &self.secret)?;
        let machine = Machine::switch_on(host, &self.folder_of(host)).await?;
        self.pids.set(host, Some(machine.pid()));
        inner.machines.insert(host, machine);
        wires::connect(&inner.machines, host).await?;
        wires::renew_neighbours(&inner.machines, host).await?;
        self.renew_ways(inner).await?;
        self.program(inner).await?;
        self.start_services(inner, host).await
    }

    /// The ways back that went with a router's cable.
    async fn renew_ways(&self, inner: &Inner) -> anyhow::Result<()> {
        if self.settings.site == SiteSide::Cluster {
            return Ok(());
        }
        let lines = {
            let ways = self.ways.borrow();
            let alive = ways.iter().filter(|(_, letter)| {
                site::router(letter).is_some_and(|host| inner.machines.contains_key(&host))
            });
            alive.filter_map(|(net, letter)| site::line(net, letter)).collect::<Vec<_>>()
        };
        match inner.machines.get(&Host::Core) {
            Some(core) => core.ip(&lines).await,
            None => Ok(()),
        }
    }

    /// Switches a host off: in good order, or as when it loses its power.
    pub async fn switch_off(&self, inner: &mut Inner, host: Host, in_good_order: bool) -> anyhow::Result<()> {
        let Some(machine) = inner.machines.remove(&host) else { return Ok(()) };
        self.pids.set(host, None);
        if in_good_order {
            machine.shut_down().await?
        } else {
            machine.lose_power().await?
        }
        wires::unplug(&inner.machines, host).await;
        self.program(inner).await
    }

    async fn program(&self, inner: &mut Inner) -> anyhow::Result<()> {
        let world = self.endpoint.world().snapshot();
        let Inner { machines, vpc, .. } = inner;
        vpc.program(machines, &world).await?;
        self.turns.routes(&world, self.meter.now_us());
        Ok(())
    }

    /// What the endpoint's world says happens to the hosts and to the VPC's router. Goes on until something fails.
    pub async fn follow(&self, mut changes: broadcast::Receiver<Change>) -> anyhow::Result<Infallible> {
        loop {
            let change = match changes.recv().await {
                Ok(change) => change,
                Err(broadcast::error::RecvError::Lagged(lost)) => anyhow::bail!("{lost} changes were missed"),
                Err(broadcast::error::RecvError::Closed) => anyhow::bail!("the endpoint has ended"),
            };
            let mut inner = self.inner.lock().await;
            match change.what {
                What::Instance { instance, after, .. } => {
                    let gateway = GATEWAYS.into_iter().find(|it| it.instance == instance);
                    let Some(host) = gateway.map(|it| cluster::host_of(it.node)) else { continue };
                    match after {
                        InstanceState::Running => self.boot(&mut inner, host).await?,
                        InstanceState::Pending => {}
                        _ => self.switch_off(&mut inner, host, true).await?,
                    }
                }
                What::Route { .. } | What::Interface { .. } => self.program(&mut inner).await?,
            }
        }
    }

    /// The data centre's side, as the settings have it. Goes on until something fails.
    pub async fn run_site(&self) -> anyhow::Result<Infallible> {
        match self.settings.site {
            SiteSide::IpSla => {
                let turned = |ways: &WaysBack| self.turns.ways_back(ways, self.meter.now_us());
                turned(&self.ways.borrow());
                IpSla { every: self.settings.sla_every }.run(&self.pids, &self.ways, turned).await
            }
            SiteSide::Cluster => site_cluster::watch(self).await,
            SiteSide::None => std::future::pending().await,
        }
    }

    /// Looks at the world, the call log after that call, and what the nodes say.
    pub fn look(&self, mark: u64) -> anyhow::Result<Scene> {
        let slice = self.endpoint.calls().mutations_since(mark);
        anyhow::ensure!(slice.complete, "the call log has lost calls: nothing can be said");
        Ok(Scene {
            nodes: self.settings.nodes,
            world: self.endpoint.world().snapshot(),
            views: self.watch.views(),
            mutations: slice.calls,
        })
    }

    /// Fails if a process has ended that nobody killed, or if EC2 has refused a node for its permissions.
    pub async fn check(&self) -> anyhow::Result<()> {
        let refused = self.endpoint.roles().uses().refused;
        anyhow::ensure!(refused.is_empty(), "deploy/iam-policy.json does not allow the nodes {refused:?}");
        let Inner { machines, may_end, .. } = &mut *self.inner.lock().await;
        machines.iter_mut().try_for_each(|(host, machine)| machine.check(may_end.contains(host)))
    }
}

impl Harm {
    /// Makes a node's host ready for it, before it is switched on for the first time.
    async fn prepare(&self, home: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(home).with_context(|| format!("{} can't be made", home.display()))?;
        if self.clocks.is_some() {
            wall_clock::set(home, 0)?;
        }
        if self.small_disks {
            small_disk::mount(home).await?;
        }
        Ok(())
    }
}

/// The nodes may do what operators are told to allow them. Peers, where there are any, have the keys of the nodes that they
/// stand for; and a person moves routes by hand.
fn roles() -> anyhow::Result<Roles> {
    let roles = Roles::of_callers(Node::FIVE.map(Node::access_key), &IamPolicy::of_nodes()?);
    roles.give(peers::KEY_OF_HAND, Role::Everything);
    Ok(roles)
}

async fn start_endpoint(folder: &Path) -> anyhow::Result<EndpointHandle> {
    let listen: SocketAddr = format!("{ENDPOINT_ADDRESS}:{ENDPOINT_PORT}").parse()?;
    let log_file = Some(folder.join("calls.jsonl"));
    let roles = roles()?;
    let settings = EndpointSettings { listen, world: World::reference(), log_file, throttling: true, roles };
    let endpoint = Endpoint::start(settings).await?;
    // A change takes effect with its answer: no sooner may be hoped for, and no outage is made to look shorter than it is.
    let latency = Effect::Latency { before_ms: EC2_LATENCY_MS, after_ms: 0 };
    endpoint.faults().set(Fault::on("*", latency))?;
    Ok(endpoint)
}

/// A secret for the tunnels of this lab alone.
fn secret() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes).context("/dev/urandom can't be read")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Lab {
    /// Whether the far end of a gateway's tunnel answers a ping.
    pub async fn tunnel_answers(&self, gateway: Host) -> bool {
        let Some(side) = super::topology::SIDES.iter().find(|side| side.gateway == gateway) else {
            return false;
        };
        let Some(pid) = self.pids.of(gateway) else { return false };
        let pid = pid.to_string();
        let words = [
            "nsenter",
            "--target",
            &pid,
            "--net",
            "--",
            "ping",
            "-n",
            "-q",
            "-c",
            "1",
            "-W",
            "1",
            side.inner_router,
        ];
        super::exec::run(&words, "").await.is_ok()
    }
}
