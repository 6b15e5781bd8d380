//! What could keep a failover from working is found before it is needed, and named with its remedy.

use crate::cluster::{Cluster, ONE, Plan, TWO, WITNESS, has_alarm};
use arbiter_lab::iam::{IamPolicy, Role};
use arbiter_lab::world::{INSTANCE_1, INTERFACE_2};
use arbiter_proto::v1;

/// Where the finding is, what it says, what to do, and who says so.
fn found<'a>(reply: &'a v1::DoctorReply, code: &str) -> Option<(&'a str, &'a str, &'a str, String)> {
    let finding = reply.findings.iter().find(|it| it.alarm.as_ref().is_some_and(|it| it.code == code))?;
    let alarm = finding.alarm.as_ref()?;
    Some((&alarm.subject, &alarm.detail, &alarm.remedy, finding.said_by.join(" ")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_right_and_a_missing_address_are_found_by_whichever_node_is_asked() {
    let plan = Plan::default();
    let mut cluster = Cluster::prepare(&plan).await;
    // Two of the nodes may not stop instances, and the second gateway has no address of its own.
    let less = IamPolicy::of_nodes().unwrap().without("ec2:StopInstances");
    for member in [ONE, WITNESS] {
        cluster.ec2.roles().give(&member.access_key(), Role::Only(less.clone()));
    }
    cluster.ec2.world().edit(|world, act| world.set_elastic_ip(act, INTERFACE_2, None)).unwrap();
    plan.order.into_iter().for_each(|member| cluster.start_node(member));
    cluster.until_well().await;
    cluster.until_logged(ONE, "allow ec2:StopInstances on").await;

    let ill = cluster.doctor(TWO, false).await.unwrap();
    assert_eq!(ill.nodes.len(), 3, "{ill:#?}");
    assert!(ill.answered.as_ref().unwrap().linearizable, "a follower asks the leader: {ill:#?}");
    let (subject, detail, remedy, by) = found(&ill, "not-permitted").unwrap();
    assert_eq!(subject, "StopInstances");
    assert!(detail.contains("UnauthorizedOperation") && detail.contains(INSTANCE_1), "{detail}");
    assert!(remedy.contains("allow ec2:StopInstances on") && remedy.contains(INSTANCE_1), "{remedy}");
    assert_eq!(by, "witness strongswan-1", "who may not, in the order of the file");
    let (subject, detail, remedy, by) = found(&ill, "no-elastic-ip").unwrap();
    assert_eq!((subject, by.split(' ').count()), ("strongswan-2", 3), "all see it");
    assert!(detail.contains(INTERFACE_2) && remedy.contains("associate an Elastic IP"), "{detail}; {remedy}");
    let codes = ill.findings.iter().filter_map(|it| it.alarm.as_ref()).map(|alarm| &*alarm.code);
    // How long a round trip takes is the machine's business.
    let codes: Vec<_> = codes.filter(|code| *code != "rtt-high").collect();
    assert_eq!(codes, ["not-permitted", "no-elastic-ip"], "all else is sound: {ill:#?}");

    // The leader's alarms say it from now on, whoever is asked.
    let status = cluster
        .until_status(TWO, "what was found among the alarms", |status| {
            has_alarm(status, "not-permitted", "StopInstances")
                && has_alarm(status, "no-elastic-ip", "strongswan-2")
        })
        .await;
    assert_eq!(status.examination.unwrap().nodes.len(), 3);

    // One node alone, as it is asked without a quorum.
    let alone = cluster.doctor(TWO, true).await.unwrap();
    assert_eq!(alone.nodes, ["strongswan-2"]);
    assert_eq!(found(&alone, "not-permitted"), None, "this one may");
    assert!(found(&alone, "no-elastic-ip").is_some(), "{alone:#?}");
    assert_eq!(cluster.mutations(), [], "nothing was changed");
}

/// All of them, one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_action_that_is_missing_is_named_by_the_node_that_lacks_it_until_it_is_granted() {
    let mut cluster = Cluster::start(&Plan::default()).await;
    // It is asked more often than EC2's pace allows; what is of interest here are the words.
    cluster.ec2.faults().set_throttling(false);
    let whole = IamPolicy::of_nodes().unwrap();
    for action in whole.actions() {
        let name = action.trim_start_matches("ec2:").to_owned();
        cluster.ec2.roles().give(&ONE.access_key(), Role::Only(whole.clone().without(&action)));
        // A dry run is put off while the bucket is less than half full, and a look may have begun before.
        let what = format!("{action} is named as missing");
        let (detail, remedy) = cluster
            .until(&what, async |cluster| {
                let reply = cluster.doctor(ONE, true).await.ok()?;
                let (subject, detail, remedy, _) = found(&reply, "not-permitted")?;
                (subject == name).then(|| (detail.to_owned(), remedy.to_owned()))
            })
            .await;
        assert!(detail.contains("UnauthorizedOperation"), "{detail}");
        assert!(remedy.contains(&format!("allow {action}")), "{remedy}");
        cluster.ec2.roles().give(&ONE.access_key(), Role::Only(whole.clone()));
    }
    let what = "nothing is missing any more";
    cluster
        .until(what, async |cluster| {
            let reply = cluster.doctor(ONE, true).await.ok()?;
            found(&reply, "not-permitted").is_none().then_some(())
        })
        .await;
    assert_eq!(cluster.mutations(), [], "nothing was changed");
}
