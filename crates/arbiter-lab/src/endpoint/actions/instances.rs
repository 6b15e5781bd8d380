//! `DescribeInstances`, `DescribeInstanceStatus`, `DescribeInstanceAttribute`.

use super::select::{Form, Query};
use super::{Look, interfaces, tag_set};
use crate::endpoint::args::Args;
use crate::endpoint::filter::Facts;
use crate::endpoint::xml::Xml;
use crate::world::{Check, IdKind, Instance, InstanceState, Refusal, World};

const FILTERS: [&str; 10] = [
    "instance-id",
    "vpc-id",
    "subnet-id",
    "availability-zone",
    "private-ip-address",
    "instance-state-name",
    "instance-state-code",
    "ip-address",
    "network-interface.network-interface-id",
    "owner-id",
];

const STATUS_FILTERS: [&str; 5] = [
    "availability-zone",
    "instance-state-name",
    "instance-state-code",
    "instance-status.status",
    "system-status.status",
];

/// Nobody reads it; the SDKs want a date there.
const LAUNCHED: &str = "2026-01-01T00:00:00.000Z";

fn form<'a>(filters: &'a [&'a str]) -> Form<'a> {
    Form {
        kind: IdKind::Instance,
        ids: "InstanceId",
        filters,
        most: 1_000,
        ids_exclude_pages: Some("instancesSet"),
    }
}

pub(super) fn read(args: &mut Args) -> Result<Query, Refusal> {
    Query::read(args, &form(&FILTERS))
}

pub(super) fn read_status(args: &mut Args) -> Result<Look, Refusal> {
    let query = Query::read(args, &form(&STATUS_FILTERS))?;
    Ok(Look::InstanceStatus { query, all: args.flag("IncludeAllInstances")? })
}

pub(super) fn read_attribute(args: &mut Args) -> Result<Look, Refusal> {
    let attribute = args.require("Attribute")?;
    let instance = args.require("InstanceId")?;
    IdKind::Instance.check(&instance)?;
    // EC2 has more; these are the ones that a route table's keeper may want.
    if !matches!(attribute.as_str(), "sourceDestCheck" | "disableApiStop" | "disableApiTermination") {
        return Err(Refusal::invalid_value(format!(
            "Value ({attribute}) for parameter attribute is invalid. Unknown attribute."
        )));
    }
    Ok(Look::InstanceAttribute { instance, attribute })
}

fn facts<'a>(world: &'a World, instance: &'a Instance) -> Facts<'a> {
    let addresses = world.interfaces_of(&instance.id).filter_map(|interface| interface.elastic_ip.as_ref());
    Facts::new(&instance.tags)
        .with("instance-id", &instance.id)
        .with("vpc-id", &world.vpc)
        .with("subnet-id", &instance.subnet)
        .with("availability-zone", &instance.zone)
        .with("private-ip-address", &instance.private_ip)
        .with("instance-state-name", instance.state.name())
        .with("instance-state-code", instance.state.code().to_string())
        .with_all("ip-address", addresses.map(|elastic_ip| elastic_ip.public_ip.as_str()))
        .with_all(
            "network-interface.network-interface-id",
            world.interfaces_of(&instance.id).map(|interface| interface.id.as_str()),
        )
        .with("owner-id", &world.account)
}

fn status_facts<'a>(world: &World, instance: &'a Instance, now_ms: u64) -> Facts<'a> {
    let (system, own) = world.checks(instance, now_ms);
    Facts::new(&instance.tags)
        .with("availability-zone", &instance.zone)
        .with("instance-state-name", instance.state.name())
        .with("instance-state-code", instance.state.code().to_string())
        .with("instance-status.status", own.summary())
        .with("system-status.status", system.summary())
}

pub(super) fn state(xml: &mut Xml, name: &str, state: InstanceState) {
    xml.nest(name, |xml| {
        xml.leaf("code", state.code().to_string()).leaf("name", state.name());
    });
}

