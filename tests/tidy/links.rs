//! Links between the documents lead somewhere, to the heading as well.

use crate::repository;
use std::path::Path;

/// The targets of the Markdown links of a text that name a file here: no address elsewhere, no place in the same text.
fn targets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for part in line.split("](").skip(1) {
            let target = part.split([')', '#', ' ']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                found.push(target.to_string());
            }
        }
    }
    found
}

/// The names of files that a text puts in backticks with their folder, such as `crates/arbiter-core/src/lib.rs`.
fn named_files(text: &str) -> Vec<String> {
    let parts = text.split('`').skip(1).step_by(2);
    let is_ours = |part: &&str| {
        let top = part.split('/').next().unwrap_or_default();
        part.contains('/')
            && ["crates", "tests", "scripts", "proto", "docs", "deploy"].contains(&top)
            && !part.contains(['*', '<', ' ', '{', '…', '\n'])
    };
    parts.filter(is_ours).map(String::from).collect()
}

fn findings(path: &str, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let folder = Path::new(path).parent().expect("a file has a folder");
    let linked = targets(text).into_iter().map(|target| (folder.join(&target), target));
    let named = named_files(text).into_iter().map(|name| (Path::new(&name).to_path_buf(), name));
    linked
        .chain(named)
        .filter(|(file, _)| !exists(file))
        .map(|(_, said)| format!("{path} names `{said}`, which isn't there"))
        .collect()
}

/// What a heading is called in an address: lower case, blanks as hyphens, no other punctuation.
fn anchors(text: &str) -> Vec<String> {
    let headings =
        text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_matches('#').trim());
    let kept = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    headings
        .map(|line| line.to_lowercase().chars().filter(|c| kept(*c)).collect::<String>().replace(' ', "-"))
        .collect()
}

/// Links to a heading that isn't there. `read` gives the text of a file, if there is one.
fn lost_headings(path: &str, text: &str, read: impl Fn(&Path) -> Option<String>) -> Vec<String> {
    let folder = Path::new(path).parent().expect("a file has a folder");
    let mut found = Vec::new();
    for link in text.split("](").skip(1).filter_map(|part| part.split(')').next()) {
        let Some((file, heading)) = link.split_once('#').filter(|_| !link.contains("://")) else { continue };
        let other = if file.is_empty() { Some(text.to_owned()) } else { read(&folder.join(file)) };
        // A file that isn't there is said above.
        if other.is_some_and(|other| !anchors(&other).iter().any(|anchor| anchor == heading)) {
            found.push(format!("{path} links to `{link}`, and no heading there is called so"));
        }
    }
    found
}

#[test]
fn headings_that_are_linked_exist() {
    let read = |file: &Path| std::fs::read_to_string(repository::top().join(file)).ok();
    let files = repository::text_files();
    let documents = files.iter().filter(|file| file.path.ends_with(".md"));
    let found: Vec<_> = documents.flat_map(|file| lost_headings(&file.path, &file.text, read)).collect();
    crate::none("headings", &found);
}

#[test]
fn lost_headings_are_found() {
    let text =
        "# 3 a.m.\n[a](#3-am) [b](#4-am) [c](x.md#it-cant) [d](x.md#it-can) [e](gone.md#x) [f](https://y/#z)";
    let read = |file: &Path| (file == Path::new("docs/x.md")).then(|| "## It can't\n".to_owned());
    let found = lost_headings("docs/y.md", text, read);
    assert_eq!(
        found,
        [
            "docs/y.md links to `#4-am`, and no heading there is called so",
            "docs/y.md links to `x.md#it-can`, and no heading there is called so"
        ]
    );
}

#[test]
fn links_and_named_files_exist() {
    let exists = |file: &Path| repository::top().join(file).exists();
    let files = repository::text_files();
    let documents = files.iter().filter(|file| file.path.ends_with(".md"));
    let found: Vec<_> = documents.flat_map(|file| findings(&file.path, &file.text, exists)).collect();
    crate::none("links", &found);
}

#[test]
fn dead_links_are_found() {
    let text = "[a](there.md#x) [b](gone.md) [c](https://example.org/x) [d](#place)\n```\n[e](code.md)\n```\n\
                `crates/gone.rs`, `crates/*/there`, `gone/other`";
    let found = findings("docs/x.md", text, |file| file == Path::new("docs/there.md"));
    assert_eq!(
        found,
        [
            "docs/x.md names `gone.md`, which isn't there",
            "docs/x.md names `crates/gone.rs`, which isn't there"
        ]
    );
}
