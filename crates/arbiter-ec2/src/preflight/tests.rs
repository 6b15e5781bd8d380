use super::*;
use arbiter_core::ids::NodeId;
use arbiter_core::policy::{DriftAction, Path};

fn policy() -> Policy {
    let gateway = Gateway {
        id: "strongswan-1".into(),
        node: NodeId(1),
        zone: "a".to_owned(),
        instance: "i-1".into(),
        interface: "eni-1".to_owned(),
        remediate: true,
    };
    let path = Path {
        id: "tunnel-1".into(),
        gateway: Some("strongswan-1".into()),
        target: Target::Interface("eni-1".to_owned()),
        observers: Vec::new(),
        follows: None,
    };
    let route = Route {
        id: "private-1".into(),
        table: "rtb-1".to_owned(),
        destination: "10.10.0.0/16".to_owned(),
        paths: vec!["tunnel-1".into()],
        drift: DriftAction::Repair,
        importance: 100,
        host: None,
        follows: None,
    };
    Policy { gateways: vec![gateway], paths: vec![path], routes: vec![route], ..Policy::default() }
}

fn sound() -> Observation {
    let route = RouteSeen {
        target: Some(Target::Interface("eni-1".to_owned())),
        blackhole: false,
        shadowed_by: None,
    };
    let instance = InstanceSeen {
        state: InstanceState::Running,
        impaired: false,
        interface_attached: true,
        source_dest_check: false,
        has_elastic_ip: true,
        auto_scaling_group: None,
    };
    Observation {
        routes: [("private-1".into(), route)].into(),
        instances: [("strongswan-1".into(), instance)].into(),
        problems: Vec::new(),
    }
}

fn codes(policy: &Policy, seen: &Observation) -> Vec<Code> {
    judge(policy, seen).into_iter().map(|finding| finding.code).collect()
}

fn with(change: impl FnOnce(&mut RouteSeen, &mut InstanceSeen)) -> Vec<Code> {
    let mut seen = sound();
    let route = seen.routes.values_mut().next().unwrap();
    change(route, seen.instances.values_mut().next().unwrap());
    codes(&policy(), &seen)
}

#[test]
fn a_sound_world_has_no_findings() {
    assert_eq!(codes(&policy(), &sound()), []);
}

#[test]
fn each_flaw_is_found_by_its_code() {
    assert_eq!(with(|route, _| route.target = None), [Code::RouteMissing]);
    assert_eq!(with(|route, _| route.target = Some(Target::Other("nat-1".into()))), [Code::Drift]);
    assert_eq!(with(|route, _| route.shadowed_by = Some("10.10.4.0/24 via vgw-1".into())), [Code::Shadowed]);
    assert_eq!(with(|_, it| it.state = InstanceState::Absent), [Code::ProviderLacks]);
    assert_eq!(with(|_, it| it.interface_attached = false), [Code::InterfaceDetached]);
    assert_eq!(with(|_, it| it.source_dest_check = true), [Code::SourceDestCheck]);
    assert_eq!(with(|_, it| it.impaired = true), [Code::InstanceImpaired]);
    assert_eq!(with(|_, it| it.has_elastic_ip = false), [Code::NoElasticIp]);
    assert_eq!(with(|_, it| it.auto_scaling_group = Some("fleet".into())), [Code::AutoScalingMember]);
}

#[test]
fn a_gateway_that_is_not_to_be_remediated_needs_no_elastic_ip() {
    let mut seen = sound();
    seen.instances.values_mut().next().unwrap().has_elastic_ip = false;
    let mut policy = policy();
    policy.gateways[0].remediate = false;
    assert_eq!(codes(&policy, &seen), []);
}

#[test]
fn the_remedy_of_a_missing_route_can_be_pasted() {
    let mut seen = sound();
    seen.routes.values_mut().next().unwrap().target = None;
    let findings = judge(&policy(), &seen);
    assert!(findings[0].remedy().ends_with(
        "aws ec2 create-route --route-table-id rtb-1 --destination-cidr-block 10.10.0.0/16 --network-interface-id eni-1"
    ));
    assert_eq!((findings[0].subject.as_str(), findings[0].code), ("private-1", Code::RouteMissing));
}

#[test]
fn a_denial_is_said_in_words_that_are_the_same_for_every_node_and_every_call() {
    let said = |user: &str, encoded: &str| {
        permissions::for_all(&format!(
            "You are not authorized to perform this operation. User: {user} is not authorized to perform: \
             ec2:StopInstances on resource: i-1 because no identity-based policy allows the ec2:StopInstances action{encoded}"
        ))
    };
    let expected = "You are not authorized to perform this operation. Not allowed: ec2:StopInstances on resource: i-1 \
                    because no identity-based policy allows the ec2:StopInstances action";
    assert_eq!(said("arn:aws:sts::123456789012:assumed-role/vpn/i-1", ""), expected);
    let encoded = ". Encoded authorization failure message: Zm9v";
    assert_eq!(said("arn:aws:sts::123456789012:assumed-role/vpn/i-2", encoded), format!("{expected}."));
    for other in ["You are not authorized to perform this operation.", "", " User: x"] {
        assert_eq!(permissions::for_all(other), other);
    }
}
