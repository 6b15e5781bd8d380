//! Faults by name, and how each is mended.
//!
//! What falls silent does so by nftables: a table of its own for each fault, on the router where it happens. What dies
//! is killed. Whatever is in force is known, so that `heal` undoes exactly that.

use super::charon::CHILD;
use super::cluster::{PORT, host_of, node_of};
use super::lab::{Inner, Lab};
use super::machine::Service;
use super::site_cluster;
use super::topology::{Host, SIDES, Side, VPC_NET};
use crate::demo::cluster::GATEWAYS;
use crate::world::{InstanceState, World};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A packet longer than this is swallowed by an MTU black hole: small probes and keepalives pass.
const BLACK_HOLE_BYTES: u16 = 900;

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FaultName {
    /// The internet drops IKE and ESP of one tunnel, both ways.
    TunnelCut,
    /// The same for both tunnels.
    BothTunnelsCut,
    /// A gateway loses its power.
    GatewayCrash,
    /// An on-premises router loses its power.
    RouterDead,
    /// The LAN behind an on-premises router is gone; its tunnel stays up.
    RemoteDead,
    /// The line between the two gateways is cut, and nothing else.
    LineCut,
    /// A gateway is cut off from the VPC (so its tunnel goes, too), but not from the EC2 API.
    GatewayCutOff,
    /// A zone is lost: its gateway loses its power and can't be started, its private subnet is cut off.
    ZoneLost,
    /// The witness loses its power.
    WitnessLost,
    /// A gateway's kernel forwards no more; its tunnel stays up.
    IpForwardOff,
    /// The internet swallows long packets of one tunnel, without a word.
    MtuBlackHole,
    /// `arbiterd` on a gateway is killed; the gateway goes on forwarding.
    ArbiterdKilled,
    /// The internet loses some packets of both tunnels at random, each way.
    Loss,
    /// The data centre's nodes reach none of the cloud's nodes; all else passes.
    SiteCutOff,
    /// An operator ends the child SA of one tunnel on the gateway; nobody sets it up again.
    ChildTerminated,
    /// An on-premises router's own pings through its tunnel get lost; all else passes.
    SiteProbeBlind,
}

impl FaultName {
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// On which side something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Zone {
    /// strongswan-1, tunnel-1, router-1, private-1.
    #[default]
    A,
    /// strongswan-2, tunnel-2, router-2, private-2.
    B,
}

impl Zone {
    pub const fn side(self) -> &'static Side {
        match self {
            Self::A => &SIDES[0],
            Self::B => &SIDES[1],
        }
    }
}

/// A fault to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct FaultOrder {
    pub name: FaultName,
    pub zone: Zone,
    /// Of packets; for `loss` alone.
    pub percent: u8,
}

/// What is in force.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    orders: BTreeSet<FaultOrder>,
    /// nftables' tables: on which host, under which name.
    tables: BTreeSet<(Host, String)>,
    /// Gateways that forward no more.
    not_forwarding: BTreeSet<Host>,
}

impl Trouble {
    /// The faults that were made and not mended.
    pub fn orders(&self) -> impl Iterator<Item = &FaultOrder> {
        self.orders.iter()
    }
}

