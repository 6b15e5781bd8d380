//! What the mutating actions do, and what the log says of them.

use crate::client::{NODE_1, call, soon, start};
use arbiter_lab::calllog::{Outcome, Reply, Tag};
use arbiter_lab::endpoint::EndpointHandle;
use arbiter_lab::world::{
    Cause, Change, Destination, INSTANCE_1, INTERFACE_1, INTERFACE_2, InstanceState, ON_PREMISES, TABLE_1,
    Timings, What,
};
use tokio::sync::broadcast::Receiver;

pub fn replace(target: &str) -> String {
    format!(
        "Action=ReplaceRoute&RouteTableId={TABLE_1}&DestinationCidrBlock=10.10.0.0%2F16&NetworkInterfaceId={target}"
    )
}

pub fn target(endpoint: &EndpointHandle) -> String {
    let destination = Destination::parse(ON_PREMISES).expect("a CIDR");
    endpoint.world().look(|world| {
        let route = world.table(TABLE_1).expect("the table").static_route(&destination).expect("the route");
        route.target.id().to_owned()
    })
}

async fn next(changes: &mut Receiver<Change>) -> Change {
    soon("the next change", changes.recv()).await.expect("no change is lost")
}

#[tokio::test]
async fn a_replaced_route_moves_and_the_log_says_who_when_and_what() {
    let endpoint = start(|_| ()).await;
    let mut changes = endpoint.changes();
    let answer = call(endpoint.addr(), &replace(INTERFACE_2)).await;
    assert_eq!((answer.status, answer.element("return")), (200, Some("true")));
    assert_eq!(target(&endpoint), INTERFACE_2);

    soon("the record is settled", endpoint.calls().wait_until(|log| log.since(0).calls[0].is_settled()))
        .await;
    let slice = endpoint.calls().mutations_since(0);
    assert!(slice.complete);
    let [record] = slice.calls.as_slice() else { panic!("{slice:?}") };
    assert_eq!(record.caller.as_deref(), Some(NODE_1));
    assert_eq!(record.tag, Some(Tag { cluster: "c1".into(), epoch: 17, intent: 3 }));
    assert_eq!(
        (record.action.as_str(), record.param("NetworkInterfaceId")),
        ("ReplaceRoute", Some(INTERFACE_2))
    );
    assert_eq!((&record.outcome, record.reply), (&Outcome::Ok, Reply::Sent));
    let applied = record.applied_ms.unwrap();
    assert!(record.arrived_ms <= applied && applied <= record.replied_ms.unwrap(), "{record:?}");
    let moved = What::Route {
        table: TABLE_1.into(),
        destination: ON_PREMISES.into(),
        before: Some(INTERFACE_1.into()),
        after: Some(INTERFACE_2.into()),
    };
    assert_eq!(record.changed, std::slice::from_ref(&moved));
    assert_eq!(next(&mut changes).await, Change { at_ms: applied, cause: Cause::Call(1), what: moved });
}

