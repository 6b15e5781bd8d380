//! The reference topology as data: hosts, cables, addresses, routes. Everything else in here works on these tables.
//!
//! ```text
//!                        10.10.0.0/16                                      172.16.0.0/16
//!                     ┌─ router-1 ──────┐                    ┌──────────── strongswan-1   (172.16.1.157)
//!  on-premises ── core│                 internet ── vpc ─────┼──────────── strongswan-2   (172.16.2.126)
//!  10.10.3.10         └─ router-2 ──────┘           │        ├──────────── witness        (172.16.5.10)
//!                                             Elastic IPs    ├──────────── private-1      (172.16.3.10)
//!                                                            └──────────── private-2      (172.16.4.10)
//! ```
//!
//! Besides, every host where a node may run has a line of its own to the lab: the way to the EC2 endpoint, and to nothing
//! else; the lab asks the nodes over it how they are.

use crate::world::{ELASTIC_IP_1, ELASTIC_IP_2, ON_PREMISES};
use std::fmt;

/// The data centre's addresses.
pub(super) const SITE_NET: &str = ON_PREMISES;
/// The VPC's addresses.
pub(super) const VPC_NET: &str = "172.16.0.0/16";
/// Where the EC2 endpoint is found by the nodes: an address of the lab's own, on none of the networks in between.
pub(super) const ENDPOINT_ADDRESS: &str = "192.0.2.254";
/// The endpoint's port.
pub(super) const ENDPOINT_PORT: u16 = 8_800;

/// A host: a network namespace with what runs in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Host {
    /// The VPC's implicit router, and its internet gateway.
    Vpc,
    /// A host in subnet private-1.
    Private1,
    /// A host in subnet private-2.
    Private2,
    /// The gateway of zone a.
    Strongswan1,
    /// The gateway of zone b.
    Strongswan2,
    /// The witness.
    Witness,
    /// Another, where there are five nodes.
    Witness2,
    /// Another, where there are five nodes.
    Witness3,
    /// What is between the VPC and the data centre; it also does the data centre's address translation.
    Internet,
    /// The on-premises router of tunnel 1.
    Router1,
    /// The on-premises router of tunnel 2.
    Router2,
    /// The core router of the data centre's LAN.
    Core,
    /// A host in the data centre.
    OnPremises,
}

impl Host {
    /// All of the reference case, routers first.
    pub const ALL: [Self; 11] = [
        Self::Vpc,
        Self::Internet,
        Self::Core,
        Self::Private1,
        Self::Private2,
        Self::Router1,
        Self::Router2,
        Self::OnPremises,
        Self::Strongswan1,
        Self::Strongswan2,
        Self::Witness,
    ];

    /// Those that are there besides, where there are five nodes.
    pub const OF_FIVE: [Self; 2] = [Self::Witness2, Self::Witness3];

