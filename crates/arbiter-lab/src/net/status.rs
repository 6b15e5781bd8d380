//! How a lab is, for people and as JSON.

use super::charon::Esp;
use super::faults::FaultOrder;
use super::lab::Lab;
use super::topology::{Host, SIDES};
use crate::demo::cluster::GATEWAYS;
use crate::demo::scene::points_at;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

/// What the meter shows of: the time before the look.
const LATELY: Duration = Duration::from_secs(5);

/// How a lab is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Status {
    /// Where its configuration, data and logs are.
    pub folder: PathBuf,
    /// Who does IPsec: `kernel` or `userland`.
    pub ipsec: String,
    /// The hosts that are on, with the process that holds each, as the lab counts processes.
    pub hosts: BTreeMap<String, u32>,
    /// Per tunnel, whether its far end answers the gateway.
    pub tunnels: BTreeMap<String, bool>,
    /// Per route table's name, the gateway that its route points at; empty if it points elsewhere.
    pub routes: BTreeMap<String, String>,
    /// Per private subnet, the router that the way back leads over.
    pub ways_back: BTreeMap<String, String>,
    /// The node that leads; empty if none does, or there is no cluster.
    pub leader: String,
    /// The faults in force.
    pub faults: Vec<FaultOrder>,
    /// How the packet streams fared in the last five seconds.
    pub streams: Vec<Stream>,
}

/// How a stream fared.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stream {
    pub from: String,
    pub to: String,
    pub lost: u64,
    pub sent: u64,
    pub longest_ms: u64,
}

impl Status {
    /// Looks.
    pub async fn of(lab: &Lab) -> anyhow::Result<Self> {
        let scene = lab.look(0)?;
        let mut tunnels = BTreeMap::new();
        for side in SIDES {
            tunnels.insert(side.gateway.name().to_owned(), lab.tunnel_answers(side.gateway).await);
        }
        let names = |gateway: &crate::demo::cluster::Gateway| {
            let there = points_at(&scene.world, gateway.table).map_or("", |it| it.node.name());
            (gateway.route.to_owned(), there.to_owned())
        };
        let ways = lab.ways.borrow().clone();
        let router = |letter: &str| super::site::router(letter).map_or("", Host::name).to_owned();
        let streams = lab.meter.lately(LATELY).0.into_iter().map(|stream| Stream {
            from: stream.direction.from.to_owned(),
            to: stream.direction.to.to_owned(),
            lost: stream.outage.lost,
            sent: stream.outage.sent,
            longest_ms: stream.outage.longest_ms,
        });
        Ok(Self {
            folder: lab.settings.folder.clone(),
            ipsec: match lab.esp {
                Esp::Kernel => "kernel".to_owned(),
                Esp::Userland => "userland".to_owned(),
            },
            hosts: lab.pids.all().into_iter().map(|(host, pid)| (host.name().to_owned(), pid)).collect(),
            tunnels,
            routes: GATEWAYS.iter().map(names).collect(),
            ways_back: ways.iter().map(|(net, letter)| ((*net).to_owned(), router(letter))).collect(),
            leader: scene.leader().map_or_else(String::new, |node| node.name().to_owned()),
            faults: lab.lock().await.trouble.orders().copied().collect(),
            streams: streams.collect(),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut faults = String::new();
        for fault in &self.faults {
            write!(faults, " {} ({:?})", fault.name.name(), fault.zone)?;
        }
        writeln!(f, "faults    {}", if faults.is_empty() { "none" } else { faults.trim() })?;
        let off: Vec<_> =
            Host::ALL.into_iter().map(Host::name).filter(|name| !self.hosts.contains_key(*name)).collect();
        writeln!(
            f,
            "hosts     {} on, off: {}",
            self.hosts.len(),
            if off.is_empty() { "none".to_owned() } else { off.join(", ") }
        )?;
        writeln!(f, "leader    {}", if self.leader.is_empty() { "none" } else { &self.leader })?;
        for (gateway, up) in &self.tunnels {
            writeln!(
                f,
                "tunnel    {gateway}: {} (IPsec in the {})",
                if *up { "up" } else { "DOWN" },
                self.ipsec
            )?;
        }
        for (table, gateway) in &self.routes {
            writeln!(f, "route     {table} → {gateway}")?;
        }
        for (net, router) in &self.ways_back {
            writeln!(f, "way back  {net} → {router}")?;
        }
        for stream in &self.streams {
            let Stream { from, to, lost, sent, longest_ms } = stream;
            writeln!(
                f,
                "packets   {from:>11} → {to:<11} {lost} of {sent} lost in 5 s, longest gap {longest_ms} ms"
            )?;
        }
        Ok(())
    }
}
