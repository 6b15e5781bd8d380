//! `docs/configuration.md`: its tables are what the program itself says.
//!
//! Keys come from the lists that the reader refuses unknown ones with; types and bounds from its own complaints; defaults
//! from what it makes of the smallest file; meanings from the doc comments of the types that the keys become. What
//! stands outside of the marks is written by hand.

mod asking;
mod defaults;
mod doc_comments;
mod meanings;

use crate::repository;
use arbiter_config::{SectionKeys, accepted_keys};
use asking::Answer;
use defaults::Defaults;
use meanings::Meanings;

const PAGE: &str = "docs/configuration.md";
const BEGIN: &str = "<!-- generated from here by tests/tidy/configuration; `scripts/fix` rewrites it -->\n";
const END: &str = "<!-- generated up to here -->\n";
const REWRITE: &str = "UPDATE_DOCS";

/// All tables, and what is missing for them.
fn generated(sections: &[SectionKeys], meanings: &Meanings) -> (String, Vec<String>) {
    let defaults = Defaults::of_the_reader();
    let (mut text, mut findings) = (String::new(), Vec::new());
    for SectionKeys { header, keys } in sections {
        // Above all sections stand their names, which have chapters of their own, and one key.
        let keys: Vec<_> = keys.iter().filter(|key| !header.is_empty() || **key == "version").collect();
        let title = if header.is_empty() { "Above all sections".to_owned() } else { format!("`{header}`") };
        text.push_str(&format!("\n## {title}\n\n"));
        if let Some(what) = meanings.section(header) {
            text.push_str(&format!("{what}\n\n"));
        } else if !header.is_empty() {
            findings.push(format!("`{header}`: no type with a doc comment is named for it in meanings.rs"));
        }
        text.push_str("| key | holds | default | bounds | what it means |\n|---|---|---|---|---|\n");
        for key in keys {
            match meanings.key(header, key) {
                Ok(meaning) => text.push_str(&row(header, key, &meaning, meanings, &defaults)),
                Err(missing) => findings.push(format!("`{header} {key}`: {missing}")),
            }
        }
    }
    text.push('\n');
    (text, findings)
}

fn row(header: &str, key: &str, meaning: &str, meanings: &Meanings, defaults: &Defaults) -> String {
    let Answer { kind, words, bounds, required } = asking::about(header, key);
    let holds = if words.is_empty() { kind } else { quoted(&words).join(" or ") };
    let default = match defaults.of(header, key) {
        Some(default) => default,
        None if required => "required".to_owned(),
        None => "none".to_owned(),
    };
    let each: Vec<String> = words
        .iter()
        .filter_map(|word| Some(format!("`\"{word}\"`: {}", meanings.word(header, key, word)?)))
        .collect();
    let meaning = [&[meaning.to_owned()], each.as_slice()].concat().join(" ");
    let cells = [format!("`{key}`"), holds, default, bounds, meaning].map(|cell| cell.replace('|', "\\|"));
    format!("| {} |\n", cells.join(" | "))
}

fn quoted(words: &[String]) -> Vec<String> {
    words.iter().map(|word| format!("`\"{word}\"`")).collect()
}

/// The page with other tables; `None` if it has not both marks.
fn with_tables(page: &str, tables: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some([before, BEGIN, tables, END, after].concat())
}

/// The first line in which two texts differ.
fn difference(page: &str, wanted: &str) -> Option<String> {
    let lines = page.lines().map(Some).chain([None]).zip(wanted.lines().map(Some).chain([None]));
    let (number, (is, should)) = lines.enumerate().find(|(_, (is, should))| is != should)?;
    Some(format!(
        "{PAGE}:{}: `{}` should be `{}`; {REWRITE}=1 cargo test -p arbiter-tidy rewrites the page",
        number + 1,
        is.unwrap_or_default(),
        should.unwrap_or_default()
    ))
}

#[test]
fn the_page_says_what_the_reader_does() {
    let (tables, mut findings) = generated(&accepted_keys(), &Meanings::of_the_sources());
    let path = repository::top().join(PAGE);
    let page = std::fs::read_to_string(&path).expect("the page can be read");
    let wanted = with_tables(&page, &tables).expect("the page has both marks");
    if std::env::var_os(REWRITE).is_some() {
        std::fs::write(&path, &wanted).expect("the page can be written");
    } else {
        findings.extend(difference(&page, &wanted));
    }
    crate::none("configuration", &findings);
}

#[test]
fn a_key_without_a_doc_comment_and_an_old_page_are_found() {
    let mut sections = accepted_keys();
    sections.retain(|section| section.header == "[timing]");
    sections[0].keys = vec!["new_key"];
    let (_, findings) = generated(&sections, &Meanings::of_the_sources());
    assert_eq!(
        findings,
        ["`[timing] new_key`: neither `Timing.new_key` nor `Timing.new_key_ms` has a doc comment"]
    );

    let page = format!("a\n{BEGIN}old\n{END}b\n");
    let wanted = with_tables(&page, "new\n").expect("both marks");
    assert_eq!(wanted, format!("a\n{BEGIN}new\n{END}b\n"));
    assert!(
        difference(&page, &wanted).is_some_and(|found| found.starts_with("docs/configuration.md:3: `old`"))
    );
    assert_eq!(difference(&page, &page), None);
    assert_eq!(with_tables("no marks", ""), None);
}
