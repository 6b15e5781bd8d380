//! The policy as the file that it could be, and differences so that one sees at a glance what they touch.

use super::page::{Page, Span, Style};
use super::{Readable, counted, whose};
use crate::difference::{Change, Kind};
use crate::view::{PolicyDiffView, PolicyView};
use arbiter_core::time::Utc;

impl Readable for PolicyView {
    /// What can be redirected into a file: all that is no policy is a comment.
    fn page(&self) -> Page {
        let (mut page, answered) = (Page::default(), &self.answered);
        let quality = if answered.linearizable { "linearizable" } else { "STALE" };
        page.line([Span::new(
            Style::Faint,
            format!(
                "# policy version {}; view of {} at {}, {quality}",
                self.policy_version,
                answered.by,
                Utc(answered.wall_ms)
            ),
        )]);
        for line in self.toml.lines() {
            page.line([Span::plain(line)]);
        }
        page
    }
}

impl Readable for PolicyDiffView {
    fn page(&self) -> Page {
        let mut page = Page::default();
        let (file, version) = (&self.file, self.policy_version);
        if self.same {
            page.line([Span::new(Style::Good, format!("{file} says what policy version {version} says"))]);
        } else {
            let count = counted(self.changes.len(), "change");
            page.line([Span::plain(format!("from policy version {version} to {file}: {count}"))]);
            page.blank();
            for change in &self.changes {
                for (style, line) in lines(change) {
                    page.line([Span::new(style, line)]);
                }
            }
        }
        for warning in &self.warnings {
            page.blank();
            for line in warning.lines() {
                page.line([Span::new(Style::Warn, line)]);
            }
        }
        if let Some(preview) = &self.preview {
            page.blank();
            page.field("DRY RUN", [Span::plain("nothing was changed")]);
            super::preview::body(&mut page, preview);
        }
        whose(&mut page, &self.answered);
        page
    }
}

/// A change in words, one line or more.
pub(crate) fn lines(change: &Change) -> Vec<(Style, String)> {
    let section = &change.section;
    let (from, to) = (change.from.as_deref().unwrap_or("-"), change.to.as_deref().unwrap_or("-"));
    let (style, sign) = match change.change {
        Kind::Added => (Style::Good, '+'),
        Kind::Removed => (Style::Bad, '-'),
        Kind::Changed | Kind::Reordered => (Style::Warn, '~'),
    };
    let Some(key) = &change.key else {
        if change.change == Kind::Reordered {
            return vec![(style, format!("{sign} {section}  order: {from} → {to}"))];
        }
        let body = change.from.as_ref().or(change.to.as_ref());
        let body = body.into_iter().flat_map(|text| text.lines());
        let head = std::iter::once((style, format!("{sign} {section}")));
        return head.chain(body.map(|line| (style, format!("{sign}   {line}")))).collect();
    };
    vec![(style, format!("{sign} {section}  {key}: {from} → {to}"))]
}
