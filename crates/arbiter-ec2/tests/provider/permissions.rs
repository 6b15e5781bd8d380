//! The IAM policy that the code makes, at an endpoint that keeps to it: with all of it everything goes, and what is missing of
//! it is refused, and found by the examination with its name.

use crate::calls::*;
use crate::fixture::Endpoint;
use crate::lab::Lab;
use crate::suite;
use arbiter_control::provider::{Provider, ProviderErrorKind, Scope};
use arbiter_core::command::Outcome;
use arbiter_core::health::{Alarm, Code};
use arbiter_ec2::iam::{Extent, policy_document};
use arbiter_ec2::pace::Api;
use arbiter_lab::iam::{IamPolicy, Role};
use arbiter_lab::world::{INSTANCE_1, INTERFACE_1, INTERFACE_2, TABLE_1, TABLE_2};

async fn lab_without(missing: Option<Api>) -> Lab {
    let whole = IamPolicy::parse(&policy_document(Extent::Act)).unwrap();
    let policy = match missing {
        Some(api) => whole.without(&format!("ec2:{api}")),
        None => whole,
    };
    Lab::start_with(Role::Only(policy)).await
}

fn not_permitted(findings: &[Alarm]) -> Vec<&Alarm> {
    findings.iter().filter(|finding| finding.code == Code::NotPermitted).collect()
}

#[tokio::test]
async fn with_all_of_it_everything_goes_and_without_one_action_just_that_one_fails() {
    for missing in Api::ALL.into_iter().map(Some).chain([None]) {
        let lab = lab_without(missing).await;
        let ec2 = connect(settings(&lab.fixture().url)).await;
        let policy = suite::policy(lab.fixture());

        let looked = ec2.observe(&policy, Scope::All).await;
        let blind = looked.as_ref().err().map(|failed| (failed.kind, failed.operation.clone()));
        let expected = missing
            .filter(|api| api.name().starts_with("Describe"))
            .map(|api| (ProviderErrorKind::Denied, api.name().to_owned()));
        assert_eq!(blind, expected, "without {missing:?}: {looked:?}");

        // Not a word in the log says otherwise than what the caller was told.
        for (api, call) in [
            (Api::ReplaceRoute, set_route(1, TABLE_1, ON_PREMISES, interface(INTERFACE_2))),
            (Api::ReplaceRoute, set_route(2, TABLE_1, ON_PREMISES, interface(INTERFACE_1))),
            (Api::StopInstances, stop(3, INSTANCE_1, true)),
        ] {
            let outcome = mutate(&ec2, call).await;
            if missing == Some(api) {
                let (code, words) = refused(outcome);
                assert_eq!(code, "UnauthorizedOperation");
                assert!(words.contains(&format!("ec2:{api} on resource: ")), "{words}");
            } else {
                assert_eq!(outcome, Outcome::Done, "without {missing:?}: {api}");
            }
        }
        let restart = async || match mutate(&ec2, start(4, INSTANCE_1)).await {
            // It takes its time to stop.
            Outcome::Failed { code, .. } if code == "IncorrectInstanceState" => None,
            other => Some(other),
        };
        let started = eventually("the instance can be started, or may not", restart).await;
        if missing == Some(Api::StartInstances) {
            assert_eq!(refused(started).0, "UnauthorizedOperation");
        } else {
            assert_eq!(started, Outcome::Done, "without {missing:?}");
        }
        let said = lab.roles().uses().refused;
        assert_eq!(said, missing.iter().map(|api| api.name().to_owned()).collect());
    }
}

#[tokio::test]
async fn the_examination_names_the_action_that_is_missing() {
    for missing in Api::ALL {
        let lab = lab_without(Some(missing)).await;
        let ec2 = connect(settings(&lab.fixture().url)).await;
        let findings = ec2.preflight(&suite::policy(lab.fixture())).await;
        let said = not_permitted(&findings);
        assert!(!said.is_empty(), "without {missing}: {findings:?}");
        for finding in said {
            assert_eq!(finding.subject, missing.name(), "{finding:?}");
            assert!(finding.remedy().contains(&format!("allow ec2:{missing}")), "{finding:?}");
            assert!(finding.detail.contains("UnauthorizedOperation"), "{finding:?}");
        }
    }
}

#[tokio::test]
async fn the_examination_names_the_table_and_the_instance_that_lack_the_tag() {
    let lab = lab_without(None).await;
    let ec2 = connect(settings(&lab.fixture().url)).await;
    let policy = suite::policy(lab.fixture());
    assert_eq!(not_permitted(&ec2.preflight(&policy).await), [] as [&Alarm; 0]);
    lab.untag(&[TABLE_2, INSTANCE_1]);
    let findings = ec2.preflight(&policy).await;
    let said: Vec<_> = not_permitted(&findings);
    let subjects: Vec<_> = said.iter().map(|finding| finding.subject.as_str()).collect();
    assert_eq!(subjects, ["ReplaceRoute", "StopInstances", "StartInstances"]);
    assert!(said[0].detail.starts_with(&format!("on {TABLE_2}: ")), "{:?}", said[0]);
    for finding in &said[1..] {
        assert!(finding.detail.contains(&format!("on resource: {INSTANCE_1} ")), "{finding:?}");
    }
}

#[tokio::test]
async fn who_may_only_observe_sees_everything_and_moves_nothing() {
    let observe = IamPolicy::parse(&policy_document(Extent::Observe)).unwrap();
    let lab = Lab::start_with(Role::Only(observe)).await;
    let ec2 = connect(settings(&lab.fixture().url)).await;
    let seen = ec2.observe(&suite::policy(lab.fixture()), Scope::All).await.unwrap();
    assert_eq!(seen.problems, []);
    let calls = [
        set_route(1, TABLE_1, ON_PREMISES, interface(INTERFACE_2)),
        stop(2, INSTANCE_1, false),
        start(3, INSTANCE_1),
    ];
    for call in calls {
        assert_eq!(refused(mutate(&ec2, call).await).0, "UnauthorizedOperation");
    }
}
