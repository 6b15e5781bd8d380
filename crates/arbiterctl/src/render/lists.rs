//! `routes`, `members` and `probes`: one table each.

use super::page::{Page, Span, Style};
use super::table::Table;
use super::{Readable, before, lasting, or_dash, verdict, whose, yes_no};
use crate::view::{Answered, MemberView, MembersView, ProbeView, ProbesView, RouteView, RoutesView};
use arbiter_core::evidence::Ending;
use arbiter_core::time::{HumanMs, Utc};

impl Readable for RoutesView {
    fn page(&self) -> Page {
        let mut page = Page::default();
        self.places(&mut page);
        whose(&mut page, &self.answered);
        page
    }

    fn wide(&self) -> Page {
        let mut page = Page::default();
        self.places(&mut page);
        page.blank();
        self.reasons(&mut page);
        whose(&mut page, &self.answered);
        page
    }
}

impl RoutesView {
    fn places(&self, page: &mut Page) {
        let mut table = Table::new([
            "ROUTE",
            "TABLE",
            "DESTINATION",
            "DESIRED",
            "COMMITTED",
            "FOR",
            "OBSERVED",
            "READ",
            "RIGHT",
            "HOME",
            "RULE",
            "PATHS",
        ]);
        for route in &self.routes {
            table.row([
                Span::plain(&route.id),
                Span::plain(&route.table),
                Span::plain(&route.destination),
                or_dash(route.desired.as_ref()),
                or_dash(route.committed.as_ref()),
                committed_for(route, &self.answered),
                observed(route),
                lasting(route.observed_age_ms),
                right(route),
                home(route),
                or_dash(route.cause.as_ref()),
                paths(route),
            ]);
        }
        table.onto(page, "the policy has no route");
    }

    fn reasons(&self, page: &mut Page) {
        let mut table = Table::new(["ROUTE", "POINTS AT", "SINCE", "FLAPS", "FROZEN FOR", "OPERATOR", "WHY"]);
        for route in &self.routes {
            let joined = |list: &[String]| or_dash(Some(list.join("; ")).filter(|text| !text.is_empty()));
            table.row([
                Span::plain(&route.id),
                or_dash(route.observed_target.as_ref()),
                or_dash(route.since_wall_ms.map(|at| Utc(at).to_string())),
                Span::plain(route.flaps.to_string()),
                lasting(route.frozen_for_ms),
                joined(&route.overrides),
                joined(&route.why),
            ]);
        }
        table.onto(page, "the policy has no route");
    }
}

impl Readable for MembersView {
    fn page(&self) -> Page {
        let mut page = Page::default();
        members(&mut page, &self.members);
        page.blank();
        membership(&mut page, &self.members);
        whose(&mut page, &self.answered);
        page
    }
}

pub(super) fn members(page: &mut Page, members: &[MemberView]) {
    let mut table = Table::new([
        "NODE", "ID", "ZONE", "ROLE", "WITNESS", "HEARD", "FRESH", "EC2 OK", "FOLLOWS", "APPLIED", "ENDING",
    ]);
    for member in members {
        let role = if member.role == "leader" { Style::Strong } else { Style::Plain };
        let fresh = if member.fresh { Span::plain("yes") } else { Span::new(Style::Bad, "no") };
        table.row([
            Span::plain(&member.name),
            Span::plain(member.id.to_string()),
            Span::plain(&member.zone),
            Span::new(role, &member.role),
            yes_no(member.witness),
            ago(member.report_age_ms),
            fresh,
            ago(member.describe_ok_age_ms),
            or_dash(member.follows.as_ref()),
            or_dash(member.applied.map(|index| index.to_string())),
            match member.ending {
                Ending::None => or_dash(None::<String>),
                Ending::Process => Span::new(Style::Warn, "its process ends"),
                Ending::Host => Span::new(Style::Bad, "its host shuts down"),
            },
        ]);
    }
    table.onto(page, "no nodes are known");
}

