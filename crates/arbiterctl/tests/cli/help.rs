//! The help texts, which are also the reference: of every command that there is.

use crate::golden;
use crate::run::bare;
use arbiterctl::cli::Cli;
use clap::CommandFactory;
use std::collections::BTreeSet;
use std::path::Path;

/// The words of every command and subcommand, the program's own first.
fn all(command: &clap::Command, before: &[String]) -> Vec<Vec<String>> {
    let mut found = vec![before.to_vec()];
    for inner in command.get_subcommands() {
        let words = [before, &[inner.get_name().to_owned()]].concat();
        found.extend(all(inner, &words));
    }
    found
}

#[test]
fn every_help_text() {
    let commands = all(&Cli::command(), &[]);
    assert!(commands.len() > 25, "{commands:?}");
    let mut files = BTreeSet::new();
    for words in commands {
        let arguments: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let ran = bare(&arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
        let name = if words.is_empty() { "arbiterctl".to_owned() } else { words.join("-") };
        golden::check(&format!("help/{name}.txt"), &ran.out);
        files.insert(format!("{name}.txt"));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/help");
    let stand =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = stand.filter(|name| !files.contains(name)).collect();
    assert!(left.is_empty(), "texts of commands that are no more: {left:?}");
}
