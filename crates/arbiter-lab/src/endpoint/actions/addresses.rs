//! `DescribeAddresses`: the Elastic IPs that are associated with an interface. The world has no others.

use super::Look;
use super::select::{Form, Query};
use crate::endpoint::args::Args;
use crate::endpoint::filter::Facts;
use crate::endpoint::xml::Xml;
use crate::world::{ElasticIp, IdKind, Interface, Refusal, World};
use std::collections::BTreeMap;

const FILTERS: [&str; 5] =
    ["allocation-id", "association-id", "instance-id", "network-interface-id", "public-ip"];

/// Elastic IPs of the world have no tags of their own.
static NO_TAGS: BTreeMap<String, String> = BTreeMap::new();

pub(super) fn read(args: &mut Args) -> Result<Look, Refusal> {
    let public_ips = args.list("PublicIp")?;
    let form = Form {
        kind: IdKind::Allocation,
        ids: "AllocationId",
        filters: &FILTERS,
        most: 1_000,
        ids_exclude_pages: None,
    };
    Ok(Look::Addresses { query: Query::read(args, &form)?, public_ips })
}

fn facts<'a>((elastic_ip, interface): &(&ElasticIp, &Interface)) -> Facts<'a> {
    Facts::new(&NO_TAGS)
        .with("allocation-id", &elastic_ip.allocation)
        .with("association-id", &elastic_ip.association)
        .with("network-interface-id", &interface.id)
        .with("public-ip", &elastic_ip.public_ip)
        .with_all("instance-id", interface.attached_to.as_deref())
}

pub(super) fn show(query: &Query, public_ips: &[String], world: &World) -> Result<Xml, Refusal> {
    let mut all: Vec<_> = world
        .interfaces
        .values()
        .filter_map(|interface| interface.elastic_ip.as_ref().map(|elastic_ip| (elastic_ip, interface)))
        .collect();
    all.sort_by_key(|(elastic_ip, _)| &elastic_ip.allocation);
    if let Some(stranger) = public_ips.iter().find(|ip| !all.iter().any(|(known, _)| known.public_ip == **ip))
    {
        return Err(Refusal::new("InvalidAddress.NotFound", 400, format!("Address '{stranger}' not found.")));
    }
    let wanted = all
        .into_iter()
        .filter(|(elastic_ip, _)| public_ips.is_empty() || public_ips.contains(&elastic_ip.public_ip))
        .map(|pair| (pair.0.allocation.as_str(), pair));
    let (page, _) = query.select(wanted, facts)?;
    let mut xml = Xml::default();
    xml.list("addressesSet", page, |xml, (elastic_ip, interface)| {
        xml.leaf("publicIp", &elastic_ip.public_ip)
            .leaf("allocationId", &elastic_ip.allocation)
            .leaf("associationId", &elastic_ip.association)
            .leaf("domain", "vpc")
            .leaf_if("instanceId", interface.attached_to.as_ref())
            .leaf("networkInterfaceId", &interface.id)
            .leaf("networkInterfaceOwnerId", &world.account)
            .leaf("privateIpAddress", &interface.private_ip);
    });
    Ok(xml)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_can_be_filtered_by() {
        let world = World::reference();
        for interface in world.interfaces.values() {
            let elastic_ip = interface.elastic_ip.as_ref().unwrap();
            assert!(facts(&(elastic_ip, interface)).names().all(|name| FILTERS.contains(&name)));
        }
    }
}
