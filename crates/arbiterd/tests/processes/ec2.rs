//! Bad days in EC2: what a node says of them when it starts, and later.

use crate::cluster::{ALL, Cluster, ONE, Plan, TWO, WITNESS, has_alarm};
use arbiter_core::bad_days::bad_day;
use arbiter_lab::endpoint::{Endpoint, EndpointSettings};
use arbiter_lab::faults::{Effect, Fault, Silence};
use arbiter_lab::world::{Destination, INSTANCE_1, INTERFACE_2, ON_PREMISES, TABLE_2};
use arbiter_proto::v1;
use std::net::SocketAddr;

/// What is wrong, where, and what to do.
const FINDINGS: [&str; 5] = [
    "EC2 does not have something that the policy names: DescribeNetworkInterfaces: InvalidNetworkInterfaceID.NotFound: \
     network interface eni-2d75e606 of gateway strongswan-2 does not exist in this region and account; correct its id in \
     the policy code=\"provider-lacks\" subject=DescribeNetworkInterfaces remedy=\"correct the id in the policy, or the \
     region of this node\"",
    "a route does not exist in its table: rtb-4b8f522f has no route to 10.10.0.0/16 code=\"route-missing\" \
     subject=private-2 remedy=\"create it once: aws ec2 create-route --route-table-id rtb-4b8f522f \
     --destination-cidr-block 10.10.0.0/16 --network-interface-id eni-2d75e606\"",
    "EC2 does not have something that the policy names: instance i-0f1e2d3c4b5a69788 is absent code=\"provider-lacks\" \
     subject=strongswan-1 remedy=\"name the gateway's present instance and interface: `arbiterctl gateway replace`\"",
    "a node may not do what a failover or a remediation needs: on rtb-468f5222: UnauthorizedOperation: You are not \
     authorized to perform this operation. (ec2:ReplaceRoute is on the lab's deny list) code=\"not-permitted\" \
     subject=ReplaceRoute remedy=\"allow ec2:ReplaceRoute on rtb-468f5222 to the node's role\"",
    "a node may not do what a failover or a remediation needs: on i-08f7e6d5c4b3a2910: UnauthorizedOperation: You are not \
     authorized to perform this operation. (ec2:StopInstances is on the lab's deny list) code=\"not-permitted\" \
     subject=StopInstances remedy=\"allow ec2:StopInstances on i-08f7e6d5c4b3a2910 to the node's role\"",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ec2_lacks_or_denies_is_said_at_the_start_with_its_id_and_nothing_is_created() {
    bad_day("missing-route");
    bad_day("missing-interface");
    bad_day("missing-instance");
    bad_day("denied-action");
    let mut cluster = Cluster::prepare(&Plan::default()).await;
    let destination = Destination::parse(ON_PREMISES).unwrap();
    let taken = cluster.ec2.world().edit(|world, act| {
        world.interfaces.remove(INTERFACE_2).unwrap();
        world.set_route(act, TABLE_2, &destination, None)?;
        world.forget_instance(act, INSTANCE_1)
    });
    taken.unwrap();
    for action in ["ReplaceRoute", "StopInstances"] {
        cluster.ec2.faults().set(Fault::on(action, Effect::Deny)).unwrap();
    }
    cluster.start_node(WITNESS);
    cluster.start_node(ONE);
    for finding in FINDINGS {
        cluster.until_logged(ONE, &format!(" ERROR arbiterd::build: {finding}\n")).await;
    }
    let errors = cluster.log(ONE).matches(" ERROR ").count();
    assert_eq!(errors, FINDINGS.len(), "nothing is said twice");
    // Also later, for whoever asks.
    let missing = |status: &v1::StatusReply| {
        has_alarm(status, "route-missing", "private-2")
            && has_alarm(status, "provider-lacks", WITNESS.name())
            && status.voters_heard == 2
    };
    cluster.until_status(ONE, "alarms of what is missing, and both heard", missing).await;
    let calls = cluster.ec2.calls().since(0).calls;
    let describes = calls.iter().all(|call| call.action.starts_with("Describe") || !call.mutating);
    assert!(describes, "nothing is created, nothing is changed: {calls:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_down_is_named_and_the_nodes_go_on_and_recover() {
    bad_day("endpoint-down");
    let mut cluster = Cluster::prepare(&Plan::default()).await;
    // Of this cluster alone, and no port that anybody is given by chance.
    let listen = SocketAddr::new(cluster.addresses.nodes[0].ip(), 7_490);
    let url = format!("http://{listen}");
    for member in ALL {
        let mut command = cluster.command(member);
        command.env("AWS_ENDPOINT_URL_EC2", &url);
        cluster.start_by(member, command);
    }
    let failure = format!(
        "DescribeRouteTables: ConnectFailed: {listen}: client error (Connect): tcp connect error: Connection refused (os error 111)"
    );
    cluster
        .until_logged(ONE, &format!(" ERROR arbiterd::side: EC2 can't be used yet error={failure}\n"))
        .await;
    let remedy = "check the way to the EC2 API (endpoint, DNS, security groups); it must not depend on the routes that are \
                  moved";
    let finding = format!(
        "the EC2 API can't be reached: {failure} code=\"provider-unreachable\" subject=DescribeRouteTables \
         remedy=\"{remedy}\"\n"
    );
    cluster.until_logged(ONE, &format!(" ERROR arbiterd::build: {finding}")).await;
    let unreachable = |status: &v1::StatusReply| has_alarm(status, "provider-unreachable", &status.leader);
    // They vote and report all the same.
    let all = |status: &v1::StatusReply| unreachable(status) && status.voters_heard == 3;
    cluster.until_status(TWO, "no EC2, and all three heard", all).await;

    cluster.ec2 = Endpoint::start(EndpointSettings { listen, ..EndpointSettings::default() }).await.unwrap();
    cluster.until_well().await;
    cluster.until_logged(WITNESS, "the provider can be read again").await;

    let away = Effect::LoseRequest { silence: Silence::Close };
    cluster.ec2.faults().set(Fault::on("*", away)).unwrap();
    let status = cluster.until_status(TWO, "no EC2 again", unreachable).await;
    let alarm = status.alarms.iter().find(|alarm| alarm.code == "provider-unreachable").unwrap();
    assert!(alarm.detail.contains(&listen.to_string()), "{}", alarm.detail);
    cluster.ec2.faults().clear();
    let seen =
        |status: &v1::StatusReply| !status.alarms.iter().any(|alarm| alarm.code == "provider-unreachable");
    cluster.until_status(TWO, "EC2 again", seen).await;
    cluster.judge().await;
}
