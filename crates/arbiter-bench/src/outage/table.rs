//! The tables: one for each fault, a line for each peer; and the judgement.

use super::FORMAT;
use super::bounds;
use super::cells::{Cell, FLOOR, JUDGED, OURS, OURS_FAST};
use super::results::{Results, Run};
use serde::Serialize;

/// Cells without enough runs are named if they are no more than these.
const NAMED_MOST: usize = 5;

/// What all runs of a cell come to.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    pub peer: &'static str,
    pub fault: &'static str,
    #[serde(skip)]
    cell: Cell,
    pub runs: usize,
    /// From a private subnet to the data centre: the median, the shortest, the longest, in milliseconds.
    pub to_site_ms: Option<Spread>,
    /// What that median may be at most; nothing of the peers.
    pub most_ms: Option<u64>,
    /// The median that was measured elsewhere, if this one is far from it.
    pub elsewhere_ms: Option<u64>,
    /// Runs whose outage had not ended when the run was over; it counts as long as it was seen to be.
    pub open: usize,
    /// The way back: the same.
    pub to_vpc_ms: Option<Spread>,
    /// From the fault to the first call, and to when it took effect: medians.
    pub called_after_ms: Option<u64>,
    pub moved_after_ms: Option<u64>,
    /// In all runs.
    pub wrong_moves: u64,
    pub runs_with_wrong_moves: usize,
    pub healthy_stopped: u64,
    /// The most in any run.
    pub writers_at_once: u64,
}

/// The middle and both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Spread {
    pub median: u64,
    pub shortest: u64,
    pub longest: u64,
}

/// The whole study.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    format: u32,
    suite: &'static str,
    pub cells: Vec<Line>,
    /// What ours must do and does not; empty if it does all.
    pub trouble: Vec<String>,
    /// Nothing is missing, and there is no trouble.
    pub ok: bool,
    judged: bool,
    /// Cells of peers that ours was held against.
    compared: usize,
    /// The most labs that ran side by side.
    labs: u8,
}

/// Of an even number the mean of the two in the middle.
fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    let upper = values.get(values.len() / 2)?;
    let lower = values.get(values.len().saturating_sub(1) / 2)?;
    Some(lower.midpoint(*upper))
}

fn spread(values: Vec<u64>) -> Option<Spread> {
    let (shortest, longest) = (*values.iter().min()?, *values.iter().max()?);
    Some(Spread { median: median(values)?, shortest, longest })
}

impl Line {
    fn of(cell: Cell, runs: &[&Run]) -> Self {
        let all = |value: fn(&Run) -> u64| runs.iter().map(|run| value(run)).collect::<Vec<_>>();
        let some = |value: fn(&Run) -> Option<u64>| runs.iter().filter_map(|run| value(run)).collect();
        let to_site_ms = spread(all(|run| run.to_site_ms));
        Self {
            peer: cell.peer.name,
            fault: cell.fault.name,
            cell,
            runs: runs.len(),
            to_site_ms,
            most_ms: bounds::most_ms(cell),
            elsewhere_ms: to_site_ms.and_then(|it| bounds::apart(cell, it.median)),
            open: runs.iter().filter(|run| run.to_site_open).count(),
            to_vpc_ms: spread(all(|run| run.to_vpc_ms)),
            called_after_ms: median(some(|run| run.called_after_ms)),
            moved_after_ms: median(some(|run| run.moved_after_ms)),
            wrong_moves: all(|run| run.wrong_moves).iter().sum(),
            runs_with_wrong_moves: runs.iter().filter(|run| run.wrong_moves > 0).count(),
            healthy_stopped: all(|run| run.healthy_stopped).iter().sum(),
            writers_at_once: all(|run| run.writers_at_once).into_iter().max().unwrap_or(0),
        }
    }

    fn is_ours(&self) -> bool {
        [OURS, OURS_FAST].contains(&self.peer)
    }

