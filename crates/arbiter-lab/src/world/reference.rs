//! The reference case, which every example, test and demo uses.

use super::{
    Association, Destination, ElasticIp, Instance, Interface, Origin, Route, RouteTable, Target, World,
};
use std::collections::BTreeMap;

/// The route table of subnet private-1.
pub const TABLE_1: &str = "rtb-468f5222";
/// The route table of subnet private-2.
pub const TABLE_2: &str = "rtb-4b8f522f";
/// The interface of gateway strongswan-1.
pub const INTERFACE_1: &str = "eni-23fbd87a";
/// The interface of gateway strongswan-2.
pub const INTERFACE_2: &str = "eni-2d75e606";
/// The instance of gateway strongswan-1.
pub const INSTANCE_1: &str = "i-0f1e2d3c4b5a69788";
/// The instance of gateway strongswan-2.
pub const INSTANCE_2: &str = "i-08f7e6d5c4b3a2910";
/// The Elastic IP of gateway strongswan-1.
pub const ELASTIC_IP_1: &str = "54.223.192.238";
/// The Elastic IP of gateway strongswan-2.
pub const ELASTIC_IP_2: &str = "54.222.191.34";
/// The data centre: the destination of the route in both tables.
pub const ON_PREMISES: &str = "10.10.0.0/16";

impl World {
    /// Two gateways in two zones, two private subnets, each with a route table whose route to the data centre
    /// points at the gateway of its own zone.
    pub fn reference() -> Self {
        let vpc = "vpc-0c1d2e3f4a5b69788";
        let mut world = Self::empty("cn-north-1", vpc, "172.16.0.0/16");
        let zones = [
            Zone {
                name: "cn-north-1a",
                table: TABLE_1,
                private: ("private-1", "subnet-0a3c4d5e6f708192a"),
                public: "subnet-0a1b2c3d4e5f60718",
                gateway: ("strongswan-1", INSTANCE_1, INTERFACE_1, "172.16.1.157"),
                elastic_ip: (ELASTIC_IP_1, "0a5f4e3d2c1b0a987"),
            },
            Zone {
                name: "cn-north-1b",
                table: TABLE_2,
                private: ("private-2", "subnet-0b4d5e6f708192a3b"),
                public: "subnet-0b2c3d4e5f6071829",
                gateway: ("strongswan-2", INSTANCE_2, INTERFACE_2, "172.16.2.126"),
                elastic_ip: (ELASTIC_IP_2, "0b6f5e4d3c2b1a098"),
            },
        ];
        for zone in zones {
            zone.build(&mut world);
        }
        world
    }

    /// A route table of this VPC with the VPC's own route and nothing else.
    pub fn new_table(&self, id: &str, name: &str, subnet: Option<&str>) -> RouteTable {
        let local = Route {
            destination: Destination::V4(self.vpc_cidr.clone()),
            target: Target::Local,
            origin: Origin::CreateRouteTable,
        };
        let associations = subnet.map(|subnet| Association {
            id: format!("rtbassoc-{}", id.trim_start_matches("rtb-")),
            subnet: subnet.to_owned(),
        });
        RouteTable {
            id: id.to_owned(),
            vpc: self.vpc.clone(),
            tags: ours(name),
            associations: associations.into_iter().collect(),
            routes: vec![local],
        }
    }
}

/// The tag by which whoever runs the gateways says that a node may change this; the IAM policy asks for it.
const MANAGED: (&str, &str) = ("route-arbiter", "managed");

fn named(name: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("Name".to_owned(), name.to_owned())])
}

fn ours(name: &str) -> BTreeMap<String, String> {
    let mut tags = named(name);
    tags.insert(MANAGED.0.to_owned(), MANAGED.1.to_owned());
    tags
}

/// One zone of the reference case.
struct Zone {
    name: &'static str,
    table: &'static str,
    private: (&'static str, &'static str),
    public: &'static str,
    gateway: (&'static str, &'static str, &'static str, &'static str),
    elastic_ip: (&'static str, &'static str),
}

impl Zone {
    fn build(&self, world: &mut World) {
        let (gateway, instance, interface, address) = self.gateway;
        let mut row = Instance::running(instance, self.name, self.public, address);
        row.tags = ours(gateway);
        world.instances.insert(instance.to_owned(), row);
        let (public_ip, id) = self.elastic_ip;
        let elastic_ip = ElasticIp {
            public_ip: public_ip.to_owned(),
            allocation: format!("eipalloc-{id}"),
            association: format!("eipassoc-{id}"),
        };
        let row = Interface {
            id: interface.to_owned(),
            subnet: self.public.to_owned(),
            zone: self.name.to_owned(),
            private_ip: address.to_owned(),
            attached_to: Some(instance.to_owned()),
            source_dest_check: false,
            elastic_ip: Some(elastic_ip),
            tags: named(gateway),
        };
        world.interfaces.insert(interface.to_owned(), row);
        let route = Route {
            destination: Destination::V4(ON_PREMISES.to_owned()),
            target: Target::Interface(interface.to_owned()),
            origin: Origin::CreateRoute,
        };
        let mut table = world.new_table(self.table, self.private.0, Some(self.private.1));
        table.routes.push(route);
        world.tables.insert(table.id.clone(), table);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_case_that_the_example_file_describes() {
        let example = include_str!("../../../../cluster.example.toml");
        for name in [TABLE_1, TABLE_2, INTERFACE_1, INTERFACE_2, INSTANCE_1, INSTANCE_2, ON_PREMISES] {
            assert!(example.contains(&format!("\"{name}\"")), "{name}");
        }
    }
}
