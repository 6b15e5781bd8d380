//! Every `arbiterctl …` that a document, a unit or a remedy tells somebody to type is one that the command line takes.

use arbiter_core::health::Code;
use arbiterctl::cli::Cli;
use clap::{CommandFactory, Parser};
use std::path::{Path, PathBuf};

/// Documents that name commands: those at the top, and all in these folders.
const FOLDERS: &[&str] = &["docs", "deploy"];

/// Commands that the documents describe already and the command line does not have yet. One that exists must go from
/// here.
const ANNOUNCED: &[&str] = &[];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Where it stands, and the text.
fn texts() -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for folder in std::iter::once("").chain(FOLDERS.iter().copied()) {
        let entries = std::fs::read_dir(top().join(folder)).expect("a folder of the repository");
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            // What has changed once is history: commands of old versions stay there.
            let is_document =
                path.extension().is_some_and(|end| end == "md") && !path.ends_with("CHANGELOG.md");
            if is_document {
                texts.push((path.display().to_string(), std::fs::read_to_string(&path).expect("a document")));
            }
        }
    }
    texts.extend(Code::ALL.iter().map(|code| (format!("the remedy of {code}"), code.remedy().to_owned())));
    texts
}

/// The command lines in a text: lines of code blocks, and what stands in backticks, if they begin with the program's
/// name or a path to it.
fn command_lines(text: &str) -> Vec<String> {
    let (mut lines, mut in_code) = (Vec::new(), false);
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if in_code {
            // What a shell would not run either: the comment, and where the output goes.
            lines.push(line.split([';', '|', '>']).next().unwrap_or_default().to_owned());
        } else {
            prose.push_str(line);
            prose.push(' ');
        }
    }
    lines.extend(prose.split('`').skip(1).step_by(2).map(str::to_owned));
    let without_comment = |line: String| line.split(" #").next().unwrap_or_default().trim().to_owned();
    lines.into_iter().map(without_comment).filter(|line| line.starts_with("arbiterctl ")).collect()
}

/// A line as a shell splits it, as far as documents need it: quotation marks keep words together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (number, part) in line.split('"').enumerate() {
        if number % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// The commands and subcommands that the words after the program's name begin with, and what follows them.
fn command_of(words: &[String]) -> (Vec<String>, &[String]) {
    let mut command = Cli::command();
    let mut known = Vec::new();
    let mut rest = words.get(1..).unwrap_or_default();
    while let Some((name, after)) = rest.split_first()
        && let Some(inner) = command.find_subcommand(name).cloned()
    {
        command = inner;
        known.push(name.clone());
        rest = after;
    }
    (known, rest)
}

/// Why the command line does not take these words; `None` if it does.
fn refusal(line: &str) -> Option<String> {
    let mut words = words(line);
    // `N` stands for a number that only the reader knows.
    words.iter_mut().filter(|word| *word == "N").for_each(|word| *word = "2".to_owned());
    // A bare name of a command, as in "`arbiterctl explain` says why", is not a whole line.
    let (known, rest) = command_of(&words);
    let announced =
        ANNOUNCED.iter().any(|name| [known.as_slice(), rest].concat().join(" ").starts_with(name));
    if rest.is_empty() || announced {
        return None;
    }
    let refused = Cli::try_parse_from(&words).err()?;
    let is_error = !matches!(
        refused.kind(),
        clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion
    );
    is_error.then(|| format!("`{line}`: {}", refused.to_string().lines().next().unwrap_or_default()))
}

#[test]
fn every_command_that_is_written_down_exists() {
    let texts = texts();
    let said = |(place, text): &(String, String)| -> Vec<String> {
        command_lines(text)
            .iter()
            .filter_map(|line| refusal(line))
            .map(|why| format!("{place}: {why}"))
            .collect()
    };
    let all: Vec<String> = texts.iter().flat_map(|(_, text)| command_lines(text)).collect();
    assert!(all.len() > 40, "the walk has found the documents: {all:?}");
    let findings: Vec<String> = texts.iter().flat_map(said).collect();
    assert!(findings.is_empty(), "{} found\n  {}\n", findings.len(), findings.join("\n  "));
}

#[test]
fn what_is_announced_is_not_there_yet() {
    let there = |name: &&&str| {
        let line = format!("arbiterctl {name}");
        command_of(&words(&line)).1.is_empty()
    };
    let there: Vec<_> = ANNOUNCED.iter().filter(there).collect();
    assert!(
        there.is_empty(),
        "{there:?} exist now: take them from ANNOUNCED, so that their lines are checked"
    );
}

#[test]
fn commands_that_do_not_exist_are_found() {
    let text = "Type `arbiterctl\nstatus` or `arbiterctl explain`.\n```sh\narbiterctl pause --reason \"a b\"   # why\n\
                arbiterctl history --limit 5 > x.json\n```\n`arbiterd --node x`, `arbiterctl fly home`, `arbiterctl status --fast`";
    let lines = command_lines(text);
    let expected = [
        "arbiterctl pause --reason \"a b\"",
        "arbiterctl history --limit 5",
        "arbiterctl status",
        "arbiterctl explain",
        "arbiterctl fly home",
        "arbiterctl status --fast",
    ];
    assert_eq!(lines, expected);
    let refused: Vec<&String> = lines.iter().filter(|line| refusal(line).is_some()).collect();
    assert_eq!(refused, [&lines[4], &lines[5]]);
}

/// The table of exit codes in the documents is the one of `arbiterctl --help`.
#[test]
fn the_exit_codes_are_those_of_the_help() {
    let page = std::fs::read_to_string(top().join("docs/operating.md")).expect("the page");
    let help = Cli::command().render_long_help().to_string();
    let codes =
        help.lines().skip_while(|line| *line != "Exit codes:").skip(1).take_while(|line| !line.is_empty());
    let mut count = 0;
    for line in codes {
        let (code, meaning) = line.trim().split_once("  ").expect("a code and what it means");
        let name = meaning.split(':').next().unwrap_or_default();
        assert!(page.contains(&format!("\n| {code} | {name} | ")), "docs/operating.md: no row for {line}");
        count += 1;
    }
    assert!(count >= 6, "{help}");
}
