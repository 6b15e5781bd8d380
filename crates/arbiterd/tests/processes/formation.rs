//! Three nodes find each other.

use crate::cluster::{ALL, Cluster, Plan, WITNESS, is_linearizable};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_form_a_cluster_and_any_of_them_answers_for_the_leader() {
    let mut cluster = Cluster::start(&Plan::default()).await;
    let leader = cluster.leader().await;
    assert_eq!(leader, WITNESS, "the first configured node forms the cluster, and leads it at first");
    for member in ALL {
        let status = cluster.status(member, false).await.unwrap();
        let answered = status.answered.clone().unwrap();
        assert!(is_linearizable(&status) && answered.stale_because.is_empty(), "{member}: {answered:?}");
        assert_eq!(answered.by, leader.name(), "{member} asks the leader");
        assert_eq!((status.voters, status.voters_heard, status.quorum), (3, 3, 2));

        let stale = cluster.status(member, true).await.unwrap();
        let answered = stale.answered.clone().unwrap();
        assert_eq!(answered.by, member.name());
        assert!(!answered.linearizable && answered.stale_because.contains("own view"), "{answered:?}");
        assert_eq!(stale.leader, leader.name());
        assert_eq!((stale.cluster_id, stale.policy_version), (status.cluster_id, 1));
    }
    for member in ALL {
        cluster.until_logged(member, " ready ").await;
        assert_eq!(cluster.log(member).matches(" ready ").count(), 1, "{member}");
        assert!(!cluster.log(member).contains("ERROR"), "{member}: nothing needs a human");
    }
    assert_eq!(cluster.mutations(), [], "what was found was adopted");
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_formed_observing_says_what_it_would_do_and_touches_nothing() {
    let mut cluster = Cluster::start(&Plan { mode: "observe", ..Plan::default() }).await;
    cluster.tunnels[0].fall_silent().await;
    let advice = cluster.until_advised().await;
    assert_eq!((advice.subject.as_str(), advice.cause.as_str()), ("private-1", "failover"));
    assert_eq!(cluster.mutations(), []);
    cluster.judge().await;
}
