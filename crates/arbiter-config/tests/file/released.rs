//! The files of released versions are read by this program, and mean what they meant.
//!
//! `tests/fixtures/VERSION/cluster.toml` has every key that the version knew; `policy.toml` beside it is the policy that it was.
//! It is written once, with `WRITE_FORMAT_FIXTURES=1`; a version that was released keeps its own.

use arbiter_config::{Config, load, render_policy};
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read(version: &str) -> Config {
    let path = fixtures().join(version).join("cluster.toml");
    let read = ["strongswan-1", "strongswan-2", "witness"].map(|node| {
        let loaded = load(&path, node).unwrap_or_else(|refused| panic!("{version}: {refused}"));
        assert_eq!(loaded.warnings, [], "{version}");
        assert!(loaded.config.local.address.ends_with(":7400"), "{:?}", loaded.config.local);
        loaded.config
    });
    let [first, ..] = read;
    first
}

#[test]
fn each_released_versions_file_means_what_it_meant() {
    let mut versions: Vec<String> = std::fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    versions.sort();
    let ours = env!("CARGO_PKG_VERSION");
    assert!(versions.iter().any(|version| version == ours), "there is no tests/fixtures/{ours}: add it");
    for version in versions {
        let means = render_policy(&read(&version).policy);
        let path = fixtures().join(&version).join("policy.toml");
        if !path.exists() && std::env::var_os("WRITE_FORMAT_FIXTURES").is_some_and(|value| !value.is_empty())
        {
            std::fs::write(&path, &means).unwrap();
        }
        let meant =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // A later version may have more keys, never fewer, and never other values.
        let mut lines = means.lines();
        for line in meant.lines().filter(|line| !line.starts_with("version ")) {
            assert!(
                lines.any(|now| now == line),
                "of version {version}: `{line}` is not meant any more:\n{means}"
            );
        }
    }
}
