//! `history`: what happened, one line an event, newest last as in a log.

use super::page::{Page, Span};
use super::table::Table;
use super::{Readable, or_dash, whose};
use crate::view::{EventView, HistoryView};
use arbiter_core::time::Utc;

impl Readable for HistoryView {
    fn page(&self) -> Page {
        let mut page = Page::default();
        table(&self.events).onto(&mut page, "nothing has happened that this question asks for");
        whose(&mut page, &self.answered);
        page
    }
}

fn table(events: &[EventView]) -> Table<10> {
    let mut table =
        Table::new(["WHEN", "INDEX", "EPOCH", "EVENT", "ABOUT", "WHAT", "RULE", "BY", "INTENT", "WHY"]);
    for event in events {
        let why = Some(event.reasons.join("; ")).filter(|why| !why.is_empty());
        table.row([
            Span::plain(Utc(event.wall_ms).to_string()),
            Span::plain(event.index.to_string()),
            or_dash(event.epoch.map(|epoch| epoch.to_string())),
            Span::plain(&event.kind),
            or_dash(event.subject.as_ref()),
            Span::plain(&event.summary),
            or_dash(event.cause.as_ref()),
            or_dash(event.actor.as_ref()),
            or_dash(event.intent.as_ref()),
            or_dash(why),
        ]);
    }
    table
}

/// One event as one line.
pub fn event_line(event: &EventView) -> Page {
    let mut text = format!("{}  {}  {:<11}  {}", Utc(event.wall_ms), event.index, event.kind, event.summary);
    let about = event.subject.as_deref().filter(|subject| !event.summary.contains(subject));
    let parts = [("about", about), ("rule", event.cause.as_deref()), ("by", event.actor.as_deref())];
    let parts: Vec<String> =
        parts.iter().filter_map(|(name, part)| Some(format!("{name} {}", (*part)?))).collect();
    if !parts.is_empty() {
        text.push_str(&format!("  ({})", parts.join(", ")));
    }
    if !event.reasons.is_empty() {
        text.push_str(&format!(", because {}", event.reasons.join("; ")));
    }
    let mut page = Page::default();
    page.line([Span::plain(text)]);
    page
}