    /// Its name on the command line; also the host name that its processes see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vpc => "vpc",
            Self::Private1 => "private-1",
            Self::Private2 => "private-2",
            Self::Strongswan1 => "strongswan-1",
            Self::Strongswan2 => "strongswan-2",
            Self::Witness => "witness",
            Self::Witness2 => "witness-2",
            Self::Witness3 => "witness-3",
            Self::Internet => "internet",
            Self::Router1 => "router-1",
            Self::Router2 => "router-2",
            Self::Core => "core",
            Self::OnPremises => "on-premises",
        }
    }

    /// The host of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().chain(Self::OF_FIVE).find(|host| host.name() == name)
    }

    /// Whether it passes on what is not for itself.
    pub const fn forwards(self) -> bool {
        matches!(
            self,
            Self::Vpc
                | Self::Internet
                | Self::Core
                | Self::Router1
                | Self::Router2
                | Self::Strongswan1
                | Self::Strongswan2
        )
    }

    /// Routes other than those to its own cables, as `ip route add` takes them.
    pub const fn routes(self) -> &'static [&'static str] {
        match self {
            // Nobody on the internet carries private addresses: without these, a tunnel that is down would be
            // bypassed in the open.
            Self::Vpc => &[
                "default via 198.51.100.2",
                "blackhole 10.0.0.0/8",
                "blackhole 169.254.0.0/16",
                "blackhole 172.16.0.0/12",
            ],
            Self::Internet => &[
                "54.223.192.238 via 198.51.100.1",
                "54.222.191.34 via 198.51.100.1",
                "10.10.1.100 via 192.168.1.2",
                "10.10.2.100 via 192.168.2.2",
            ],
            Self::Private1 => &["default via 172.16.3.1"],
            Self::Private2 => &["default via 172.16.4.1"],
            Self::Strongswan1 => &["default via 172.16.1.1"],
            Self::Strongswan2 => &["default via 172.16.2.1"],
            Self::Witness => &["default via 172.16.5.1"],
            Self::Witness2 => &["default via 172.16.6.1"],
            Self::Witness3 => &["default via 172.16.7.1"],
            Self::Router1 => &[
                "default via 192.168.1.1 src 10.10.1.100",
                "10.10.0.0/16 via 10.10.1.1",
                "blackhole 172.16.0.0/12",
            ],
            Self::Router2 => &[
                "default via 192.168.2.1 src 10.10.2.100",
                "10.10.0.0/16 via 10.10.2.1",
                "blackhole 172.16.0.0/12",
            ],
            // What a gateway asks through its tunnel has to be answered through the same.
            Self::Core => &["172.16.1.0/24 via 10.10.1.100", "172.16.2.0/24 via 10.10.2.100"],
            Self::OnPremises => &["default via 10.10.3.1"],
        }
    }

    /// Further addresses of its own, on the loopback interface: the inner end of its tunnel.
    pub fn inner_address(self) -> Option<&'static str> {
        SIDES.iter().find_map(|side| match self {
            host if host == side.gateway => Some(side.inner_gateway),
            host if host == side.router => Some(side.inner_router),
            _ => None,
        })
    }

    /// Its address on its line to the lab, if it has one.
    pub const fn management_address(self) -> Option<&'static str> {
        match self {
            Self::Strongswan1 => Some("192.0.2.1"),
            Self::Strongswan2 => Some("192.0.2.2"),
            Self::Witness => Some("192.0.2.3"),
            Self::Witness2 => Some("192.0.2.4"),
            Self::Witness3 => Some("192.0.2.5"),
            Self::Router1 => Some("192.0.2.11"),
            Self::Router2 => Some("192.0.2.12"),
            Self::Core => Some("192.0.2.13"),
            _ => None,
        }
    }

    /// The name of the lab's end of that line.
    pub fn management_interface(self) -> String {
        format!("m-{self}")
    }

    /// The address that others know it by.
    pub fn address(self) -> &'static str {
        match self {
            Self::Router1 => SIDES[0].router_address,
            Self::Router2 => SIDES[1].router_address,
            _ => CABLES.iter().find_map(|cable| cable.end_of(self)).map_or("", |end| end.ip()),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One end of a cable.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    /// The host that it is plugged into.
    pub host: Host,
    /// The name of its interface there.
    pub interface: &'static str,
    /// Its address, with the length of the network's prefix.
    pub address: &'static str,
}

impl End {
    /// Its address alone.
    pub fn ip(&self) -> &'static str {
        self.address.split_once('/').map_or(self.address, |(ip, _)| ip)
    }
}

/// A cable between two hosts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cable(pub End, pub End);

impl Cable {
    /// Its end in a host, if it has one there.
    pub fn end_of(&self, host: Host) -> Option<&End> {
        [&self.0, &self.1].into_iter().find(|end| end.host == host)
    }
}

const fn end(host: Host, interface: &'static str, address: &'static str) -> End {
    End { host, interface, address }
}

/// All cables. A router's interface bears the name of the host at the other end.
pub(super) const CABLES: [Cable; 13] = [
    Cable(end(Host::Private1, "eth0", "172.16.3.10/24"), end(Host::Vpc, "private-1", "172.16.3.1/24")),
    Cable(end(Host::Private2, "eth0", "172.16.4.10/24"), end(Host::Vpc, "private-2", "172.16.4.1/24")),
    Cable(end(Host::Strongswan1, "eth0", "172.16.1.157/24"), end(Host::Vpc, "strongswan-1", "172.16.1.1/24")),
    Cable(end(Host::Strongswan2, "eth0", "172.16.2.126/24"), end(Host::Vpc, "strongswan-2", "172.16.2.1/24")),
    Cable(end(Host::Witness, "eth0", "172.16.5.10/24"), end(Host::Vpc, "witness", "172.16.5.1/24")),
    Cable(end(Host::Witness2, "eth0", "172.16.6.10/24"), end(Host::Vpc, "witness-2", "172.16.6.1/24")),
    Cable(end(Host::Witness3, "eth0", "172.16.7.10/24"), end(Host::Vpc, "witness-3", "172.16.7.1/24")),
    Cable(end(Host::Vpc, "internet", "198.51.100.1/30"), end(Host::Internet, "vpc", "198.51.100.2/30")),
    Cable(end(Host::Internet, "router-1", "192.168.1.1/30"), end(Host::Router1, "wan", "192.168.1.2/30")),
    Cable(end(Host::Internet, "router-2", "192.168.2.1/30"), end(Host::Router2, "wan", "192.168.2.2/30")),
    Cable(end(Host::Router1, "lan", "10.10.1.100/24"), end(Host::Core, "router-1", "10.10.1.1/24")),
    Cable(end(Host::Router2, "lan", "10.10.2.100/24"), end(Host::Core, "router-2", "10.10.2.1/24")),
    Cable(end(Host::OnPremises, "eth0", "10.10.3.10/24"), end(Host::Core, "on-premises", "10.10.3.1/24")),
];

