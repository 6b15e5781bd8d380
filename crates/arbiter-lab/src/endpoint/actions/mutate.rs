//! The actions that change something.

use super::instances;
use crate::endpoint::args::Args;
use crate::endpoint::xml::Xml;
use crate::world::{Act, Destination, IdKind, Refusal, Target, Transition, World};

/// A change that was understood. It can be tried on a copy of the world first, and done later.
#[derive(Debug, Clone)]
pub(in crate::endpoint) enum Mutation {
    ReplaceRoute { table: String, destination: Destination, target: Target },
    CreateRoute { table: String, destination: Destination, target: Target },
    Stop { instances: Vec<String>, force: bool },
    Start { instances: Vec<String> },
    SourceDestCheck { interface: String, on: bool },
}

/// The parameters that may name a route's target, and the kind of id that each takes. EC2 has more of them
/// (peering, egress-only gateways, carrier gateways, …); those are refused as unknown.
const TARGETS: [(&str, IdKind); 5] = [
    ("NetworkInterfaceId", IdKind::Interface),
    ("InstanceId", IdKind::Instance),
    ("GatewayId", IdKind::Gateway),
    ("TransitGatewayId", IdKind::TransitGateway),
    ("NatGatewayId", IdKind::NatGateway),
];

pub(super) fn read_route(args: &mut Args, replace: bool) -> Result<Mutation, Refusal> {
    let table = args.require("RouteTableId")?;
    IdKind::RouteTable.check(&table)?;
    let destination = read_destination(args)?;
    let target = read_target(args, replace)?;
    Ok(if replace {
        Mutation::ReplaceRoute { table, destination, target }
    } else {
        Mutation::CreateRoute { table, destination, target }
    })
}

fn read_destination(args: &mut Args) -> Result<Destination, Refusal> {
    let names = ["DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"];
    let [v4, v6, list] = names.map(|name| args.take(name));
    let given = match (v4, v6, list) {
        (None, None, None) => return Err(Refusal::missing_parameter("destinationCidrBlock")),
        (Some(cidr), None, None) => (cidr, "destinationCidrBlock"),
        (None, Some(cidr), None) => (cidr, "destinationIpv6CidrBlock"),
        (None, None, Some(id)) => (id, "destinationPrefixListId"),
        _ => {
            return Err(Refusal::invalid_combination(
                "The request must contain exactly one of destinationCidrBlock, destinationIpv6CidrBlock, \
                 destinationPrefixListId",
            ));
        }
    };
    let destination = Destination::parse(&given.0)?;
    match (&destination, given.1) {
        (Destination::V4(_), "destinationCidrBlock")
        | (Destination::V6(_), "destinationIpv6CidrBlock")
        | (Destination::PrefixList(_), "destinationPrefixListId") => Ok(destination),
        (_, name) => {
            Err(Refusal::invalid_value(format!("Value ({}) for parameter {name} is invalid.", given.0)))
        }
    }
}

fn read_target(args: &mut Args, replace: bool) -> Result<Target, Refusal> {
    let local = replace && args.flag("LocalTarget")?;
    let given: Vec<_> =
        TARGETS.iter().filter_map(|(name, kind)| args.take(name).map(|id| (*name, *kind, id))).collect();
    let exactly_one = "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId, \
                       vpcPeeringConnectionId, egressOnlyInternetGatewayId, transitGatewayId, localGatewayId";
    match (given.as_slice(), local) {
        ([], true) => Ok(Target::Local),
        // moto lets this pass and leaves a route to nowhere; EC2 does not.
        ([], false) => Err(Refusal::new("MissingParameter", 400, exactly_one)),
        ([("InstanceId", kind, id)], false) => {
            kind.check(id)?;
            // EC2 takes the primary interface; which one that is the world has to say, so it comes later.
            Ok(Target::Interface(id.clone()))
        }
        ([(_, kind, id)], false) => {
            kind.check(id)?;
            Target::of_id(id).ok_or_else(|| Refusal::malformed(*kind, id))
        }
        _ => Err(Refusal::invalid_combination(exactly_one)),
    }
}

fn read_instances(args: &mut Args) -> Result<Vec<String>, Refusal> {
    let instances = args.ids("InstanceId", IdKind::Instance)?;
    if instances.is_empty() {
        return Err(Refusal::missing_parameter("InstanceId"));
    }
    Ok(instances)
}

pub(super) fn read_stop(args: &mut Args) -> Result<Mutation, Refusal> {
    let instances = read_instances(args)?;
    let force = args.flag("Force")?;
    // Skipping the shutdown of the system changes nothing here: there is no system.
    args.flag("SkipOsShutdown")?;
    if args.flag("Hibernate")? {
        let message = "The instances are not enabled for hibernation.";
        return Err(Refusal::new("UnsupportedHibernationConfiguration", 400, message));
    }
    Ok(Mutation::Stop { instances, force })
}

pub(super) fn read_start(args: &mut Args) -> Result<Mutation, Refusal> {
    Ok(Mutation::Start { instances: read_instances(args)? })
}

pub(super) fn read_interface(args: &mut Args) -> Result<Mutation, Refusal> {
    let interface = args.require("NetworkInterfaceId")?;
    IdKind::Interface.check(&interface)?;
    let name = "SourceDestCheck.Value";
    let given = args.require(name)?;
    let on = given.parse().map_err(|_| {
        Refusal::invalid_value(format!("Invalid value '{given}' for {name}. Expected 'true' or 'false'."))
    })?;
    Ok(Mutation::SourceDestCheck { interface, on })
}

pub(super) fn apply(mutation: &Mutation, world: &mut World, act: Act) -> Result<Xml, Refusal> {
    let mut xml = Xml::default();
    match mutation {
        Mutation::ReplaceRoute { table, destination, target } => {
            let target = primary_interface(world, target)?;
            world.replace_route(act, table, destination, target)?;
            xml.flag("return", true);
        }
        Mutation::CreateRoute { table, destination, target } => {
            let target = primary_interface(world, target)?;
            world.create_route(act, table, destination, target)?;
            xml.flag("return", true);
        }
        Mutation::Stop { instances, force } => {
            show_transitions(&mut xml, &world.stop(act, instances, *force)?);
        }
        Mutation::Start { instances } => show_transitions(&mut xml, &world.start(act, instances)?),
        Mutation::SourceDestCheck { interface, on } => {
            world.set_source_dest_check(act, interface, *on)?;
            xml.flag("return", true);
        }
    }
    Ok(xml)
}

/// A target that names an instance means its interface. EC2 refuses an instance that has several.
fn primary_interface(world: &World, target: &Target) -> Result<Target, Refusal> {
    let Target::Interface(id) = target else { return Ok(target.clone()) };
    if !id.starts_with("i-") {
        return Ok(target.clone());
    }
    world.instance(id)?;
    let mut interfaces = world.interfaces_of(id);
    match (interfaces.next(), interfaces.next()) {
        (Some(only), None) => Ok(Target::Interface(only.id.clone())),
        _ => {
            let message = format!(
                "The instance '{id}' has not exactly one interface. Please specify an interface ID instead."
            );
            Err(Refusal::new("InvalidInstanceID", 400, message))
        }
    }
}

fn show_transitions(xml: &mut Xml, transitions: &[Transition]) {
    xml.list("instancesSet", transitions, |xml, transition| {
        xml.leaf("instanceId", &transition.instance);
        instances::state(xml, "currentState", transition.current);
        instances::state(xml, "previousState", transition.previous);
    });
}
