//! `doctor`: what was found, who found it, and what to do.

use super::page::{Page, Span, Style};
use super::{Readable, urgency_style, whose};
use crate::view::{DoctorView, FindingView};
use arbiter_core::time::HumanMs;

/// By which findings are counted, the most urgent first: the word for one, and for more.
const URGENCIES: [[&str; 2]; 2] = [["critical", "critical"], ["warning", "warnings"]];

impl Readable for DoctorView {
    fn page(&self) -> Page {
        self.lay_out(false)
    }

    fn wide(&self) -> Page {
        self.lay_out(true)
    }
}

impl DoctorView {
    /// Wide, every finding names who found it; otherwise only those that not all nodes found.
    fn lay_out(&self, wide: bool) -> Page {
        let mut page = Page::default();
        page.field("FINDINGS", [self.count()]);
        page.field("EXAMINED", [self.examined()]);
        for finding in &self.findings {
            page.blank();
            let by_all = self.nodes.iter().all(|node| finding.said_by.contains(node));
            lines(&mut page, finding, wide || !by_all);
        }
        whose(&mut page, &self.answered);
        page
    }

    fn count(&self) -> Span {
        if self.is_sound() {
            return Span::new(Style::Good, "none");
        }
        let of = |urgency: &str| self.findings.iter().filter(|it| it.alarm.urgency == urgency).count();
        let counts = URGENCIES.map(|[one, more]| (of(one), one, more));
        let found: Vec<_> = counts.into_iter().filter(|(count, ..)| *count > 0).collect();
        let word = |(count, one, more): &(usize, &str, &str)| {
            format!("{count} {}", if *count == 1 { one } else { more })
        };
        let worst = found.first().map_or("", |(_, one, _)| one);
        Span::new(urgency_style(worst), found.iter().map(word).collect::<Vec<_>>().join(", "))
    }

    fn examined(&self) -> Span {
        if self.nodes.is_empty() {
            return Span::new(Style::Bad, "no node");
        }
        let ago = match self.age_ms {
            0..1_000 => "just now".to_owned(),
            ms => format!("{} ago", HumanMs(ms)),
        };
        Span::plain(format!("{}; {ago}", self.nodes.join(", ")))
    }
}

fn lines(page: &mut Page, finding: &FindingView, says_who: bool) {
    let alarm = &finding.alarm;
    page.line([
        Span::new(urgency_style(&alarm.urgency), format!("{:<8}", alarm.urgency)),
        Span::plain(format!("  {}  {}: {}", alarm.code, alarm.subject, alarm.title)),
    ]);
    let detail = alarm.detail.as_deref().map(|detail| ("found", detail.to_owned()));
    let who = says_who.then(|| ("by", finding.said_by.join(", ")));
    for (label, text) in detail.into_iter().chain(who).chain([("do", alarm.remedy.clone())]) {
        page.line([Span::plain(format!("          {:<7}{text}", format!("{label}:")))]);
    }
}
