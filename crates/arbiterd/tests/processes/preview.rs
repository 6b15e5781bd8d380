//! What a change would do: said by the leader, whoever is asked, and nothing is written.

use crate::cluster::{ALL, Cluster, ONE, Plan, TWO, WITNESS};
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use arbiter_proto::v1::preview_request::Change;
use tonic::Code;

fn drain(gateway: &str) -> Operation {
    Operation::Drain(v1::Drain { gateway: gateway.to_owned(), reason: "new kernel".to_owned() })
}

fn hand_over(to: &str) -> Change {
    Change::HandOver(v1::HandOverRequest { to: to.to_owned(), ..v1::HandOverRequest::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_tried_on_is_answered_as_it_would_be_and_changes_nothing() {
    let mut cluster = Cluster::start(&Plan::default()).await;
    let before = cluster.until_well().await;
    for member in ALL {
        let said = cluster.preview(member, drain(ONE.name())).await.unwrap();
        assert!(said.accepted && said.answered.as_ref().unwrap().by == WITNESS.name(), "{said:?}");
        let steps: Vec<_> =
            said.follows.iter().map(|step| (&*step.subject, &*step.from, &*step.cause)).collect();
        assert_eq!(steps, [("private-1", "tunnel-1", "drain")]);
    }
    let reason = "it leaks".to_owned();
    let restart = v1::RestartGateway { gateway: TWO.name().to_owned(), reason, force: false };
    let said = cluster.preview(ONE, Operation::RestartGateway(restart)).await.unwrap();
    let actions: Vec<&str> = said.follows.iter().map(|step| step.cause.as_str()).collect();
    assert_eq!(actions, ["drain", "operator-restart"], "{said:?}");
    let said = cluster.preview(ONE, drain("strongswan-9")).await.unwrap();
    assert!(!said.accepted && said.refusal.contains("strongswan-9"), "{said:?}");

    let (version, toml) = cluster.policy(ONE).await;
    let apply = |version| Operation::ApplyPolicy(v1::ApplyPolicy { version, toml: toml.clone() });
    assert!(cluster.preview(ONE, apply(version + 1)).await.unwrap().accepted);
    assert!(cluster.preview(ONE, apply(version)).await.unwrap().refusal.contains("is not the next one"));
    let wrong =
        Operation::ApplyPolicy(v1::ApplyPolicy { version: version + 1, toml: "version = 9".to_owned() });
    assert_eq!(cluster.preview(ONE, wrong).await.unwrap_err().code(), Code::InvalidArgument);

    let said = cluster.preview_change(ONE, hand_over(TWO.name())).await.unwrap();
    assert!(said.accepted && said.cautions.is_empty(), "{said:?}");
    let said = cluster.preview_change(ONE, hand_over(WITNESS.name())).await.unwrap();
    assert!(said.cautions[0].contains("leads already"), "{said:?}");
    let nobody = cluster.preview_change(ONE, hand_over("nobody")).await.unwrap_err();
    assert_eq!(nobody.code(), Code::NotFound);
    let readmit = Operation::Readmit(v1::Readmit { node: ONE.name().to_owned() });
    let said = cluster.preview(TWO, readmit).await.unwrap();
    assert!(said.accepted && said.cautions[0].contains("struck out"), "{said:?}");

    let history = cluster.history(WITNESS).await.unwrap();
    assert!(
        !history.iter().any(|event| event.kind == "operated" || event.kind == "readmitted"),
        "{history:?}"
    );
    let after = cluster.until_well().await;
    assert_eq!((before.leader, before.policy_version), (after.leader, after.policy_version));
    assert_eq!(cluster.mutations(), []);
    assert!(after.members.iter().all(|member| member.applied > 0), "{:?}", after.members);
}
