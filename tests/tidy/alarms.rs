//! Every alarm of the health model is raised somewhere, and a test sees it raised.

use crate::modules::{self, ALARMS, Claim};
use arbiter_core::health::Code;

/// Where alarms are only shown: what stands there neither raises nor tests one.
const SHOWING: &[&str] = &["crates/arbiterctl/", "crates/arbiterd/src/http/"];

fn findings(codes: &[String], claims: &[Claim]) -> Vec<String> {
    let shows = |claim: &&Claim| SHOWING.iter().any(|folder| claim.place.starts_with(folder));
    let named: Vec<&Claim> = claims.iter().filter(|claim| claim.by == ALARMS && !shows(claim)).collect();
    let mut findings = Vec::new();
    for code in codes {
        let is_named = |in_test| named.iter().any(|claim| claim.name == *code && claim.in_test == in_test);
        if !is_named(false) {
            findings.push(format!("nothing raises Code::{code}"));
        }
        if !is_named(true) {
            findings.push(format!("no test names Code::{code}"));
        }
    }
    findings
}

#[test]
fn every_alarm_is_raised_and_tested() {
    let codes: Vec<_> = Code::ALL.iter().map(|code| format!("{code:?}")).collect();
    crate::none("alarms", &findings(&codes, &modules::of_workspace().claims));
}

#[test]
fn an_alarm_that_nothing_raises_or_tests_is_found() {
    let claim = |name: &str, place: &str, in_test| Claim {
        by: ALARMS.into(),
        name: name.into(),
        place: place.into(),
        in_test,
    };
    let codes = ["Drift".to_owned(), "Paused".to_owned()];
    let all = [
        claim("Drift", "crates/a/src/x.rs:1", false),
        claim("Drift", "crates/a/src/x.rs:2", true),
        claim("Paused", "crates/a/src/x.rs:3", false),
        claim("Paused", "crates/arbiterctl/tests/cli/x.rs:4", true),
    ];
    assert_eq!(findings(&codes, &all), ["no test names Code::Paused"]);
    assert_eq!(findings(&codes[..1], &all[1..]), ["nothing raises Code::Drift"]);
}
