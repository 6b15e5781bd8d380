//! `DescribeRouteTables`.

use super::select::{Form, Query};
use super::tag_set;
use crate::endpoint::args::Args;
use crate::endpoint::filter::Facts;
use crate::endpoint::xml::Xml;
use crate::world::{Destination, IdKind, Refusal, Route, RouteTable, Target, World};

const FILTERS: [&str; 9] = [
    "route-table-id",
    "vpc-id",
    "owner-id",
    "association.route-table-id",
    "association.subnet-id",
    "route.destination-cidr-block",
    "route.destination-ipv6-cidr-block",
    "route.origin",
    "route.state",
];

pub(super) fn read(args: &mut Args) -> Result<Query, Refusal> {
    let form = Form {
        kind: IdKind::RouteTable,
        ids: "RouteTableId",
        filters: &FILTERS,
        most: 100,
        ids_exclude_pages: None,
    };
    Query::read(args, &form)
}

fn facts<'a>(world: &'a World, table: &'a RouteTable) -> Facts<'a> {
    let of_family = |v6: bool| {
        table.routes.iter().filter_map(move |route| match &route.destination {
            Destination::V4(cidr) if !v6 => Some(cidr.as_str()),
            Destination::V6(cidr) if v6 => Some(cidr.as_str()),
            _ => None,
        })
    };
    Facts::new(&table.tags)
        .with("route-table-id", &table.id)
        .with("vpc-id", &table.vpc)
        .with("owner-id", &world.account)
        .with_all("association.route-table-id", table.associations.iter().map(|_| table.id.as_str()))
        .with_all("association.subnet-id", table.associations.iter().map(|a| a.subnet.as_str()))
        .with_all("route.destination-cidr-block", of_family(false))
        .with_all("route.destination-ipv6-cidr-block", of_family(true))
        .with_all("route.origin", table.routes.iter().map(|route| route.origin.as_str()))
        .with_all("route.state", table.routes.iter().map(|route| state(world, route)))
}

fn state(world: &World, route: &Route) -> &'static str {
    if world.is_blackhole(route) { "blackhole" } else { "active" }
}

pub(super) fn show(query: &Query, world: &World) -> Result<Xml, Refusal> {
    let all = world.tables.values().map(|table| (table.id.as_str(), table));
    let (page, token) = query.select(all, |table| facts(world, table))?;
    let mut xml = Xml::default();
    xml.list("routeTableSet", page, |xml, table| show_table(xml, world, table)).leaf_if("nextToken", token);
    Ok(xml)
}

fn show_table(xml: &mut Xml, world: &World, table: &RouteTable) {
    xml.leaf("routeTableId", &table.id).leaf("vpcId", &table.vpc).leaf("ownerId", &world.account);
    xml.list("routeSet", &table.routes, |xml, route| show_route(xml, world, route));
    xml.list("associationSet", &table.associations, |xml, association| {
        xml.leaf("routeTableAssociationId", &association.id)
            .leaf("routeTableId", &table.id)
            .leaf("subnetId", &association.subnet)
            .flag("main", false)
            .nest("associationState", |xml| {
                xml.leaf("state", "associated");
            });
    });
    xml.list("propagatingVgwSet", None::<&str>, |_, _| {});
    tag_set(xml, &table.tags);
}

fn show_route(xml: &mut Xml, world: &World, route: &Route) {
    match &route.destination {
        Destination::V4(cidr) => xml.leaf("destinationCidrBlock", cidr),
        Destination::V6(cidr) => xml.leaf("destinationIpv6CidrBlock", cidr),
        Destination::PrefixList(id) => xml.leaf("destinationPrefixListId", id),
    };
    match &route.target {
        Target::Local => {
            xml.leaf("gatewayId", "local");
        }
        Target::Gateway(id) => {
            xml.leaf("gatewayId", id);
        }
        Target::TransitGateway(id) => {
            xml.leaf("transitGatewayId", id);
        }
        Target::NatGateway(id) => {
            xml.leaf("natGatewayId", id);
        }
        Target::Interface(id) => {
            // EC2 names the instance as well, as long as the interface is attached to one.
            let instance = world.interfaces.get(id).and_then(|interface| interface.attached_to.as_ref());
            xml.leaf_if("instanceId", instance);
            xml.leaf_if("instanceOwnerId", instance.map(|_| &world.account));
            xml.leaf("networkInterfaceId", id);
        }
    }
    xml.leaf("state", state(world, route)).leaf("origin", route.origin.as_str());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_can_be_filtered_by() {
        let world = World::reference();
        for table in world.tables.values() {
            assert!(facts(&world, table).names().all(|name| FILTERS.contains(&name)));
        }
    }
}
