//! What is wrong with a file, as it is shown: the place, the offending text, the corrected form.

use arbiter_core::policy::Severity;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One thing wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Whether the file is refused for it.
    pub severity: Severity,
    /// The file, as it was named.
    pub file: String,
    /// Where in the file; `None` for what isn't written anywhere.
    pub position: Option<Position>,
    /// Which key: `gateway.node`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

/// A place in a file, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// How many characters of the text it is about; at least 1.
    pub width: usize,
    /// The line's text; of a long line the part around the place, with marks where it was cut.
    pub text: String,
    /// Where in `text` it is, in characters, from 1: the column, unless the line was cut.
    pub mark: usize,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(Position { line, column, .. }) = &self.position {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}: ", self.severity)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        if let Some(position) = &self.position {
            write!(f, "\n{position}")?;
        }
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "\n  help: {help}"))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {:>4} | {}", self.line, self.text)?;
        // Tabs stay tabs, so that the mark stands under what it marks.
        let before = self.text.chars().take(self.mark.saturating_sub(1));
        let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        write!(f, "       | {indent}{}", "^".repeat(self.width))
    }
}

/// A file that is refused, with all that is wrong with it, in the order of its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused {
    /// Errors and warnings.
    pub problems: Vec<ConfigProblem>,
}

impl std::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}\n")?;
        }
        let count = |severity| self.problems.iter().filter(|problem| problem.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        write!(f, "{errors} {}", if errors == 1 { "error" } else { "errors" })?;
        match warnings {
            0 => Ok(()),
            1 => f.write_str(", 1 warning"),
            _ => write!(f, ", {warnings} warnings"),
        }
    }
}

/// Why a configuration can't be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file can't be read.
    #[error("can't read {}; name the right file with --config", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is absurdly large.
    #[error("{} has {size} bytes, more than {most}: is it the right file?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The most that is read.
        most: u64,
    },
    /// The file has errors.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// A problem before its place was looked up.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) severity: Severity,
    pub(crate) span: Option<Range<usize>>,
    pub(crate) key: String,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// Of a long line so many characters before the place are shown, and so many from there on: two lines of a terminal. A file
/// without line feeds must not be repeated with each of its problems.
const SHOWN_BEFORE: usize = 100;
const SHOWN_AFTER: usize = 100;

/// What stands where a line was cut.
const CUT: char = '…';

/// Looks up the lines, and sorts by them; what has no line comes last.
pub(crate) fn locate(path: &Path, text: &str, mut found: Vec<Found>) -> Vec<ConfigProblem> {
    found.sort_by_key(|found| found.span.as_ref().map_or(usize::MAX, |span| span.start));
    let file = path.display().to_string();
    let mut lines = Lines::of(text);
    found
        .into_iter()
        .map(|found| ConfigProblem {
            severity: found.severity,
            file: file.clone(),
            position: found.span.map(|span| lines.position(&span)),
            key: found.key,
            message: found.message,
            help: found.help,
        })
        .collect()
}

/// A text that is walked through once, however many places are looked up, if they come in order.
struct Lines<'t> {
    text: &'t str,
    /// The offsets at which lines start; the first is 0.
    starts: Vec<usize>,
    /// The last place: its offset, and its column.
    last: (usize, usize),
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts, last: (0, 1) }
    }

    fn position(&mut self, span: &Range<usize>) -> Position {
        let line = self.starts.partition_point(|start| *start <= span.start).max(1);
        let start = self.starts[line - 1];
        let next = self.starts.get(line).map_or(self.text.len(), |next| next - 1);
        let end = start + self.text[start..next].trim_end().len();
        let clip = |at: usize| self.text.floor_char_boundary(at.clamp(start, next.max(start)));
        let (from, to) = (clip(span.start), clip(span.end));
        let (known, column) = if (start..=from).contains(&self.last.0) { self.last } else { (start, 1) };
        let column = column + self.text[known..from].chars().count();
        self.last = (from, column);

        let cut_from = back(&self.text[start..from], SHOWN_BEFORE) + start;
        let rest = &self.text[from.min(end)..end];
        let cut_to = from.min(end) + rest.char_indices().nth(SHOWN_AFTER).map_or(rest.len(), |(at, _)| at);
        let mut shown = String::new();
        shown.extend((cut_from > start).then_some(CUT));
        let mark = shown.chars().count() + self.text[cut_from..from].chars().count() + 1;
        shown.push_str(&self.text[cut_from.min(cut_to)..cut_to]);
        shown.extend((cut_to < end).then_some(CUT));
        let width = self.text[from..to.max(from)].chars().take(SHOWN_AFTER).count().max(1);
        Position { line, column, width, text: shown, mark }
    }
}

/// Where the last so many characters of a text begin.
fn back(text: &str, characters: usize) -> usize {
    text.char_indices().rev().take(characters).last().map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str, span: Range<usize>) -> String {
        let found = Found {
            severity: Severity::Error,
            span: Some(span),
            key: "k".into(),
            message: "m".into(),
            help: None,
        };
        locate(Path::new("f"), text, vec![found])[0].to_string()
    }

    #[test]
    fn the_mark_stands_under_the_offending_text() {
        assert_eq!(
            shown("a = 1\nbcd = \"é\" # x\n", 12..16),
            "f:2:7: error: k: m\n     2 | bcd = \"é\" # x\n       |       ^^^"
        );
        assert_eq!(shown("\tb = 1", 5..6), "f:1:6: error: k: m\n     1 | \tb = 1\n       | \t    ^");
        assert_eq!(shown("a = [\n1]\n", 4..8), "f:1:5: error: k: m\n     1 | a = [\n       |     ^");
        assert_eq!(shown("", 0..0), "f:1:1: error: k: m\n     1 | \n       | ^");
    }

    #[test]
    fn a_long_line_is_shown_around_the_place() {
        let text = format!("a = [{}x{}]\n", "é".repeat(5_000), "b".repeat(5_000));
        let page = shown(&text, 10_005..10_006);
        let (shown, mark) = page.split_once("\n       | ").unwrap();
        let shown = shown.split_once("     1 | ").unwrap().1;
        assert!(page.starts_with("f:1:5006: error") && page.chars().count() < 400, "{page}");
        assert_eq!(shown.chars().nth(mark.chars().count() - 1), Some('x'), "{page}");
        assert!(shown.starts_with('…') && shown.ends_with('…'), "{page}");
    }

    #[test]
    fn places_of_one_line_have_their_columns_in_any_order() {
        let mut lines = Lines::of("ab é cd\nefg");
        let columns = [0..1, 6..7, 3..4, 9..10, 6..7, 3..4].map(|span| lines.position(&span).column);
        assert_eq!(columns, [1, 6, 4, 1, 6, 4]);
    }

    proptest! {
        #[test]
        fn no_span_makes_it_panic(text in "\\PC{0,10}(\n\\PC{0,10}){0,3}", from in 0usize..60, len in 0usize..60) {
            let _ = shown(&text, from.min(text.len())..(from + len).min(text.len()));
        }
    }
}
