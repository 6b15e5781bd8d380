//! `docs/benchmarks.md`: its results part is written by this program, the rest by people.

use crate::render;
use crate::results::Results;
use anyhow::Context;
use std::path::Path;

const END: &str = "<!-- end of results -->";

/// Where the results of a suite begin.
fn begin(suite: &str) -> String {
    format!("<!-- results: written by `scripts/bench {suite} --write` -->")
}

/// Puts the results of the suite `core` into the document.
///
/// # Errors
/// The document can't be read or written, or has no place for them; or it was a quick run.
pub(crate) fn write(path: &Path, results: &Results) -> anyhow::Result<()> {
    anyhow::ensure!(!results.quick, "a quick run's figures are no results: run without --quick");
    put(path, "core", &render::markdown(results))
}

/// Puts the results of a suite into the document.
///
/// # Errors
/// The document can't be read or written, or has no place for them.
pub(crate) fn put(path: &Path, suite: &str, results: &str) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
    let text = replaced(&text, suite, results).with_context(|| {
        format!("{} has no place for results: `{}` … `{END}`", path.display(), begin(suite))
    })?;
    std::fs::write(path, text).with_context(|| format!("{} can't be written", path.display()))
}

/// The text with other words between the two marks of a suite.
fn replaced(text: &str, suite: &str, results: &str) -> Option<String> {
    let begin = begin(suite);
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{begin}\n\n{}\n\n{END}{after}", results.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::FIGURES;

    fn document() -> String {
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.md")).unwrap()
    }

    #[test]
    fn only_the_results_of_that_suite_are_replaced() {
        let (core, loss) = (begin("core"), begin("loss"));
        let text = format!("before\n{core}\nold\n{END}\nbetween\n{loss}\nother\n{END}\nafter\n");
        let once = replaced(&text, "core", "new\n").unwrap();
        assert_eq!(once, format!("before\n{core}\n\nnew\n\n{END}\nbetween\n{loss}\nother\n{END}\nafter\n"));
        assert_eq!(replaced(&once, "core", "new\n").unwrap(), once);
        let both = replaced(&once, "loss", "newer").unwrap();
        assert!(both.contains("\nnew\n") && both.contains("\nnewer\n") && !both.contains("other"), "{both}");
        assert_eq!(replaced("no place", "core", "new"), None);
    }

    #[test]
    fn the_document_shows_every_figure_of_the_catalogue() {
        let text = document();
        assert!(["core", "loss", "outage"].iter().all(|suite| replaced(&text, suite, "").is_some()));
        for figure in FIGURES {
            let cell = format!("(`{}`) |", figure.id);
            assert!(text.contains(&cell), "{} is missing: run scripts/bench core --write", figure.id);
        }
    }
}
