//! The actions of the API: read from parameters, then done to (or shown from) the world.

mod addresses;
mod instances;
mod interfaces;
mod mutate;
mod route_tables;
mod select;

use super::args::Args;
use super::xml::Xml;
use crate::world::{Act, Refusal, World};
pub(super) use mutate::Mutation;
use select::Query;

/// The names of all actions, and whether each changes anything.
const ACTIONS: [(&str, bool); 11] = [
    ("DescribeRouteTables", false),
    ("DescribeInstances", false),
    ("DescribeInstanceStatus", false),
    ("DescribeInstanceAttribute", false),
    ("DescribeNetworkInterfaces", false),
    ("DescribeAddresses", false),
    ("ReplaceRoute", true),
    ("CreateRoute", true),
    ("StopInstances", true),
    ("StartInstances", true),
    ("ModifyNetworkInterfaceAttribute", true),
];

/// Whether the action changes something; an unknown one does not.
pub(super) fn is_mutating(action: &str) -> bool {
    ACTIONS.iter().any(|(name, mutating)| *name == action && *mutating)
}

/// A request that was understood.
#[derive(Debug)]
pub(super) enum Prepared {
    Look(Look),
    Change(Mutation),
}

/// What is to be shown.
#[derive(Debug)]
pub(super) enum Look {
    RouteTables(Query),
    Instances(Query),
    InstanceStatus { query: Query, all: bool },
    InstanceAttribute { instance: String, attribute: String },
    Interfaces(Query),
    Addresses { query: Query, public_ips: Vec<String> },
}

/// Understands the parameters, or refuses them as EC2 does. Nothing has happened yet.
pub(super) fn prepare(action: &str, args: &mut Args) -> Result<Prepared, Refusal> {
    let prepared = match action {
        "DescribeRouteTables" => Prepared::Look(Look::RouteTables(route_tables::read(args)?)),
        "DescribeInstances" => Prepared::Look(Look::Instances(instances::read(args)?)),
        "DescribeInstanceStatus" => Prepared::Look(instances::read_status(args)?),
        "DescribeInstanceAttribute" => Prepared::Look(instances::read_attribute(args)?),
        "DescribeNetworkInterfaces" => Prepared::Look(Look::Interfaces(interfaces::read(args)?)),
        "DescribeAddresses" => Prepared::Look(addresses::read(args)?),
        "ReplaceRoute" => Prepared::Change(mutate::read_route(args, true)?),
        "CreateRoute" => Prepared::Change(mutate::read_route(args, false)?),
        "StopInstances" => Prepared::Change(mutate::read_stop(args)?),
        "StartInstances" => Prepared::Change(mutate::read_start(args)?),
        "ModifyNetworkInterfaceAttribute" => Prepared::Change(mutate::read_interface(args)?),
        other => return Err(Refusal::invalid_action(other)),
    };
    args.done()?;
    Ok(prepared)
}

impl Look {
    /// Shows the world as it is at `now_ms`.
    pub(super) fn show(&self, world: &World, now_ms: u64) -> Result<Xml, Refusal> {
        match self {
            Self::RouteTables(query) => route_tables::show(query, world),
            Self::Instances(query) => instances::show(query, world),
            Self::InstanceStatus { query, all } => instances::show_status(query, *all, world, now_ms),
            Self::InstanceAttribute { instance, attribute } => {
                instances::show_attribute(world, instance, attribute)
            }
            Self::Interfaces(query) => interfaces::show(query, world),
            Self::Addresses { query, public_ips } => addresses::show(query, public_ips, world),
        }
    }

    /// Whether it names ids or filters, or asks for pages: EC2 counts those in a larger bucket.
    pub(super) fn is_filtered(&self) -> bool {
        match self {
            Self::RouteTables(query) | Self::Instances(query) | Self::Interfaces(query) => {
                query.is_filtered()
            }
            Self::InstanceStatus { query, .. } => query.is_filtered(),
            Self::Addresses { .. } | Self::InstanceAttribute { .. } => true,
        }
    }
}

impl Mutation {
    /// Does it, and tells what EC2's answer tells.
    pub(super) fn apply(&self, world: &mut World, act: Act) -> Result<Xml, Refusal> {
        mutate::apply(self, world, act)
    }
}

fn tag_set(xml: &mut Xml, tags: &std::collections::BTreeMap<String, String>) {
    xml.list("tagSet", tags, |xml, (key, value)| {
        xml.leaf("key", key).leaf("value", value);
    });
}