impl Lab {
    /// Makes a fault. When this returns, it is in force.
    pub async fn make(&self, order: FaultOrder) -> anyhow::Result<()> {
        let FaultOrder { name, zone, percent } = order;
        let side = zone.side();
        let mut inner = self.lock().await;
        inner.trouble.orders.insert(order);
        let inner = &mut *inner;
        match name {
            FaultName::TunnelCut => {
                inner.drop_at(Host::Internet, "tunnel_cut", &Rules::of_tunnel(side, "drop")).await
            }
            FaultName::BothTunnelsCut => {
                inner.drop_at(Host::Internet, "both_tunnels_cut", &Rules::of_both_tunnels("drop")).await
            }
            FaultName::GatewayCrash => self.crash_gateway(inner, side.gateway).await,
            FaultName::RouterDead => self.switch_off(inner, side.router, false).await,
            FaultName::RemoteDead => {
                inner.drop_at(Host::Core, "remote_dead", &Rules::all_of(side.router)).await
            }
            FaultName::LineCut => inner.drop_at(Host::Vpc, "line_cut", &Rules::between_gateways()).await,
            FaultName::GatewayCutOff => {
                inner.drop_at(Host::Vpc, "gateway_cut_off", &Rules::all_of(side.gateway)).await
            }
            FaultName::ZoneLost => {
                self.edit(|world| {
                    let instance = instance_of(side.gateway);
                    world.set_boot_behaviour(instance, crate::world::BootBehaviour::FallsBack)
                })?;
                self.crash_gateway(inner, side.gateway).await?;
                inner.drop_at(Host::Vpc, "zone_lost", &Rules::all_of(side.private)).await
            }
            FaultName::WitnessLost => self.switch_off(inner, Host::Witness, false).await,
            FaultName::IpForwardOff => {
                inner.machine(side.gateway)?.set_forwarding(false).await?;
                inner.trouble.not_forwarding.insert(side.gateway);
                Ok(())
            }
            FaultName::MtuBlackHole => {
                let rules = Rules::of_tunnel(side, &format!("ip length > {BLACK_HOLE_BYTES} drop"));
                inner.drop_at(Host::Internet, "mtu_black_hole", &rules).await
            }
            FaultName::ArbiterdKilled => inner.machine(side.gateway)?.kill(Service::Arbiterd).await,
            FaultName::Loss => {
                let chance = format!("numgen random mod 100 < {percent} counter drop");
                inner.drop_at(Host::Internet, "loss", &Rules::of_both_tunnels(&chance)).await
            }
            FaultName::SiteCutOff => {
                for host in site_cluster::HOSTS {
                    inner.drop_at(host, "site_cut_off", &Rules::to_cloud_nodes()).await?;
                }
                Ok(())
            }
            FaultName::ChildTerminated => {
                let gateway = inner.machine(side.gateway)?;
                gateway.run(&["swanctl", "--terminate", "--child", CHILD], "").await.map(|_| ())
            }
            FaultName::SiteProbeBlind => {
                inner.drop_at(side.router, "site_probe_blind", &Rules::pings_to(side.inner_gateway)).await
            }
        }
    }

    /// Mends everything. Hosts that EC2 has stopped come back when EC2 starts them.
    pub async fn heal(&self) -> anyhow::Result<()> {
        let mut guard = self.lock().await;
        let inner = &mut *guard;
        for (host, table) in std::mem::take(&mut inner.trouble.tables) {
            if let Some(machine) = inner.machines.get(&host) {
                machine.nft(&format!("table inet {table}\ndelete table inet {table}\n")).await?;
            }
        }
        for host in std::mem::take(&mut inner.trouble.not_forwarding) {
            if let Some(machine) = inner.machines.get(&host) {
                machine.set_forwarding(true).await?;
            }
        }
        for order in std::mem::take(&mut inner.trouble.orders) {
            if order.name == FaultName::ChildTerminated
                && let Some(gateway) = inner.machines.get(&order.zone.side().gateway)
            {
                gateway.run(&["swanctl", "--initiate", "--child", CHILD], "").await?;
            }
        }
        self.edit(|world| {
            GATEWAYS.iter().try_for_each(|gateway| {
                world.set_boot_behaviour(gateway.instance, crate::world::BootBehaviour::Normal)?;
                world.set_impaired(gateway.instance, Some(false), Some(false))
            })
        })?;
        for host in self.settings.hosts() {
            if self.is_powered(host) {
                self.boot(inner, host).await?;
                self.start_services(inner, host).await?;
            }
        }
        Ok(())
    }

    /// Whether EC2 has the host running; hosts that are no instances always are.
    pub fn is_powered(&self, host: Host) -> bool {
        let instance = GATEWAYS.into_iter().find(|it| host_of(it.node) == host).map(|it| it.instance);
        let Some(instance) = instance else { return true };
        let state = self.endpoint.world().look(|world| world.instances.get(instance).map(|it| it.state));
        state == Some(InstanceState::Running)
    }

    pub async fn crash_gateway(&self, inner: &mut Inner, gateway: Host) -> anyhow::Result<()> {
        self.switch_off(inner, gateway, false).await?;
        // EC2 sees a dead host as an instance that runs and fails its status checks.
        self.edit(|world| world.set_impaired(instance_of(gateway), Some(true), None))
    }

    pub fn edit(
        &self,
        edit: impl FnOnce(&mut World) -> Result<(), crate::world::Refusal>,
    ) -> anyhow::Result<()> {
        self.endpoint.world().edit(|world, _| edit(world)).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))
    }
}

