//! The replicated policy: read, changed, refused.

use crate::cluster::{Cluster, ONE, Plan, TWO, WITNESS};
use arbiter_core::bad_days::bad_day;
use arbiter_lab::world::TABLE_2;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use tonic::Code;

fn apply(version: u64, toml: &str) -> Operation {
    Operation::ApplyPolicy(v1::ApplyPolicy { version, toml: toml.to_owned() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_is_replaced_by_the_next_version_and_by_nothing_else() {
    let mut cluster = Cluster::start(&Plan::default()).await;
    let (version, toml) = cluster.policy(ONE).await;
    assert_eq!(version, 1);
    assert!(toml.contains("tunnel-1") && toml.contains("failback_after"), "{toml}");
    let changed = toml.replace("failback_after = \"1s\"", "failback_after = \"1200ms\"");
    assert_ne!(changed, toml);
    for wrong in [0, 1, 3] {
        let reply = cluster.operate(TWO, apply(wrong, &changed)).await.unwrap();
        assert!(!reply.accepted && reply.refusal.contains('2'), "{reply:?}");
    }
    cluster.accepted(TWO, apply(2, &changed)).await;
    assert_eq!(cluster.policy(ONE).await, (2, changed.clone()), "what was applied is what is read");
    let broken = changed
        .replace("paths = [\"tunnel-1\", \"tunnel-2\"]", "paths = [\"tunnel-1\", \"tunnel-7\"]")
        .replace("drift_grace = \"2s\"", "drift_grace = \"long\"");
    let error = cluster.operate(ONE, apply(3, &broken)).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    let words = error.message();
    assert!(words.contains("tunnel-7") && words.contains("long") && words.contains("2 errors"), "{words}");
    assert_eq!(cluster.policy(ONE).await.0, 2);
    cluster.until_well().await;
    cluster.judge().await;
}

/// The nodes that the alarm `policy-differs` names.
fn behind(status: &v1::StatusReply) -> Vec<&str> {
    let differs = status.alarms.iter().filter(|alarm| alarm.code == "policy-differs");
    differs.map(|alarm| alarm.subject.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_file_is_of_another_version_is_named_and_decides_by_the_one_in_force() {
    bad_day("peer-of-another-policy-version");
    let mut cluster = Cluster::prepare(&Plan::default()).await;
    let other = |text: &str| {
        let (paths, turned) = (r#"["tunnel-1", "tunnel-2"]"#, r#"["tunnel-2", "tunnel-1"]"#);
        assert!(text.contains(paths));
        text.replacen(paths, turned, 1)
    };
    let text = std::fs::read_to_string(cluster.folder().join("cluster.toml")).unwrap();
    let file = cluster.folder().join("other.toml");
    std::fs::write(&file, other(&text)).unwrap();
    cluster.start_node(WITNESS);
    cluster.start_node(TWO);
    cluster.start_node_with(ONE, &file);
    cluster.until_well().await;
    // Said by the node itself, and wherever somebody asks.
    let words = "it differs in route private-1; put the file in force with `arbiterctl policy apply`";
    cluster.until_logged(ONE, words).await;
    let status = cluster.until_status(TWO, "it is named", |status| behind(status) == [ONE.name()]).await;
    assert_eq!(status.leader, WITNESS.name());

    // It leads, and decides by what is in force: a route goes away and home again, and the other stays.
    cluster.hand_over(TWO, ONE.name()).await.unwrap();
    let in_office = |now: &v1::StatusReply| now.leader == ONE.name() && now.epoch > status.epoch;
    let status = cluster.until_status(TWO, "it leads", in_office).await;
    assert_eq!(behind(&status), [ONE.name()]);
    for path in ["tunnel-1", "tunnel-2"] {
        let (route, path) = ("private-2".to_owned(), path.to_owned());
        cluster.accepted(TWO, Operation::Switchover(v1::Switchover { route, path: path.clone() })).await;
        cluster.until_on(TWO, "private-2", &path).await;
    }
    let calls = cluster.mutations();
    let tables: Vec<_> = calls.iter().map(|call| call.params.get("RouteTableId").cloned()).collect();
    assert_eq!(tables, [Some(TABLE_2.to_owned()), Some(TABLE_2.to_owned())], "nothing of its own file");

    // What its file says is put in force: now the others are behind.
    let (version, toml) = cluster.policy(ONE).await;
    cluster.accepted(TWO, apply(version + 1, &other(&toml))).await;
    cluster.until_on(TWO, "private-1", "tunnel-2").await;
    let others = |status: &v1::StatusReply| behind(status) == [TWO.name(), WITNESS.name()];
    cluster.until_status(TWO, "the others are named", others).await;
    cluster.judge().await;
}