    fn row(&self) -> String {
        let ms = |value: Option<u64>| value.map_or("–".to_owned(), |ms| ms.to_string());
        let spread = |spread: Option<Spread>| {
            spread.map_or("–".to_owned(), |it| format!("{} ({}–{})", it.median, it.shortest, it.longest))
        };
        let open = match self.open {
            0 => String::new(),
            open => format!(", {open} not ended"),
        };
        let most = self.most_ms.map_or(String::new(), |most| format!(", at most {most}"));
        format!(
            "| {} | {} | {}{open}{most} | {} | {} | {} | {} in {} runs | {} | {} |\n",
            self.cell.peer.title,
            self.runs,
            spread(self.to_site_ms),
            ms(self.called_after_ms),
            ms(self.moved_after_ms),
            spread(self.to_vpc_ms),
            self.wrong_moves,
            self.runs_with_wrong_moves,
            self.healthy_stopped,
            self.writers_at_once,
        )
    }
}

impl Report {
    /// Of these cells, each of which should have been run so often. `judged` is false if it is enough that each was measured:
    /// one run on a busy machine says no more.
    pub fn of(results: &Results, cells: &[Cell], runs: usize, judged: bool) -> Self {
        let lines: Vec<_> = cells.iter().map(|cell| Line::of(*cell, &results.of(cell))).collect();
        let mut trouble = Vec::new();
        let short: Vec<_> = lines.iter().filter(|line| line.runs < runs).collect();
        if short.len() > NAMED_MOST {
            trouble.push(format!("{} cells have been run less than {runs} times", short.len()));
        } else {
            let words =
                |line: &&Line| format!("{} has met {} {} times of {runs}", line.peer, line.fault, line.runs);
            trouble.extend(short.iter().map(words));
        }
        for line in lines.iter().filter(|line| judged && line.is_ours()) {
            if line.wrong_moves + line.healthy_stopped > 0 {
                trouble.push(format!(
                    "{} moved {} times wrongly and stopped {} gateways that were well: {}",
                    line.peer, line.wrong_moves, line.healthy_stopped, line.fault
                ));
            }
            if let (Some(took), Some(most_ms)) = (line.to_site_ms, line.most_ms)
                && took.median > most_ms
            {
                let (peer, fault, median) = (line.peer, line.fault, took.median);
                trouble
                    .push(format!("{peer} takes {median} ms, and {most_ms} at most are promised: {fault}"));
            }
        }
        let (compared, behind) = if judged { behind(&lines) } else { (0, Vec::new()) };
        trouble.extend(behind);
        let labs = results.0.iter().map(|run| run.labs).max().unwrap_or(0);
        Self {
            format: FORMAT,
            suite: "outage",
            ok: trouble.is_empty(),
            trouble,
            cells: lines,
            judged,
            compared,
            labs,
        }
    }

    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let mut fault = "";
        for line in &self.cells {
            if line.fault != fault {
                fault = line.fault;
                text += &format!(
                    "\n**{}** (`{fault}`)\n\n\
                     | | runs | to the data centre, ms | first call after, ms | route moved after, ms | way back, ms \
                     | wrong moves | healthy gateways stopped | writers at once |\n\
                     |---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
                    line.cell.fault.title
                );
            }
            text += &line.row();
        }
        let apart =
            self.cells.iter().filter_map(|line| Some((line, line.to_site_ms?.median, line.elsewhere_ms?)));
        let apart: Vec<_> = apart
            .map(|(line, median, elsewhere)| {
                format!("{} / `{}` ({median} ms here, {elsewhere} there)", line.cell.peer.title, line.fault)
            })
            .collect();
        if !apart.is_empty() {
            text += &format!("\nFar from what was measured elsewhere: {}.\n", apart.join("; "));
        }
        text.trim_start().to_owned()
    }

    /// For the document.
    pub fn page(&self) -> String {
        format!("{}\n{}", self.markdown(), self.summary())
    }

    /// In one line.
    pub fn summary(&self) -> String {
        let runs: usize = self.cells.iter().map(|line| line.runs).sum();
        let how = format!("{runs} runs in {} cells, up to {} labs side by side", self.cells.len(), self.labs);
        if self.ok && !self.judged {
            format!("{how}, not judged.")
        } else if self.ok {
            let ahead = match self.compared {
                0 => "nobody was there to be ahead of".to_owned(),
                peers => format!("it was ahead in each of {peers} comparisons"),
            };
            format!("{how}: Route Arbiter moved nothing wrongly; {ahead}.")
        } else {
            format!("{how}. Not as it has to be: {}.", self.trouble.join("; "))
        }
    }
}

