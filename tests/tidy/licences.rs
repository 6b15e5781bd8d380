//! Every package that is compiled has a licence that `deny.toml` allows.

use crate::repository::{self, field};
use std::collections::BTreeSet;

/// Whether an SPDX expression can be fulfilled with the allowed licences. `/` is how old manifests spell `OR`.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let verdict = any(&mut rest, allowed)?;
    if rest.is_empty() { Ok(verdict) } else { Err(format!("`{}` is not expected", rest[0])) }
}

fn any(rest: &mut &[&str], allowed: &BTreeSet<String>) -> Result<bool, String> {
    let mut verdict = all(rest, allowed)?;
    while take(rest, "OR") {
        verdict |= all(rest, allowed)?;
    }
    Ok(verdict)
}

fn all(rest: &mut &[&str], allowed: &BTreeSet<String>) -> Result<bool, String> {
    let mut verdict = one(rest, allowed)?;
    while take(rest, "AND") {
        verdict &= one(rest, allowed)?;
    }
    Ok(verdict)
}

fn one(rest: &mut &[&str], allowed: &BTreeSet<String>) -> Result<bool, String> {
    if take(rest, "(") {
        let verdict = any(rest, allowed)?;
        return if take(rest, ")") { Ok(verdict) } else { Err("a `(` is not closed".into()) };
    }
    let (name, after) = rest.split_first().ok_or("it ends too early")?;
    *rest = after;
    let mut name = (*name).to_string();
    if take(rest, "WITH") {
        let (exception, after) = rest.split_first().ok_or("nothing follows WITH")?;
        *rest = after;
        name = format!("{name} WITH {exception}");
    }
    Ok(allowed.contains(&name))
}

fn take(rest: &mut &[&str], word: &str) -> bool {
    let found = rest.first() == Some(&word);
    if found {
        *rest = &rest[1..];
    }
    found
}

fn finding(package: &str, expression: &str, allowed: &BTreeSet<String>) -> Option<String> {
    match is_allowed(expression, allowed) {
        Ok(true) => None,
        Ok(false) => Some(format!("{package}: `{expression}` is not allowed by deny.toml")),
        Err(why) => Some(format!("{package}: the licence `{expression}` can't be read: {why}")),
    }
}

fn allowed_by_deny_toml() -> BTreeSet<String> {
    let deny = repository::deny_toml();
    let list = deny["licenses"]["allow"].as_array().expect("deny.toml lists the allowed licences");
    list.iter().map(|name| name.as_str().expect("a licence is a text").to_string()).collect()
}

#[test]
fn every_package_has_an_allowed_licence() {
    let allowed = allowed_by_deny_toml();
    let metadata = repository::metadata();
    let findings: Vec<_> = repository::packages(&metadata, false)
        .iter()
        .filter_map(|package| {
            let name = format!("{} {}", field(package, "name"), field(package, "version"));
            finding(&name, field(package, "license"), &allowed)
        })
        .collect();
    crate::none("licences", &findings);
}

#[test]
fn expressions_are_read_as_written() {
    let allowed: BTreeSet<String> = ["MIT", "ISC", "A WITH b"].map(String::from).into();
    let good = ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "MIT AND (GPL-3.0 OR ISC)", "A WITH b"];
    let bad =
        ["GPL-3.0", "MIT AND GPL-3.0", "(GPL-3.0 OR A) AND MIT", "A", "A WITH c", "", "(MIT", "MIT MIT"];
    for expression in good {
        assert_eq!(finding("x", expression, &allowed), None);
    }
    for expression in bad {
        assert!(finding("x", expression, &allowed).is_some(), "{expression}");
    }
}
