//! The live screen: what matters most stands highest, and what does not fit is counted.

use super::lists::{committed_for, home, observed, right};
use super::page::{Page, Span, Style};
use super::status::note;
use super::table::Table;
use super::{Readable, before, lasting, or_dash, stale, urgency_style, verdict};
use crate::session::Size;
use crate::view::{LiveView, MoveView, RouteView};
use arbiter_core::time::{HumanMs, Utc};

/// Each list gets this many lines before any gets more, so that none is out of sight.
const LEAST: usize = 3;

/// Lists on the screen: each has a head and an empty line before it.
const LISTS: usize = 5;

impl Readable for LiveView {
    /// All of it, for whom nothing has to fit.
    fn page(&self) -> Page {
        live_page(self, None)
    }
}

/// The screen, as large as that.
pub fn live_page(view: &LiveView, size: Option<Size>) -> Page {
    let mut page = Page::default();
    if let Some(trouble) = &view.trouble {
        page.field("NO ANSWER", [Span::new(Style::Bad, trouble)]);
    }
    view.status.head(&mut page);
    view.status.under_way(&mut page);
    let lists = [
        view.status.alarms.len(),
        view.status.routes.len(),
        view.status.gateways.len(),
        view.moves.len(),
        view.paths().len(),
    ];
    let room = size.map(|size| size.lines.saturating_sub(page.height() + 2 * LISTS + 2));
    let [alarms, routes, gateways, moves, paths] = shares(lists, room);
    page.blank();
    alarm_list(&mut page, view, alarms);
    page.blank();
    route_list(&mut page, view, routes);
    page.blank();
    path_list(&mut page, view, paths);
    page.blank();
    gateway_list(&mut page, view, gateways);
    page.blank();
    move_list(&mut page, view, moves);
    if let Some(size) = size {
        page.cut(size.columns, size.lines.saturating_sub(2));
    }
    page.blank();
    page.field("VIEW", whose(view));
    if let Some(size) = size {
        page.cut(size.columns, size.lines);
    }
    page
}

/// How many lines each list gets: the first of them as many as it needs, once each has its least.
fn shares(lists: [usize; LISTS], room: Option<usize>) -> [usize; LISTS] {
    let Some(room) = room else { return lists };
    let mut shares = lists.map(|length| length.min(LEAST));
    let mut left = room.saturating_sub(shares.iter().sum());
    for (share, length) in shares.iter_mut().zip(lists) {
        let more = (length - *share).min(left);
        *share += more;
        left -= more;
    }
    shares
}

/// A list that is cut says by how much, in its last line.
fn more(page: &mut Page, length: usize, shown: usize) {
    if let Some(rest) = length.checked_sub(shown).filter(|rest| *rest > 0) {
        page.line([Span::new(Style::Faint, format!("… and {rest} more"))]);
    }
}

/// One line less where something is left out: it is needed to say so.
const fn fitting(length: usize, share: usize) -> usize {
    if length > share { share.saturating_sub(1) } else { share }
}

fn route_list(page: &mut Page, view: &LiveView, share: usize) {
    let routes = &view.status.routes;
    let shown = fitting(routes.len(), share);
    // Those that are not right come first: they must not be what is left out.
    let mut order: Vec<&RouteView> = routes.iter().collect();
    order.sort_by_key(|route| route.right);
    let mut table = Table::new(["ROUTE", "RIGHT", "COMMITTED", "FOR", "OBSERVED", "READ", "HOME"]);
    for route in order.into_iter().take(shown) {
        table.row([
            Span::plain(&route.id),
            right(route),
            or_dash(route.committed.as_ref()),
            committed_for(route, &view.status.answered),
            observed(route),
            lasting(route.observed_age_ms),
            home(route),
        ]);
    }
    table.onto(page, "the policy has no route");
    more(page, routes.len(), shown);
}

