//! Habits that keep the project readable, as far as a text search can see them.

use crate::modules;
use crate::repository::{self, TextFile, field};
use crate::rust_text::{line_of, mask};

/// The longest file of ours. More than this nobody reads in one go.
const LONGEST: usize = 500;

/// What must not stand in code, and what to do instead.
const NOT_IN_CODE: &[(&str, &str)] = &[
    ("#[ignore", "a test that is skipped shows nothing; mend it or remove it"),
    ("#[allow(", "use #[expect(lint, reason = \"…\")], which also says when it has become needless"),
    ("#![allow(", "use #![expect(lint, reason = \"…\")], which also says when it has become needless"),
    ("todo!(", "write it, or leave it out"),
    ("unimplemented!(", "write it, or leave it out"),
];

/// Names that say nothing about what is in the room.
const EMPTY_NAMES: &[&str] = &["utils", "util", "common", "helpers", "misc", "shared_utils"];

/// What must not stand anywhere: marks of unfinished work, and places that exist on one machine or network only. Each
/// is put together here, so that this list is not found by itself.
const NOT_IN_TEXT: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "unfinished work belongs into the tracker"),
    (concat!("FIX", "ME"), "unfinished work belongs into the tracker"),
    (concat!("index", ".crates.io"), "which registry is used is the machine's business"),
    (concat!("static", ".crates.io"), "which registry is used is the machine's business"),
    (concat!("pypi", ".org"), "which package index is used is the machine's business"),
    (concat!("pythonhosted", ".org"), "which package index is used is the machine's business"),
    (concat!("/root", "/"), "a path of one machine"),
    (concat!("/home", "/"), "a path of one machine"),
    (concat!("/Users", "/"), "a path of one machine"),
    (concat!("/work", "/"), "a path of one machine"),
];

fn about_text(file: &TextFile) -> Vec<String> {
    let TextFile { path, text, .. } = file;
    // The lock file is cargo's, the licence is Apache's.
    if path == "Cargo.lock" || path == "LICENSE" {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST {
        findings.push(format!("{path}: {lines} lines; split it ({LONGEST} at most, one main type each)"));
    }
    for (number, line) in text.lines().enumerate() {
        for (words, why) in NOT_IN_TEXT.iter().filter(|(words, _)| line.contains(words)) {
            findings.push(format!("{path}:{}: `{words}`: {why}", number + 1));
        }
    }
    let empty = |part: &str| EMPTY_NAMES.contains(&part.split('.').next().unwrap_or(part));
    if path.split('/').any(empty) {
        findings.push(format!("{path}: the name says nothing about what is in it"));
    }
    findings
}

fn about_code(path: &str, text: &str) -> Vec<String> {
    let masked = mask(text);
    let mut findings = Vec::new();
    for (words, instead) in NOT_IN_CODE {
        for (at, _) in masked.code.match_indices(words) {
            findings.push(format!("{path}:{}: `{words}`: {instead}", line_of(text, at)));
        }
    }
    findings
}

/// A program in `scripts/`: it can be run, and its first comment says how. What has an ending is data.
fn about_script(file: &TextFile) -> Option<String> {
    let TextFile { path, text, executable } = file;
    let name = path.strip_prefix("scripts/").or_else(|| path.strip_prefix(".ci/"))?;
    if name.contains('.') {
        return executable.then(|| format!("{path}: data is not executable"));
    }
    let mut lines = text.lines();
    let problem = if !executable {
        "is not executable"
    } else if !lines.next().is_some_and(|line| line.starts_with("#!")) {
        "does not begin with #!"
    } else if !lines.next().is_some_and(|line| line.starts_with("# ") || line.starts_with("\"\"\"")) {
        "does not say in its second line what it is for"
    } else if !text.contains(path.as_str()) {
        "does not show how it is called"
    } else {
        return None;
    };
    Some(format!("{path} {problem}"))
}

#[test]
fn texts_code_and_scripts_keep_the_habits() {
    let files = repository::text_files();
    assert!(files.iter().any(|file| file.path == "scripts/test"), "the walk has found the repository");
    let mut findings = Vec::new();
    for file in &files {
        findings.extend(about_text(file));
        if file.path.ends_with(".rs") {
            findings.extend(about_code(&file.path, &file.text));
        }
        findings.extend(about_script(file));
    }
    crate::none("habits", &findings);
}

#[test]
fn every_crate_says_what_it_is_for() {
    let metadata = repository::metadata();
    let mut findings = Vec::new();
    for package in repository::packages(&metadata, true) {
        let name = field(package, "name");
        if field(package, "description").is_empty() {
            findings.push(format!("{name} has no description in its Cargo.toml"));
        }
        if package["publish"].as_array().is_none_or(|registries| !registries.is_empty()) {
            findings.push(format!("{name} could be published by mistake: `publish.workspace = true`"));
        }
        for target in package["targets"].as_array().expect("a package has targets") {
            let path = field(target, "src_path");
            let text = std::fs::read_to_string(path).expect("a crate's root can be read");
            if !text.starts_with("//!") {
                findings.push(format!("{path} does not begin with //! and a sentence"));
            }
        }
    }
    crate::none("crates", &findings);
}

#[test]
fn every_rust_file_is_compiled() {
    let tree = modules::of_workspace();
    let mut findings = tree.missing;
    for file in repository::text_files().iter().filter(|file| file.path.ends_with(".rs")) {
        if !tree.files.contains(&repository::top().join(&file.path)) {
            findings.push(format!("{} belongs to no crate: no `mod` names it", file.path));
        }
    }
    crate::none("modules", &findings);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str, executable: bool) -> TextFile {
        TextFile { path: path.into(), text: text.into(), executable }
    }

    #[test]
    fn bad_texts_are_found() {
        assert!(about_text(&file("a.rs", &"x\n".repeat(LONGEST), false)).is_empty());
        assert_eq!(about_text(&file("a.rs", &"x\n".repeat(LONGEST + 1), false)).len(), 1);
        for (words, _) in NOT_IN_TEXT {
            assert_eq!(about_text(&file("a.md", &format!("x\n{words}y"), false)).len(), 1, "{words}");
        }
        assert_eq!(about_text(&file("src/utils.rs", "", false)).len(), 1);
        assert_eq!(about_text(&file("src/common/mod.rs", "", false)).len(), 1);
        assert!(about_text(&file("src/commons.rs", "", false)).is_empty());
    }

    #[test]
    fn bad_code_is_found_and_comments_are_not_code() {
        for (words, _) in NOT_IN_CODE {
            assert_eq!(about_code("a.rs", &format!("\n{words}x")).len(), 1, "{words}");
            assert!(about_code("a.rs", &format!("// {words}x\n\"{words}\"")).is_empty(), "{words}");
        }
    }

    #[test]
    fn bad_scripts_are_found() {
        let good = "#!/bin/sh\n# Does it.\n#   scripts/it\n";
        assert_eq!(about_script(&file("scripts/it", good, true)), None);
        assert_eq!(about_script(&file("other/it", "", false)), None);
        assert_eq!(about_script(&file("scripts/it.txt", "", false)), None);
        for (text, executable) in [
            (good, false),
            ("# Does it.\n# scripts/it\n", true),
            ("#!/bin/sh\nset -e\n", true),
            ("#!/bin/sh\n# Does it.\n", true),
        ] {
            assert!(about_script(&file("scripts/it", text, executable)).is_some(), "{text}");
        }
        assert!(about_script(&file("scripts/it.txt", "", true)).is_some());
    }
}
