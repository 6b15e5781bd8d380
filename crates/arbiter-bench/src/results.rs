//! What a run came to: for people as a table, for programs as JSON.

use crate::machine::Machine;
use serde::{Deserialize, Serialize};

/// The version of the JSON. Raised when a field changes its meaning or goes.
pub(crate) const FORMAT: u32 = 1;

/// What became of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// It has no bound.
    Published,
    /// A quick run on programs that were not made for speed.
    NotJudged,
    Within,
    /// It misses its bound, by less than is explained.
    Explained,
    Missed,
}

impl Verdict {
    pub const fn words(self) -> &'static str {
        match self {
            Self::Published => "",
            Self::NotJudged => "not judged",
            Self::Within => "within",
            Self::Explained => "explained",
            Self::Missed => "MISSED",
        }
    }
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub id: String,
    pub what: String,
    pub unit: String,
    pub value: f64,
    pub how: String,
    pub at_most: Option<f64>,
    pub bound_why: Option<String>,
    pub explained_up_to: Option<f64>,
    pub explanation: Option<String>,
    pub verdict: Verdict,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    pub format: u32,
    pub suite: String,
    pub quick: bool,
    pub machine: Machine,
    pub figures: Vec<Row>,
    /// No figure misses its bound without an explanation.
    pub ok: bool,
}

impl Results {
    pub fn new(quick: bool, machine: Machine, figures: Vec<Row>) -> Self {
        let ok = figures.iter().all(|row| row.verdict != Verdict::Missed);
        Self { format: FORMAT, suite: "core".to_owned(), quick, machine, figures, ok }
    }

    pub fn count(&self, verdict: Verdict) -> usize {
        self.figures.iter().filter(|row| row.verdict == verdict).count()
    }
}
