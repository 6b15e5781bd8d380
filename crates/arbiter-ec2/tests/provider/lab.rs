//! The suite against the lab's endpoint, and what only the lab can show: tags in the call log, faults, timing.

use crate::calls::*;
use crate::fixture::{Endpoint, Fixture, GatewayIds, IPV6, MANY};
use crate::{raw, suite};
use arbiter_control::provider::{CallKind, Provider, ProviderErrorKind, Scope};
use arbiter_core::command::Outcome;
use arbiter_core::health::Code;
use arbiter_core::policy::Target;
use arbiter_core::rules::proves;
use arbiter_core::tag::CallTag;
use arbiter_ec2::iam::{Extent, MANAGED, policy_document};
use arbiter_lab::endpoint::{EndpointHandle, EndpointSettings};
use arbiter_lab::faults::{Effect, Fault};
use arbiter_lab::iam::{IamPolicy, Role, Roles};
use arbiter_lab::world::{self, Act, Cause, Destination, Instance, Interface, World};
use async_trait::async_trait;

const VPN_GATEWAY: &str = "vgw-0123abcd";
const TRANSIT_GATEWAY: &str = "tgw-0123456789abcdef0";
const PREFIX_LIST: &str = "pl-0123abcd";
const GROUPED_INSTANCE: &str = "i-0c3e5d7c9f2a4b6d8";
const GROUPED_INTERFACE: &str = "eni-3e86f717";

/// The lab's endpoint with the suite's fixture.
pub struct Lab {
    endpoint: EndpointHandle,
    fixture: Fixture,
}

fn build(world: &mut World) -> Vec<String> {
    let act = Act { now_ms: 0, cause: Cause::Hand };
    world.gateways.extend([VPN_GATEWAY.to_owned(), TRANSIT_GATEWAY.to_owned()]);
    for destination in [IPV6, PREFIX_LIST] {
        let destination = Destination::parse(destination).unwrap();
        let target = world::Target::Interface(world::INTERFACE_1.to_owned());
        world.set_route(act, world::TABLE_1, &destination, Some(target)).unwrap();
    }
    let instance =
        Instance::running(GROUPED_INSTANCE, "cn-north-1a", "subnet-0a1b2c3d4e5f60718", "172.16.1.200");
    world.instances.insert(GROUPED_INSTANCE.to_owned(), instance);
    world.set_auto_scaling_group(GROUPED_INSTANCE, Some("fleet")).unwrap();
    let grouped = world.instances.get_mut(GROUPED_INSTANCE).unwrap();
    grouped.tags.insert(MANAGED.0.to_owned(), MANAGED.1.to_owned());
    let interface = Interface {
        id: GROUPED_INTERFACE.to_owned(),
        attached_to: Some(GROUPED_INSTANCE.to_owned()),
        ..world.interfaces[world::INTERFACE_1].clone()
    };
    world.interfaces.insert(interface.id.clone(), interface);
    let ids = (0..MANY).map(|index| format!("rtb-{index:08x}"));
    ids.inspect(|id| {
        let table = world.new_table(id, "many", None);
        world.tables.insert(id.clone(), table);
    })
    .collect()
}

impl Lab {
    /// An endpoint at which the tests' calls may do what the nodes' role may, and not more.
    pub async fn start() -> Self {
        let policy = IamPolicy::parse(&policy_document(Extent::Act)).unwrap();
        Self::start_with(Role::Only(policy)).await
    }

