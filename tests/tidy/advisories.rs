//! No pinned version is one that an advisory of the RustSec database warns of, except for the waived ones.
//!
//! The database lies in a Git repository, which a machine that reaches only package registries can't fetch. So an
//! extract for the crates of our lock file is kept in `advisories.toml`; `scripts/advisories` renews it. What was
//! published since its date, only `cargo deny` can tell; `scripts/verify` runs it where it is installed, and says so
//! where it is not.

use crate::repository;
use crate::sources::{self, Locked};
use semver::{Version, VersionReq};
use std::collections::BTreeSet;

/// One advisory about one crate.
struct Advisory {
    id: String,
    name: String,
    /// Versions that it doesn't concern: repaired, or never affected.
    safe: Vec<VersionReq>,
}

struct Extract {
    advisories: Vec<Advisory>,
    screened: BTreeSet<String>,
}

fn read_extract(text: &str) -> Extract {
    let table: toml::Table = text.parse().expect("advisories.toml is TOML");
    let texts = |value: &toml::Value| -> Vec<String> {
        let list = value.as_array().expect("a list").iter();
        list.map(|item| item.as_str().expect("a text").to_string()).collect()
    };
    let advisories = table["advisory"].as_table().expect("it lists advisories").iter();
    let advisories = advisories.map(|(id, entry)| Advisory {
        id: id.clone(),
        name: entry["crate"].as_str().expect("an advisory names a crate").to_string(),
        safe: texts(&entry["safe"]).iter().map(|req| req.parse().expect("a version requirement")).collect(),
    });
    Extract { advisories: advisories.collect(), screened: texts(&table["screened"]).into_iter().collect() }
}

fn findings(packages: &[Locked], advisories: &[Advisory], waived: &BTreeSet<String>) -> Vec<String> {
    let mut findings = Vec::new();
    let mut hit = BTreeSet::new();
    for Advisory { id, name, safe } in advisories {
        for package in packages.iter().filter(|package| package.name == *name) {
            let version: Version = package.version.parse().expect("Cargo.lock holds whole versions");
            if safe.iter().any(|req| req.matches(&version)) {
                continue;
            }
            hit.insert(id);
            if !waived.contains(id) {
                findings.push(format!("{name} {version}: {id}, and deny.toml does not waive it"));
            }
        }
    }
    let needless = waived.iter().filter(|id| !hit.contains(id));
    findings.extend(
        needless.map(|id| format!("{id} is waived by deny.toml, but concerns nothing that is pinned")),
    );
    findings
}

fn waived_by_deny_toml() -> BTreeSet<String> {
    let deny = repository::deny_toml();
    let list = deny["advisories"]["ignore"].as_array().expect("deny.toml lists the waived advisories");
    list.iter().map(|entry| entry["id"].as_str().expect("a waiver has an id").to_string()).collect()
}

#[test]
fn no_pinned_version_has_a_known_advisory() {
    let file = repository::top().join("tests/tidy/advisories.toml");
    let extract = read_extract(&std::fs::read_to_string(file).expect("advisories.toml can be read"));
    let packages = sources::locked();
    crate::none("advisories", &findings(&packages, &extract.advisories, &waived_by_deny_toml()));
    let foreign = packages.iter().filter(|package| package.source.is_some());
    let unscreened: BTreeSet<_> = foreign
        .map(|package| package.name.as_str())
        .filter(|name| !extract.screened.contains(*name))
        .collect();
    if !unscreened.is_empty() {
        println!(
            "NOT CHECKED for advisories, new since the extract was made: {unscreened:?}; run scripts/advisories"
        );
    }
}

#[test]
fn unsafe_versions_and_needless_waivers_are_found() {
    let extract = read_extract(
        r#"
        screened = ["x"]
        [advisory]
        A = { crate = "x", safe = ["^1.2.3", ">= 2.1.0, < 3.0.0"] }
        B = { crate = "y", safe = [] }
        "#,
    );
    let with = |name: &str, version: &str, waived: &[&str]| {
        let package = Locked { name: name.into(), version: version.into(), source: None, has_checksum: true };
        findings(&[package], &extract.advisories, &waived.iter().map(|id| (*id).to_string()).collect())
    };
    assert!(with("x", "1.2.3", &[]).is_empty());
    assert!(with("x", "2.5.0", &[]).is_empty());
    assert!(with("z", "1.0.0", &[]).is_empty());
    for version in ["1.2.2", "2.0.9", "3.0.0"] {
        assert_eq!(with("x", version, &[]).len(), 1, "{version}");
        assert!(with("x", version, &["A"]).is_empty());
    }
    assert_eq!(with("y", "9.9.9", &[]).len(), 1);
    assert_eq!(with("x", "1.2.3", &["A"]).len(), 1, "a waiver that waives nothing");
}
