//! A restore: its steps, what its policy changes, and what stays.

use super::page::{Page, Span, Style};
use super::{Readable, change_lines, counted, whose};
use crate::view::RestoreView;
use arbiter_core::time::Utc;

impl Readable for RestoreView {
    fn page(&self) -> Page {
        let (mut page, file) = (Page::default(), &self.file);
        let taken = Utc(self.taken_wall_ms);
        if self.steps.is_empty() {
            let text = format!("all that {file}, of {taken}, has is in force: nothing was changed");
            page.line([Span::new(Style::Good, text)]);
        } else {
            let steps = counted(self.steps.len(), "step");
            let head = if self.dry_run { "would put in force" } else { "put in force" };
            page.line([Span::plain(format!("{head} of {file}, of {taken}: {steps}"))]);
            if self.dry_run {
                page.field("DRY RUN", [Span::plain("nothing was changed")]);
            }
        }
        for (number, step) in self.steps.iter().enumerate() {
            let place = step.index.map_or_else(String::new, |index| format!(" (log index {index})"));
            page.line([Span::plain(format!("  {}. {}{place}", number + 1, step.does))]);
        }
        for (style, line) in self.changes.iter().flat_map(change_lines) {
            page.line([Span::new(style, format!("     {line}"))]);
        }
        for stays in &self.stays {
            page.line([Span::new(Style::Warn, format!("stays, and is not in the file: {stays}"))]);
        }
        whose(&mut page, &self.answered);
        page
    }
}
