//! The stage: the endpoint, the three processes, and the stand-ins for lines, tunnels and hosts.

use super::cluster::{Addresses, GATEWAY_1, GATEWAY_2, GATEWAYS, Gateway, Node, cluster_toml};
use super::desk::Desk;
use super::lines::Relay;
use super::outcome::Permissions;
use super::processes::Processes;
use super::trouble::Trouble;
use super::watch::Watch;
use crate::endpoint::{Endpoint, EndpointHandle, EndpointSettings};
use crate::faults::{Effect, Fault};
use crate::iam::{IamPolicy, Roles};
use crate::targets::Target;
use crate::world::{Change, Destination, InstanceState, ON_PREMISES, Target as RouteTarget, What, World};
use anyhow::Context;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use tokio::sync::{Mutex, broadcast};

/// What one call to EC2 takes, in milliseconds; as measured against the real one.
pub(super) const EC2_LATENCY_MS: u64 = 150;

/// Nodes listen below the ports that the kernel hands out by itself, so that nobody takes a dead node's port.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// Everything that plays.
#[derive(Debug)]
pub(super) struct Stage {
    pub endpoint: EndpointHandle,
    /// What the nodes may do there.
    allowed: IamPolicy,
    pub processes: Processes,
    pub watch: Watch,
    pub addresses: Addresses,
    pub desk: Desk,
    relays: BTreeMap<(Node, Node), Relay>,
    /// Gateways as each observer finds them.
    gateways: BTreeMap<(Node, Node), Target>,
    /// The far end of each gateway's tunnel, and what is behind it.
    tunnels: BTreeMap<Node, [Target; 2]>,
    trouble: Mutex<Trouble>,
}

impl Stage {
    /// What the nodes might do in EC2, and what they did.
    pub fn permissions(&self) -> Permissions {
        Permissions::of(&self.allowed.actions(), self.endpoint.roles().uses())
    }

    /// Sets it up in `folder`; no node runs yet. Both routes are astray: each points at the other zone's gateway.
    pub async fn set_up(bin_dir: &Path, folder: &Path, bless: Option<PathBuf>) -> anyhow::Result<Self> {
        let mut world = World::reference();
        let destination =
            Destination::parse(ON_PREMISES).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        for (gateway, other) in [(GATEWAY_1, GATEWAY_2), (GATEWAY_2, GATEWAY_1)] {
            let route = world
                .tables
                .get_mut(gateway.table)
                .and_then(|table| table.routes.iter_mut().find(|route| route.destination == destination));
            let route = route.context("the reference case has a route in each table")?;
            route.target = RouteTarget::Interface(other.interface.to_owned());
        }
        let log_file = Some(folder.join("calls.jsonl"));
        // What operators are told to allow them, and not more.
        let allowed = IamPolicy::of_nodes()?;
        let roles = Roles::of_callers(Node::ALL.map(Node::access_key), &allowed);
        let settings = EndpointSettings { world, log_file, roles, ..EndpointSettings::default() };
        let endpoint = Endpoint::start(settings).await?;
        let latency = Effect::Latency { before_ms: EC2_LATENCY_MS / 2, after_ms: EC2_LATENCY_MS / 2 };
        endpoint.faults().set(Fault::on("*", latency))?;
        let processes = Processes::new(bin_dir, folder, endpoint.url())?;

        let listen = free_addresses()?;
        let mut relays = BTreeMap::new();
        let mut gateways = BTreeMap::new();
        for node in Node::ALL {
            for other in node.others() {
                relays.insert((node, other), Relay::start(listen[&other]).await?);
                if other.gateway().is_some() {
                    gateways.insert((node, other), Target::start()?);
                }
            }
        }
        let mut tunnels = BTreeMap::new();
        for node in Node::GATEWAYS {
            tunnels.insert(node, [Target::start()?, Target::start()?]);
        }
        let addresses = Addresses {
            listen,
            reach: relays.iter().map(|(pair, relay)| (*pair, relay.addr())).collect(),
            gateways: gateways.iter().map(|(pair, target)| (*pair, target.addr())).collect(),
            tunnels: tunnels.iter().map(|(node, [end, _])| (*node, end.addr())).collect(),
            behind: tunnels.iter().map(|(node, [_, behind])| (*node, behind.addr())).collect(),
        };
        let config = folder.join("cluster.toml");
        std::fs::write(&config, cluster_toml(&addresses))
            .with_context(|| format!("{} can't be written", config.display()))?;
        let desk = Desk::new(bin_dir, &addresses, bless)?;
        let watch = Watch::start(&addresses.listen)?;
        let trouble = Mutex::default();
        Ok(Self { endpoint, allowed, processes, watch, addresses, desk, relays, gateways, tunnels, trouble })
    }

