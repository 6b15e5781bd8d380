//! Every rule of the catalogue has a test that names it, and no test names a rule that isn't there.

use crate::modules::{self, Claim};
use arbiter_core::rules::RULES;
use std::collections::BTreeSet;

fn findings(rules: &[(&str, &str)], claims: &[Claim]) -> Vec<String> {
    let known: BTreeSet<&str> = rules.iter().map(|(name, _)| *name).collect();
    let proven: BTreeSet<&str> =
        claims.iter().filter(|claim| claim.in_test).map(|claim| claim.rule.as_str()).collect();
    let missing = rules
        .iter()
        .filter(|(name, _)| !proven.contains(name))
        .map(|(name, says)| format!("no test names `{name}` ({says})"));
    let unknown = claims
        .iter()
        .filter(|claim| !known.contains(claim.rule.as_str()))
        .map(|claim| format!("{}: `{}` is not a rule of the catalogue", claim.place, claim.rule));
    let outside = claims
        .iter()
        .filter(|claim| !claim.in_test)
        .map(|claim| format!("{}: `{}` is named outside of test code", claim.place, claim.rule));
    missing.chain(unknown).chain(outside).collect()
}

#[test]
fn every_rule_has_a_test_that_names_it() {
    let tree = modules::of_workspace();
    crate::none(
        "rules without a test (`arbiter_core::rules::proves(\"…\")`)",
        &findings(RULES, &tree.claims),
    );
}

#[test]
fn a_rule_without_a_test_an_unknown_rule_and_a_claim_outside_of_tests_are_found() {
    let claim = |rule: &str, in_test| Claim { rule: rule.into(), place: "x.rs:1".into(), in_test };
    let rules = [("a", "A holds"), ("b", "B holds")];
    assert_eq!(findings(&rules, &[claim("a", true), claim("b", true)]), Vec::<String>::new());
    assert_eq!(findings(&rules, &[claim("a", true)]), ["no test names `b` (B holds)"]);
    let found = findings(&rules, &[claim("a", true), claim("b", true), claim("c", true)]);
    assert_eq!(found, ["x.rs:1: `c` is not a rule of the catalogue"]);
    assert_eq!(findings(&rules, &[claim("a", true), claim("b", false)]).len(), 2);
}
