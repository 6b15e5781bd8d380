//! What the provider must do against any endpoint that calls itself EC2.

use crate::calls::*;
use crate::fixture::{Endpoint, Fixture, GatewayIds, IPV6, VPC};
use arbiter_control::provider::{InstanceSeen, Observation, Provider, Scope};
use arbiter_core::command::Outcome;
use arbiter_core::evidence::InstanceState;
use arbiter_core::health::{Code, Urgency};
use arbiter_core::policy::{Policy, Target};
use arbiter_ec2::Ec2;

/// Runs everything, in an order in which each part leaves the world as the next one needs it.
pub async fn run(endpoint: &dyn Endpoint) {
    let world = endpoint.fixture();
    let ec2 = connect(settings(&world.url)).await;
    ec2.warm_up().await.unwrap();
    the_reference_world_is_seen_as_it_is(&ec2, world).await;
    a_sound_world_passes_the_preflights(&ec2, world).await;
    a_route_moves_to_every_kind_of_target_and_back(&ec2, world).await;
    all_kinds_of_destination_are_read_and_replaced(&ec2, world).await;
    refusals_are_failures_with_ec2s_code(&ec2, world).await;
    one_missing_id_blinds_nobody(&ec2, world).await;
    more_tables_than_a_page_holds_are_all_read(&ec2, world).await;
    an_instance_is_stopped_and_started(&ec2, world).await;
    flaws_of_gateways_are_seen(&ec2, endpoint).await;
}

pub fn policy(world: &Fixture) -> Policy {
    let [one, two] = &world.gateways;
    Policy {
        gateways: vec![
            gateway("strongswan-1", &one.instance, &one.interface),
            gateway("strongswan-2", &two.instance, &two.interface),
        ],
        paths: vec![
            path("tunnel-1", Some("strongswan-1"), interface(&one.interface)),
            path("tunnel-2", Some("strongswan-2"), interface(&two.interface)),
        ],
        routes: vec![
            route("private-1", &world.tables[0], ON_PREMISES, &["tunnel-1", "tunnel-2"]),
            route("private-2", &world.tables[1], ON_PREMISES, &["tunnel-2", "tunnel-1"]),
        ],
        ..Policy::default()
    }
}

async fn look(ec2: &Ec2, policy: &Policy) -> Observation {
    ec2.observe(policy, Scope::All).await.unwrap()
}

async fn target(ec2: &Ec2, table: &str, destination: &str) -> Option<Target> {
    let policy = policy_of([route("asked", table, destination, &[])]);
    let mut seen = ec2.observe(&policy, Scope::Routes).await.unwrap();
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
    seen.routes.remove(&"asked".into()).unwrap().target
}

async fn the_reference_world_is_seen_as_it_is(ec2: &Ec2, world: &Fixture) {
    let seen = look(ec2, &policy(world)).await;
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
    for (index, name) in ["private-1", "private-2"].into_iter().enumerate() {
        let route = &seen.routes[&name.into()];
        assert_eq!(route.target, Some(interface(&world.gateways[index].interface)), "{name}");
        assert!(!route.blackhole);
        assert_eq!(route.shadowed_by, None);
    }
    let sound = InstanceSeen {
        state: InstanceState::Running,
        impaired: false,
        interface_attached: true,
        source_dest_check: false,
        has_elastic_ip: true,
        auto_scaling_group: None,
    };
    for name in ["strongswan-1", "strongswan-2"] {
        assert_eq!(seen.instances[&name.into()], sound, "{name}");
    }
    let routes_only = ec2.observe(&policy(world), Scope::Routes).await.unwrap();
    assert_eq!(routes_only.routes, seen.routes);
    assert!(routes_only.instances.is_empty());
    let local = target(ec2, &world.tables[0], VPC).await;
    assert_eq!(local, Some(Target::Other("local".to_owned())));
    assert_eq!(target(ec2, &world.tables[0], "10.99.0.0/16").await, None);
}

async fn a_sound_world_passes_the_preflights(ec2: &Ec2, world: &Fixture) {
    let before = look(ec2, &policy(world)).await;
    let findings = ec2.preflight(&policy(world)).await;
    // moto replaces a route also when asked not to; our dry run names the present target for that reason.
    let findings: Vec<_> = findings.into_iter().filter(|it| it.code != Code::DryRunIgnored).collect();
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(look(ec2, &policy(world)).await, before, "a preflight changes nothing");
}