    /// Changes what is broken. When this returns, everything is as silent as it should be.
    pub async fn arrange(&self, change: impl FnOnce(&mut Trouble)) -> anyhow::Result<()> {
        let mut trouble = self.trouble.lock().await;
        change(&mut trouble);
        for ((from, to), relay) in &self.relays {
            relay.set_silent(trouble.between(*from, *to));
        }
        // At once, not one after the other: silence takes a quarter of a second.
        let gateways = self.gateways.iter().map(|((a, b), target)| (target, trouble.between(*a, *b)));
        let tunnels = self.tunnels.iter().flat_map(|(node, targets)| {
            let silent = trouble.in_tunnel(*node);
            targets.iter().map(move |target| (target, silent))
        });
        let orders = gateways.chain(tunnels).map(|(target, silent)| target.set_silent(silent));
        futures::future::try_join_all(orders).await.context("a stand-in can't be silenced or healed")?;
        Ok(())
    }

    /// A host dies without a word: nothing of it is heard any more, not even the end of its connections.
    pub async fn kill_host(&self, gateway: Gateway) -> anyhow::Result<()> {
        self.arrange(|trouble| trouble.set_dead(gateway.node, true)).await?;
        self.processes.kill(gateway.node).await?;
        // EC2 sees a dead host as an instance that runs and fails its status checks.
        let impair = |world: &mut World, _| world.set_impaired(gateway.instance, Some(true), None);
        self.endpoint.world().edit(impair).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))
    }

    /// What EC2 does to instances happens to the hosts: one that is stopped dies, one that has booted comes back,
    /// with its node. Goes on until something fails.
    pub async fn hosts_follow(&self, mut changes: broadcast::Receiver<Change>) -> anyhow::Result<Infallible> {
        loop {
            let change = match changes.recv().await {
                Ok(change) => change,
                Err(broadcast::error::RecvError::Lagged(lost)) => anyhow::bail!("{lost} changes were missed"),
                Err(broadcast::error::RecvError::Closed) => anyhow::bail!("the endpoint has ended"),
            };
            let What::Instance { instance, after, .. } = change.what else { continue };
            let Some(gateway) = GATEWAYS.into_iter().find(|it| it.instance == instance) else {
                continue;
            };
            match after {
                InstanceState::Running => {
                    self.arrange(|trouble| trouble.set_dead(gateway.node, false)).await?;
                    self.processes.start(gateway.node)?;
                }
                InstanceState::Pending => {}
                _ => {
                    self.arrange(|trouble| trouble.set_dead(gateway.node, true)).await?;
                    self.processes.kill(gateway.node).await?;
                }
            }
        }
    }

    /// After a step that failed: mends everything, boots every host, starts every node, so that the next begins well.
    pub async fn restore(&self) -> anyhow::Result<()> {
        let boot = |world: &mut World, act| {
            for gateway in GATEWAYS {
                world.set_impaired(gateway.instance, Some(false), Some(false))?;
                world.set_instance_state(act, gateway.instance, InstanceState::Running)?;
            }
            Ok(())
        };
        self.endpoint.world().edit(boot).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        let all_well = |trouble: &mut Trouble| *trouble = Trouble::default();
        self.arrange(all_well).await?;
        Node::ALL.into_iter().try_for_each(|node| self.processes.start(node))
    }
}

/// A free port of the loopback interface for each node.
fn free_addresses() -> anyhow::Result<BTreeMap<Node, SocketAddr>> {
    // Two demos at once begin at different places.
    let offset = std::process::id() % u32::from(PORTS.end - PORTS.start);
    let first = PORTS.start + u16::try_from(offset)?;
    let free = (first..PORTS.end).chain(PORTS.start..first).filter_map(|port| {
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        TcpListener::bind(addr).ok().map(|_| addr)
    });
    let addresses: BTreeMap<_, _> = Node::ALL.into_iter().zip(free).collect();
    anyhow::ensure!(
        addresses.len() == Node::ALL.len(),
        "no free port between {} and {}",
        PORTS.start,
        PORTS.end
    );
    Ok(addresses)
}
