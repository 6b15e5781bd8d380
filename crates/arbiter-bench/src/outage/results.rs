//! The file of results: a line of JSON for each run.

use super::FORMAT;
use super::cells::Cell;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;

/// How one run went, as `arbiter-lab net race` says it; and under which circumstances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    #[serde(default = "format")]
    pub format: u32,
    /// Labs that ran side by side.
    #[serde(default)]
    pub labs: u8,
    pub peer: String,
    pub fault: String,
    pub to_site_ms: u64,
    pub to_site_open: bool,
    pub to_vpc_ms: u64,
    pub to_vpc_open: bool,
    pub called_after_ms: Option<u64>,
    pub moved_after_ms: Option<u64>,
    pub wrong_moves: u64,
    pub healthy_stopped: u64,
    pub writers_at_once: u64,
    pub away_at_end: u64,
    pub calls: Vec<String>,
}

const fn format() -> u32 {
    FORMAT
}

/// All runs of a file.
#[derive(Debug, Default)]
pub(super) struct Results(pub Vec<Run>);

impl Results {
    /// Reads them; none if the file isn't there.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).with_context(|| format!("{} can't be read", file.display())),
        };
        let mut runs = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let run: Run = serde_json::from_str(line)
                .with_context(|| format!("{}:{} is no result", file.display(), number + 1))?;
            anyhow::ensure!(run.format == FORMAT, "{} has format {}", file.display(), run.format);
            runs.push(run);
        }
        Ok(Self(runs))
    }

    /// The runs of a cell.
    pub fn of(&self, cell: &Cell) -> Vec<&Run> {
        let mine = |run: &&Run| run.peer == cell.peer.name && run.fault == cell.fault.name;
        self.0.iter().filter(mine).collect()
    }
}

/// Appends a run, in one write: several may do so.
pub(super) fn append(file: &Path, run: &Run) -> anyhow::Result<()> {
    let line = serde_json::to_string(run)? + "\n";
    let mut file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(file)
        .with_context(|| format!("{} can't be written", file.display()))?;
    Ok(file.write_all(line.as_bytes())?)
}

#[cfg(test)]
pub(super) fn example(peer: &str, fault: &str, to_site_ms: u64) -> Run {
    Run {
        format: FORMAT,
        labs: 1,
        peer: peer.to_owned(),
        fault: fault.to_owned(),
        to_site_ms,
        to_site_open: false,
        to_vpc_ms: 7_000,
        to_vpc_open: false,
        called_after_ms: Some(to_site_ms.saturating_sub(120)),
        moved_after_ms: Some(to_site_ms.saturating_sub(45)),
        wrong_moves: 0,
        healthy_stopped: 0,
        writers_at_once: 1,
        away_at_end: 1,
        calls: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells::chosen;
    use super::*;

    #[test]
    fn what_was_appended_is_read_and_what_is_broken_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.jsonl");
        assert!(Results::read(&file).unwrap().0.is_empty());
        append(&file, &example("ours", "tunnel-cut", 400)).unwrap();
        append(&file, &example("ours", "line-cut", 0)).unwrap();
        let results = Results::read(&file).unwrap();
        assert_eq!(results.of(&chosen(&["ours"], &["tunnel-cut"])[0]).len(), 1);
        std::fs::write(&file, "{\"format\":1}\n").unwrap();
        assert!(format!("{:#}", Results::read(&file).unwrap_err()).contains("x.jsonl:1"));
    }
}
