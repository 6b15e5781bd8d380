//! What the describes show, and what they refuse.

use crate::client::{call, control, receive, send, start};
use arbiter_lab::world::{Destination, INSTANCE_1, InstanceState, TABLE_1, Target};
use std::collections::BTreeSet;

#[tokio::test]
async fn the_reference_case_is_shown() {
    let endpoint = start(|_| ()).await;
    let tables = call(endpoint.addr(), "Action=DescribeRouteTables").await;
    assert_eq!(tables.status, 200);
    assert!(tables.body.contains(
        "<DescribeRouteTablesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>"
    ));
    assert_eq!(tables.elements("vpcId").len(), 2);
    assert_eq!(tables.elements("networkInterfaceId"), ["eni-23fbd87a", "eni-2d75e606"]);
    assert_eq!(tables.elements("destinationCidrBlock").iter().filter(|c| **c == "10.10.0.0/16").count(), 2);
    assert_eq!(tables.element("nextToken"), None);

    let instances = call(endpoint.addr(), "Action=DescribeInstances").await;
    // In the order of their ids, so strongswan-2 comes first.
    assert_eq!(instances.elements("privateIpAddress")[0], "172.16.2.126");
    assert_eq!(instances.elements("ipAddress"), ["54.222.191.34", "54.223.192.238"]);
    let interfaces = call(endpoint.addr(), "Action=DescribeNetworkInterfaces").await;
    assert_eq!(interfaces.elements("sourceDestCheck"), ["false", "false"]);
    assert!(interfaces.body.contains(&format!("<instanceId>{INSTANCE_1}</instanceId>")));
    let addresses = call(endpoint.addr(), "Action=DescribeAddresses&PublicIp.1=54.222.191.34").await;
    assert_eq!(addresses.elements("networkInterfaceId"), ["eni-2d75e606"]);
    let attribute =
        format!("Action=DescribeInstanceAttribute&InstanceId={INSTANCE_1}&Attribute=sourceDestCheck");
    assert_eq!(call(endpoint.addr(), &attribute).await.element("value"), Some("false"));
}

#[tokio::test]
async fn routes_of_every_kind_are_shown_as_ec2_shows_them() {
    let endpoint = start(|settings| {
        settings.world.gateways.extend(["tgw-0badc0de", "vgw-0badc0de"].map(str::to_owned));
    })
    .await;
    let world = endpoint.world();
    for (destination, target) in
        [("2001:db8::/32", "eni-2d75e606"), ("pl-0123abcd", "tgw-0badc0de"), ("10.20.0.0/16", "igw-12345678")]
    {
        let destination = Destination::parse(destination).unwrap();
        world.edit(|world, act| world.set_route(act, TABLE_1, &destination, Target::of_id(target))).unwrap();
    }
    let propagated = Destination::parse("10.10.128.0/17").unwrap();
    let vgw = Target::of_id("vgw-0badc0de");
    world.edit(|world, act| world.propagate_route(act, TABLE_1, &propagated, vgw)).unwrap();
    let answer = call(endpoint.addr(), &format!("Action=DescribeRouteTables&RouteTableId.1={TABLE_1}")).await;
    for part in [
        "<destinationIpv6CidrBlock>2001:db8::/32</destinationIpv6CidrBlock>",
        "<destinationPrefixListId>pl-0123abcd</destinationPrefixListId><transitGatewayId>tgw-0badc0de</transitGatewayId><state>active</state>",
        "<gatewayId>igw-12345678</gatewayId><state>blackhole</state><origin>CreateRoute</origin>",
        "<gatewayId>vgw-0badc0de</gatewayId><state>active</state><origin>EnableVgwRoutePropagation</origin>",
        "<gatewayId>local</gatewayId><state>active</state><origin>CreateRouteTable</origin>",
    ] {
        assert!(answer.body.contains(part), "{part} is not in {}", answer.body);
    }
}

