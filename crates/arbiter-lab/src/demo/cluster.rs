//! The reference case on loopback: who there is, and the `cluster.toml` that says so.

use crate::world::{INSTANCE_1, INSTANCE_2, INTERFACE_1, INTERFACE_2, ON_PREMISES, TABLE_1, TABLE_2};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

/// One of the three nodes, or of the five that some partition tests have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// On gateway strongswan-1.
    One,
    /// On gateway strongswan-2.
    Two,
    /// Carries no traffic.
    Witness,
    /// The same, where there are five nodes.
    Witness2,
    /// The same, where there are five nodes.
    Witness3,
}

impl Node {
    /// Those of the reference case.
    pub const ALL: [Self; 3] = [Self::One, Self::Two, Self::Witness];
    /// With two more witnesses.
    pub const FIVE: [Self; 5] = [Self::One, Self::Two, Self::Witness, Self::Witness2, Self::Witness3];
    /// Those that carry traffic.
    pub const GATEWAYS: [Self; 2] = [Self::One, Self::Two];

    /// Its name in the configuration; a gateway bears the name of its node.
    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "strongswan-1",
            Self::Two => "strongswan-2",
            Self::Witness => "witness",
            Self::Witness2 => "witness-2",
            Self::Witness3 => "witness-3",
        }
    }

    /// Its Raft id.
    pub const fn number(self) -> u64 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Witness => 3,
            Self::Witness2 => 4,
            Self::Witness3 => 5,
        }
    }

    /// The zone that it is in.
    pub const fn zone(self) -> &'static str {
        match self {
            Self::One | Self::Witness2 => "cn-north-1a",
            Self::Two | Self::Witness3 => "cn-north-1b",
            Self::Witness => "cn-north-1c",
        }
    }

    /// The access key that it signs with, so that the call log tells callers apart.
    pub const fn access_key(self) -> &'static str {
        match self {
            Self::One => "AKIDSTRONGSWAN1",
            Self::Two => "AKIDSTRONGSWAN2",
            Self::Witness => "AKIDWITNESS",
            Self::Witness2 => "AKIDWITNESS2",
            Self::Witness3 => "AKIDWITNESS3",
        }
    }

    /// The others of the reference case.
    pub fn others(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |node| *node != self)
    }

    /// What runs on it as a gateway; none for the witness.
    pub(crate) const fn gateway(self) -> Option<Gateway> {
        match self {
            Self::One => Some(GATEWAY_1),
            Self::Two => Some(GATEWAY_2),
            Self::Witness | Self::Witness2 | Self::Witness3 => None,
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A gateway with what belongs to its zone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gateway {
    pub node: Node,
    pub instance: &'static str,
    pub interface: &'static str,
    /// Its tunnel, a path.
    pub tunnel: &'static str,
    /// The route that is at home on it.
    pub route: &'static str,
    /// The table of that route.
    pub table: &'static str,
}

pub(crate) const GATEWAY_1: Gateway = Gateway {
    node: Node::One,
    instance: INSTANCE_1,
    interface: INTERFACE_1,
    tunnel: "tunnel-1",
    route: "private-1",
    table: TABLE_1,
};

pub(crate) const GATEWAY_2: Gateway = Gateway {
    node: Node::Two,
    instance: INSTANCE_2,
    interface: INTERFACE_2,
    tunnel: "tunnel-2",
    route: "private-2",
    table: TABLE_2,
};

/// Both.
pub(crate) const GATEWAYS: [Gateway; 2] = [GATEWAY_1, GATEWAY_2];

/// The gateway whose interface that is.
pub(crate) fn gateway_of_interface(interface: &str) -> Option<Gateway> {
    GATEWAYS.into_iter().find(|gateway| gateway.interface == interface)
}

/// The name of the probe of `gateway` that `observer` sends.
pub(crate) fn probe_of(gateway: Node, observer: Node) -> String {
    format!("{gateway}-from-{observer}")
}

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Where each node listens.
    pub listen: BTreeMap<Node, SocketAddr>,
    /// Where the first reaches the second.
    pub reach: BTreeMap<(Node, Node), SocketAddr>,
    /// Where the first knocks to probe the second, a gateway.
    pub gateways: BTreeMap<(Node, Node), SocketAddr>,
    /// The far end of each gateway's tunnel.
    pub tunnels: BTreeMap<Node, SocketAddr>,
    /// What lies behind the router at the far end.
    pub behind: BTreeMap<Node, SocketAddr>,
}

/// What the demo changes in the timing, and why; shown before it starts.
pub(crate) const TIMES_NOTE: &str = "\
Times of the demo, in brackets the defaults. Shortened, so that you need not wait: a route comes home after 2 s (30 s),
a dead gateway is stopped after 6 s (2 min; half of it where EC2 calls it impaired, as here), stop and boot take 2 s
each, tables are read every second (10 s), a route freezes at 4 moves in 2 s (60 s). Lengthened, for small and busy
machines: a probe is Down after 400 ms (200 ms), a report stale after 1 s (300 ms), a leader silent after 1.5 s (0.9 s).";

/// One file serves all nodes.
const TIMES: &str = r#"version = 1
cluster.name = "demo"

[raft]
heartbeat_interval = "250ms"       # lengthened: a busy disk
election_timeout_min = "1s"
election_timeout_max = "1500ms"

[timing]
report_stale_after = "1s"          # lengthened: a busy processor
failback_after = "2s"              # shortened
failback_max = "4s"                # shortened
flap_decay = "10s"                 # shortened
freeze_window = "2s"               # shortened: the demo moves one route more often than any network should
freeze_for = "5s"                  # shortened
reconcile_interval = "1s"          # shortened
drift_grace = "5s"                 # shortened

[remediation]
remediate_after = "6s"             # shortened
cooldown = "5s"                    # shortened
boot_grace = "1m"                  # shortened
force_stop_after = "30s"           # shortened

[log]
filter = "info"
"#;

/// A probe's patience.
const PATIENCE: &str = r#"kind = "tcp"
interval = "100ms"
fall = 4                           # lengthened: a busy processor
rise = 3
timeout_min = "100ms"              # lengthened
timeout_max = "300ms"
"#;

/// The configuration of all three nodes. Each finds the others by the relays that stand for the lines.
pub fn cluster_toml(addresses: &Addresses) -> String {
    let mut text = TIMES.to_owned();
    for node in Node::ALL {
        let entry =
            |other: Node| addresses.reach.get(&(node, other)).map(|at| format!("\"{other}\" = \"{at}\""));
        let reach: Vec<_> = node.others().filter_map(entry).collect();
        text += &format!(
            "\n[[node]]\nid = {}\nname = \"{node}\"\nzone = \"{}\"\naddress = \"{}\"\ndata_dir = \"{node}\"\n\
             reach = {{ {} }}\n",
            node.number(),
            node.zone(),
            addresses.listen[&node],
            reach.join(", "),
        );
    }
    text += &topology_toml();
    text + &probes(addresses)
}

/// Gateways, paths and routes, as every configuration of the reference case has them.
pub(crate) fn topology_toml() -> String {
    let mut text = String::new();
    for gateway in GATEWAYS {
        let Gateway { node, instance, interface, tunnel, .. } = gateway;
        text += &format!(
            "\n[[gateway]]\nname = \"{node}\"\nnode = \"{node}\"\nzone = \"{}\"\ninstance = \"{instance}\"\n\
             interface = \"{interface}\"\n\n[[path]]\nname = \"{tunnel}\"\ngateway = \"{node}\"\n",
            node.zone(),
        );
    }
    for (gateway, other) in [(GATEWAY_1, GATEWAY_2), (GATEWAY_2, GATEWAY_1)] {
        text += &format!(
            "\n[[route]]\nname = \"{}\"\ntable = \"{}\"\ndestination = \"{ON_PREMISES}\"\npaths = [\"{}\", \"{}\"]\n",
            gateway.route, gateway.table, gateway.tunnel, other.tunnel,
        );
    }
    text
}

fn probes(addresses: &Addresses) -> String {
    let probe = |name: &str, subject: String, observer: Node, at: SocketAddr, role: &str| {
        format!(
            "\n[[probe]]\nname = \"{name}\"\n{subject}\nobservers = [\"{observer}\"]\ntarget = \"{}\"\n\
             port = {}\nrole = \"{role}\"\n{PATIENCE}",
            at.ip(),
            at.port(),
        )
    };
    let mut text = String::new();
    for gateway in GATEWAYS {
        let node = gateway.node;
        let subject = format!("path = \"{}\"", gateway.tunnel);
        text += &probe(gateway.tunnel, subject.clone(), node, addresses.tunnels[&node], "required");
        let behind = format!("behind-router-{}", node.number());
        text += &probe(&behind, subject, node, addresses.behind[&node], "advisory");
    }
    for (&(observer, gateway), at) in &addresses.gateways {
        let subject = format!("gateway = \"{gateway}\"");
        text += &probe(&probe_of(gateway, observer), subject, observer, *at, "required");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Addresses {
        let at = |port: u64| SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()));
        let pairs = |base: u64| {
            let pairs = Node::ALL.into_iter().flat_map(|a| a.others().map(move |b| (a, b)));
            pairs.map(|(a, b)| ((a, b), at(base + 10 * a.number() + b.number()))).collect::<BTreeMap<_, _>>()
        };
        let each = |base: u64| Node::GATEWAYS.map(|node| (node, at(base + node.number()))).into();
        Addresses {
            listen: Node::ALL.map(|node| (node, at(7_400 + node.number()))).into(),
            reach: pairs(7_500),
            gateways: pairs(7_600).into_iter().filter(|((_, to), _)| to.gateway().is_some()).collect(),
            tunnels: each(7_700),
            behind: each(7_800),
        }
    }

    #[test]
    fn every_node_accepts_the_file_without_a_warning() {
        let text = cluster_toml(&addresses());
        for node in Node::ALL {
            let loaded = arbiter_config::parse(std::path::Path::new("/x/cluster.toml"), &text, node.name());
            let loaded = loaded.unwrap_or_else(|refused| panic!("{refused}\n{text}"));
            assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
            let peers: Vec<_> = loaded.config.local.peers.values().cloned().collect();
            let relays: Vec<_> =
                node.others().map(|other| addresses().reach[&(node, other)].to_string()).collect();
            assert_eq!(peers, relays, "each pair has its own line");
            assert_eq!(loaded.config.policy.probes.len(), 8);
        }
    }
}
