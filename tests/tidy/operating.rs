//! `docs/operating.md` has a row for every alarm, in the health model's own words.

use crate::repository;
use arbiter_core::health::Code;
use std::collections::BTreeMap;

const PAGE: &str = "docs/operating.md";
const CHAPTER: &str = "\n## Alarms\n";

/// The cells of the table's rows, by the code in the first.
fn rows(page: &str) -> BTreeMap<String, Vec<String>> {
    let (_, chapter) = page.split_once(CHAPTER).unwrap_or_default();
    let chapter = chapter.split("\n## ").next().unwrap_or_default();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let rows = chapter.lines().filter(|line| line.starts_with("| `")).map(cells);
    rows.map(|cells| (cells[0].trim_matches('`').to_owned(), cells)).collect()
}

/// Code, urgency and title of every alarm that there is.
fn alarms() -> Vec<(&'static str, &'static str, &'static str)> {
    Code::ALL.iter().map(|code| (code.name(), code.urgency().name(), code.title())).collect()
}

fn findings(page: &str, alarms: &[(&str, &str, &str)]) -> Vec<String> {
    let mut rows = rows(page);
    let mut findings = Vec::new();
    for (name, urgency, title) in alarms {
        let Some(cells) = rows.remove(*name) else {
            findings.push(format!("{PAGE} has no row for the alarm `{name}` ({title})"));
            continue;
        };
        let [_, shown_urgency, shown_title, _, remedy] = cells.as_slice() else {
            findings.push(format!("{PAGE}: the row of `{name}` has {} cells, not 5", cells.len()));
            continue;
        };
        if shown_urgency != urgency || shown_title != title {
            findings.push(format!("{PAGE}: the row of `{name}` should say `{urgency}` and `{title}`"));
        }
        if remedy.is_empty() {
            findings.push(format!("{PAGE}: the row of `{name}` doesn't say what to do"));
        }
    }
    findings.extend(rows.keys().map(|name| format!("{PAGE}: there is no alarm `{name}`")));
    findings
}

#[test]
fn every_alarm_is_explained() {
    let page = std::fs::read_to_string(repository::top().join(PAGE)).expect("the page can be read");
    crate::none("alarms", &findings(&page, &alarms()));
}

#[test]
fn missing_wrong_and_old_rows_are_found() {
    let page = format!(
        "| `x` | not | in | the | chapter |\n{CHAPTER}| code | a | b | c | d |\n|---|\n| `good` | info | it is | there | do |\n\
         | `other` | info | was | there | |\n| `old` | info | it is | there | do |\n| `short` | info |\n\n## Next\n| `x` | y |\n"
    );
    let alarms = [
        ("good", "info", "it is"),
        ("missing", "critical", "m"),
        ("other", "warning", "is"),
        ("short", "info", "s"),
    ];
    assert_eq!(
        findings(&page, &alarms),
        [
            "docs/operating.md has no row for the alarm `missing` (m)",
            "docs/operating.md: the row of `other` should say `warning` and `is`",
            "docs/operating.md: the row of `other` doesn't say what to do",
            "docs/operating.md: the row of `short` has 2 cells, not 5",
            "docs/operating.md: there is no alarm `old`",
        ]
    );
}
