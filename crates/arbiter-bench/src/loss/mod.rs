//! False alarms: how often a line that works is called Down when it loses packets, by each way of watching it; and how
//! long each takes to notice a line that is dead. All of it in virtual time, through the real probe machine.
//!
//! From this the defaults were chosen: see [`JUDGED`].

mod network;
mod watcher;

use network::{Bursts, Line};
use serde::Serialize;
use watcher::{FalseAlarms, Way};

/// The version of the JSON. Raised when a field changes its meaning or goes.
const FORMAT: u32 = 1;

/// Cuts, for each way and line.
const CUTS: u64 = 200;

const fn line(name: &'static str, loss_percent: f64, rtt_ms: u64) -> Line {
    Line { name, loss_percent, bursts: None, rtt_ms, jitter_ms: rtt_ms / 5 }
}

/// Bursts that come every ten seconds on average, on a line that loses one packet of a thousand besides.
const fn bursty(name: &'static str, length_ms: f64) -> Line {
    let bursts = Some(Bursts { length_ms, apart_ms: 10_000.0 });
    Line { bursts, ..line(name, 0.1, 20) }
}

const LINES: [Line; 8] = [
    line("clean, 20 ms", 0.0, 20),
    line("1 % each way, 20 ms", 1.0, 20),
    line("3 % each way, 20 ms", 3.0, 20),
    line("1 % each way, 80 ms", 1.0, 80),
    line("3 % each way, 80 ms", 3.0, 80),
    bursty("bursts of 20 ms", 20.0),
    bursty("bursts of 50 ms", 50.0),
    bursty("bursts of 100 ms", 100.0),
];

const fn probe(interval_ms: u64, fall: u32, timeout_min_ms: u64, timeout_max_ms: u64) -> Way {
    Way::Probe { interval_ms, fall, timeout_min_ms, timeout_max_ms }
}

const WAYS: [(&str, Way); 6] = [
    (DEFAULTS, probe(100, 2, 20, 500)),
    ("100 ms, fall 1", probe(100, 1, 20, 500)),
    ("100 ms, fall 3", probe(100, 3, 20, 500)),
    ("200 ms, fall 2", probe(200, 2, 20, 500)),
    ("40 ms, fall 2 (`fast`)", probe(40, 2, 10, 250)),
    ("three pings (the old script)", Way::ThreePings),
];

const DEFAULTS: &str = "100 ms, fall 2 (defaults)";

/// What is demanded of the defaults: on these lines not one false alarm in a hundred hours.
const JUDGED: [&str; 4] =
    ["clean, 20 ms", "1 % each way, 20 ms", "3 % each way, 20 ms", "1 % each way, 80 ms"];

/// One way on one line.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Cell {
    line: &'static str,
    way: &'static str,
    /// Failovers for nothing.
    false_alarms_per_hour: f64,
    /// The share of the time in which a line that works is called Down.
    down_permille: f64,
    /// From the cut to Down: the mean and the longest of all cuts.
    noticed_ms: u64,
    noticed_ms_longest: u64,
}

/// The whole study.
#[derive(Debug, Serialize)]
pub(crate) struct Study {
    format: u32,
    suite: &'static str,
    hours: u64,
    cuts: u64,
    cells: Vec<Cell>,
    /// The defaults raise no false alarm where they must not.
    pub ok: bool,
}

/// Watches every line in every way for so many virtual hours.
pub(crate) fn study(hours: u64) -> Study {
    let mut cells = Vec::new();
    for (number, line) in (1_u64..).zip(LINES) {
        for (name, way) in WAYS {
            cells.push(cell(line, name, way, number, hours));
        }
    }
    let ok = trouble(&cells).is_empty();
    Study { format: FORMAT, suite: "loss", hours, cuts: CUTS, cells, ok }
}

fn cell(line: Line, name: &'static str, way: Way, seed: u64, hours: u64) -> Cell {
    let FalseAlarms { downs, down_ms } = way.false_alarms(line, seed, hours);
    let delays: Vec<u64> = (0..CUTS).map(|cut| way.delay(line, seed * CUTS + cut)).collect();
    let whole_ms = to_f64(hours * 3_600_000);
    Cell {
        line: line.name,
        way: name,
        false_alarms_per_hour: f64::from(downs) / to_f64(hours),
        down_permille: 1_000.0 * to_f64(down_ms) / whole_ms,
        noticed_ms: delays.iter().sum::<u64>() / CUTS,
        noticed_ms_longest: delays.iter().copied().max().unwrap_or(0),
    }
}

