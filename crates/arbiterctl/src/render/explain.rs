//! `explain ROUTE`: where, since when, by which rule, on whose word; why not elsewhere; what happened before.

use super::lists::observed;
use super::page::{Page, Span, Style};
use super::status::alarms;
use super::{Readable, before, or_dash, verdict, whose};
use crate::view::{ExplainView, PathView, RouteView};
use arbiter_core::time::{HumanMs, Utc};

impl Readable for ExplainView {
    fn page(&self) -> Page {
        let (mut page, route) = (Page::default(), &self.route);
        let (style, word) = if route.right { (Style::Good, "right") } else { (Style::Bad, "NOT right") };
        let text = format!("{}: {} in {} is ", route.id, route.destination, route.table);
        page.field("ROUTE", [Span::plain(text), Span::new(style, word)]);
        self.place(&mut page);
        self.why(&mut page);
        page.field("HOME", [Span::plain(way_home(route))]);
        page.blank();
        page.heading("PATHS, best first");
        for path in &route.paths {
            describe(&mut page, path, route);
        }
        page.blank();
        alarms(&mut page, &self.alarms);
        page.blank();
        self.past(&mut page);
        whose(&mut page, &self.answered);
        page
    }
}

impl ExplainView {
    fn place(&self, page: &mut Page) {
        let route = &self.route;
        let target = route.observed_target.as_ref().filter(|_| route.observed.is_some());
        let target = target.map(|target| format!(" ({target})")).unwrap_or_default();
        let read = match route.observed_age_ms {
            Some(age) => format!("{target}, read {} ago", HumanMs(age)),
            None => String::new(),
        };
        page.field(
            "WHERE",
            [
                Span::plain("desired "),
                or_dash(route.desired.as_ref()),
                Span::plain(", committed "),
                or_dash(route.committed.as_ref()),
                Span::plain(", observed "),
                observed(route),
                Span::plain(read),
            ],
        );
        let since = match route.since_wall_ms {
            Some(at) => {
                let rule = route.cause.as_deref().map_or_else(
                    || "adopted as it was found".to_owned(),
                    |cause| format!("by the rule `{cause}`"),
                );
                format!("{} ({} ago), {rule}", Utc(at), before(&self.answered, at))
            }
            None => "no path is committed yet".to_owned(),
        };
        page.field("SINCE", [Span::plain(since)]);
    }

    fn past(&self, page: &mut Page) {
        if self.events.is_empty() {
            page.field("BEFORE", [Span::new(Style::Faint, "nothing is remembered of it")]);
            return;
        }
        page.heading("BEFORE, newest last");
        for event in &self.events {
            let at = before(&self.answered, event.wall_ms);
            page.line([Span::plain(format!("  {} ({at} ago): {}", Utc(event.wall_ms), event.summary))]);
            let mut origin = format!("      {}, log index {}", event.kind, event.index);
            let parts = [
                ("epoch", event.epoch.map(|epoch| epoch.to_string())),
                ("intent", event.intent.clone()),
                ("rule", event.cause.clone()),
                ("by", event.actor.clone()),
            ];
            for (name, part) in parts {
                if let Some(part) = part {
                    origin.push_str(&format!(", {name} {part}"));
                }
            }
            page.line([Span::plain(origin)]);
            for reason in &event.reasons {
                page.line([Span::plain(format!("      because {reason}"))]);
            }
        }
    }

    fn why(&self, page: &mut Page) {
        if self.route.why.is_empty() && self.route.desired == self.route.committed {
            page.field("WHY", [Span::plain("no rule asks for a move")]);
        }
        let mut label = "WHY";
        for reason in &self.route.why {
            page.field(label, [Span::plain(reason)]);
            label = "";
        }
        for done in &self.route.overrides {
            page.field("OPERATOR", [Span::new(Style::Warn, done)]);
        }
        if let Some(left) = self.route.frozen_for_ms {
            let text = format!("it moved too often: it stays for {} more, whatever happens", HumanMs(left));
            page.field("FROZEN", [Span::new(Style::Bad, text)]);
        }
    }
}

/// When it comes home. What exactly it waits for is among the reasons, in the leader's own words.
fn way_home(route: &RouteView) -> String {
    let home = &route.home;
    if route.at_home {
        return format!("it is there, on {home}");
    }
    let flaps = match route.flaps {
        0 => String::new(),
        1 => "; 1 failover is remembered, which lengthens that time".to_owned(),
        count => format!("; {count} failovers are remembered, which lengthen that time"),
    };
    let state = route.paths.iter().find(|path| path.id == *home).map_or_else(
        || "is none of its paths".to_owned(),
        |path| format!("is {} for {}", path.verdict, HumanMs(path.for_ms)),
    );
    if !route.overrides.is_empty() {
        return format!("{home}, which {state}; an operator's wish stands in the way");
    }
    // The leader says what it waits for exactly, and for how long.
    let waits = [format!("not {home} yet: "), format!("not {home}: ")];
    let says = |reason: &String| waits.iter().find_map(|wait| reason.strip_prefix(wait).map(str::to_owned));
    if let Some(said) = route.why.iter().find_map(says) {
        return format!("{home}, but not yet: {said}{flaps}");
    }
    format!("{home}, which {state}; it returns once that has been Up long enough without a break{flaps}")
}

fn describe(page: &mut Page, path: &PathView, route: &RouteView) {
    let mut text = format!(" for {}; points at {}", HumanMs(path.for_ms), path.target);
    if let Some(gateway) = &path.gateway {
        text.push_str(&format!(", gateway {gateway}"));
    }
    if path.id == route.home {
        text.push_str("; home");
    }
    if route.committed.as_ref() == Some(&path.id) {
        text.push_str("; committed");
    }
    page.line([Span::plain(format!("  {} is ", path.id)), verdict(path.verdict), Span::plain(text)]);
    for reason in &path.reasons {
        page.line([Span::plain(format!("      {reason}"))]);
    }
}
