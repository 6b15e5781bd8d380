//! Compiles every file of `proto/arbiter/v1` in pure Rust: no `protoc` has to be installed.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let folder = root.join("arbiter/v1");
    // The folder itself is watched too, so that a new file is noticed.
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            println!("cargo::rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    // The order of a directory is arbitrary; the generated code shall not be.
    files.sort();
    let descriptors = protox::compile(&files, [&root])?;
    let calls = descriptors.file.iter().flat_map(|file| {
        file.service.iter().flat_map(move |service| {
            let of = format!("/{}.{}", file.package(), service.name());
            service.method.iter().map(move |method| format!("{of}/{}", method.name()))
        })
    });
    let calls: Vec<String> = calls.collect();
    let out = PathBuf::from(std::env::var("OUT_DIR")?).join("calls.rs");
    std::fs::write(out, format!("&{calls:#?}"))?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
