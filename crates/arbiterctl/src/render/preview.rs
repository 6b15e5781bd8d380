//! What a change would do: first that nothing was done.

use super::page::{Page, Span, Style};
use super::{Readable, whose};
use crate::view::{PreviewView, StepView};

impl Readable for PreviewView {
    fn page(&self) -> Page {
        let mut page = Page::default();
        page.field("DRY RUN", [Span::plain("nothing was changed")]);
        page.field("WOULD", [Span::plain(&self.does)]);
        body(&mut page, self);
        whose(&mut page, &self.answered);
        page
    }
}

/// The answer and what follows, for pages that say themselves what it is about.
pub(super) fn body(page: &mut Page, preview: &PreviewView) {
    if let Some(why) = &preview.refusal {
        page.field("ANSWER", [Span::new(Style::Bad, "REFUSED"), Span::plain(format!(": {why}"))]);
        return;
    }
    page.field("ANSWER", [Span::new(Style::Good, "accepted")]);
    steps(page, "THEN", &preview.follows);
    if preview.follows.is_empty() {
        page.field("THEN", [Span::plain("nothing is moved or stopped at once")]);
    }
    steps(page, "PREVENTS", &preview.prevents);
    let settled = |id: &str| preview.follows.iter().any(|step| step.subject == id);
    for route in preview.routes.iter().filter(|route| !settled(&route.id) && !route.why.is_empty()) {
        let on = route.committed.as_deref().unwrap_or("no path");
        page.field("ROUTE", [Span::plain(format!("{} on {on}: {}", route.id, route.why.join("; ")))]);
    }
    if let Some(quiet) = preview.quiet {
        let text = match quiet {
            true => "quiet at once: nothing that was sent before can still land",
            false => "NOT quiet at once: calls that were sent before may still land",
        };
        page.field("QUIET", [Span::plain(text)]);
    }
    if let Some(gateway) = &preview.start_to_come {
        page.field("START", [Span::plain(format!("that of {gateway} still comes: it was stopped"))]);
    }
    for caution in &preview.cautions {
        page.field("CAUTION", [Span::new(Style::Warn, caution)]);
    }
}

fn steps(page: &mut Page, label: &str, steps: &[StepView]) {
    for (number, step) in steps.iter().enumerate() {
        let label = if number == 0 { label } else { "" };
        let why = step.reasons.join("; ");
        page.field(label, [Span::plain(format!("{} ({}): {why}", step.action, step.cause))]);
    }
}
