//! The reference case, as large as a figure wants it: its `cluster.toml`, and the VPC that belongs to it.

use arbiter_config::Config;
use arbiter_lab::world::{
    Destination, INSTANCE_1, INSTANCE_2, INTERFACE_1, INTERFACE_2, ON_PREMISES, Origin, Route, TABLE_1,
    TABLE_2, Target, World,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

/// The nodes, in the order of the file: the first forms the cluster and leads it.
pub(crate) const NODES: [&str; 3] = ["witness", "strongswan-1", "strongswan-2"];

/// The node that leads.
pub(crate) const LEADER: &str = NODES[0];

/// The node on the gateway whose tunnel is cut.
pub(crate) const NEAR: &str = NODES[1];

/// What is watched for an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Watched {
    /// An address of the loopback network, by ICMP: the kernel answers.
    Icmp,
    /// A listener, by TCP.
    Tcp(SocketAddr),
}

/// What differs from the reference case.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// The first byte of the nodes' own loopback network after 127, and the second.
    pub network: (u8, u8),
    /// The far ends of both tunnels.
    pub tunnels: [Watched; 2],
    /// Both gateways' hosts.
    pub hosts: [Watched; 2],
    /// Routes; with two or fewer it is the reference case's own, more are all at home on the first tunnel.
    pub routes: usize,
    /// Advisory probes of the first tunnel, beyond the reference case's.
    pub more_probes: usize,
    /// Lines for the probes of paths and gateways.
    pub patience: &'static str,
    /// Lines for `[timing]`: how often nodes report, and how soon a report is stale.
    pub reports: &'static str,
    /// The other lines for `[timing]`.
    pub timing: &'static str,
    /// Whether each node has a status port.
    pub status_ports: bool,
}

impl Case {
    /// The reference case with every setting at its default.
    pub fn at_rest(watched: Watched) -> Self {
        Self {
            network: network(),
            tunnels: [watched; 2],
            hosts: [watched; 2],
            routes: 2,
            more_probes: 0,
            patience: "",
            reports: "",
            timing: "",
            status_ports: false,
        }
    }

    /// Where a node listens. Each has an address of its own, so that all may have the same port.
    pub fn address(&self, node: &str) -> SocketAddr {
        self.at(node, 7_400)
    }

    /// Where a node serves its status page.
    pub fn status_port(&self, node: &str) -> SocketAddr {
        self.at(node, 7_480)
    }

    fn at(&self, node: &str, port: u16) -> SocketAddr {
        let number = NODES.iter().position(|name| *name == node).and_then(|at| u8::try_from(at + 1).ok());
        let (second, third) = self.network;
        SocketAddr::from((Ipv4Addr::new(127, second, third, number.unwrap_or(u8::MAX)), port))
    }

    /// The file that all nodes are started with.
    pub fn cluster_toml(&self) -> String {
        let mut text =
            format!("version = 1\ncluster.name = \"bench\"\n\n[timing]\n{}{}\n", self.reports, self.timing);
        for (id, name) in NODES.iter().enumerate() {
            let (id, address) = (id + 1, self.address(name));
            text += &format!(
                "\n[[node]]\nid = {id}\nname = \"{name}\"\nzone = \"zone-{id}\"\naddress = \"{address}\"\n\
                 data_dir = \"{name}\"\n"
            );
            if self.status_ports {
                text += &format!("http = \"{}\"\n", self.status_port(name));
            }
        }
        for (number, instance, interface) in [(1, INSTANCE_1, INTERFACE_1), (2, INSTANCE_2, INTERFACE_2)] {
            let node = NODES[number];
            text += &format!(
                "\n[[gateway]]\nname = \"{node}\"\nnode = \"{node}\"\nzone = \"zone-{}\"\ninstance = \"{instance}\"\n\
                 interface = \"{interface}\"\n\n[[path]]\nname = \"tunnel-{number}\"\ngateway = \"{node}\"\n",
                number + 1,
            );
            let (tunnel, host) = (self.tunnels[number - 1], self.hosts[number - 1]);
            let subject = format!("path = \"tunnel-{number}\"");
            text +=
                &self.probe(&format!("tunnel-{number}"), &subject, tunnel, loopback(1, number), "required");
            let subject = format!("gateway = \"{node}\"");
            text += &self.probe(node, &subject, host, loopback(2, number), "required");
        }
        for number in 0..self.more_probes {
            let (name, at) = (format!("behind-{number:04}"), loopback(3, number));
            text += &self.probe(&name, "path = \"tunnel-1\"", self.tunnels[0], at, "advisory");
        }
        for (name, table, home, other) in self.routes() {
            text += &format!(
                "\n[[route]]\nname = \"{name}\"\ntable = \"{table}\"\ndestination = \"{ON_PREMISES}\"\n\
                 paths = [\"tunnel-{home}\", \"tunnel-{other}\"]\n"
            );
        }
        text
    }