async fn a_route_moves_to_every_kind_of_target_and_back(ec2: &Ec2, world: &Fixture) {
    let [one, two] = &world.gateways;
    let table = &world.tables[0];
    let targets = [
        interface(&two.interface),
        Target::Gateway(world.vpn_gateway.clone()),
        Target::TransitGateway(world.transit_gateway.clone()),
        interface(&one.interface),
        interface(&one.interface),
    ];
    for (number, to) in targets.into_iter().enumerate() {
        let outcome = mutate(ec2, set_route(number as u64, table, ON_PREMISES, to.clone())).await;
        assert_eq!(outcome, Outcome::Done, "{to}");
        assert_eq!(target(ec2, table, ON_PREMISES).await, Some(to));
    }
    let other = target(ec2, &world.tables[1], ON_PREMISES).await;
    assert_eq!(other, Some(interface(&two.interface)), "the other table is untouched");
}

async fn all_kinds_of_destination_are_read_and_replaced(ec2: &Ec2, world: &Fixture) {
    let [one, two] = &world.gateways;
    let table = &world.tables[0];
    for destination in [IPV6, &world.prefix_list] {
        assert_eq!(target(ec2, table, destination).await, Some(interface(&one.interface)), "{destination}");
        let moved = mutate(ec2, set_route(20, table, destination, interface(&two.interface))).await;
        assert_eq!(moved, Outcome::Done, "{destination}");
        assert_eq!(target(ec2, table, destination).await, Some(interface(&two.interface)), "{destination}");
    }
    let spelled_otherwise = target(ec2, table, "2001:0DB8:0010:0::/48").await;
    assert_eq!(spelled_otherwise, Some(interface(&two.interface)));
}

async fn refusals_are_failures_with_ec2s_code(ec2: &Ec2, world: &Fixture) {
    let table = &world.tables[0];
    let mine = interface(&world.gateways[0].interface);
    let (code, message) = refused(mutate(ec2, set_route(30, table, "10.99.0.0/16", mine.clone())).await);
    assert_eq!(code, "InvalidParameterValue");
    assert!(message.starts_with(&format!("route 10.99.0.0/16 is missing in {table}")), "{message}");
    assert!(message.contains("create it once"), "{message}");
    let cases = [
        (set_route(31, "rtb-0badbadb", ON_PREMISES, mine), "InvalidRouteTableID.NotFound"),
        (set_route(32, table, ON_PREMISES, interface("eni-0badbadb")), "InvalidNetworkInterfaceID.NotFound"),
        (stop(33, "i-0badbadbadbadbad0", false), "InvalidInstanceID.NotFound"),
        (start(34, "i-0badbadbadbadbad0"), "InvalidInstanceID.NotFound"),
    ];
    for (call, expected) in cases {
        assert_eq!(refused(mutate(ec2, call).await).0, expected);
    }
    let to_nat = set_route(35, table, ON_PREMISES, Target::Other("nat-1".to_owned()));
    assert!(matches!(mutate(ec2, to_nat).await, Outcome::NotSent { .. }));
    let nowhere = set_route(36, table, "not a destination", interface("eni-1"));
    assert!(matches!(mutate(ec2, nowhere).await, Outcome::NotSent { .. }));
}

async fn one_missing_id_blinds_nobody(ec2: &Ec2, world: &Fixture) {
    let sound = look(ec2, &policy(world)).await;
    let mut policy = policy(world);
    policy.gateways.push(gateway("lost", "i-0badbadbadbadbad0", "eni-0badbadb"));
    policy.routes.push(route("lost", "rtb-0badbadb", ON_PREMISES, &["tunnel-1"]));
    let mut seen = look(ec2, &policy).await;
    let lost = seen.instances.remove(&"lost".into()).unwrap();
    assert_eq!(lost.state, InstanceState::Absent);
    assert!(!lost.interface_attached);
    assert_eq!((seen.routes, seen.instances), (sound.routes, sound.instances));
    let mut problems: Vec<_> =
        seen.problems.iter().map(|it| (it.code.as_str(), it.message.as_str())).collect();
    problems.sort_unstable();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert_eq!(problems[0].0, "InvalidNetworkInterfaceID.NotFound");
    assert!(problems[0].1.contains("eni-0badbadb"), "{problems:?}");
    assert_eq!(problems[1].0, "InvalidRouteTableID.NotFound");
    assert!(problems[1].1.contains("rtb-0badbadb"), "{problems:?}");
    let findings = ec2.preflight(&policy).await;
    let critical = findings.iter().filter(|finding| finding.code.urgency() == Urgency::Critical);
    let codes: Vec<_> = critical.map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::ProviderLacks; 3], "{findings:?}");
}

