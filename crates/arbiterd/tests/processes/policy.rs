//! The replicated policy: read, changed, refused.

use crate::cluster::{Cluster, ONE, Plan, TWO};
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
    let huge = format!("{changed}\n# {}", "x".repeat(20 * 1024 * 1024));
    let error = cluster.operate(ONE, apply(3, &huge)).await.unwrap_err();
    assert_eq!(error.code(), Code::OutOfRange, "{error}");
    assert_eq!(cluster.policy(ONE).await.0, 2);
    cluster.until_well().await;
    cluster.judge().await;
}