/// What a change of members needs: how far each is in Raft's log, and whether its disk is on record.
fn membership(page: &mut Page, members: &[MemberView]) {
    let mut table = Table::new(["NODE", "ID", "ROLE", "LAG", "ANSWERED", "DISK", "ADDRESS"]);
    for member in members {
        let disk = match member.disk.as_str() {
            "" => or_dash(None::<String>),
            "recorded" => Span::plain(&member.disk),
            _ => Span::new(Style::Warn, &member.disk),
        };
        table.row([
            Span::plain(&member.name),
            Span::plain(member.id.to_string()),
            Span::plain(&member.role),
            or_dash(member.lag.map(|lag| lag.to_string())),
            or_dash(member.answered_ms.map(|ms| format!("{} ago", HumanMs(ms)))),
            disk,
            or_dash(member.address.as_ref()),
        ]);
    }
    table.onto(page, "no nodes are known");
}

impl Readable for ProbesView {
    fn page(&self) -> Page {
        let mut page = Page::default();
        probes(&mut page, &self.probes);
        whose(&mut page, &self.answered);
        page
    }
}

pub(super) fn probes(page: &mut Page, probes: &[ProbeView]) {
    let mut table = Table::new([
        "PROBE", "OBSERVER", "ABOUT", "TARGET", "KIND", "ROLE", "STATE", "FOR", "ANSWERED", "RTT", "LOSS",
        "HEARD", "ERROR",
    ]);
    for probe in probes {
        table.row([
            Span::plain(&probe.id),
            Span::plain(&probe.observer),
            Span::plain(&probe.subject),
            Span::plain(&probe.target),
            Span::plain(&probe.kind),
            Span::plain(&probe.role),
            verdict(probe.state),
            Span::plain(HumanMs(probe.for_ms).to_string()),
            ago(probe.answered_age_ms),
            or_dash(probe.last_rtt_us.map(rtt)),
            loss(probe.loss_permille),
            ago(probe.report_age_ms),
            probe
                .error
                .as_ref()
                .map_or_else(|| or_dash(None::<String>), |error| Span::new(Style::Bad, error)),
        ]);
    }
    table.onto(page, "the policy has no probe");
}

pub(super) fn committed_for(route: &RouteView, answered: &Answered) -> Span {
    or_dash(route.since_wall_ms.map(|since| before(answered, since).to_string()))
}

/// Tells "missing", "elsewhere" and "never read" apart: all three are not what is committed.
pub(super) fn observed(route: &RouteView) -> Span {
    match (&route.observed, &route.observed_target) {
        (Some(path), _) if route.observed == route.committed => Span::plain(path),
        (Some(path), _) => Span::new(Style::Bad, path),
        (None, Some(target)) => Span::new(Style::Bad, format!("{target} (none of its paths)")),
        (None, None) if route.observed_age_ms.is_some() => Span::new(Style::Bad, "missing"),
        (None, None) => Span::new(Style::Warn, "not read"),
    }
}

pub(super) fn right(route: &RouteView) -> Span {
    if route.right { Span::new(Style::Good, "yes") } else { Span::new(Style::Bad, "NO") }
}

pub(super) fn home(route: &RouteView) -> Span {
    if route.at_home {
        Span::plain("home")
    } else {
        Span::new(Style::Warn, format!("away from {}", route.home))
    }
}

fn paths(route: &RouteView) -> Span {
    let list: Vec<String> = route.paths.iter().map(|path| format!("{} {}", path.id, path.verdict)).collect();
    Span::plain(list.join(", "))
}

fn ago(age_ms: Option<u64>) -> Span {
    age_ms.map_or_else(
        || Span::new(Style::Warn, "never"),
        |age_ms| Span::plain(format!("{} ago", HumanMs(age_ms))),
    )
}

fn rtt(us: u64) -> String {
    format!("{}.{:02}ms", us / 1_000, us % 1_000 / 10)
}

fn loss(permille: u32) -> Span {
    let style = if permille == 0 { Style::Plain } else { Style::Warn };
    Span::new(style, format!("{}.{}%", permille / 10, permille % 10))
}
