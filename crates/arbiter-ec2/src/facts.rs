//! What EC2's descriptions mean for the rules: pure functions from the API's types to ours.

use arbiter_control::provider::{InstanceSeen, RouteSeen};
use arbiter_core::destination::Destination;
use arbiter_core::evidence::InstanceState;
use arbiter_core::policy::{Gateway, Target};
use aws_sdk_ec2::types::{
    AttachmentStatus, Instance, InstanceStateName, InstanceStatus, InstanceStatusSummary, NetworkInterface,
    Route, RouteOrigin, RouteState, RouteTable, SummaryStatus,
};

/// The tag by which EC2 Auto Scaling marks its instances.
const AUTO_SCALING_TAG: &str = "aws:autoscaling:groupName";

/// The owner of public addresses that are not Elastic IPs, in every partition.
const AMAZON: &str = "amazon";

/// One destination's route in a table.
pub(crate) fn route_seen(table: &RouteTable, destination: &str) -> RouteSeen {
    let Ok(ours) = Destination::parse(destination) else {
        // The policy's validation refuses such a destination; no table can have it.
        return RouteSeen { target: None, blackhole: false, shadowed_by: None };
    };
    let route = table.routes().iter().find(|route| destination_of(route).as_ref() == Some(&ours));
    RouteSeen {
        target: route.map(target_of),
        blackhole: route.is_some_and(|route| route.state() == Some(&RouteState::Blackhole)),
        shadowed_by: table.routes().iter().find_map(|route| shadow(route, &ours)),
    }
}

/// A propagated route inside our destination takes that part of the traffic away, whatever ours points at.
fn shadow(route: &Route, ours: &Destination) -> Option<String> {
    let propagated = route.origin() == Some(&RouteOrigin::EnableVgwRoutePropagation);
    let theirs = destination_of(route)?;
    (propagated && ours.strictly_contains(&theirs)).then(|| format!("{theirs} via {}", target_of(route)))
}

fn destination_of(route: &Route) -> Option<Destination> {
    let text = route
        .destination_cidr_block()
        .or_else(|| route.destination_ipv6_cidr_block())
        .or_else(|| route.destination_prefix_list_id())?;
    Destination::parse(text).ok()
}

/// EC2 shows a route to an instance's interface with both ids; the interface is what a route really points at.
fn target_of(route: &Route) -> Target {
    if let Some(id) = route.network_interface_id() {
        return Target::Interface(id.to_owned());
    }
    if let Some(id) = route.gateway_id() {
        // `local` and the endpoints of Gateway Load Balancers stand in the same field.
        let ours = id.starts_with("igw-") || id.starts_with("vgw-");
        return if ours { Target::Gateway(id.to_owned()) } else { Target::Other(id.to_owned()) };
    }
    if let Some(id) = route.transit_gateway_id() {
        return Target::TransitGateway(id.to_owned());
    }
    let other = [
        route.nat_gateway_id(),
        route.vpc_peering_connection_id(),
        route.egress_only_internet_gateway_id(),
        route.local_gateway_id(),
        route.carrier_gateway_id(),
        route.core_network_arn(),
        route.odb_network_arn(),
        route.instance_id(),
    ];
    let id =
        other.into_iter().flatten().find(|id| !id.is_empty()).unwrap_or("a target that EC2 does not name");
    Target::Other(id.to_owned())
}

/// A gateway's instance and interface, each `None` if EC2 doesn't have it.
pub(crate) fn instance_seen(
    gateway: &Gateway,
    instance: Option<&Instance>,
    status: Option<&InstanceStatus>,
    interface: Option<&NetworkInterface>,
) -> InstanceSeen {
    let tags = instance.map(Instance::tags).unwrap_or_default();
    InstanceSeen {
        state: instance.map_or(InstanceState::Absent, state_of),
        impaired: status.is_some_and(is_impaired),
        interface_attached: interface.is_some_and(|it| is_attached_to(it, gateway.instance.as_str())),
        source_dest_check: interface.and_then(NetworkInterface::source_dest_check).unwrap_or(false),
        has_elastic_ip: interface.is_some_and(has_elastic_ip),
        auto_scaling_group: tags
            .iter()
            .find(|tag| tag.key() == Some(AUTO_SCALING_TAG))
            .and_then(|tag| tag.value().map(str::to_owned)),
    }
}

fn state_of(instance: &Instance) -> InstanceState {
    match instance.state().and_then(|state| state.name()) {
        Some(InstanceStateName::Pending) => InstanceState::Pending,
        Some(InstanceStateName::Running) => InstanceState::Running,
        Some(InstanceStateName::Stopping) => InstanceState::Stopping,
        Some(InstanceStateName::Stopped) => InstanceState::Stopped,
        Some(InstanceStateName::ShuttingDown) => InstanceState::ShuttingDown,
        Some(InstanceStateName::Terminated) => InstanceState::Terminated,
        // A state that this version doesn't know is no reason to call an instance stopped or gone: `Pending` is the
        // one state from which no rule concludes anything.
        _ => InstanceState::Pending,
    }
}

fn is_impaired(status: &InstanceStatus) -> bool {
    [status.instance_status(), status.system_status()]
        .into_iter()
        .flatten()
        .filter_map(InstanceStatusSummary::status)
        .any(|status| *status == SummaryStatus::Impaired)
}

fn is_attached_to(interface: &NetworkInterface, instance: &str) -> bool {
    interface.attachment().is_some_and(|attachment| {
        attachment.instance_id() == Some(instance) && attachment.status() == Some(&AttachmentStatus::Attached)
    })
}

/// An Elastic IP has an allocation; a public address that EC2 lent belongs to `amazon`, and changes with a stop.
fn has_elastic_ip(interface: &NetworkInterface) -> bool {
    interface.association().is_some_and(|it| {
        it.allocation_id().is_some_and(|id| !id.is_empty())
            || it.ip_owner_id().is_some_and(|owner| !owner.is_empty() && owner != AMAZON)
    })
}

#[cfg(test)]
mod tests;
