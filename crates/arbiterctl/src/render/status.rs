//! `status`: one screen. First whether traffic is right; last what needs attention, and what to do.

use super::lists::{committed_for, home, members, observed, probes, right};
use super::page::{Page, Span, Style};
use super::table::Table;
use super::{Readable, before, counted, lasting, or_dash, stale, urgency_style, verdict, whose};
use crate::view::{
    AlarmView, ExaminationView, FollowingView, GatewayView, HearingView, PauseView, RestartView, StagesView,
    StatusView,
};
use arbiter_core::follow::FOLLOW_LOST_AFTER_MS;
use arbiter_core::time::HumanMs;

impl Readable for StatusView {
    fn page(&self) -> Page {
        self.lay_out(false)
    }

    fn wide(&self) -> Page {
        self.lay_out(true)
    }
}

impl StatusView {
    /// Wide, it has what `members` and `probes` show as well.
    fn lay_out(&self, wide: bool) -> Page {
        let mut page = Page::default();
        self.head(&mut page);
        page.blank();
        self.route_table(&mut page);
        page.blank();
        self.gateway_table(&mut page);
        if wide {
            page.blank();
            members(&mut page, &self.members);
            page.blank();
            probes(&mut page, &self.probes);
        }
        self.under_way(&mut page);
        page.blank();
        alarms(&mut page, &self.alarms);
        whose(&mut page, &self.answered);
        page
    }

    pub(super) fn head(&self, page: &mut Page) {
        let (style, word) = match (self.traffic.right, self.answered.linearizable) {
            (true, true) => (Style::Good, "OK"),
            (true, false) => (Style::Warn, "UNCONFIRMED"),
            (false, _) => (Style::Bad, "DEGRADED"),
        };
        let count =
            format!("  {} of {} right", self.traffic.routes_right, counted(self.traffic.routes, "route"));
        let mut line = vec![Span::new(style, word), Span::plain(count)];
        if !self.traffic.wrong.is_empty() {
            line.push(Span::new(Style::Bad, format!("; not right: {}", self.traffic.wrong.join(", "))));
        }
        if !self.answered.linearizable {
            line.extend([Span::plain("; "), stale(&self.answered)]);
        }
        page.field("TRAFFIC", line);
        page.field("LEADER", self.leadership());
        if let Some(pause) = &self.pause {
            page.field("PAUSED", self.pause(pause));
        }
        if self.mode == "observe" {
            let text = "nothing is moved; the history says what would be";
            page.field("OBSERVING", [Span::new(Style::Warn, text)]);
        }
        page.field("NEXT LOSS", [or_dash(self.next_failure.as_ref())]);
        if let Some(examination) = &self.examination {
            page.field("EXAMINED", examined(examination));
        }
        if let Some(following) = &self.following {
            page.field("FOLLOWING", followed(following));
        }
        let id = self.cluster_id.as_deref().unwrap_or("not formed");
        let text = format!("{} ({id}), policy version {}", self.cluster, self.policy_version);
        page.field("CLUSTER", [Span::plain(text)]);
    }

    fn leadership(&self) -> Vec<Span> {
        let who = match &self.leader {
            Some(leader) => Span::plain(leader),
            None => Span::new(Style::Bad, "NONE"),
        };
        let epoch = self.epoch.map_or_else(|| "no epoch".to_owned(), |epoch| format!("epoch {epoch}"));
        let quorum = &self.quorum;
        let heard = format!("{} of {} voters heard, {} needed", quorum.heard, quorum.voters, quorum.needed);
        let style = match quorum.reached {
            false => Style::Bad,
            true if quorum.heard < quorum.voters => Style::Warn,
            true => Style::Plain,
        };
        let lost = if quorum.reached { "" } else { "NO QUORUM: " };
        vec![
            who,
            Span::plain(format!(", term {}, {epoch}; ", self.term)),
            Span::new(style, format!("{lost}{heard}")),
        ]
    }

    fn pause(&self, pause: &PauseView) -> Vec<Span> {
        let since = before(&self.answered, pause.since_wall_ms);
        let end = pause.left_ms.map_or_else(
            || "until `arbiterctl resume`".to_owned(),
            |left| format!("for {} more", HumanMs(left)),
        );
        let text = format!("nothing is moved: {} (by {}, {since} ago, {end})", pause.reason, pause.by);
        vec![Span::new(Style::Warn, text)]
    }

    fn route_table(&self, page: &mut Page) {
        let heads = ["ROUTE", "RIGHT", "DESIRED", "COMMITTED", "FOR", "OBSERVED", "READ", "HOME"];
        let mut table = Table::new(heads);
        for route in &self.routes {
            table.row([
                Span::plain(&route.id),
                right(route),
                or_dash(route.desired.as_ref()),
                or_dash(route.committed.as_ref()),
                committed_for(route, &self.answered),
                observed(route),
                lasting(route.observed_age_ms),
                home(route),
            ]);
        }
        table.onto(page, "the policy has no route");
    }