#[tokio::test]
async fn a_stopped_instance_starts_again_and_listeners_hear_each_step() {
    let quick = Timings { stop_ms: 30, force_stop_ms: 1, boot_ms: 30, checks_ms: 0, terminate_ms: 1 };
    let endpoint = start(|settings| settings.world.timings = quick).await;
    let mut changes = endpoint.changes();
    let answer = call(endpoint.addr(), &format!("Action=StopInstances&InstanceId.1={INSTANCE_1}")).await;
    assert!(answer.body.contains(
        "<currentState><code>64</code><name>stopping</name></currentState><previousState><code>16</code>"
    ));
    let mut states = Vec::new();
    for _ in 0..2 {
        states.push(next(&mut changes).await);
    }
    let answer = call(endpoint.addr(), &format!("Action=StartInstances&InstanceId.1={INSTANCE_1}")).await;
    assert!(answer.body.contains(
        "<currentState><code>0</code><name>pending</name></currentState><previousState><code>80</code>"
    ));
    for _ in 0..2 {
        states.push(next(&mut changes).await);
    }
    let steps: Vec<_> = states
        .into_iter()
        .map(|change| match change.what {
            What::Instance { after, .. } => (after, change.cause),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        (InstanceState::Stopping, Cause::Call(1)),
        (InstanceState::Stopped, Cause::Time),
        (InstanceState::Pending, Cause::Call(2)),
        (InstanceState::Running, Cause::Time),
    ];
    assert_eq!(steps, expected);
}

#[tokio::test]
async fn wrong_mutations_get_ec2s_errors_and_change_nothing() {
    let endpoint = start(|settings| settings.throttling = false).await;
    let before = endpoint.world().snapshot();
    let on_table = format!("RouteTableId={TABLE_1}");
    let to = format!("NetworkInterfaceId={INTERFACE_2}");
    let ours = "DestinationCidrBlock=10.10.0.0%2F16";
    for (form, code) in [
        (format!("Action=ReplaceRoute&{ours}&{to}"), "MissingParameter"),
        (format!("Action=ReplaceRoute&{on_table}&{to}"), "MissingParameter"),
        (format!("Action=ReplaceRoute&{on_table}&{ours}"), "MissingParameter"),
        (format!("Action=ReplaceRoute&{on_table}&{ours}&{to}&GatewayId=igw-12345678"), "InvalidParameterCombination"),
        (format!("Action=ReplaceRoute&{on_table}&{ours}&{to}&DestinationIpv6CidrBlock=::%2F0"), "InvalidParameterCombination"),
        (format!("Action=ReplaceRoute&{on_table}&DestinationCidrBlock=10.99.0.0%2F16&{to}"), "InvalidParameterValue"),
        (format!("Action=ReplaceRoute&{on_table}&DestinationCidrBlock=nonsense&{to}"), "InvalidParameterValue"),
        (format!("Action=ReplaceRoute&{on_table}&DestinationIpv6CidrBlock=10.10.0.0%2F16&{to}"), "InvalidParameterValue"),
        (format!("Action=ReplaceRoute&RouteTableId=rtb-12345678&{ours}&{to}"), "InvalidRouteTableID.NotFound"),
        (format!("Action=ReplaceRoute&RouteTableId=table&{ours}&{to}"), "InvalidRouteTableId.Malformed"),
        (format!("Action=ReplaceRoute&{on_table}&{ours}&NetworkInterfaceId=eni-12345678"), "InvalidNetworkInterfaceID.NotFound"),
        (format!("Action=ReplaceRoute&{on_table}&{ours}&InstanceId=i-12345678"), "InvalidInstanceID.NotFound"),
        (format!("Action=ReplaceRoute&{on_table}&DestinationCidrBlock=172.16.0.0%2F16&GatewayId=igw-12345678"), "InvalidGatewayID.NotFound"),
        (format!("Action=ReplaceRoute&{on_table}&{ours}&{to}&DryRun=true"), "DryRunOperation"),
        (format!("Action=ReplaceRoute&{on_table}&{ours}&{to}&VpcPeeringConnectionId=pcx-1"), "UnknownParameter"),
        (format!("Action=CreateRoute&{on_table}&{ours}&{to}"), "RouteAlreadyExists"),
        ("Action=StopInstances".to_owned(), "MissingParameter"),
        ("Action=StopInstances&InstanceId.1=x".to_owned(), "InvalidInstanceID.Malformed"),
        ("Action=StopInstances&InstanceId.1=i-12345678".to_owned(), "InvalidInstanceID.NotFound"),
        (format!("Action=StopInstances&InstanceId.1={INSTANCE_1}&Hibernate=true"), "UnsupportedHibernationConfiguration"),
        (format!("Action=StopInstances&InstanceId.1={INSTANCE_1}&DryRun=true"), "DryRunOperation"),
        ("Action=StartInstances&InstanceId.1=i-12345678".to_owned(), "InvalidInstanceID.NotFound"),
        ("Action=ModifyNetworkInterfaceAttribute&NetworkInterfaceId=eni-12345678&SourceDestCheck.Value=false".to_owned(), "InvalidNetworkInterfaceID.NotFound"),
        (format!("Action=ModifyNetworkInterfaceAttribute&NetworkInterfaceId={INTERFACE_1}"), "MissingParameter"),
    ] {
        let answer = call(endpoint.addr(), &form).await;
        assert_eq!(answer.element("Code"), Some(code), "{form}: {}", answer.body);
        assert_eq!(answer.status, if code == "DryRunOperation" { 412 } else { 400 }, "{form}");
    }
    assert_eq!(endpoint.world().snapshot(), before);
    assert!(endpoint.calls().mutations_since(0).calls.iter().all(|record| record.changed.is_empty()));
}

#[tokio::test]
async fn a_dry_run_is_no_mutation_in_the_log() {
    let endpoint = start(|_| ()).await;
    call(endpoint.addr(), &format!("{}&DryRun=true", replace(INTERFACE_2))).await;
    assert_eq!(endpoint.calls().mutations_since(0).calls.len(), 0);
    assert_eq!(endpoint.calls().since(0).calls.len(), 1);
}

#[tokio::test]
async fn other_mutations_work_as_well() {
    let endpoint = start(|_| ()).await;
    let by_instance = format!(
        "Action=ReplaceRoute&RouteTableId={TABLE_1}&DestinationCidrBlock=10.10.0.0%2F16&InstanceId=i-08f7e6d5c4b3a2910"
    );
    assert_eq!(call(endpoint.addr(), &by_instance).await.status, 200);
    assert_eq!(target(&endpoint), INTERFACE_2, "an instance stands for its interface");
    let create = format!(
        "Action=CreateRoute&RouteTableId={TABLE_1}&DestinationIpv6CidrBlock=2001:db8::%2F32&NetworkInterfaceId={INTERFACE_1}"
    );
    assert_eq!(call(endpoint.addr(), &create).await.status, 200);
    let check = format!(
        "Action=ModifyNetworkInterfaceAttribute&NetworkInterfaceId={INTERFACE_1}&SourceDestCheck.Value=true"
    );
    assert_eq!(call(endpoint.addr(), &check).await.status, 200);
    endpoint.world().look(|world| {
        assert!(world.interface(INTERFACE_1).unwrap().source_dest_check);
        let v6 = Destination::parse("2001:db8::/32").unwrap();
        assert!(world.table(TABLE_1).unwrap().static_route(&v6).is_some());
    });
}