#[tokio::test]
async fn ids_and_filters_choose() {
    let endpoint = start(|_| ()).await;
    for (form, expected) in [
        ("Action=DescribeRouteTables&RouteTableId.1=rtb-4b8f522f", 1),
        (
            "Action=DescribeRouteTables&Filter.1.Name=route-table-id&Filter.1.Value.1=rtb-4b8f522f&Filter.1.Value.2=rtb-468f5222",
            2,
        ),
        ("Action=DescribeRouteTables&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-0c1d2e3f4a5b69788", 2),
        ("Action=DescribeRouteTables&Filter.1.Name=tag:Name&Filter.1.Value.1=private-1", 1),
        ("Action=DescribeRouteTables&Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-00000000", 0),
        ("Action=DescribeInstances&Filter.1.Name=instance-id&Filter.1.Value.1=i-0f1e2d3c4b5a69788", 1),
        (
            "Action=DescribeNetworkInterfaces&Filter.1.Name=network-interface-id&Filter.1.Value.1=eni-2d75e606",
            1,
        ),
        (
            "Action=DescribeNetworkInterfaces&Filter.1.Name=attachment.instance-id&Filter.1.Value.1=i-0f1e2d3c4b5a69788",
            1,
        ),
    ] {
        let answer = call(endpoint.addr(), form).await;
        assert_eq!(answer.status, 200, "{form}: {}", answer.body);
        let items = answer.elements("subnetId").into_iter().collect::<BTreeSet<_>>();
        assert_eq!(items.len(), expected, "{form}: {}", answer.body);
    }
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let endpoint = start(|settings| {
        for number in 0..10 {
            let table = settings.world.new_table(&format!("rtb-0000000{number}"), "more", None);
            settings.world.tables.insert(table.id.clone(), table);
        }
    })
    .await;
    let mut seen = Vec::new();
    let mut token = String::new();
    let mut pages = 0;
    loop {
        let form = format!("Action=DescribeRouteTables&MaxResults=5{token}");
        let answer = call(endpoint.addr(), &form).await;
        pages += 1;
        let ids = answer.elements("routeTableId").into_iter().map(str::to_owned);
        seen.extend(ids.collect::<BTreeSet<_>>());
        match answer.element("nextToken") {
            Some(next) if pages < 9 => token = format!("&NextToken={next}"),
            _ => break,
        }
    }
    assert_eq!((pages, seen.len()), (3, 12), "{seen:?}");
    assert!(seen.is_sorted());
}

#[tokio::test]
async fn only_running_instances_have_a_status_unless_all_are_asked_for() {
    let endpoint = start(|_| ()).await;
    endpoint.world().edit(|w, act| w.set_instance_state(act, INSTANCE_1, InstanceState::Stopped)).unwrap();
    let running = call(endpoint.addr(), "Action=DescribeInstanceStatus").await;
    assert_eq!(running.elements("instanceId").len(), 1);
    let all = call(endpoint.addr(), "Action=DescribeInstanceStatus&IncludeAllInstances=true").await;
    assert_eq!(all.elements("instanceId").len(), 2);
    assert!(
        all.body
            .contains("<name>stopped</name></instanceState><systemStatus><status>not-applicable</status>")
    );
    let one = format!("Action=DescribeInstanceStatus&InstanceId.1={INSTANCE_1}");
    let one = call(endpoint.addr(), &one).await;
    assert_eq!((one.status, one.elements("instanceId").len()), (200, 0), "stopped is not unknown");
    let body = r#"{"state":"running","system_impaired":true}"#;
    assert_eq!(control(endpoint.addr(), "POST", &format!("instances/{INSTANCE_1}"), body).await.status, 200);
    let no_wait = r#"{"checks_ms":0}"#;
    assert_eq!(control(endpoint.addr(), "POST", "timings", no_wait).await.status, 200);
    let impaired = call(endpoint.addr(), "Action=DescribeInstanceStatus").await;
    assert!(impaired.body.contains("<systemStatus><status>impaired</status><details><item><name>reachability</name><status>failed</status>"), "{}", impaired.body);
}

