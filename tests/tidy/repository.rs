//! The repository as the checks see it: its text files, and what cargo knows about its packages.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One text file: its path from the repository's top, with `/`, and what stands in it.
pub struct TextFile {
    pub path: String,
    pub text: String,
    pub executable: bool,
}

/// The repository's top folder. As cargo says it when the test is run: two checkouts that share a build folder may share
/// a test program as well.
pub fn top() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&here).ancestors().nth(2).expect("tests/tidy lies two folders below the top").to_path_buf()
}

/// Every text file of the repository, in the order of their paths. What `.gitignore` names is left out, and so is a
/// build folder elsewhere (cargo marks it), because neither is ours.
pub fn text_files() -> Vec<TextFile> {
    let top = top();
    let ignored = std::fs::read_to_string(top.join(".gitignore")).expect(".gitignore can be read");
    let mut skip: Vec<PathBuf> = ignored.lines().map(|line| top.join(line.trim_matches('/'))).collect();
    skip.push(top.join(".git"));
    let mut found = Vec::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the repository can be listed") {
            let path = entry.expect("an entry can be read").path();
            if path.is_symlink() || skip.contains(&path) {
                continue;
            }
            if path.is_dir() {
                if !path.join("CACHEDIR.TAG").exists() {
                    folders.push(path);
                }
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let executable = is_executable(&path);
                let path = path.strip_prefix(&top).expect("it lies below the top").display().to_string();
                found.push(TextFile { path, text, executable });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0)
}

/// `cargo metadata` for this machine's own platform: those are the packages that a build has fetched already, so that
/// no network is needed. What only Windows or macOS would compile is not in it; Route Arbiter runs on Linux.
pub fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let host = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .arg("-vV")
        .output()
        .expect("rustc -vV can be run");
    let host = String::from_utf8(host.stdout).expect("rustc speaks UTF-8");
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let made = Command::new(cargo)
        .args(["metadata", "--locked", "--format-version", "1", "--filter-platform", host])
        .current_dir(top())
        .output()
        .expect("cargo metadata can be run");
    assert!(made.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&made.stderr));
    serde_json::from_slice(&made.stdout).expect("cargo metadata prints JSON")
}

/// What is allowed of dependencies, and what is waived, each with its reason.
pub fn deny_toml() -> toml::Table {
    let text = std::fs::read_to_string(top().join("deny.toml")).expect("deny.toml can be read");
    text.parse().expect("deny.toml is TOML")
}

/// The packages of `cargo metadata` it lists: all, or only this workspace's own.
pub fn packages(metadata: &Value, own_only: bool) -> Vec<&Value> {
    let all = metadata["packages"].as_array().expect("metadata lists packages");
    all.iter().filter(|package| !own_only || package["source"].is_null()).collect()
}

/// A text of a package's metadata; empty if it has none.
pub fn field<'a>(package: &'a Value, name: &str) -> &'a str {
    package[name].as_str().unwrap_or_default()
}