    pub async fn start_with(role: Role) -> Self {
        let mut world = World::reference();
        world.timings.stop_ms = 50;
        world.timings.force_stop_ms = 50;
        world.timings.boot_ms = 50;
        let many_tables = build(&mut world);
        let roles = Roles::new(Role::Nothing);
        roles.give(ACCESS_KEY, role);
        let settings = EndpointSettings { world, roles, ..EndpointSettings::default() };
        let endpoint = arbiter_lab::endpoint::Endpoint::start(settings).await.unwrap();
        let ids = |instance: &str, interface: &str| GatewayIds {
            instance: instance.to_owned(),
            interface: interface.to_owned(),
        };
        let fixture = Fixture {
            url: endpoint.url(),
            tables: [world::TABLE_1.to_owned(), world::TABLE_2.to_owned()],
            gateways: [
                ids(world::INSTANCE_1, world::INTERFACE_1),
                ids(world::INSTANCE_2, world::INTERFACE_2),
            ],
            grouped: ids(GROUPED_INSTANCE, GROUPED_INTERFACE),
            vpn_gateway: VPN_GATEWAY.to_owned(),
            transit_gateway: TRANSIT_GATEWAY.to_owned(),
            prefix_list: PREFIX_LIST.to_owned(),
            many_tables,
        };
        Self { endpoint, fixture }
    }

    pub fn roles(&self) -> Roles {
        self.endpoint.roles()
    }

    /// Takes the tag of what we may change from a table or an instance.
    pub fn untag(&self, ids: &[&str]) {
        let untagged = self.endpoint.world().edit(|world, _| {
            let tables = world.tables.iter_mut().map(|(id, row)| (id, &mut row.tags));
            let instances = world.instances.iter_mut().map(|(id, row)| (id, &mut row.tags));
            for (_, tags) in tables.chain(instances).filter(|(id, _)| ids.contains(&id.as_str())) {
                tags.remove(MANAGED.0);
            }
            Ok(())
        });
        untagged.unwrap();
    }

    fn fault(&self, action: &str, effect: Effect) {
        self.endpoint.faults().set(Fault::on(action, effect)).unwrap();
    }

    fn mutations(&self) -> usize {
        self.endpoint.calls().mutations_since(0).calls.len()
    }
}

#[async_trait]
impl Endpoint for Lab {
    fn fixture(&self) -> &Fixture {
        &self.fixture
    }

    async fn set_source_dest_check(&self, interface: &str, on: bool) {
        self.endpoint.world().edit(|world, act| world.set_source_dest_check(act, interface, on)).unwrap();
    }

