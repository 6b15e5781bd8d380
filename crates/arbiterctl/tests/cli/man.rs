//! The manual pages: one for each command, with all its options, in a form that every `man` lays out.

use crate::golden;
use crate::run::{bare, command, ran};
use arbiterctl::cli::Cli;
use clap::CommandFactory;
use std::collections::BTreeMap;
use std::path::Path;

/// Macros that are used; a line that begins with a dot and is none of them would swallow text.
const MACROS: &[&str] = &["ie", "el", "TH", "SH", "TP", "RS", "RE", "br", "sp", "PP", "B", "IP"];

fn written() -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let output = command(&["man", "--dir", "man1"]).current_dir(&folder).output().unwrap();
    let ran = ran(&output, &[]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let files = std::fs::read_dir(folder.path().join("man1")).unwrap().map(|entry| entry.unwrap());
    let pages: BTreeMap<String, String> = files
        .map(|file| (file.file_name().into_string().unwrap(), std::fs::read_to_string(file.path()).unwrap()))
        .collect();
    assert_eq!(ran.out, format!("{} pages written to man1\n", pages.len()));
    pages
}

/// Every command by the name of its page.
fn commands() -> BTreeMap<String, clap::Command> {
    fn walk(command: &clap::Command, name: String, found: &mut BTreeMap<String, clap::Command>) {
        for inner in command.get_subcommands() {
            walk(inner, format!("{name}-{}", inner.get_name()), found);
        }
        found.insert(format!("{name}.1"), command.clone());
    }
    let mut found = BTreeMap::new();
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    walk(&program, "arbiterctl".to_owned(), &mut found);
    found
}

#[test]
fn every_command_has_a_page_and_no_page_is_left_over() {
    let (pages, commands) = (written(), commands());
    assert!(pages.len() > 30, "{:?}", pages.keys());
    assert_eq!(pages.keys().collect::<Vec<_>>(), commands.keys().collect::<Vec<_>>());
}

#[test]
fn a_page_has_its_sections_in_order_and_every_option_of_its_command() {
    let commands = commands();
    for (file, text) in written() {
        let command = &commands[&file];
        let title = file.trim_end_matches(".1").to_uppercase();
        let head = text.lines().find(|line| line.starts_with(".TH")).unwrap();
        assert!(head.contains(&title) && head.contains("Route Arbiter"), "{file}: {head}");
        let sections: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
        assert_eq!(&sections[..3], ["NAME", "SYNOPSIS", "DESCRIPTION"], "{file}");
        assert!(
            sections.contains(&"OPTIONS") && sections.last() == Some(&"\"SEE ALSO\""),
            "{file}: {sections:?}"
        );
        for argument in command.get_arguments() {
            if let Some(long) = argument.get_long() {
                let option = format!("\\-\\-{}", long.replace('-', "\\-"));
                assert!(text.contains(&option), "{file} lacks {option}");
            }
        }
        for line in text.lines().filter(|line| line.starts_with('.')) {
            let name = line[1..].split(' ').next().unwrap();
            assert!(MACROS.contains(&name), "{file}: `{line}` is no macro that is known");
        }
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{file}");
    }
}

#[test]
fn two_of_them_as_they_stand() {
    let pages = written();
    for name in ["arbiterctl.1", "arbiterctl-drain.1"] {
        golden::check(&format!("man/{name}"), &pages[name]);
    }
    assert_eq!(bare(&["man"]).out, pages["arbiterctl.1"]);
}

#[test]
fn a_folder_that_can_not_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("man1"), "a file").unwrap();
    let output = command(&["man", "--dir", "man1"]).current_dir(&folder).output().unwrap();
    let ran = ran(&output, &[]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("can't write man1: ") && Path::new("man1").components().count() == 1, "{ran:?}");
}
