//! The cloud side's cluster: the configuration of its three nodes, and how a host starts its own.

use super::charon::CHILD;
use super::machine::{Machine, Service};
use super::topology::{ENDPOINT_ADDRESS, ENDPOINT_PORT, Host, SIDES};
use super::wall_clock;
use crate::demo::cluster::{GATEWAYS, Node, topology_toml};
use crate::fast;
use crate::programs;
use clap::ValueEnum;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

/// The port of every node.
pub(super) const PORT: u16 = 7_400;
/// The payload of the probes that look for an MTU black hole: with all headers it fills the tunnel nearly.
const LARGE: u16 = 1_200;

/// How fast the cluster is to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Pace {
    /// Probes, reports and elections as they are by default.
    #[default]
    Default,
    /// More patience, for machines that are small and busy: a probe is Down after 600 ms (default 200 ms), a report stale
    /// after 1 s (300 ms), a leader silent after 1.5 s (0.9 s).
    Patient,
    /// The profile of [`crate::fast`].
    Fast,
}

impl Pace {
    pub const fn of_raft(self) -> &'static str {
        match self {
            Self::Default | Self::Fast => "",
            Self::Patient => {
                "[raft]\nheartbeat_interval = \"250ms\"\nelection_timeout_min = \"1s\"\nelection_timeout_max = \"1500ms\"\n"
            }
        }
    }

    pub const fn of_reports(self) -> &'static str {
        match self {
            Self::Default => "",
            Self::Patient => "report_stale_after = \"1s\"\n",
            Self::Fast => fast::REPORTS,
        }
    }

    pub const fn of_probes(self) -> &'static str {
        match self {
            Self::Default => "",
            Self::Patient => "fall = 6\ntimeout_min = \"100ms\"\n",
            Self::Fast => fast::PROBES,
        }
    }
}

/// The waits that nobody wants to sit through; all else is as it is by default.
pub(super) const TIMES: &str = r#"
[timing]
failback_after = "3s"              # shortened
failback_max = "10s"               # shortened
flap_decay = "20s"                 # shortened
freeze_window = "2s"               # shortened: the lab moves one route more often than any network should
freeze_for = "5s"                  # shortened
reconcile_interval = "2s"          # shortened
drift_grace = "5s"                 # shortened
"#;

const REMEDIATION: &str = r#"
[remediation]
remediate_after = "8s"             # shortened
cooldown = "5s"                    # shortened
attempts = 10                      # more: the lab kills one gateway more often than any data centre should
boot_grace = "1m"                  # shortened
force_stop_after = "30s"           # shortened
"#;

/// The host of a node.
pub(super) const fn host_of(node: Node) -> Host {
    match node {
        Node::One => Host::Strongswan1,
        Node::Two => Host::Strongswan2,
        Node::Witness => Host::Witness,
        Node::Witness2 => Host::Witness2,
        Node::Witness3 => Host::Witness3,
    }
}

/// The node of a host, if one runs there.
pub(super) fn node_of(host: Host) -> Option<Node> {
    Node::FIVE.into_iter().find(|node| host_of(*node) == host)
}

/// Nobody else is on these wires.
pub(super) const WITHOUT_TLS: &str = "\n[tls]\ninsecure_without_tls = true\n";

/// Where these nodes are reached.
pub(super) fn addresses(nodes: &[Node]) -> BTreeMap<Node, SocketAddr> {
    let at = |node| format!("{}:{PORT}", host_of(node).address()).parse().ok();
    nodes.iter().filter_map(|node| Some((*node, at(*node)?))).collect()
}

/// The configuration, one for all these nodes. Data are below `hosts`, beside the file.
pub(super) fn cluster_toml(pace: Pace, nodes: &[Node]) -> String {
    let mut text =
        format!("version = 1\ncluster.name = \"lab\"\n\n{}{TIMES}{}", pace.of_raft(), pace.of_reports());
    text += REMEDIATION;
    text += WITHOUT_TLS;
    for node in nodes {
        let host = host_of(*node);
        text += &format!(
            "\n[[node]]\nid = {}\nname = \"{node}\"\nzone = \"{}\"\naddress = \"{}:{PORT}\"\ndata_dir = \"hosts/{host}/data\"\n",
            node.number(),
            node.zone(),
            host.address(),
        );
    }
    text += &topology_toml();
    text + &probes(pace)
}

/// Through each tunnel three: to its far end, to its far end with a packet that fills it, to what is behind the far
/// router; and a look whether the gateway forwards; all required. Beside them the gateway's strongSwan is asked for its child
/// SA, which only warns. To each gateway one, from the other nodes.
fn probes(pace: Pace) -> String {
    let mut text = String::new();
    for (gateway, side) in GATEWAYS.into_iter().zip(SIDES) {
        let number = gateway.node.number();
        let mut probe = |name: &str, subject: &str, target: &str, more: &str| {
            text += &format!(
                "\n[[probe]]\nname = \"{name}\"\n{subject}\ntarget = \"{target}\"\n{more}{}",
                pace.of_probes()
            );
        };
        let path = format!("path = \"{}\"", gateway.tunnel);
        probe(gateway.tunnel, &path, side.inner_router, "");
        let large = format!("size = {LARGE}\ndont_fragment = true\n");
        probe(&format!("large-{number}"), &path, side.inner_router, &large);
        probe(&format!("behind-{number}"), &path, side.behind, "");
        probe(&format!("forwarding-{number}"), &path, side.inner_router, "kind = \"forwarding\"\n");
        let asks = format!("kind = \"ipsec\"\nchild = \"{CHILD}\"\nrole = \"advisory\"\n");
        probe(&format!("ipsec-{number}"), &path, side.router_public, &asks);
        probe(gateway.node.name(), &format!("gateway = \"{}\"", gateway.node), side.gateway_address, "");
    }
    text
}

/// Starts the node of a host, as its boot does; nothing where no node belongs.
///
/// `clocks` is the library by which its wall clock can be set, if it is to be.
pub(super) fn start(
    host: Host,
    machine: &mut Machine,
    folder: &Path,
    arbiterd: &Path,
    clocks: Option<&Path>,
) -> anyhow::Result<()> {
    let Some(node) = node_of(host) else { return Ok(()) };
    let home = folder.join("hosts").join(host.name());
    let endpoint_url = format!("http://{ENDPOINT_ADDRESS}:{ENDPOINT_PORT}");
    machine.start(Service::Arbiterd, arbiterd, |command| {
        programs::be_node(command, node, &home, &endpoint_url, &folder.join("cluster.toml"));
        if let Some(library) = clocks {
            wall_clock::wear(command, library, &home);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_accepts_the_file_without_a_warning() {
        let clusters = [&Node::ALL[..], &Node::FIVE[..]].into_iter().flat_map(|nodes| {
            [Pace::Default, Pace::Patient, Pace::Fast].map(|pace| (nodes, cluster_toml(pace, nodes)))
        });
        for (nodes, text) in clusters {
            for node in nodes {
                let loaded = arbiter_config::parse(Path::new("/x/cluster.toml"), &text, node.name());
                let loaded = loaded.unwrap_or_else(|refused| panic!("{refused}\n{text}"));
                assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
                assert_eq!(loaded.config.policy.probes.len(), 12);
            }
        }
    }
}