/// Where ours, at its defaults, is not ahead of a peer. The floor is nobody's peer.
/// Gives how many cells were compared, too.
fn behind(lines: &[Line]) -> (usize, Vec<String>) {
    let (mut compared, mut trouble) = (0, Vec::new());
    for fault in JUDGED {
        let of_fault = || lines.iter().filter(|line| line.fault == fault);
        let Some(ours) = of_fault().find(|line| line.peer == OURS).and_then(|line| line.to_site_ms) else {
            continue;
        };
        for line in of_fault().filter(|line| !line.is_ours() && line.peer != FLOOR) {
            let Some(theirs) = line.to_site_ms else { continue };
            compared += 1;
            if theirs.median <= ours.median {
                let (theirs, ours) = (theirs.median, ours.median);
                trouble.push(format!(
                    "{} is not behind: {fault} takes it {theirs} ms, ours {ours} ms",
                    line.peer
                ));
            }
        }
    }
    (compared, trouble)
}

#[cfg(test)]
mod tests {
    use super::super::cells::chosen;
    use super::super::results::example;
    use super::*;

    fn report(runs: Vec<Run>) -> Report {
        let cells = chosen(&["ours", "keepalived-best", "by-hand"], &["tunnel-cut"]);
        Report::of(&Results(runs), &cells, 1, true)
    }

    fn runs(ours: u64, theirs: u64) -> Vec<Run> {
        let all = [("ours", ours), ("keepalived-best", theirs), ("by-hand", 180)];
        all.map(|(peer, ms)| example(peer, "tunnel-cut", ms)).to_vec()
    }

    #[test]
    fn ahead_of_every_peer_is_well_and_the_floor_is_none() {
        let report = report(runs(400, 600));
        assert!(report.ok, "{:?}", report.trouble);
        assert!(report.summary().contains("in each of 1 comparisons"), "{}", report.summary());
        let text = report.markdown();
        assert!(
            text.contains("| Route Arbiter | 1 | 400 (400–400), at most 500 | 280 | 355 | 7000"),
            "{text}"
        );
    }

    #[test]
    fn a_quick_run_is_not_judged_but_must_have_been_measured() {
        let cells = chosen(&["ours", "by-hand"], &["tunnel-cut"]);
        let slow = Run { wrong_moves: 1, ..example("ours", "tunnel-cut", 900) };
        assert!(!Report::of(&Results(vec![slow.clone()]), &cells, 1, false).ok);
        assert!(Report::of(&Results(vec![slow, example("by-hand", "tunnel-cut", 180)]), &cells, 1, false).ok);
    }

    #[test]
    fn behind_a_peer_or_a_cell_without_a_run_or_a_wrong_move_is_trouble() {
        assert!(report(runs(490, 480)).trouble[0].contains("keepalived-best is not behind"));
        assert!(report(runs(501, 600)).trouble[0].contains("ours takes 501 ms, and 500 at most"));
        let mut without = runs(400, 600);
        without.remove(1);
        assert!(report(without).trouble[0].contains("keepalived-best has met tunnel-cut 0 times of 1"));
        let none = Report::of(&Results::default(), &chosen(&[], &[]), 20, true);
        assert_eq!(none.trouble, ["41 cells have been run less than 20 times"]);
        for spoil in [|run: &mut Run| run.wrong_moves = 1, |run: &mut Run| run.healthy_stopped = 1] {
            let mut wrong = runs(400, 600);
            spoil(&mut wrong[0]);
            assert!(!report(wrong).ok);
            // What peers do is shown, not judged.
            let mut theirs = runs(400, 600);
            spoil(&mut theirs[1]);
            assert!(report(theirs).ok);
        }
    }

    #[test]
    fn the_middle_of_an_even_number_is_between_the_two() {
        assert_eq!(median(vec![4, 1, 3, 2]), Some(2));
        assert_eq!(median(vec![9, 1, 5]), Some(5));
        assert_eq!(median(Vec::new()), None);
        assert_eq!(spread(vec![3, 1]), Some(Spread { median: 2, shortest: 1, longest: 3 }));
    }
}