pub(super) fn show(query: &Query, world: &World) -> Result<Xml, Refusal> {
    let all = world.instances.values().map(|instance| (instance.id.as_str(), instance));
    let (page, token) = query.select(all, |instance| facts(world, instance))?;
    let mut xml = Xml::default();
    xml.list("reservationSet", page, |xml, instance| {
        // One reservation for each instance, as if each had been launched alone.
        xml.leaf("reservationId", format!("r-{}", instance.id.trim_start_matches("i-")))
            .leaf("ownerId", &world.account)
            .list("instancesSet", [instance], |xml, instance| show_instance(xml, world, instance));
    });
    xml.leaf_if("nextToken", token);
    Ok(xml)
}

fn show_instance(xml: &mut Xml, world: &World, instance: &Instance) {
    let attached: Vec<_> = world.interfaces_of(&instance.id).collect();
    let public_ip = attached.iter().find_map(|interface| interface.elastic_ip.as_ref());
    xml.leaf("instanceId", &instance.id).leaf("imageId", "ami-0123456789abcdef0");
    state(xml, "instanceState", instance.state);
    xml.leaf("instanceType", "t3.small").leaf("launchTime", LAUNCHED);
    xml.nest("placement", |xml| {
        xml.leaf("availabilityZone", &instance.zone).leaf("tenancy", "default");
    });
    xml.leaf("privateIpAddress", &instance.private_ip)
        .leaf_if("ipAddress", public_ip.map(|elastic_ip| &elastic_ip.public_ip))
        .leaf("subnetId", &instance.subnet)
        .leaf("vpcId", &world.vpc);
    if let Some(first) = attached.first() {
        xml.flag("sourceDestCheck", first.source_dest_check);
    }
    xml.list("networkInterfaceSet", &attached, |xml, interface| {
        interfaces::show_basics(xml, world, interface);
        interfaces::show_attachment(xml, world, interface, false);
    });
    tag_set(xml, &instance.tags);
}

pub(super) fn show_status(query: &Query, all: bool, world: &World, now_ms: u64) -> Result<Xml, Refusal> {
    // Ids that exist must not be called unknown because the instance doesn't run, so the look goes over all.
    let (page, token) = query
        .select(world.instances.values().map(|i| (i.id.as_str(), i)), |i| status_facts(world, i, now_ms))?;
    let shown = page.into_iter().filter(|instance| all || instance.state == InstanceState::Running);
    let mut xml = Xml::default();
    xml.list("instanceStatusSet", shown, |xml, instance| {
        let (system, own) = world.checks(instance, now_ms);
        xml.leaf("instanceId", &instance.id).leaf("availabilityZone", &instance.zone);
        state(xml, "instanceState", instance.state);
        show_check(xml, "systemStatus", system);
        show_check(xml, "instanceStatus", own);
    });
    xml.leaf_if("nextToken", token);
    Ok(xml)
}

fn show_check(xml: &mut Xml, name: &str, check: Check) {
    xml.nest(name, |xml| {
        xml.leaf("status", check.summary());
        if let Some(status) = check.reachability() {
            xml.list("details", [status], |xml, status| {
                xml.leaf("name", "reachability").leaf("status", status);
            });
        }
    });
}

pub(super) fn show_attribute(world: &World, instance: &str, attribute: &str) -> Result<Xml, Refusal> {
    world.instance(instance)?;
    let value = attribute == "sourceDestCheck"
        && world.interfaces_of(instance).next().is_some_and(|interface| interface.source_dest_check);
    let mut xml = Xml::default();
    xml.leaf("instanceId", instance).nest(attribute, |xml| {
        xml.flag("value", value);
    });
    Ok(xml)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_can_be_filtered_by() {
        let world = World::reference();
        for instance in world.instances.values() {
            assert!(facts(&world, instance).names().all(|name| FILTERS.contains(&name)));
            assert!(status_facts(&world, instance, 0).names().all(|name| STATUS_FILTERS.contains(&name)));
        }
    }
}