impl Inner {
    /// Rules of one fault on one host, before any other rule there.
    async fn drop_at(&mut self, host: Host, table: &str, rules: &Rules) -> anyhow::Result<()> {
        self.machine(host)?.nft(&rules.table(table)).await?;
        self.trouble.tables.insert((host, table.to_owned()));
        Ok(())
    }
}

/// What is dropped at the two doors of a host: at the one, the rules know where a packet came from, at the other where it
/// goes to. So also what is for the host itself, or comes from it, falls silent.
#[derive(Debug, Default)]
struct Rules {
    inward: String,
    outward: String,
}

impl Rules {
    /// The same at both doors, for what comes from and goes to the host at the other end of a cable.
    fn at_cable_of(neighbour: Host, conditions: &[&str]) -> Self {
        let line = |way: &str, condition: &&str| format!("        {way} \"{neighbour}\" {condition}\n");
        let all = |way| conditions.iter().map(|condition| line(way, condition)).collect();
        Self { inward: all("iifname"), outward: all("oifname") }
    }

    /// Everything.
    fn all_of(neighbour: Host) -> Self {
        Self::at_cable_of(neighbour, &["drop"])
    }

    /// What a verdict meets that is IKE or ESP of a tunnel, on the internet router. Both ends use the same ports, so one
    /// look at each packet is enough.
    fn of_tunnel(side: &Side, verdict: &str) -> Self {
        let udp = format!("udp dport {{ 500, 4500 }} {verdict}");
        let esp = format!("ip protocol esp {verdict}");
        Self::at_cable_of(side.router, &[&udp, &esp])
    }

    fn of_both_tunnels(verdict: &str) -> Self {
        let [a, b] = SIDES.map(|side| Self::of_tunnel(&side, verdict));
        Self { inward: a.inward + &b.inward, outward: a.outward + &b.outward }
    }

    fn between_gateways() -> Self {
        let [a, b] = SIDES.map(|side| side.gateway_address);
        let inward =
            format!("        ip saddr {a} ip daddr {b} drop\n        ip saddr {b} ip daddr {a} drop\n");
        Self { inward, outward: String::new() }
    }

    /// What goes to the port of a node in the VPC.
    fn to_cloud_nodes() -> Self {
        let outward = format!("        ip daddr {VPC_NET} tcp dport {PORT} drop\n");
        Self { inward: String::new(), outward }
    }

    /// Pings to one address, before they leave.
    fn pings_to(address: &str) -> Self {
        let outward = format!("        ip daddr {address} icmp type echo-request drop\n");
        Self { inward: String::new(), outward }
    }

    /// The table of a fault. A second fault of the same name adds to the first.
    fn table(&self, name: &str) -> String {
        let chain = |hook: &str, rules: &str| {
            format!("    chain {hook} {{\n        type filter hook {hook} priority -300;\n{rules}    }}\n")
        };
        let chains = chain("prerouting", &self.inward) + &chain("postrouting", &self.outward);
        format!("table inet {name} {{\n{chains}}}\n")
    }
}

pub(super) fn instance_of(gateway: Host) -> &'static str {
    let node = node_of(gateway);
    GATEWAYS.into_iter().find(|it| Some(it.node) == node).map_or("", |it| it.instance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_meets_both_ways_of_one_tunnel_alone() {
        let table = Rules::of_tunnel(Zone::A.side(), "drop").table("tunnel_cut");
        assert!(table.contains("iifname \"router-1\" udp dport { 500, 4500 } drop"), "{table}");
        assert!(table.contains("oifname \"router-1\" udp dport { 500, 4500 } drop"), "{table}");
        assert!(!table.contains("router-2"), "{table}");
        let both = Rules::of_both_tunnels("drop").table("both");
        assert_eq!(both.matches("drop").count(), 8, "{both}");
    }

    #[test]
    fn the_line_between_the_gateways_is_cut_both_ways() {
        let table = Rules::between_gateways().table("line_cut");
        assert!(table.contains("ip saddr 172.16.1.157 ip daddr 172.16.2.126 drop"), "{table}");
        assert!(table.contains("ip saddr 172.16.2.126 ip daddr 172.16.1.157 drop"), "{table}");
    }

    #[test]
    fn every_gateway_has_an_instance() {
        for side in &SIDES {
            assert!(instance_of(side.gateway).starts_with("i-"));
        }
    }
}