#[tokio::test]
async fn wrong_requests_get_ec2s_errors() {
    let endpoint = start(|_| ()).await;
    let version = "Version=2016-11-15";
    for (form, status, code) in [
        (version.to_owned(), 400, "MissingAction"),
        (format!("Action=DescribeUnicorns&{version}"), 400, "InvalidAction"),
        ("Action=DescribeRouteTables&Version=2009-01-01".to_owned(), 400, "NoSuchVersion"),
        ("Action=DescribeRouteTables".to_owned(), 400, "NoSuchVersion"),
        (format!("Action=DescribeRouteTables&{version}&Colour=red"), 400, "UnknownParameter"),
        (
            format!("Action=DescribeRouteTables&{version}&RouteTableId.1=foo"),
            400,
            "InvalidRouteTableId.Malformed",
        ),
        (
            format!("Action=DescribeRouteTables&{version}&RouteTableId.1=rtb-12345678"),
            400,
            "InvalidRouteTableID.NotFound",
        ),
        (format!("Action=DescribeRouteTables&{version}&MaxResults=1"), 400, "InvalidParameterValue"),
        (format!("Action=DescribeRouteTables&{version}&NextToken=abc"), 400, "InvalidNextToken"),
        (
            format!("Action=DescribeRouteTables&{version}&Filter.1.Name=x&Filter.1.Value.1=y"),
            400,
            "InvalidParameterValue",
        ),
        (format!("Action=DescribeRouteTables&{version}&DryRun=true"), 412, "DryRunOperation"),
        (format!("Action=DescribeRouteTables&{version}&DryRun=maybe"), 400, "InvalidParameterValue"),
        (format!("Action=DescribeInstances&{version}&InstanceId.1=foo"), 400, "InvalidInstanceID.Malformed"),
        (
            format!("Action=DescribeInstances&{version}&InstanceId.1=i-12345678"),
            400,
            "InvalidInstanceID.NotFound",
        ),
        (
            format!("Action=DescribeInstances&{version}&InstanceId.1={INSTANCE_1}&MaxResults=5"),
            400,
            "InvalidParameterCombination",
        ),
        (
            format!("Action=DescribeInstanceStatus&{version}&InstanceId.1=i-12345678"),
            400,
            "InvalidInstanceID.NotFound",
        ),
        (
            format!("Action=DescribeNetworkInterfaces&{version}&NetworkInterfaceId.1=eni-12345678"),
            400,
            "InvalidNetworkInterfaceID.NotFound",
        ),
        (
            format!("Action=DescribeNetworkInterfaces&{version}&NetworkInterfaceId.1=x"),
            400,
            "InvalidNetworkInterfaceId.Malformed",
        ),
        (format!("Action=DescribeAddresses&{version}&PublicIp.1=1.2.3.4"), 400, "InvalidAddress.NotFound"),
        (
            format!("Action=DescribeInstanceAttribute&{version}&InstanceId={INSTANCE_1}"),
            400,
            "MissingParameter",
        ),
        (
            format!("Action=DescribeInstanceAttribute&{version}&InstanceId={INSTANCE_1}&Attribute=x"),
            400,
            "InvalidParameterValue",
        ),
    ] {
        let answer = receive(send(endpoint.addr(), Some("AKID"), &form).await).await.unwrap();
        assert_eq!((answer.status, answer.element("Code")), (status, Some(code)), "{form}: {}", answer.body);
        assert!(answer.body.contains("<Response><Errors><Error><Code>"), "{}", answer.body);
        assert!(answer.element("RequestID").is_some(), "{}", answer.body);
    }
    let form = format!("Action=DescribeRouteTables&{version}");
    let stranger = receive(send(endpoint.addr(), None, &form).await).await.unwrap();
    assert_eq!((stranger.status, stranger.element("Code")), (401, Some("AuthFailure")));
    let endless = "x".repeat(300 * 1_024);
    let endless = receive(send(endpoint.addr(), Some("AKID"), &endless).await).await;
    assert!(endless.is_none_or(|answer| answer.status == 413));
}
