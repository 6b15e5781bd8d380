//! Failures: what, where, why, and what to type.

use super::page::{Page, Span, Style};
use crate::failure::{Failure, Place};
use crate::view::VERSION;
use serde::Serialize;

/// For people. The first line of what failed may be followed by more, as when a file has several errors.
pub fn failure_page(failure: &Failure) -> Page {
    let mut page = Page::default();
    for (k, line) in failure.what.lines().enumerate() {
        let label = if k == 0 { "error: " } else { "" };
        page.line([Span::new(Style::Bad, label), Span::plain(line)]);
    }
    for place in &failure.places {
        page.line([Span::plain(format!("  at {}: {}", place.address, place.why))]);
    }
    for hint in &failure.hints {
        page.line([Span::new(Style::Strong, "hint: "), Span::plain(hint)]);
    }
    page
}

#[derive(Serialize)]
struct FailureDocument<'a> {
    version: u32,
    kind: &'static str,
    exit: u8,
    error: &'a str,
    places: &'a [Place],
    hints: &'a [String],
}

/// For programs.
///
/// # Errors
/// None that can happen: there is nothing in it that JSON lacks.
pub fn failure_json(failure: &Failure) -> Result<String, serde_json::Error> {
    let document = FailureDocument {
        version: VERSION,
        kind: "error",
        exit: failure.exit.code(),
        error: &failure.what,
        places: &failure.places,
        hints: &failure.hints,
    };
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}
