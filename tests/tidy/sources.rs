//! Where packages come from, and which never may. The same is in `deny.toml` for `cargo deny`; this check needs
//! nothing but the lock file, which holds the packages of all platforms.

use crate::repository;

/// How the source of a package from a registry begins in lock files. Which registry is cargo's own business; that it is
/// one and the same for all packages is checked.
const REGISTRY: &str = "registry+";

/// One package of the lock file.
pub struct Locked {
    pub name: String,
    pub version: String,
    /// `None` for our own.
    pub source: Option<String>,
    pub has_checksum: bool,
}

/// What `Cargo.lock` pins.
pub fn locked() -> Vec<Locked> {
    let text = std::fs::read_to_string(repository::top().join("Cargo.lock")).expect("Cargo.lock can be read");
    read_lock(&text)
}

fn read_lock(text: &str) -> Vec<Locked> {
    let lock: toml::Table = text.parse().expect("Cargo.lock is TOML");
    let packages = lock["package"].as_array().expect("Cargo.lock lists packages");
    let text = |package: &toml::Value, key: &str| Some(package.get(key)?.as_str()?.to_string());
    packages
        .iter()
        .map(|package| Locked {
            name: text(package, "name").expect("a package has a name"),
            version: text(package, "version").expect("a package has a version"),
            source: text(package, "source"),
            has_checksum: package.get("checksum").is_some(),
        })
        .collect()
}

fn findings(packages: &[Locked], banned: &[String]) -> Vec<String> {
    let mut findings = Vec::new();
    let from_registry = |source: &&String| source.starts_with(REGISTRY);
    let registry = packages.iter().filter_map(|package| package.source.as_ref()).find(from_registry);
    for Locked { name, version, source, has_checksum } in packages {
        match source {
            None if !name.starts_with("arbiter") => {
                findings.push(format!("{name} {version} is a folder on this machine, and not one of ours"));
            }
            Some(source) if Some(source) != registry => {
                findings.push(format!("{name} {version} comes from {source}, not from the registry"));
            }
            Some(_) if !has_checksum => findings.push(format!("{name} {version} has no checksum")),
            _ => {}
        }
        if banned.contains(name) {
            findings.push(format!("{name} is banned by deny.toml, which says why"));
        }
    }
    findings
}

fn banned_by_deny_toml() -> Vec<String> {
    let deny = repository::deny_toml();
    let list = deny["bans"]["deny"].as_array().expect("deny.toml lists the banned crates");
    let name = |entry: &toml::Value| Some(entry.get("crate")?.as_str()?.to_string());
    list.iter().map(|entry| name(entry).expect("a ban names a crate")).collect()
}

#[test]
fn every_package_comes_from_the_registry_and_none_is_banned() {
    crate::none("sources", &findings(&locked(), &banned_by_deny_toml()));
}

#[test]
fn other_sources_and_banned_crates_are_found() {
    let lock = r#"
        [[package]]
        name = "arbiter-x"
        version = "1.0.0"
        [[package]]
        name = "good"
        version = "1.0.0"
        source = "registry+https://example.org/index"
        checksum = "00"
        [[package]]
        name = "unchecked"
        version = "1.0.0"
        source = "registry+https://example.org/index"
        [[package]]
        name = "forked"
        version = "1.0.0"
        source = "git+https://example.org/forked#00"
        [[package]]
        name = "elsewhere"
        version = "1.0.0"
        source = "registry+https://example.org/another"
        checksum = "00"
        [[package]]
        name = "folder"
        version = "1.0.0"
    "#;
    let found = findings(&read_lock(lock), &["good".to_string()]);
    let about: Vec<_> = found.iter().map(|line| line.split(' ').next().expect("a name")).collect();
    assert_eq!(about, ["good", "unchecked", "forked", "elsewhere", "folder"]);
}
