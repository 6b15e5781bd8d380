//! `cluster.toml` of the reference case, on addresses of our own and with shortened times.

use super::{Member, ONE, TWO, WITNESS};
use arbiter_lab::world::{INSTANCE_1, INSTANCE_2, INTERFACE_1, INTERFACE_2, ON_PREMISES, TABLE_1, TABLE_2};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};

/// Every node has its own address of 127.0.0.0/8, so that all may have the same port, which no outgoing connection
/// takes.
const PORT: u16 = 7_400;

/// The same for their status ports.
const STATUS_PORT: u16 = 7_480;

/// Shortened: what an operator would wait for. Lengthened, because the machine of a test is small and busy: what is
/// taken for silence.
const TIMES: &str = r#"
[raft]
heartbeat_interval = "250ms"
election_timeout_min = "1s"
election_timeout_max = "1500ms"

[timing]
report_stale_after = "1s"
failback_after = "1s"
failback_max = "2s"
flap_decay = "5s"
freeze_moves = 100
reconcile_interval = "1s"
drift_grace = "2s"
call_timeout = "1s"
stall_allowance = "100ms"
"#;

const PATIENCE: &str = r#"kind = "tcp"
interval = "100ms"
fall = 4
rise = 3
timeout_min = "100ms"
timeout_max = "300ms"
"#;

/// What a test may want otherwise.
#[derive(Debug, Clone)]
pub struct Plan {
    /// In the order of the file. The first forms the cluster, and leads it at first.
    pub order: [Member; 3],
    pub unknown_grace: &'static str,
    /// Whether the nodes serve status pages.
    pub status_ports: bool,
    /// The mode that the cluster is formed in.
    pub mode: &'static str,
    /// Whether all connections are checked.
    pub tls: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            order: [WITNESS, ONE, TWO],
            unknown_grace: "60s",
            status_ports: false,
            mode: "act",
            tls: false,
        }
    }
}

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Three addresses, of this cluster alone.
    pub nodes: [SocketAddr; 3],
    /// The far ends of the tunnels of ONE and TWO.
    pub tunnels: [SocketAddr; 2],
    /// The hosts of the gateways.
    pub hosts: [SocketAddr; 2],
}

impl Addresses {
    /// Where a node serves its status page.
    pub fn status_port(&self, member: Member) -> SocketAddr {
        SocketAddr::new(self.nodes[member.index()].ip(), STATUS_PORT)
    }
}

/// Three addresses that no other cluster of this process has, nor one of another test process.
pub fn node_addresses() -> [SocketAddr; 3] {
    static CLUSTERS: AtomicU8 = AtomicU8::new(0);
    let cluster = CLUSTERS.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    let byte = |number: u32| u8::try_from(number % 250).unwrap() + 1;
    let address = |node: u8| {
        SocketAddr::from((Ipv4Addr::new(127, byte(process), byte(process / 250), 3 * cluster + node), PORT))
    };
    [address(1), address(2), address(3)]
}

/// The file that all nodes are started with.
pub fn cluster_toml(plan: &Plan, addresses: &Addresses) -> String {
    let mut text = format!("version = 1\ncluster.name = \"test\"\ncluster.mode = \"{}\"\n{TIMES}", plan.mode);
    text += &format!("unknown_grace = \"{}\"\n", plan.unknown_grace);
    for member in plan.order {
        text += &format!(
            "\n[[node]]\nid = {}\nname = \"{member}\"\nzone = \"zone-{}\"\naddress = \"{}\"\ndata_dir = \"{member}\"\n",
            member.number(),
            member.number(),
            addresses.nodes[member.index()],
        );
        if plan.status_ports {
            text += &format!("http = \"{}\"\n", addresses.status_port(member));
        }
    }
    for (member, instance, interface) in [(ONE, INSTANCE_1, INTERFACE_1), (TWO, INSTANCE_2, INTERFACE_2)] {
        let number = member.number();
        text += &format!(
            "\n[[gateway]]\nname = \"{member}\"\nnode = \"{member}\"\nzone = \"zone-{number}\"\n\
             instance = \"{instance}\"\ninterface = \"{interface}\"\n\
             \n[[path]]\nname = \"tunnel-{number}\"\ngateway = \"{member}\"\n",
        );
        let (tunnel, host) = (addresses.tunnels[member.index()], addresses.hosts[member.index()]);
        text += &probe(&format!("tunnel-{number}"), &format!("path = \"tunnel-{number}\""), tunnel);
        text += &probe(&format!("{member}"), &format!("gateway = \"{member}\""), host);
    }
    for (route, table, paths) in [
        ("private-1", TABLE_1, r#"["tunnel-1", "tunnel-2"]"#),
        ("private-2", TABLE_2, r#"["tunnel-2", "tunnel-1"]"#),
    ] {
        text += &format!(
            "\n[[route]]\nname = \"{route}\"\ntable = \"{table}\"\ndestination = \"{ON_PREMISES}\"\npaths = {paths}\n",
        );
    }
    text
}

fn probe(name: &str, subject: &str, target: SocketAddr) -> String {
    let (ip, port) = (target.ip(), target.port());
    format!("\n[[probe]]\nname = \"{name}\"\n{subject}\ntarget = \"{ip}\"\nport = {port}\n{PATIENCE}")
}