    fn gateway_table(&self, page: &mut Page) {
        let mut table =
            Table::new(["GATEWAY", "STATE", "FOR", "ZONE", "NODE", "INSTANCE", "EC2 SAYS", "NOTE"]);
        for gateway in &self.gateways {
            table.row([
                Span::plain(&gateway.id),
                verdict(gateway.verdict),
                Span::plain(HumanMs(gateway.for_ms).to_string()),
                Span::plain(&gateway.zone),
                Span::plain(&gateway.node),
                Span::plain(&gateway.instance),
                or_dash(gateway.state.as_ref()),
                note(gateway),
            ]);
        }
        table.onto(page, "the policy has no gateway");
    }

    pub(super) fn under_way(&self, page: &mut Page) {
        if self.unsettled.is_empty() && self.stages.is_empty() {
            return;
        }
        page.blank();
        for doubt in &self.unsettled {
            let text =
                format!("{} {}, known for {}", doubt.intent, doubt.action, HumanMs(doubt.known_for_ms));
            page.field("UNSETTLED", [Span::new(Style::Warn, text)]);
        }
        if let Some(newest) = self.stages.last() {
            page.field("LAST CALL", [Span::plain(stages(newest))]);
        }
    }
}

/// What is being done to a gateway, or kept from it.
pub(super) fn note(gateway: &GatewayView) -> Span {
    match (&gateway.drained, &gateway.restart) {
        _ if gateway.remediating => Span::new(Style::Warn, "being stopped and started"),
        (_, Some(asked)) => Span::new(Style::Warn, restart(asked)),
        (Some(why), None) => Span::new(Style::Warn, format!("drained: {why}")),
        (None, None) => or_dash(None::<String>),
    }
}

fn restart(asked: &RestartView) -> String {
    let waits = asked.waits_for.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!(
        "waits for its restart ({}, by {}, {} left){waits}",
        asked.reason,
        asked.by,
        HumanMs(asked.left_ms)
    )
}

/// The examination itself is `doctor`'s.
fn examined(examination: &ExaminationView) -> [Span; 2] {
    let ExaminationView { age_ms, nodes, findings } = examination;
    let count = usize::try_from(*findings).unwrap_or(usize::MAX);
    let style = if count == 0 { Style::Plain } else { Style::Warn };
    let words = if count == 0 { "nothing found".to_owned() } else { counted(count, "finding") };
    let ago = HumanMs(*age_ms);
    [
        Span::plain(format!("{}, {ago} ago: ", counted(nodes.len(), "node"))),
        Span::new(style, format!("{words} (`arbiterctl doctor`)")),
    ]
}

/// Whether the cluster that is followed is heard, where, and how long ago.
fn followed(following: &FollowingView) -> Vec<Span> {
    let who = following.cluster_id.as_deref().unwrap_or("nobody yet");
    let lost = following.heard_age_ms.is_none_or(|age_ms| age_ms > FOLLOW_LOST_AFTER_MS);
    let heard = match (following.heard_age_ms, &following.from) {
        (Some(age_ms), Some(from)) => format!("heard {} ago from {from}", HumanMs(age_ms)),
        _ => "never heard".to_owned(),
    };
    let by = |hearing: &HearingView| match hearing.age_ms {
        Some(age_ms) => format!("{} {}", hearing.node, HumanMs(age_ms)),
        None => format!("{} never", hearing.node),
    };
    let by: Vec<_> = following.heard_by.iter().map(by).collect();
    vec![
        Span::plain(format!("{who}: ")),
        Span::new(if lost { Style::Warn } else { Style::Plain }, heard),
        Span::plain(format!(" ({})", by.join(", "))),
    ]
}

fn stages(stages: &StagesView) -> String {
    let seen = HumanMs(stages.evidence_for_ms);
    let mut text =
        format!("{} {} ({}): seen for {seen}, proposed", stages.intent, stages.action, stages.cause);
    let later = [("committed", stages.committed_ms), ("called", stages.called_ms), ("ended", stages.done_ms)];
    for (name, at) in later {
        if let Some(at) = at {
            text.push_str(&format!(", {name} at +{}", HumanMs(at)));
        }
    }
    text.push_str(&format!(": {}", stages.outcome.as_deref().unwrap_or("under way")));
    text
}

pub(super) fn alarms(page: &mut Page, alarms: &[AlarmView]) {
    if alarms.is_empty() {
        page.field("ALARMS", [Span::new(Style::Good, "none")]);
        return;
    }
    page.heading("ALARMS");
    for alarm in alarms {
        let style = urgency_style(&alarm.urgency);
        let detail = alarm.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
        page.line([
            Span::new(style, format!("  {:<8}", alarm.urgency)),
            Span::plain(format!("  {}  {}: {}{detail}", alarm.code, alarm.subject, alarm.title)),
        ]);
        page.line([Span::plain(format!("            do: {}", alarm.remedy))]);
    }
}
