//! Results for people: a table for the terminal, and the results part of `docs/benchmarks.md`.

use crate::results::{Results, Row, Verdict};

/// As many digits as a figure has meaning.
fn number(value: f64) -> String {
    match value {
        large if large >= 100.0 => format!("{large:.0}"),
        medium if medium >= 10.0 => format!("{medium:.1}"),
        small => format!("{small:.2}"),
    }
}

fn with_unit(value: f64, row: &Row) -> String {
    format!("{} {}", number(value), row.unit)
}

fn bound(row: &Row) -> String {
    row.at_most.map(|at_most| format!("≤ {}", with_unit(at_most, row))).unwrap_or_default()
}

/// The table for the terminal.
pub(crate) fn table(results: &Results) -> String {
    let cells: Vec<[String; 5]> = results.figures.iter().map(cells).collect();
    let heads = ["FIGURE", "MEASURED", "BOUND", "VERDICT", "WHAT"].map(str::to_owned);
    let widths: [usize; 5] = std::array::from_fn(|column| {
        let lengths = cells.iter().chain([&heads]).map(|row| row[column].chars().count());
        lengths.max().unwrap_or(0)
    });
    let line = |row: &[String; 5]| {
        let padded = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut text = String::new();
    for (name, fact) in results.machine.facts() {
        text += &format!("{name:10} {fact}\n");
    }
    text += &format!("\n{}\n", line(&heads));
    for row in &cells {
        text += &format!("{}\n", line(row));
    }
    for row in results.figures.iter().filter(|row| row.verdict != Verdict::Published) {
        if let Some((why, up_to)) = row.explanation.as_ref().zip(row.explained_up_to) {
            let limit = with_unit(up_to, row);
            let needless = if row.verdict == Verdict::Within { " (needless now: take it out)" } else { "" };
            text += &format!("\n{}: explained up to {limit}{needless}: {}\n", row.id, one_line(why));
        }
    }
    text += &format!("\n{}\n", summary(results));
    text
}

fn cells(row: &Row) -> [String; 5] {
    [row.id.clone(), with_unit(row.value, row), bound(row), row.verdict.words().to_owned(), row.what.clone()]
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One line that says how it went.
pub(crate) fn summary(results: &Results) -> String {
    let count = |verdict| results.count(verdict);
    let head = format!("{} figures", results.figures.len());
    if results.quick {
        let judged = match count(Verdict::Missed) {
            0 => String::new(),
            missed => format!("; {missed} missed a bound that was given for this run"),
        };
        return format!("{head}, all measured, none judged (a quick run){judged}");
    }
    format!(
        "{head}: {} within their bounds, {} explained, {} missed, {} published only",
        count(Verdict::Within),
        count(Verdict::Explained),
        count(Verdict::Missed),
        count(Verdict::Published),
    )
}

/// The results part of the document.
pub(crate) fn markdown(results: &Results) -> String {
    let mut text = String::from("| machine | |\n|---|---|\n");
    for (name, fact) in results.machine.facts() {
        text += &format!("| {name} | {fact} |\n");
    }
    let mut group = "";
    for row in &results.figures {
        let own = row.id.split_once('.').map_or("", |(group, _)| group);
        if own != group {
            group = own;
            text +=
                &format!("\n### {}\n\n| figure | measured | bound | |\n|---|---|---|---|\n", title(group));
        }
        let what = &row.what;
        text += &format!(
            "| {what} (`{}`) | {} | {} | {} |\n",
            row.id,
            with_unit(row.value, row),
            bound(row),
            row.verdict.words()
        );
    }
    let explained = results.figures.iter().filter(|row| row.verdict == Verdict::Explained);
    let entries: Vec<_> = explained
        .filter_map(|row| {
            let (why, up_to) = row.explanation.as_ref().zip(row.explained_up_to)?;
            Some(format!("- `{}`, up to {}: {}\n", row.id, with_unit(up_to, row), one_line(why)))
        })
        .collect();
    if !entries.is_empty() {
        text += &format!("\n### Explained\n\n{}", entries.concat());
    }
    text + &format!("\n{}.\n", summary(results))
}

/// What a group of figures is about.
fn title(group: &str) -> &str {
    match group {
        "routes" => "1,000 routes: what a decision costs",
        "commit" => "A durable commit",
        "rest" => "A node at rest",
        "probes" => "1,000 probes",
        "many" => "1,000 routes in a cluster of processes",
        "size" => "Programs",
        "default" => "From the lost packet to the moved route, at the defaults",
        "fast" => "The same with the `fast` profile",
        "flood" => "The same while a client floods the leader",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::FIGURES;
    use crate::machine::Machine;
    use std::path::Path;

    fn results() -> Results {
        let row = |id: &str, value, verdict| Row {
            id: id.to_owned(),
            what: format!("what {id} is"),
            unit: "ms".to_owned(),
            value,
            how: "once".to_owned(),
            at_most: (verdict != Verdict::Published).then_some(20.0),
            bound_why: None,
            explained_up_to: (verdict == Verdict::Explained).then_some(30.0),
            explanation: (verdict == Verdict::Explained).then(|| "because\nit is so".to_owned()),
            verdict,
        };
        let figures = vec![
            row("rest.memory", 12.345, Verdict::Within),
            row("rest.cpu", 123.4, Verdict::Missed),
            row("size.x", 21.0, Verdict::Explained),
            row("size.y", 0.5, Verdict::Published),
        ];
        Results::new(false, Machine::look(Path::new("/"), "release", "ICMP"), figures)
    }

    #[test]
    fn the_table_says_all_and_its_last_line_the_sum() {
        let text = table(&results());
        for words in [
            "rest.memory  12.3 ms   ≤ 20.0 ms  within",
            "rest.cpu     123 ms    ≤ 20.0 ms  MISSED",
            "size.x: explained up to 30.0 ms: because it is so",
            "4 figures: 1 within their bounds, 1 explained, 1 missed, 1 published only\n",
        ] {
            assert!(text.contains(words), "{words}\n{text}");
        }
        assert!(!results().ok);
    }

    #[test]
    fn the_document_has_a_table_for_each_group() {
        let text = markdown(&results());
        assert!(text.contains("### A node at rest\n") && text.contains("### Programs\n"), "{text}");
        assert!(text.contains("- `size.x`, up to 30.0 ms: because it is so\n"), "{text}");
    }

    #[test]
    fn every_group_has_a_title() {
        for figure in FIGURES {
            let group = figure.id.split_once('.').unwrap().0;
            assert_ne!(title(group), group);
        }
    }
}
