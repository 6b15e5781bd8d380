//! The VPC's router does what the endpoint's route tables say: one Linux routing table per VPC route table.
//!
//! By `ip -batch` and `nft -f`, each of which takes all or complains, and not by a netlink crate: a change is a handful of
//! lines that anybody can read in a log and type by hand, and the some ten milliseconds of a process are small beside
//! EC2's own 150. How long it took is measured and shown.

use super::nat;
use super::topology::{CABLES, Host, VPC_NET};
use super::wires::Machines;
use crate::world::{Destination, RouteTable, Target, World};
use anyhow::Context;
use std::collections::{BTreeMap, BTreeSet};

/// The first number of the kernel's tables that stand for route tables; any that is free will do.
const FIRST_TABLE: usize = 1_000;

/// A route in the kernel: the number of its table, its destination.
type InKernel = BTreeMap<(usize, String), String>;

/// The router, as it was programmed last.
#[derive(Debug, Default)]
pub(super) struct VpcRouter {
    programmed: BTreeSet<(usize, String)>,
}

impl VpcRouter {
    /// Programs it anew: routes, source/destination checks, Elastic IPs.
    pub async fn program(&mut self, machines: &Machines, world: &World) -> anyhow::Result<()> {
        let machine = machines.get(&Host::Vpc).context("the VPC's router is off")?;
        let wanted = routes(world, |host| machines.contains_key(&host));
        let mut lines: Vec<_> = wanted.values().cloned().collect();
        for (table, destination) in self.programmed.iter().filter(|route| !wanted.contains_key(*route)) {
            // It may have gone with its cable; to delete what is not there would be an error.
            lines.push(format!("route replace blackhole {destination} table {table}"));
            lines.push(format!("route del blackhole {destination} table {table}"));
        }
        machine.ip(&lines).await?;
        machine.nft(&(nat::of_vpc(world) + &checks(world))).await?;
        self.programmed = wanted.into_keys().collect();
        Ok(())
    }
}

/// The rules that lead each private subnet to its table; once, when the router is switched on.
pub(super) fn rules(world: &World) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, table) in world.tables.values().enumerate() {
        let Some(interface) = interface_of(table) else { continue };
        let kernel = FIRST_TABLE + number;
        // The VPC's own addresses go by the cables; all else by the table alone.
        lines.push(format!("rule add pref 100 iif {interface} to {VPC_NET} lookup main"));
        lines.push(format!("rule add pref 110 iif {interface} lookup {kernel}"));
        lines.push(format!("rule add pref 120 iif {interface} blackhole"));
    }
    lines
}

/// The router's interface to the subnet that uses a table: they bear the same name.
fn interface_of(table: &RouteTable) -> Option<&'static str> {
    let name = table.tags.get("Name")?;
    let ends = CABLES.iter().filter_map(|cable| cable.end_of(Host::Vpc));
    ends.map(|end| end.interface).find(|interface| interface == name)
}

/// The lines that make the kernel's tables what the world's are.
fn routes(world: &World, alive: impl Fn(Host) -> bool) -> InKernel {
    let mut lines = InKernel::new();
    for (number, table) in world.tables.values().enumerate() {
        let kernel = FIRST_TABLE + number;
        for route in table.routes.iter().filter(|route| route.target != Target::Local) {
            let Destination::V4(destination) = &route.destination else { continue };
            // Before a propagated route to the same destination, the static one wins.
            let target = table.static_route(&route.destination).map_or(&route.target, |it| &it.target);
            let line = match hop(world, target).filter(|(host, _)| alive(*host)) {
                Some((host, address)) => {
                    format!("route replace {destination} via {address} dev {host} table {kernel}")
                }
                // As EC2 does with a target that is stopped or detached.
                None => format!("route replace blackhole {destination} table {kernel}"),
            };
            lines.insert((kernel, destination.clone()), line);
        }
    }
    lines
}

/// The host behind an interface, and its address: if the interface is attached and its instance runs.
fn hop(world: &World, target: &Target) -> Option<(Host, String)> {
    let Target::Interface(id) = target else { return None };
    let interface = world.interfaces.get(id)?;
    interface.attached_to.as_ref()?;
    let host = Host::ALL.into_iter().find(|host| host.address() == interface.private_ip)?;
    Some((host, interface.private_ip.clone()))
}

/// The source/destination check: an interface that has it on neither sends nor gets what is not its own.
fn checks(world: &World) -> String {
    let mut lines = String::new();
    for interface in world.interfaces.values().filter(|interface| interface.source_dest_check) {
        let ip = &interface.private_ip;
        if let Some(host) = Host::ALL.into_iter().find(|host| host.address() == ip) {
            lines += &format!("        iifname \"{host}\" ip saddr != {ip} drop\n");
            lines += &format!("        oifname \"{host}\" ip daddr != {ip} drop\n");
        }
    }
    format!(
        "table ip checks\ndelete table ip checks\ntable ip checks {{\n    chain forward {{\n\
         \x20       type filter hook forward priority 0;\n{lines}    }}\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Act, INTERFACE_1, INTERFACE_2, ON_PREMISES, TABLE_1};

    #[test]
    fn each_private_subnet_is_led_to_its_own_table() {
        let rules = rules(&World::reference());
        assert_eq!(rules.len(), 6);
        assert!(rules.contains(&"rule add pref 110 iif private-1 lookup 1000".to_owned()), "{rules:?}");
        assert!(rules.contains(&"rule add pref 110 iif private-2 lookup 1001".to_owned()), "{rules:?}");
    }

    #[test]
    fn a_route_follows_its_target_and_falls_into_a_hole_with_it() {
        let mut world = World::reference();
        let line = |world: &World, alive: bool| {
            routes(world, |_| alive)[&(FIRST_TABLE, ON_PREMISES.to_owned())].clone()
        };
        assert_eq!(
            line(&world, true),
            "route replace 10.10.0.0/16 via 172.16.1.157 dev strongswan-1 table 1000"
        );
        assert_eq!(line(&world, false), "route replace blackhole 10.10.0.0/16 table 1000");
        let destination = Destination::parse(ON_PREMISES).unwrap();
        let act = Act::by_hand(0);
        let target = Target::Interface(INTERFACE_2.to_owned());
        world.set_route(act, TABLE_1, &destination, Some(target)).unwrap();
        assert_eq!(
            line(&world, true),
            "route replace 10.10.0.0/16 via 172.16.2.126 dev strongswan-2 table 1000"
        );
        world.attach(act, INTERFACE_2, None).unwrap();
        assert!(line(&world, true).contains("blackhole"));
    }

    #[test]
    fn a_check_that_is_on_drops_what_is_not_the_gateways_own() {
        let mut world = World::reference();
        assert!(!checks(&world).contains("drop"));
        world.set_source_dest_check(Act::by_hand(0), INTERFACE_1, true).unwrap();
        let rules = checks(&world);
        assert!(rules.contains("oifname \"strongswan-1\" ip daddr != 172.16.1.157 drop"), "{rules}");
        assert!(!rules.contains("strongswan-2"), "{rules}");
    }
}