/// One of the two ways between the VPC and the data centre, with what belongs to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side {
    /// `a` or `b`, as its zone ends.
    pub letter: &'static str,
    /// The gateway in the VPC.
    pub gateway: Host,
    /// The gateway's address in the VPC.
    pub gateway_address: &'static str,
    /// The gateway's Elastic IP, at the start.
    pub elastic_ip: &'static str,
    /// The router in the data centre.
    pub router: Host,
    /// The router's own address.
    pub router_address: &'static str,
    /// The address that the router is known by on the internet.
    pub router_public: &'static str,
    /// The gateway's end of the tunnel.
    pub inner_gateway: &'static str,
    /// The router's end of the tunnel.
    pub inner_router: &'static str,
    /// The core router's address on the network behind the router.
    pub behind: &'static str,
    /// The private host whose route is at home here.
    pub private: Host,
    /// That host's subnet.
    pub private_net: &'static str,
}

/// Both.
pub(super) const SIDES: [Side; 2] = [
    Side {
        letter: "a",
        gateway: Host::Strongswan1,
        gateway_address: "172.16.1.157",
        elastic_ip: ELASTIC_IP_1,
        router: Host::Router1,
        router_address: "10.10.1.100",
        router_public: "52.50.130.77",
        inner_gateway: "169.254.100.2",
        inner_router: "169.254.100.1",
        behind: "10.10.1.1",
        private: Host::Private1,
        private_net: "172.16.3.0/24",
    },
    Side {
        letter: "b",
        gateway: Host::Strongswan2,
        gateway_address: "172.16.2.126",
        elastic_ip: ELASTIC_IP_2,
        router: Host::Router2,
        router_address: "10.10.2.100",
        router_public: "52.51.34.140",
        inner_gateway: "169.254.200.2",
        inner_router: "169.254.200.1",
        behind: "10.10.2.1",
        private: Host::Private2,
        private_net: "172.16.4.0/24",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_host_has_a_name_of_its_own_and_a_cable() {
        let all = || Host::ALL.into_iter().chain(Host::OF_FIVE);
        let names: BTreeSet<_> = all().map(Host::name).collect();
        assert_eq!(names.len(), all().count());
        for host in all() {
            assert_eq!(Host::named(host.name()), Some(host));
            assert!(CABLES.iter().any(|cable| cable.end_of(host).is_some()), "{host}");
            assert!(!host.address().is_empty(), "{host}");
        }
    }

    #[test]
    fn names_of_interfaces_fit_and_no_address_is_there_twice() {
        let ends = || CABLES.iter().flat_map(|cable| [cable.0, cable.1]);
        let interfaces: BTreeSet<_> = ends().map(|end| (end.host, end.interface)).collect();
        let addresses: BTreeSet<_> = ends().map(|end| end.ip()).collect();
        assert_eq!(interfaces.len(), 2 * CABLES.len());
        assert_eq!(addresses.len(), 2 * CABLES.len());
        // The kernel takes 15 bytes.
        assert!(ends().all(|end| end.interface.len() <= 15));
        assert!(Host::ALL.iter().all(|host| host.management_interface().len() <= 15));
    }

    #[test]
    fn it_is_the_topology_of_the_example_file() {
        let example = include_str!("../../../../cluster.example.toml");
        for side in SIDES {
            assert_eq!(side.gateway.address(), side.gateway_address);
            assert_eq!(side.router.address(), side.router_address);
            assert!(example.contains(&format!("target = \"{}\"", side.inner_router)));
            assert!(example.contains(&format!("address = \"{}:7400\"", side.gateway_address)));
        }
        assert!(example.contains(Host::Witness.address()));
    }
}
