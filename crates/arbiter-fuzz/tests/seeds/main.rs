//! The seeds that code writes lie in `seeds/` as it writes them now, and every folder there belongs to a target.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod log;
#[path = "../../../arbiterctl/tests/cli/scenes.rs"]
mod scenes;
mod wire;

use arbiter_fuzz::seeds_of;
use arbiter_fuzz::targets::TARGETS;

/// One seed: of which target, in which file, what.
type Sample = (&'static str, &'static str, Vec<u8>);

fn files() -> Vec<Sample> {
    let text = |path: &str| std::fs::read(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    vec![
        ("file", "cluster.toml", text("cluster.example.toml")),
        ("file", "site.toml", text("deploy/site.example.toml")),
        ("file", "problems.toml", text("crates/arbiter-config/tests/file/problems/base.toml")),
    ]
}

#[test]
fn seeds_are_what_the_program_writes() {
    for (target, name, bytes) in files().into_iter().chain(log::samples()).chain(wire::samples()) {
        let path = seeds_of(target).join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(seeds_of(target)).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(
            std::fs::read(&path).ok().as_ref() == Some(&bytes),
            "{target}/{name} differs; if that is meant: UPDATE_GOLDEN=1 cargo test -p arbiter-fuzz --test seeds"
        );
    }
}

#[test]
fn every_folder_of_seeds_belongs_to_a_target() {
    for entry in std::fs::read_dir(seeds_of("")).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(TARGETS.iter().any(|target| Some(target.name) == name.to_str()), "{}", name.display());
    }
}
