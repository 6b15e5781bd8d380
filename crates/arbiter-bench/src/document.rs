//! `docs/benchmarks.md`: its results part is written by this program, the rest by people.

use crate::render;
use crate::results::Results;
use anyhow::Context;
use std::path::Path;

const BEGIN: &str = "<!-- results: written by `scripts/bench core --write` -->";
const END: &str = "<!-- end of results -->";

/// Puts the results into the document.
///
/// # Errors
/// The document can't be read or written, or has no place for them.
pub(crate) fn write(path: &Path, results: &Results) -> anyhow::Result<()> {
    anyhow::ensure!(!results.quick, "a quick run's figures are no results: run without --quick");
    let text = std::fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
    let text = replaced(&text, &render::markdown(results))
        .with_context(|| format!("{} has no place for results: `{BEGIN}` … `{END}`", path.display()))?;
    std::fs::write(path, text).with_context(|| format!("{} can't be written", path.display()))
}

/// The text with other words between the two marks.
fn replaced(text: &str, results: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{results}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::FIGURES;

    fn document() -> String {
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.md")).unwrap()
    }

    #[test]
    fn only_the_results_part_is_replaced() {
        let text = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let once = replaced(&text, "new\n").unwrap();
        assert_eq!(once, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
        assert_eq!(replaced(&once, "new\n").unwrap(), once);
        assert_eq!(replaced("no place", "new"), None);
    }

    #[test]
    fn the_document_shows_every_figure_of_the_catalogue() {
        let text = document();
        assert!(replaced(&text, "").is_some());
        for figure in FIGURES {
            let cell = format!("(`{}`) |", figure.id);
            assert!(text.contains(&cell), "{} is missing: run scripts/bench core --write", figure.id);
        }
    }
}