    fn probe(&self, name: &str, subject: &str, watched: Watched, icmp: Ipv4Addr, role: &str) -> String {
        let (kind, target): (_, IpAddr) = match watched {
            Watched::Icmp => ("kind = \"icmp\"".to_owned(), icmp.into()),
            Watched::Tcp(at) => (format!("kind = \"tcp\"\nport = {}", at.port()), at.ip()),
        };
        format!(
            "\n[[probe]]\nname = \"{name}\"\n{subject}\ntarget = \"{target}\"\n{kind}\nrole = \"{role}\"\n{}\n",
            self.patience
        )
    }

    /// Name, table, and the numbers of both tunnels.
    fn routes(&self) -> Vec<(String, String, u8, u8)> {
        if self.routes <= 2 {
            let reference = [("private-1", TABLE_1, 1, 2), ("private-2", TABLE_2, 2, 1)];
            return reference.map(|(name, table, a, b)| (name.to_owned(), table.to_owned(), a, b)).to_vec();
        }
        (0..self.routes).map(|n| (format!("route-{n:04}"), format!("rtb-{n:08x}"), 1, 2)).collect()
    }

    /// The file as a node reads it.
    ///
    /// # Errors
    /// A slip in this program: the file is refused.
    pub fn config(&self) -> anyhow::Result<Config> {
        let loaded = arbiter_config::parse(Path::new("cluster.toml"), &self.cluster_toml(), LEADER);
        let loaded = loaded.map_err(|refused| anyhow::anyhow!("the benchmark's own file: {refused}"))?;
        Ok(loaded.config)
    }

    /// The VPC in which all of its routes are at home.
    ///
    /// # Errors
    /// A slip in this program: the reference case's destination is none.
    pub fn world(&self) -> anyhow::Result<World> {
        let mut world = World::reference();
        let destination =
            Destination::parse(ON_PREMISES).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        for (name, table, ..) in self.routes() {
            if world.tables.contains_key(&table) {
                continue;
            }
            let mut row = world.new_table(&table, &name, None);
            let target = Target::Interface(INTERFACE_1.to_owned());
            row.routes.push(Route { destination: destination.clone(), target, origin: Origin::CreateRoute });
            world.tables.insert(table, row);
        }
        Ok(world)
    }
}

/// An address of the loopback network that nothing else uses; the kernel answers its ICMP.
fn loopback(group: u8, number: usize) -> Ipv4Addr {
    let byte = |n: usize| u8::try_from(n % 250).unwrap_or(0) + 1;
    Ipv4Addr::new(127, 250 + group, byte(number / 250), byte(number))
}

/// Two bytes by which two benchmarks at once, or a benchmark beside the tests, don't meet.
fn network() -> (u8, u8) {
    let process = std::process::id();
    let byte = |number: u32| u8::try_from(number % 249).unwrap_or(0) + 1;
    (byte(process / 249), byte(process))
}

/// What may be watched here: ICMP where it may be sent, as in the reference case; if not, a listener by TCP.
pub(crate) fn icmp_is_allowed() -> bool {
    use socket2::{Domain, Protocol, Socket, Type};
    [Type::DGRAM, Type::RAW]
        .into_iter()
        .any(|kind| Socket::new(Domain::IPV4, kind, Some(Protocol::ICMPV4)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_accepts_the_file_of_each_case_without_a_warning() {
        let small = Case::at_rest(Watched::Icmp);
        let tcp = Watched::Tcp(SocketAddr::from(([127, 0, 0, 1], 9)));
        let large = Case { routes: 1_000, more_probes: 1_000, status_ports: true, ..Case::at_rest(tcp) };
        for (case, routes, probes) in [(small, 2, 4), (large, 1_000, 1_004)] {
            let text = case.cluster_toml();
            for node in NODES {
                let loaded = arbiter_config::parse(Path::new("/x/cluster.toml"), &text, node);
                let loaded = loaded.unwrap_or_else(|refused| panic!("{refused}"));
                assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
                let policy = loaded.config.policy;
                assert_eq!((policy.routes.len(), policy.probes.len()), (routes, probes));
            }
            let world = case.world().unwrap();
            assert!(case.routes().iter().all(|(_, table, ..)| world.tables.contains_key(table)));
        }
    }
}
