//! What callers with an IAM policy may do: what it allows, on what it allows, and nothing else.

use crate::client::{Answer, NODE_1, NODE_2, call, call_as, start};
use crate::mutate::{replace, target};
use arbiter_lab::calllog::Outcome;
use arbiter_lab::endpoint::EndpointHandle;
use arbiter_lab::faults::{Effect, Fault};
use arbiter_lab::iam::{IamPolicy, Role, Roles};
use arbiter_lab::world::{INSTANCE_1, INSTANCE_2, INTERFACE_1, INTERFACE_2, TABLE_1};

/// An endpoint whose first node may do what operators are told to allow, and nobody else anything.
async fn start_for_node(policy: IamPolicy) -> EndpointHandle {
    let roles = Roles::new(Role::Nothing);
    roles.give(NODE_1, Role::Only(policy));
    start(|settings| {
        settings.roles = roles;
        settings.throttling = false;
    })
    .await
}

fn of_nodes() -> IamPolicy {
    IamPolicy::of_nodes().expect("it is understood")
}

/// A call of each action that a node makes, by the name in its policy.
fn calls() -> [(&'static str, String); 7] {
    [
        ("ec2:DescribeRouteTables", "Action=DescribeRouteTables".to_owned()),
        ("ec2:DescribeInstances", "Action=DescribeInstances".to_owned()),
        ("ec2:DescribeInstanceStatus", "Action=DescribeInstanceStatus".to_owned()),
        ("ec2:DescribeNetworkInterfaces", "Action=DescribeNetworkInterfaces".to_owned()),
        ("ec2:ReplaceRoute", replace(INTERFACE_1)),
        ("ec2:StopInstances", format!("Action=StopInstances&InstanceId.1={INSTANCE_1}")),
        ("ec2:StartInstances", format!("Action=StartInstances&InstanceId.1={INSTANCE_2}")),
    ]
}

fn is_refused(answer: &Answer) -> bool {
    let refused = answer.element("Code") == Some("UnauthorizedOperation");
    assert_eq!(refused, answer.status == 403, "{answer:?}");
    refused
}

#[tokio::test]
async fn of_each_action_that_is_taken_out_the_endpoint_refuses_just_that_one() {
    let taken_out = calls().map(|(action, _)| action);
    assert_eq!(of_nodes().actions(), taken_out.map(str::to_owned).into(), "every action is tried");
    for missing in taken_out.into_iter().map(Some).chain([None]) {
        let policy = missing.map_or_else(of_nodes, |action| of_nodes().without(action));
        let endpoint = start_for_node(policy).await;
        for (action, form) in calls() {
            for form in [format!("{form}&DryRun=true"), form] {
                let answer = call(endpoint.addr(), &form).await;
                let words = format!("without {missing:?}, {form}: {}", answer.body);
                assert_eq!(is_refused(&answer), Some(action) == missing, "{words}");
                if Some(action) == missing {
                    assert!(answer.body.contains(&format!("to perform: {action} on resource: ")), "{words}");
                } else {
                    let expected = if form.contains("DryRun") { 412 } else { 200 };
                    assert_eq!(answer.status, expected, "{words}");
                }
            }
        }
        let refused: Vec<_> = endpoint.roles().uses().refused.into_iter().collect();
        let expected: Vec<_> =
            missing.map(|action| action.trim_start_matches("ec2:").to_owned()).into_iter().collect();
        assert_eq!(refused, expected);
        assert_eq!(endpoint.roles().uses().used.len(), 7 - expected.len());
    }
}

#[tokio::test]
async fn what_does_not_bear_the_tag_is_not_changed() {
    let endpoint = start_for_node(of_nodes()).await;
    let untag = |id: &'static str| {
        let edited = endpoint.world().edit(|world, _| {
            if let Some(row) = world.tables.get_mut(id) {
                row.tags.remove("route-arbiter");
            }
            if let Some(row) = world.instances.get_mut(id) {
                row.tags.insert("route-arbiter".to_owned(), "unmanaged".to_owned());
            }
            Ok(())
        });
        edited.expect("nothing to refuse");
    };
    assert_eq!(call(endpoint.addr(), &replace(INTERFACE_2)).await.status, 200);
    untag(TABLE_1);
    untag(INSTANCE_2);
    let before = endpoint.world().snapshot();
    for (form, resource) in [
        (replace(INTERFACE_1), TABLE_1),
        // The target of a route does not count, whatever it is.
        (format!("{}&InstanceId={INSTANCE_1}", replace(INTERFACE_1)), TABLE_1),
        (format!("Action=StopInstances&InstanceId.1={INSTANCE_2}"), INSTANCE_2),
        (format!("Action=StopInstances&InstanceId.1={INSTANCE_1}&InstanceId.2={INSTANCE_2}"), INSTANCE_2),
        (format!("Action=StartInstances&InstanceId.1={INSTANCE_2}"), INSTANCE_2),
        // What does not exist has no tag either, nor has what is not named.
        ("Action=StartInstances&InstanceId.1=i-12345678".to_owned(), "i-12345678"),
        ("Action=StopInstances".to_owned(), "*"),
    ] {
        for form in [format!("{form}&DryRun=true"), form] {
            let answer = call(endpoint.addr(), &form).await;
            assert!(is_refused(&answer), "{form}: {}", answer.body);
            assert!(answer.body.contains(&format!("on resource: {resource} ")), "{form}: {}", answer.body);
        }
    }
    assert_eq!(endpoint.world().snapshot(), before);
    let form = format!("Action=StopInstances&InstanceId.1={INSTANCE_1}");
    assert_eq!(call(endpoint.addr(), &form).await.status, 200, "this one bears it");
}

