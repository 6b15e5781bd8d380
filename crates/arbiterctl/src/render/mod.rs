//! Views as text: laid out for people on a [`Page`], or as JSON.

mod backup;
mod certificate;
mod doctor;
mod event;
mod explain;
mod failure;
mod lists;
mod live;
mod page;
mod policy;
mod preview;
mod status;
mod table;
mod written;

pub use event::event_line;
pub use failure::{failure_json, failure_page};
pub use live::live_page;
pub use page::{Page, Style, printable};
pub(crate) use policy::lines as change_lines;

use crate::view::{Answered, Document, View};
use arbiter_core::evidence::Verdict;
use arbiter_core::time::{HumanMs, Utc};
use page::Span;

/// A view that people can read.
pub trait Readable: View {
    /// Lays it out.
    fn page(&self) -> Page;

    /// Lays it out with more in it, where there is more.
    fn wide(&self) -> Page {
        self.page()
    }
}

/// A view as JSON: one document, ended by a line feed.
///
/// # Errors
/// None that can happen: the views hold nothing that JSON lacks.
pub fn json<T: View>(view: &T) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&Document::new(view))?;
    text.push('\n');
    Ok(text)
}

/// A view as JSON within one line, for streams of them.
///
/// # Errors
/// None that can happen: the views hold nothing that JSON lacks.
pub fn json_line<T: View>(view: &T) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string(&Document::new(view))?;
    text.push('\n');
    Ok(text)
}

/// Whose view it is: the last line of every page.
fn whose(page: &mut Page, answered: &Answered) {
    let (by, at, applied) = (&answered.by, Utc(answered.wall_ms), answered.applied);
    let tail = format!("of {by} at {at}, applied up to log index {applied}");
    page.blank();
    if answered.linearizable {
        page.field("VIEW", [Span::plain(format!("{tail}; linearizable"))]);
    } else {
        page.field("VIEW", [stale(answered), Span::plain(format!("; {tail}"))]);
    }
}

fn stale(answered: &Answered) -> Span {
    let because = answered.stale_because.as_deref().unwrap_or("its leader is not confirmed by a quorum");
    Span::new(Style::Warn, format!("STALE ({because})"))
}

fn verdict(verdict: Verdict) -> Span {
    let style = match verdict {
        Verdict::Up => Style::Good,
        Verdict::Unknown => Style::Warn,
        Verdict::Down => Style::Bad,
    };
    Span::new(style, verdict.to_string())
}

fn urgency_style(urgency: &str) -> Style {
    match urgency {
        "critical" => Style::Bad,
        "warning" => Style::Warn,
        _ => Style::Plain,
    }
}

/// For how long, or a dash.
fn lasting(ms: Option<u64>) -> Span {
    or_dash(ms.map(|ms| HumanMs(ms).to_string()))
}

fn or_dash(text: Option<impl Into<String>>) -> Span {
    text.map_or_else(|| Span::new(Style::Faint, "-"), |text| Span::plain(text))
}

fn yes_no(yes: bool) -> Span {
    Span::plain(if yes { "yes" } else { "no" })
}

/// How long before the view's own moment: no clock of this host plays a part.
fn before(answered: &Answered, wall_ms: u64) -> HumanMs {
    HumanMs(answered.wall_ms.saturating_sub(wall_ms))
}

/// `1 route`, `2 routes`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