    async fn take_elastic_ip(&self, interface: &str) {
        self.endpoint.world().edit(|world, act| world.set_elastic_ip(act, interface, None)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_suite_passes_against_the_lab() {
    // The suite also names what does not exist, which bears no tag, and so is refused before anybody looks for it.
    let lab = Lab::start_with(Role::Everything).await;
    suite::run(&lab).await;
    // The suite has used up what little EC2 grants of StartInstances; here the words are of interest, not the pace.
    lab.endpoint.faults().set_throttling(false);
    raw::compare_with_expected(lab.fixture(), raw::Speaker::Lab).await;
}

#[tokio::test]
async fn every_mutation_carries_its_tag_and_no_describe_does() {
    proves("tag.cluster-epoch-intent");
    let lab = Lab::start().await;
    let ec2 = connect(settings(&lab.fixture.url)).await;
    ec2.observe(&suite::policy(&lab.fixture), Scope::All).await.unwrap();
    let target = interface(world::INTERFACE_2);
    assert_eq!(mutate(&ec2, set_route(3, world::TABLE_1, ON_PREMISES, target)).await, Outcome::Done);
    assert_eq!(mutate(&ec2, stop(4, world::INSTANCE_1, true)).await, Outcome::Done);
    ec2.preflight(&suite::policy(&lab.fixture)).await;
    let calls = lab.endpoint.calls().since(0).calls;
    for call in &calls {
        let tag = CallTag::find_in(&call.user_agent).map(|tag| tag.to_string());
        let expected = match (call.action.as_str(), call.mutating) {
            ("ReplaceRoute", true) => Some("arbiter/lab#17.3"),
            ("StopInstances", true) => Some("arbiter/lab#17.4"),
            _ => None,
        };
        assert_eq!(tag.as_deref(), expected, "{} by {}", call.action, call.user_agent);
        assert!(call.user_agent.contains("app/route-arbiter"), "{}", call.user_agent);
        // The referee reads it as well.
        assert_eq!(call.tag.is_some(), expected.is_some(), "{:?}", call.tag);
    }
    assert_eq!(lab.mutations(), 2, "dry runs are no mutations");
}

#[tokio::test]
async fn force_is_asked_for_when_it_is_meant_and_only_then() {
    let lab = Lab::start().await;
    let ec2 = connect(settings(&lab.fixture.url)).await;
    for (number, force) in [(1, false), (2, true)] {
        assert_eq!(mutate(&ec2, stop(number, world::INSTANCE_1, force)).await, Outcome::Done);
    }
    let calls = lab.endpoint.calls().mutations_since(0).calls;
    let forced: Vec<_> = calls.iter().map(|call| call.params["Force"].as_str()).collect();
    assert_eq!(forced, ["false", "true"]);
}

#[tokio::test]
async fn a_propagated_route_inside_ours_is_seen_as_its_shadow() {
    let lab = Lab::start().await;
    let ec2 = connect(settings(&lab.fixture.url)).await;
    let inside = Destination::parse("10.10.4.0/24").unwrap();
    let target = world::Target::Gateway(VPN_GATEWAY.to_owned());
    lab.endpoint
        .world()
        .edit(|world, act| world.propagate_route(act, world::TABLE_1, &inside, Some(target)))
        .unwrap();
    let seen = ec2.observe(&suite::policy(&lab.fixture), Scope::Routes).await.unwrap();
    let shadow = seen.routes[&"private-1".into()].shadowed_by.as_deref();
    assert_eq!(shadow, Some("10.10.4.0/24 via vgw-0123abcd"));
    assert_eq!(seen.routes[&"private-2".into()].shadowed_by, None);
}

#[tokio::test]
async fn the_route_of_a_stopped_gateway_is_a_black_hole_and_a_failed_check_an_impairment() {
    let lab = Lab::start().await;
    let ec2 = connect(settings(&lab.fixture.url)).await;
    let policy = suite::policy(&lab.fixture);
    lab.endpoint.world().edit(|world, _| world.set_impaired(world::INSTANCE_2, Some(true), None)).unwrap();
    assert_eq!(mutate(&ec2, stop(1, world::INSTANCE_1, false)).await, Outcome::Done);
    eventually("the route to be a black hole", async || {
        let seen = ec2.observe(&policy, Scope::All).await.unwrap();
        assert!(!seen.routes[&"private-2".into()].blackhole);
        assert!(seen.instances[&"strongswan-2".into()].impaired);
        seen.routes[&"private-1".into()].blackhole.then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_mutation_whose_answer_is_lost_has_no_answer_though_it_was_done() {
    let lab = Lab::start().await;
    let ec2 = connect(settings(&lab.fixture.url)).await;
    lab.fault("ReplaceRoute", Effect::LoseReply { silence: arbiter_lab::faults::Silence::Close });
    let target = interface(world::INTERFACE_2);
    let outcome = mutate(&ec2, set_route(1, world::TABLE_1, ON_PREMISES, target.clone())).await;
    assert!(matches!(outcome, Outcome::NoAnswer { .. }), "{outcome}");
    let seen = ec2.observe(&suite::policy(&lab.fixture), Scope::Routes).await.unwrap();
    assert_eq!(seen.routes[&"private-1".into()].target, Some(target));
    assert_eq!(lab.mutations(), 1);
}

#[tokio::test]
async fn a_throttled_mutation_has_failed_and_the_next_waits_its_turn() {
    let lab = Lab::start().await;
    let ec2 = connect(settings(&lab.fixture.url)).await;
    assert_eq!(ec2.allowance(CallKind::Route, 250), 50);
    lab.fault("ReplaceRoute", Effect::Throttle);
    let call = set_route(1, world::TABLE_1, ON_PREMISES, interface(world::INTERFACE_2));
    assert_eq!(refused(mutate(&ec2, call.clone()).await).0, "RequestLimitExceeded");
    assert_eq!(ec2.allowance(CallKind::Route, 250), 0);
    assert_eq!(ec2.allowance(CallKind::Stop, 250), 50, "each action has its own bucket");
    let outcome = mutate(&ec2, call).await;
    assert!(matches!(&outcome, Outcome::NotSent { reason } if reason.contains("pace")), "{outcome}");
    assert_eq!(lab.mutations(), 1, "what the pace holds back is not sent");
}

#[tokio::test]
async fn our_pace_is_never_faster_than_ec2s() {
    let lab = Lab::start().await;
    let ec2 = connect(settings(&lab.fixture.url)).await;
    let allowed = ec2.allowance(CallKind::Route, 250);
    let calls = (0..u64::from(allowed)).map(|number| {
        let target = interface(if number % 2 == 0 { world::INTERFACE_1 } else { world::INTERFACE_2 });
        mutate(&ec2, set_route(number, world::TABLE_1, ON_PREMISES, target))
    });
    let outcomes = futures::future::join_all(calls).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done), "{outcomes:?}");
    assert_eq!(lab.mutations(), 50);
}

#[tokio::test]
async fn a_denied_action_is_named_by_the_preflights_and_by_the_look() {
    let lab = Lab::start().await;
    let ec2 = connect(settings(&lab.fixture.url)).await;
    let policy = suite::policy(&lab.fixture);
    lab.fault("StartInstances", Effect::Deny);
    let findings = ec2.preflight(&policy).await;
    let denied: Vec<_> = findings.iter().map(|it| (it.code, it.subject.as_str())).collect();
    assert_eq!(denied, [(Code::NotPermitted, "StartInstances")]);
    assert!(findings[0].remedy().contains("ec2:StartInstances"), "{}", findings[0]);
    lab.fault("DescribeInstanceStatus", Effect::Deny);
    let failure = ec2.observe(&policy, Scope::All).await.unwrap_err();
    assert_eq!(failure.kind, ProviderErrorKind::Denied);
    assert_eq!(failure.operation, "DescribeInstanceStatus");
    let findings = ec2.preflight(&policy).await;
    let denied: Vec<_> = findings.iter().map(|it| (it.code, it.subject.as_str())).collect();
    assert_eq!(denied, [(Code::NotPermitted, "DescribeInstanceStatus")]);
}

#[tokio::test]
async fn a_right_that_could_not_be_tried_is_not_called_missing() {
    let lab = Lab::start().await;
    let ec2 = connect(settings(&lab.fixture.url)).await;
    let policy = suite::policy(&lab.fixture);
    lab.fault("StopInstances", Effect::Throttle);
    let findings = ec2.preflight(&policy).await;
    let unclear: Vec<_> = findings.iter().map(|it| (it.code, it.subject.as_str())).collect();
    assert_eq!(unclear, [(Code::PermissionUnclear, "StopInstances")], "{findings:?}");
    assert!(findings[0].detail.contains("RequestLimitExceeded"), "{}", findings[0]);
}

#[tokio::test]
async fn an_api_behind_a_route_of_ours_is_named_also_while_it_does_not_answer() {
    // An address for documentation: nobody answers there.
    let ec2 = connect(settings("http://192.0.2.1:9")).await;
    let policy = policy_of([route("private-1", "rtb-1", "192.0.2.0/24", &[])]);
    let findings = ec2.preflight(&policy).await;
    let found: Vec<_> = findings.iter().map(|it| (it.code, it.subject.as_str())).collect();
    assert_eq!(
        found,
        [(Code::ProviderUnreachable, "DescribeRouteTables"), (Code::ApiPath, "192.0.2.1")],
        "{findings:?}"
    );
}

#[tokio::test]
async fn a_target_that_is_gone_is_refused_by_name() {
    let lab = Lab::start().await;
    let ec2 = connect(settings(&lab.fixture.url)).await;
    let gone = Target::TransitGateway("tgw-00000000000000000".to_owned());
    let (code, message) = refused(mutate(&ec2, set_route(1, world::TABLE_1, ON_PREMISES, gone)).await);
    assert_eq!(code, "InvalidTransitGatewayID.NotFound");
    assert!(message.contains("tgw-00000000000000000"), "{message}");
}