async fn more_tables_than_a_page_holds_are_all_read(ec2: &Ec2, world: &Fixture) {
    let routes = world.many_tables.iter().enumerate().map(|(i, id)| route(&format!("r{i}"), id, VPC, &[]));
    let seen = ec2.observe(&policy_of(routes), Scope::Routes).await.unwrap();
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
    assert_eq!(seen.routes.len(), world.many_tables.len());
    assert!(seen.routes.values().all(|route| route.target == Some(Target::Other("local".to_owned()))));
}

async fn wait_for(ec2: &Ec2, policy: &Policy, state: InstanceState) -> Observation {
    eventually(&format!("strongswan-1 to be {state}"), async || {
        let seen = look(ec2, policy).await;
        (seen.instances[&"strongswan-1".into()].state == state).then_some(seen)
    })
    .await
}

async fn an_instance_is_stopped_and_started(ec2: &Ec2, world: &Fixture) {
    let policy = policy(world);
    let instance = &world.gateways[0].instance;
    assert_eq!(mutate(ec2, stop(40, instance, false)).await, Outcome::Done);
    let stopped = wait_for(ec2, &policy, InstanceState::Stopped).await;
    let seen = &stopped.instances[&"strongswan-1".into()];
    assert!(seen.interface_attached && seen.has_elastic_ip && !seen.impaired, "{seen:?}");
    assert_eq!(stopped.instances[&"strongswan-2".into()].state, InstanceState::Running);
    // EC2 takes a second stop of what is stopped as done; so must whoever repeats one after a lost answer.
    assert_eq!(mutate(ec2, stop(41, instance, true)).await, Outcome::Done);
    assert_eq!(mutate(ec2, start(42, instance)).await, Outcome::Done);
    let running = wait_for(ec2, &policy, InstanceState::Running).await;
    let seen = &running.instances[&"strongswan-1".into()];
    assert!(seen.interface_attached && seen.has_elastic_ip, "{seen:?}");
    assert_eq!(mutate(ec2, start(43, instance)).await, Outcome::Done);
}

async fn flaws_of_gateways_are_seen(ec2: &Ec2, endpoint: &dyn Endpoint) {
    let world = endpoint.fixture();
    let [one, two] = &world.gateways;
    endpoint.set_source_dest_check(&one.interface, true).await;
    endpoint.take_elastic_ip(&two.interface).await;
    let mut policy = policy(world);
    let GatewayIds { instance, interface } = &world.grouped;
    policy.gateways.push(gateway("grouped", instance, interface));
    policy.gateways.push(gateway("foreign", &one.instance, &two.interface));
    let seen = look(ec2, &policy).await.instances;
    assert!(seen[&"strongswan-1".into()].source_dest_check);
    assert!(!seen[&"strongswan-2".into()].source_dest_check);
    assert!(seen[&"strongswan-1".into()].has_elastic_ip);
    assert!(!seen[&"strongswan-2".into()].has_elastic_ip);
    assert_eq!(seen[&"grouped".into()].auto_scaling_group.as_deref(), Some("fleet"));
    assert!(!seen[&"foreign".into()].interface_attached, "the interface is another instance's");
    let findings = ec2.preflight(&policy).await;
    for (code, subject) in [
        (Code::SourceDestCheck, "strongswan-1"),
        (Code::NoElasticIp, "strongswan-2"),
        (Code::AutoScalingMember, "grouped"),
        (Code::InterfaceDetached, "foreign"),
    ] {
        let found = findings.iter().any(|finding| finding.code == code && finding.subject == subject);
        assert!(found, "{code} of {subject} in {findings:?}");
    }
}
