use super::*;
use arbiter_core::ids::NodeId;
use aws_sdk_ec2::types::{
    InstanceState as Ec2State, NetworkInterfaceAssociation, NetworkInterfaceAttachment, Tag,
};

fn gateway() -> Gateway {
    Gateway {
        id: "strongswan-1".into(),
        node: NodeId(1),
        zone: "a".to_owned(),
        instance: "i-1".into(),
        interface: "eni-1".to_owned(),
        remediate: true,
    }
}

fn table(routes: impl IntoIterator<Item = Route>) -> RouteTable {
    RouteTable::builder().set_routes(Some(routes.into_iter().collect())).build()
}

fn propagated(cidr: &str) -> Route {
    Route::builder()
        .destination_cidr_block(cidr)
        .gateway_id("vgw-1")
        .origin(RouteOrigin::EnableVgwRoutePropagation)
        .build()
}

#[test]
fn a_route_points_at_the_interface_also_where_ec2_shows_the_instance_beside_it() {
    let to = |route: aws_sdk_ec2::types::builders::RouteBuilder| target_of(&route.build());
    let new = Route::builder;
    assert_eq!(
        to(new().instance_id("i-1").network_interface_id("eni-1")),
        Target::Interface("eni-1".to_owned())
    );
    assert_eq!(to(new().gateway_id("vgw-1")), Target::Gateway("vgw-1".to_owned()));
    assert_eq!(to(new().gateway_id("igw-1")), Target::Gateway("igw-1".to_owned()));
    assert_eq!(to(new().gateway_id("local")), Target::Other("local".to_owned()));
    assert_eq!(to(new().gateway_id("vpce-1")), Target::Other("vpce-1".to_owned()));
    assert_eq!(to(new().transit_gateway_id("tgw-1")), Target::TransitGateway("tgw-1".to_owned()));
    assert_eq!(to(new().nat_gateway_id("nat-1")), Target::Other("nat-1".to_owned()));
    assert_eq!(to(new().instance_id("i-9")), Target::Other("i-9".to_owned()));
    assert!(matches!(to(new()), Target::Other(_)));
}

#[test]
fn a_route_is_found_by_what_its_destination_means_and_shadowed_only_by_what_is_propagated_inside_it() {
    let ours = Route::builder()
        .destination_cidr_block("10.10.0.0/16")
        .network_interface_id("eni-1")
        .state(RouteState::Blackhole)
        .build();
    let by_hand = Route::builder().destination_cidr_block("10.10.1.0/24").gateway_id("igw-1").build();
    let seen = route_seen(&table([by_hand, propagated("10.0.0.0/8"), ours.clone()]), "10.10.0.0/16");
    assert_eq!(seen.target, Some(Target::Interface("eni-1".to_owned())));
    assert!(seen.blackhole);
    assert_eq!(seen.shadowed_by, None);
    let seen = route_seen(&table([ours, propagated("10.10.4.0/24")]), "10.10.0.0/16");
    assert_eq!(seen.shadowed_by.as_deref(), Some("10.10.4.0/24 via vgw-1"));
    assert_eq!(route_seen(&table([propagated("10.10.0.0/17")]), "10.10.0.0/16").target, None);
}

#[test]
fn ipv6_and_prefix_list_destinations_are_found() {
    let v6 =
        Route::builder().destination_ipv6_cidr_block("2001:db8::/32").network_interface_id("eni-6").build();
    let list = Route::builder().destination_prefix_list_id("pl-1").network_interface_id("eni-7").build();
    let table = table([v6, list]);
    assert_eq!(route_seen(&table, "2001:DB8:0::/32").target, Some(Target::Interface("eni-6".to_owned())));
    assert_eq!(route_seen(&table, "pl-1").target, Some(Target::Interface("eni-7".to_owned())));
    assert_eq!(route_seen(&table, "pl-2").target, None);
}

#[test]
fn an_instance_without_a_description_is_absent_and_an_unknown_state_proves_nothing() {
    assert_eq!(instance_seen(&gateway(), None, None, None).state, InstanceState::Absent);
    let unknown = Instance::builder()
        .state(Ec2State::builder().name(InstanceStateName::from("hibernating")).build())
        .build();
    assert_eq!(instance_seen(&gateway(), Some(&unknown), None, None).state, InstanceState::Pending);
    let states = [
        ("pending", InstanceState::Pending),
        ("running", InstanceState::Running),
        ("stopping", InstanceState::Stopping),
        ("stopped", InstanceState::Stopped),
        ("shutting-down", InstanceState::ShuttingDown),
        ("terminated", InstanceState::Terminated),
    ];
    for (name, state) in states {
        let ec2 = Ec2State::builder().name(InstanceStateName::from(name)).build();
        assert_eq!(state_of(&Instance::builder().state(ec2).build()), state, "{name}");
    }
}

#[test]
fn an_interface_counts_as_attached_only_to_this_instance_and_only_when_fully_attached() {
    let attached = |instance: &str, status: AttachmentStatus| {
        let attachment = NetworkInterfaceAttachment::builder().instance_id(instance).status(status).build();
        let interface = NetworkInterface::builder().attachment(attachment).source_dest_check(true).build();
        instance_seen(&gateway(), None, None, Some(&interface))
    };
    assert!(attached("i-1", AttachmentStatus::Attached).interface_attached);
    assert!(!attached("i-2", AttachmentStatus::Attached).interface_attached);
    assert!(!attached("i-1", AttachmentStatus::Detaching).interface_attached);
    assert!(attached("i-1", AttachmentStatus::Attached).source_dest_check);
}

#[test]
fn a_lent_public_address_is_no_elastic_ip() {
    let with = |association: aws_sdk_ec2::types::builders::NetworkInterfaceAssociationBuilder| {
        has_elastic_ip(&NetworkInterface::builder().association(association.build()).build())
    };
    let new = NetworkInterfaceAssociation::builder;
    assert!(!with(new().ip_owner_id("amazon").public_ip("203.0.113.1")));
    assert!(!with(new().public_ip("203.0.113.1")));
    assert!(with(new().ip_owner_id("123456789012")));
    assert!(with(new().ip_owner_id("amazon").allocation_id("eipalloc-1")));
    assert!(!has_elastic_ip(&NetworkInterface::builder().build()));
}

#[test]
fn either_failed_status_check_is_an_impairment_and_auto_scaling_shows_by_its_tag() {
    let summary = |status: &str| InstanceStatusSummary::builder().status(SummaryStatus::from(status)).build();
    let status = |instance: &str, system: &str| {
        InstanceStatus::builder().instance_status(summary(instance)).system_status(summary(system)).build()
    };
    assert!(is_impaired(&status("impaired", "ok")));
    assert!(is_impaired(&status("ok", "impaired")));
    assert!(!is_impaired(&status("initializing", "insufficient-data")));
    let tag = Tag::builder().key(AUTO_SCALING_TAG).value("fleet").build();
    let instance = Instance::builder().tags(tag).build();
    let seen = instance_seen(&gateway(), Some(&instance), None, None);
    assert_eq!(seen.auto_scaling_group.as_deref(), Some("fleet"));
}