/// The cells of the defaults that show a false alarm on a line where none may be.
fn trouble(cells: &[Cell]) -> Vec<&Cell> {
    let judged = |cell: &&Cell| cell.way == DEFAULTS && JUDGED.contains(&cell.line);
    cells.iter().filter(judged).filter(|cell| cell.false_alarms_per_hour > 0.0).collect()
}

/// Virtual hours are far below what a double holds exactly.
fn to_f64(count: u64) -> f64 {
    f64::from(u32::try_from(count / 1_000).unwrap_or(u32::MAX)) * 1_000.0
        + f64::from(u32::try_from(count % 1_000).unwrap_or(0))
}

impl Study {
    /// One line that says how it went.
    pub fn summary(&self) -> String {
        let of = format!("{} virtual hours a cell, {} cells", self.hours, self.cells.len());
        match trouble(&self.cells).first() {
            None => format!(
                "{of}: the defaults raise no false alarm on the {} lines that they must bear",
                JUDGED.len()
            ),
            Some(cell) => format!(
                "{of}: on the line `{}` the defaults raise {:.2} false alarms an hour",
                cell.line, cell.false_alarms_per_hour
            ),
        }
    }

    /// Two tables: false alarms, and how soon a cut is noticed.
    pub fn markdown(&self) -> String {
        let mut text = format!("False alarms an hour, over {} virtual hours each:\n\n", self.hours);
        text += &self.table(|cell| match cell.false_alarms_per_hour {
            none if none <= 0.0 => "0".to_owned(),
            few if few < 10.0 => format!("{few:.2}"),
            many => format!("{many:.0}"),
        });
        text += &format!("\nFrom a cut to Down, in ms: the mean of {} cuts, and the longest:\n\n", self.cuts);
        text += &self.table(|cell| format!("{}, {}", cell.noticed_ms, cell.noticed_ms_longest));
        text
    }

    fn table(&self, words: impl Fn(&Cell) -> String) -> String {
        let mut text = String::from("| line |");
        text += &WAYS.map(|(name, _)| format!(" {name} |")).concat();
        text += &format!("\n|---|{}\n", "---:|".repeat(WAYS.len()));
        for row in self.cells.chunks(WAYS.len()) {
            let name = row.first().map_or("", |cell| cell.line);
            let cells = row.iter().map(|cell| format!(" {} |", words(cell)));
            text += &format!("| {name} |{}\n", cells.collect::<String>());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_false_alarm_of_the_defaults_fails_the_study_and_one_of_others_does_not() {
        let cell = |line, way, false_alarms_per_hour| Cell {
            line,
            way,
            false_alarms_per_hour,
            down_permille: 0.0,
            noticed_ms: 250,
            noticed_ms_longest: 300,
        };
        assert!(
            trouble(&[cell(JUDGED[1], DEFAULTS, 0.0), cell(JUDGED[1], "100 ms, fall 1", 9.0)]).is_empty()
        );
        assert!(trouble(&[cell("bursts of 100 ms", DEFAULTS, 9.0)]).is_empty());
        assert_eq!(trouble(&[cell(JUDGED[1], DEFAULTS, 0.01)]).len(), 1);
    }

    #[test]
    fn what_is_judged_exists_and_the_table_has_a_row_for_each_line() {
        for name in JUDGED {
            assert!(LINES.iter().any(|line| line.name == name), "{name}");
        }
        assert!(WAYS.iter().any(|(name, _)| *name == DEFAULTS));
        let study = study(1);
        let text = study.markdown();
        for line in LINES {
            assert_eq!(text.matches(&format!("| {} |", line.name)).count(), 2, "{text}");
        }
        assert!(study.ok, "{text}");
        // The machine is the one that is used: a shorter window must show more alarms somewhere.
        let alarms = |way: &str| -> f64 {
            study.cells.iter().filter(|cell| cell.way == way).map(|cell| cell.false_alarms_per_hour).sum()
        };
        assert!(alarms("100 ms, fall 1") > alarms(DEFAULTS), "{text}");
        assert!(alarms(DEFAULTS) > alarms("100 ms, fall 3"), "{text}");
    }
}
