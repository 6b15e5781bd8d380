//! Every rule of the catalogue has a test that names it, and no test names a rule that isn't there.

use crate::modules::{self, Claim};
use arbiter_core::rules::RULES;
use std::collections::BTreeSet;

/// What is wrong between a catalogue and the claims that are made by calling `by`.
pub fn findings(by: &str, catalogue: &[(&str, &str)], claims: &[Claim]) -> Vec<String> {
    let known: BTreeSet<&str> = catalogue.iter().map(|(name, _)| *name).collect();
    let claims: Vec<&Claim> = claims.iter().filter(|claim| claim.by == by).collect();
    let proven: BTreeSet<&str> =
        claims.iter().filter(|claim| claim.in_test).map(|claim| claim.name.as_str()).collect();
    let missing = catalogue
        .iter()
        .filter(|(name, _)| !proven.contains(name))
        .map(|(name, says)| format!("no test names `{name}` ({says})"));
    let unknown = claims
        .iter()
        .filter(|claim| !known.contains(claim.name.as_str()))
        .map(|claim| format!("{}: `{}` is not in the catalogue", claim.place, claim.name));
    let outside = claims
        .iter()
        .filter(|claim| !claim.in_test)
        .map(|claim| format!("{}: `{}` is named outside of test code", claim.place, claim.name));
    missing.chain(unknown).chain(outside).collect()
}

#[test]
fn every_rule_has_a_test_that_names_it() {
    let tree = modules::of_workspace();
    crate::none(
        "rules without a test (`arbiter_core::rules::proves(\"…\")`)",
        &findings("proves", RULES, &tree.claims),
    );
}

#[test]
fn a_rule_without_a_test_an_unknown_rule_and_a_claim_outside_of_tests_are_found() {
    let made = |by: &str, name: &str, in_test| Claim {
        by: by.into(),
        name: name.into(),
        place: "x.rs:1".into(),
        in_test,
    };
    let claim = |name: &str, in_test| made("proves", name, in_test);
    let found = |claims: &[Claim]| findings("proves", &[("a", "A holds"), ("b", "B holds")], claims);
    assert_eq!(found(&[claim("a", true), claim("b", true)]), Vec::<String>::new());
    assert_eq!(found(&[claim("a", true)]), ["no test names `b` (B holds)"]);
    assert_eq!(found(&[claim("a", true), made("bad_day", "b", true)]), ["no test names `b` (B holds)"]);
    let unknown = found(&[claim("a", true), claim("b", true), claim("c", true), made("bad_day", "d", true)]);
    assert_eq!(unknown, ["x.rs:1: `c` is not in the catalogue"]);
    assert_eq!(found(&[claim("a", true), claim("b", false)]).len(), 2);
}
