//! `DescribeNetworkInterfaces`.

use super::select::{Form, Query};
use super::tag_set;
use crate::endpoint::args::Args;
use crate::endpoint::filter::Facts;
use crate::endpoint::xml::Xml;
use crate::world::{IdKind, Interface, Refusal, World};

const FILTERS: [&str; 9] = [
    "network-interface-id",
    "vpc-id",
    "subnet-id",
    "availability-zone",
    "private-ip-address",
    "attachment.instance-id",
    "association.public-ip",
    "status",
    "owner-id",
];

/// Nobody reads it; the SDKs want a date there.
const ATTACHED: &str = "2026-01-01T00:00:00.000Z";

pub(super) fn read(args: &mut Args) -> Result<Query, Refusal> {
    let form = Form {
        kind: IdKind::Interface,
        ids: "NetworkInterfaceId",
        filters: &FILTERS,
        most: 1_000,
        ids_exclude_pages: Some("networkInterfaceIdSet"),
    };
    Query::read(args, &form)
}

fn status(interface: &Interface) -> &'static str {
    if interface.attached_to.is_some() { "in-use" } else { "available" }
}

fn facts<'a>(world: &World, interface: &'a Interface) -> Facts<'a> {
    Facts::new(&interface.tags)
        .with("network-interface-id", &interface.id)
        .with("vpc-id", &world.vpc)
        .with("subnet-id", &interface.subnet)
        .with("availability-zone", &interface.zone)
        .with("private-ip-address", &interface.private_ip)
        .with_all("attachment.instance-id", interface.attached_to.as_deref())
        .with_all("association.public-ip", interface.elastic_ip.as_ref().map(|ip| ip.public_ip.as_str()))
        .with("status", status(interface))
        .with("owner-id", &world.account)
}

pub(super) fn show(query: &Query, world: &World) -> Result<Xml, Refusal> {
    let all = world.interfaces.values().map(|interface| (interface.id.as_str(), interface));
    let (page, token) = query.select(all, |interface| facts(world, interface))?;
    let mut xml = Xml::default();
    xml.list("networkInterfaceSet", page, |xml, interface| {
        show_basics(xml, world, interface);
        xml.leaf("availabilityZone", &interface.zone);
        show_attachment(xml, world, interface, true);
        tag_set(xml, &interface.tags);
    });
    xml.leaf_if("nextToken", token);
    Ok(xml)
}

/// What both describes show of an interface: `DescribeInstances` shows the interfaces as well.
pub(super) fn show_basics(xml: &mut Xml, world: &World, interface: &Interface) {
    xml.leaf("networkInterfaceId", &interface.id)
        .leaf("subnetId", &interface.subnet)
        .leaf("vpcId", &world.vpc)
        .leaf("ownerId", &world.account)
        .leaf("description", "")
        .leaf("interfaceType", "interface")
        .leaf("status", status(interface))
        .leaf("privateIpAddress", &interface.private_ip)
        .flag("sourceDestCheck", interface.source_dest_check);
    xml.list("privateIpAddressesSet", [interface], |xml, interface| {
        xml.leaf("privateIpAddress", &interface.private_ip).flag("primary", true);
        show_association(xml, world, interface);
    });
    show_association(xml, world, interface);
}

fn show_association(xml: &mut Xml, world: &World, interface: &Interface) {
    if let Some(elastic_ip) = &interface.elastic_ip {
        xml.nest("association", |xml| {
            xml.leaf("publicIp", &elastic_ip.public_ip)
                .leaf("ipOwnerId", &world.account)
                .leaf("allocationId", &elastic_ip.allocation)
                .leaf("associationId", &elastic_ip.association);
        });
    }
}

pub(super) fn show_attachment(xml: &mut Xml, world: &World, interface: &Interface, with_instance: bool) {
    let Some(instance) = &interface.attached_to else { return };
    xml.nest("attachment", |xml| {
        xml.leaf("attachmentId", format!("eni-attach-{}", interface.id.trim_start_matches("eni-")));
        if with_instance {
            xml.leaf("instanceId", instance).leaf("instanceOwnerId", &world.account);
        }
        // A second interface of one instance would be device 1, 2, …: its place in the order of ids.
        let device = world.interfaces_of(instance).position(|other| other.id == interface.id).unwrap_or(0);
        xml.leaf("deviceIndex", device.to_string())
            .leaf("status", "attached")
            .leaf("attachTime", ATTACHED)
            .flag("deleteOnTermination", false);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_can_be_filtered_by() {
        let world = World::reference();
        for interface in world.interfaces.values() {
            assert!(facts(&world, interface).names().all(|name| FILTERS.contains(&name)));
        }
    }
}