fn path_list(page: &mut Page, view: &LiveView, share: usize) {
    let paths = view.paths();
    let shown = fitting(paths.len(), share);
    let mut table = Table::new(["PATH", "STATE", "FOR", "ROUTES", "WHY"]);
    for line in paths.iter().take(shown) {
        table.row([
            Span::plain(&line.path.id),
            verdict(line.path.verdict),
            Span::plain(HumanMs(line.path.for_ms).to_string()),
            Span::plain(line.carries.to_string()),
            Span::plain(line.path.reasons.join("; ")),
        ]);
    }
    table.onto(page, "the policy has no path");
    more(page, paths.len(), shown);
}

fn gateway_list(page: &mut Page, view: &LiveView, share: usize) {
    let gateways = &view.status.gateways;
    let shown = fitting(gateways.len(), share);
    let mut table = Table::new(["GATEWAY", "STATE", "FOR", "EC2 SAYS", "NOTE"]);
    for gateway in gateways.iter().take(shown) {
        table.row([
            Span::plain(&gateway.id),
            verdict(gateway.verdict),
            Span::plain(HumanMs(gateway.for_ms).to_string()),
            or_dash(gateway.state.as_ref()),
            note(gateway),
        ]);
    }
    table.onto(page, "the policy has no gateway");
    more(page, gateways.len(), shown);
}

fn move_list(page: &mut Page, view: &LiveView, share: usize) {
    let length = view.moves.len();
    // The newest stay, and stand last, as everywhere.
    let newest = view.moves.iter().skip(length.saturating_sub(share));
    let mut table = Table::new(["MOVES", "BY", "WHAT"]);
    for one in newest {
        let ago = format!("{} ago", before(&view.status.answered, one.wall_ms));
        let by = one.cause.as_ref().or(one.by.as_ref());
        table.row([Span::plain(ago), or_dash(by), what(one)]);
    }
    table.onto(page, "nothing was moved yet");
}

fn what(one: &MoveView) -> Span {
    let text = match (&one.outcome, &one.cause) {
        (Some(outcome), _) => format!("{}: {outcome}", one.summary),
        (None, Some(_)) => format!("{}: under way", one.summary),
        (None, None) => one.summary.clone(),
    };
    let style = match one.outcome.as_deref() {
        Some("failed" | "no-answer") => Style::Bad,
        Some("done") => Style::Plain,
        _ if one.cause.is_some() => Style::Warn,
        _ => Style::Plain,
    };
    Span::new(style, text)
}

fn alarm_list(page: &mut Page, view: &LiveView, share: usize) {
    let alarms = &view.status.alarms;
    if alarms.is_empty() {
        page.field("ALARMS", [Span::new(Style::Good, "none")]);
        return;
    }
    let shown = fitting(alarms.len(), share);
    page.heading("ALARMS");
    for alarm in alarms.iter().take(shown) {
        let detail = alarm.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
        page.line([
            Span::new(urgency_style(&alarm.urgency), format!("  {:<8}", alarm.urgency)),
            Span::plain(format!("  {}  {}: {}{detail}", alarm.code, alarm.subject, alarm.title)),
        ]);
    }
    more(page, alarms.len(), shown);
}

fn whose(view: &LiveView) -> Vec<Span> {
    let answered = &view.status.answered;
    let of = format!("of {} at {}", answered.by, Utc(answered.wall_ms));
    if answered.linearizable {
        return vec![Span::plain(format!("{of}; linearizable"))];
    }
    vec![stale(answered), Span::plain(format!("; {of}"))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_has_its_least_and_the_first_of_them_the_rest() {
        assert_eq!(shares([10, 10, 2, 10, 10], None), [10, 10, 2, 10, 10]);
        assert_eq!(shares([10, 10, 2, 10, 10], Some(14)), [3, 3, 2, 3, 3]);
        assert_eq!(shares([10, 10, 2, 10, 10], Some(23)), [10, 5, 2, 3, 3]);
        assert_eq!(shares([0, 2, 2, 5, 2], Some(30)), [0, 2, 2, 5, 2]);
        assert_eq!(shares([9, 9, 9, 9, 9], Some(0)), [3; 5]);
    }
}