#[tokio::test]
async fn what_no_node_needs_no_node_may() {
    let endpoint = start_for_node(of_nodes()).await;
    let before = endpoint.world().snapshot();
    let on_table = format!(
        "RouteTableId={TABLE_1}&DestinationCidrBlock=10.99.0.0%2F16&NetworkInterfaceId={INTERFACE_1}"
    );
    for form in [
        format!("Action=CreateRoute&{on_table}"),
        format!(
            "Action=ModifyNetworkInterfaceAttribute&NetworkInterfaceId={INTERFACE_1}&SourceDestCheck.Value=true"
        ),
        format!("Action=DescribeInstanceAttribute&InstanceId={INSTANCE_1}&Attribute=userData"),
        "Action=DescribeAddresses".to_owned(),
    ] {
        assert!(is_refused(&call(endpoint.addr(), &form).await), "{form}");
    }
    assert_eq!(endpoint.world().snapshot(), before);
}

#[tokio::test]
async fn a_key_that_nobody_has_named_may_do_nothing_and_one_that_may_do_everything_does() {
    let endpoint = start_for_node(of_nodes()).await;
    for (_, form) in calls() {
        assert!(is_refused(&call_as(endpoint.addr(), NODE_2, &form).await), "{form}");
    }
    endpoint.roles().give(NODE_2, Role::Everything);
    let create = format!(
        "Action=CreateRoute&RouteTableId={TABLE_1}&DestinationCidrBlock=10.99.0.0%2F16&NetworkInterfaceId={INTERFACE_1}"
    );
    assert_eq!(call_as(endpoint.addr(), NODE_2, &create).await.status, 200);
    assert!(is_refused(&call(endpoint.addr(), &create).await), "the other still may not");
}

#[tokio::test]
async fn it_is_judged_before_anything_else_is_done() {
    let endpoint = start_for_node(of_nodes().without("ec2:ReplaceRoute")).await;
    // Neither a fault that comes later nor a word that makes no sense is reached.
    endpoint.faults().set(Fault::on("*", Effect::Throttle)).expect("within bounds");
    endpoint.faults().set(Fault::on("*", Effect::ApplyLate { delay_ms: 0 })).expect("within bounds");
    for form in [replace(INTERFACE_2), "Action=ReplaceRoute&Nonsense=1".to_owned()] {
        assert!(is_refused(&call(endpoint.addr(), &form).await), "{form}");
    }
    assert_eq!(target(&endpoint), INTERFACE_1);
    // As EC2: what is no action is not judged.
    endpoint.faults().clear();
    let unknown = call(endpoint.addr(), "Action=MakeCoffee").await;
    assert_eq!(unknown.element("Code"), Some("InvalidAction"));
    let log = endpoint.calls().since(0).calls;
    assert!(log.iter().all(|call| call.changed.is_empty() && call.applied_ms.is_none()), "{log:?}");
    assert_eq!(log[0].outcome, Outcome::Refused("UnauthorizedOperation".to_owned()));
}
