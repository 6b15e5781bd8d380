//! The page: what `arbiterctl status` says, in its order and its words, and below it members, probes and what
//! happened last.

use super::html::{Cell, Html, Look};
use arbiter_core::time::{HumanMs, UnixMs, Utc};
use arbiter_proto::v1;

/// The whole page. `wall` is the answering node's clock: ages of events are counted by it, not by the reader's.
pub(super) fn write(status: &v1::StatusReply, events: &[v1::Event], wall: UnixMs) -> String {
    let mut html = Html::default();
    html.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .raw("<meta http-equiv=\"refresh\" content=\"5\">\n<title>");
    let (_, word, wrong) = traffic(status);
    html.words(word).words(" ").words(&status.cluster).raw(" · Route Arbiter</title>\n<style>\n");
    html.raw(include_str!("page.css")).raw("</style>\n</head>\n<body>\n<main>\n<h1>");
    html.words(&status.cluster).raw("</h1>\n");
    head(&mut html, status, &wrong, wall);
    routes(&mut html, status, wall);
    gateways(&mut html, status);
    under_way(&mut html, status);
    alarms(&mut html, status);
    members(&mut html, status);
    probes(&mut html, status);
    history(&mut html, events, wall);
    html.raw("<h2>View</h2>\n<p>");
    whose(&mut html, status);
    html.raw("</p>\n</main>\n</body>\n</html>\n");
    html.into_text()
}

/// Is traffic right, in one word, and which routes are not.
fn traffic(status: &v1::StatusReply) -> (Look, &'static str, Vec<&str>) {
    let wrong: Vec<_> = status.routes.iter().filter(|route| !route.right).map(|route| &*route.id).collect();
    if wrong.is_empty() { (Look::Good, "OK", wrong) } else { (Look::Bad, "DEGRADED", wrong) }
}

fn head(html: &mut Html, status: &v1::StatusReply, wrong: &[&str], wall: UnixMs) {
    let (look, word, _) = traffic(status);
    let (all, right) = (status.routes.len(), status.routes.len() - wrong.len());
    let noun = if all == 1 { "route" } else { "routes" };
    let mut line = vec![Cell::new(look, word), Cell::plain(format!(" {right} of {all} {noun} right"))];
    if !wrong.is_empty() {
        line.push(Cell::new(Look::Bad, format!("; not right: {}", wrong.join(", "))));
    }
    if let Some(stale) = stale(status) {
        line.extend([Cell::plain("; "), stale]);
    }
    html.raw("<dl>\n").field("Traffic", &line);
    html.field("Leader", &leadership(status));
    if let Some(pause) = &status.pause {
        let since = HumanMs(wall.0.saturating_sub(pause.since_wall_ms));
        let end = pause.left_ms.map_or_else(
            || "until `arbiterctl resume`".to_owned(),
            |left| format!("for {} more", HumanMs(left)),
        );
        let text = format!("nothing is moved: {} (by {}, {since} ago, {end})", pause.reason, pause.by);
        html.field("Paused", &[Cell::new(Look::Warn, text)]);
    }
    if status.mode == "observe" {
        let text = "nothing is moved; the history says what would be";
        html.field("Observing", &[Cell::new(Look::Warn, text)]);
    }
    html.field("Next failure", &[Cell::or_dash(&status.next_failure)]);
    if let Some(v1::Examination { age_ms, nodes, findings }) = &status.examination {
        let (count, ago) = (nodes.len(), HumanMs(*age_ms));
        let look = if *findings == 0 { Look::Plain } else { Look::Warn };
        let text = format!("{count} nodes, {ago} ago; {findings} found (`arbiterctl doctor`)");
        html.field("Examined", &[Cell::new(look, text)]);
    }
    let id = if status.cluster_id.is_empty() { "not formed" } else { &status.cluster_id };
    let cluster = format!("{} ({id}), policy version {}", status.cluster, status.policy_version);
    html.field("Cluster", &[Cell::plain(cluster)]).raw("</dl>\n");
}

fn leadership(status: &v1::StatusReply) -> Vec<Cell> {
    let who = if status.leader.is_empty() {
        Cell::new(Look::Bad, "NONE: nothing is decided")
    } else {
        Cell::plain(&status.leader)
    };
    let epoch = if status.epoch == 0 { "no epoch".to_owned() } else { format!("epoch {}", status.epoch) };
    let (heard, voters, needed) = (status.voters_heard, status.voters, status.quorum);
    let reached = voters > 0 && heard >= needed;
    let look = match reached {
        false => Look::Bad,
        true if heard < voters => Look::Warn,
        true => Look::Plain,
    };
    let lost = if reached { "" } else { "NO QUORUM: " };
    let quorum = format!("{lost}{heard} of {voters} voters heard, {needed} needed");
    vec![who, Cell::plain(format!(", term {}, {epoch}; ", status.term)), Cell::new(look, quorum)]
}

fn routes(html: &mut Html, status: &v1::StatusReply, wall: UnixMs) {
    let heads = ["Route", "Right", "Desired", "Committed", "For", "Observed", "Read", "Home", "Paths", "Why"];
    let row = |route: &v1::RouteStatus| {
        let since = route.since_wall_ms;
        let lasting = HumanMs(wall.0.saturating_sub(since)).to_string();
        let paths: Vec<_> =
            route.paths.iter().map(|path| format!("{} {}", path.id, word(path.verdict()))).collect();
        let mut notes = route.overrides.clone();
        notes.extend(route.frozen_for_ms.map(|ms| format!("frozen for {} more", HumanMs(ms))));
        notes.extend(route.why.iter().cloned());
        [
            Cell::plain(&route.id),
            if route.right { Cell::new(Look::Good, "yes") } else { Cell::new(Look::Bad, "NO") },
            Cell::or_dash(&route.desired),
            Cell::or_dash(&route.committed),
            if since == 0 { Cell::or_dash("") } else { Cell::plain(lasting) },
            observed(route),
            Cell::or_dash(&age(route.observed_age_ms)),
            if route.committed == route.home {
                Cell::plain("home")
            } else {
                Cell::new(Look::Warn, format!("away from {}", route.home))
            },
            Cell::plain(paths.join(", ")),
            Cell::or_dash(&notes.join("; ")),
        ]
    };
    let rows: Vec<_> = status.routes.iter().map(row).collect();
    html.table("Routes", heads, &rows, "the policy has no route");
}

/// Tells "missing", "elsewhere" and "never read" apart: all three are not what is committed.
fn observed(route: &v1::RouteStatus) -> Cell {
    if !route.observed.is_empty() {
        let look = if route.observed == route.committed { Look::Plain } else { Look::Bad };
        Cell::new(look, &route.observed)
    } else if !route.observed_target.is_empty() {
        Cell::new(Look::Bad, format!("{} (none of its paths)", route.observed_target))
    } else if route.observed_age_ms.is_some() {
        Cell::new(Look::Bad, "missing")
    } else {
        Cell::new(Look::Warn, "not read")
    }
}

fn gateways(html: &mut Html, status: &v1::StatusReply) {
    let heads = ["Gateway", "State", "For", "Zone", "Node", "Instance", "EC2 says", "Note", "Why"];
    let row = |gateway: &v1::GatewayStatus| {
        let note = if gateway.remediating {
            Cell::new(Look::Warn, "being stopped and started")
        } else if let Some(asked) = &gateway.restart {
            Cell::new(Look::Warn, format!("waits for its restart by hand: {}", asked.waits_for))
        } else if gateway.drained.is_empty() {
            Cell::or_dash("")
        } else {
            Cell::new(Look::Warn, format!("drained: {}", gateway.drained))
        };
        [
            Cell::plain(&gateway.id),
            verdict(gateway.verdict()),
            Cell::plain(HumanMs(gateway.for_ms).to_string()),
            Cell::plain(&gateway.zone),
            Cell::plain(&gateway.node),
            Cell::plain(&gateway.instance),
            Cell::or_dash(&gateway.state),
            note,
            Cell::or_dash(&gateway.reasons.join("; ")),
        ]
    };
    let rows: Vec<_> = status.gateways.iter().map(row).collect();
    html.table("Gateways", heads, &rows, "the policy has no gateway");
}

fn under_way(html: &mut Html, status: &v1::StatusReply) {
    if status.unsettled.is_empty() && status.stages.is_empty() {
        return;
    }
    html.raw("<h2>Calls</h2>\n<dl>\n");
    for doubt in &status.unsettled {
        let text = format!("{} {}, known for {}", doubt.id, doubt.action, HumanMs(doubt.known_for_ms));
        html.field("Unsettled", &[Cell::new(Look::Warn, text)]);
    }
    if let Some(newest) = status.stages.last() {
        html.field("Last call", &[Cell::plain(stages(newest))]);
    }
    html.raw("</dl>\n");
}

fn stages(stages: &v1::MoveStages) -> String {
    let seen = HumanMs(stages.evidence_for_ms);
    let mut text =
        format!("{} {} ({}): seen for {seen}, proposed", stages.intent, stages.action, stages.cause);
    let later = [("committed", stages.committed_ms), ("called", stages.called_ms), ("ended", stages.done_ms)];
    for (name, at) in later {
        if let Some(at) = at {
            text.push_str(&format!(", {name} at +{}", HumanMs(at)));
        }
    }
    text.push_str(": ");
    text.push_str(if stages.outcome.is_empty() { "under way" } else { &stages.outcome });
    text
}

fn alarms(html: &mut Html, status: &v1::StatusReply) {
    let row = |alarm: &v1::Alarm| {
        let look = match &*alarm.urgency {
            "critical" => Look::Bad,
            "warning" => Look::Warn,
            _ => Look::Plain,
        };
        [
            Cell::new(look, &alarm.urgency),
            Cell::plain(&alarm.code),
            Cell::plain(&alarm.subject),
            Cell::plain(&alarm.title),
            Cell::or_dash(&alarm.detail),
            Cell::plain(&alarm.remedy),
        ]
    };
    let rows: Vec<_> = status.alarms.iter().map(row).collect();
    let heads = ["Urgency", "Code", "About", "What", "Particulars", "Do"];
    html.table("Alarms", heads, &rows, "none");
}

fn members(html: &mut Html, status: &v1::StatusReply) {
    let heads = ["Node", "Id", "Zone", "Role", "Witness", "Heard", "Fresh", "EC2 read", "Follows", "Ending"];
    let row = |member: &v1::MemberStatus| {
        [
            Cell::plain(&member.name),
            Cell::plain(member.id.to_string()),
            Cell::plain(&member.zone),
            Cell::plain(&member.role),
            Cell::plain(if member.witness { "yes" } else { "no" }),
            ago(member.report_age_ms),
            if member.fresh { Cell::plain("yes") } else { Cell::new(Look::Bad, "no") },
            ago(member.describe_ok_age_ms),
            Cell::or_dash(&member.follows),
            match member.ending() {
                v1::Ending::None => Cell::or_dash(""),
                v1::Ending::Process => Cell::new(Look::Warn, "its process ends"),
                v1::Ending::Host => Cell::new(Look::Bad, "its host shuts down"),
            },
        ]
    };
    let rows: Vec<_> = status.members.iter().map(row).collect();
    html.table("Nodes", heads, &rows, "no nodes are known");
}

fn probes(html: &mut Html, status: &v1::StatusReply) {
    let heads = [
        "Probe",
        "Observer",
        "About",
        "Target",
        "Kind",
        "Role",
        "State",
        "For",
        "Last answer",
        "Round trip",
        "Loss",
        "Last error",
    ];
    let row = |probe: &v1::ProbeStatus| {
        let rtt = probe.last_rtt_us.map(|us| format!("{}.{:02}ms", us / 1_000, us % 1_000 / 10));
        let loss = probe.loss_permille;
        [
            Cell::plain(&probe.id),
            Cell::plain(&probe.observer),
            Cell::plain(&probe.subject),
            Cell::plain(&probe.target),
            Cell::plain(&probe.kind),
            Cell::plain(&probe.role),
            verdict(probe.state()),
            Cell::plain(HumanMs(probe.for_ms).to_string()),
            ago(probe.answered_age_ms),
            Cell::or_dash(&rtt.unwrap_or_default()),
            Cell::new(
                if loss == 0 { Look::Plain } else { Look::Warn },
                format!("{}.{}%", loss / 10, loss % 10),
            ),
            if probe.error.is_empty() { Cell::or_dash("") } else { Cell::new(Look::Bad, &probe.error) },
        ]
    };
    let rows: Vec<_> = status.probes.iter().map(row).collect();
    html.table("Probes", heads, &rows, "the policy has no probe");
}

/// Newest first: what happened last is what a page is opened for.
fn history(html: &mut Html, events: &[v1::Event], wall: UnixMs) {
    let heads = ["When", "Ago", "Epoch", "Event", "About", "What", "Rule", "By", "Intent", "Why"];
    let row = |event: &v1::Event| {
        [
            Cell::plain(Utc(event.wall_ms).to_string()),
            Cell::plain(HumanMs(wall.0.saturating_sub(event.wall_ms)).to_string()),
            Cell::or_dash(&if event.epoch == 0 { String::new() } else { event.epoch.to_string() }),
            Cell::plain(&event.kind),
            Cell::or_dash(&event.subject),
            Cell::plain(&event.summary),
            Cell::or_dash(&event.cause),
            Cell::or_dash(&event.actor),
            Cell::or_dash(&event.intent),
            Cell::or_dash(&event.reasons.join("; ")),
        ]
    };
    let rows: Vec<_> = events.iter().rev().map(row).collect();
    html.table("History", heads, &rows, "nothing has happened yet");
}

fn whose(html: &mut Html, status: &v1::StatusReply) {
    let answered = status.answered.clone().unwrap_or_default();
    let view = format!(
        "of {} at {}, applied up to log index {}",
        answered.by,
        Utc(answered.wall_ms),
        answered.applied
    );
    match stale(status) {
        None => html.words(&view).words("; linearizable"),
        Some(stale) => html.cell(&stale).words("; ").words(&view),
    };
}

fn stale(status: &v1::StatusReply) -> Option<Cell> {
    let answered = status.answered.clone().unwrap_or_default();
    let because = match &*answered.stale_because {
        "" => "its leader is not confirmed by a quorum",
        because => because,
    };
    (!answered.linearizable).then(|| Cell::new(Look::Warn, format!("STALE ({because})")))
}

fn word(verdict: v1::Verdict) -> &'static str {
    match verdict {
        v1::Verdict::Up => "Up",
        v1::Verdict::Unknown => "Unknown",
        v1::Verdict::Down => "Down",
    }
}

fn verdict(verdict: v1::Verdict) -> Cell {
    let look = match verdict {
        v1::Verdict::Up => Look::Good,
        v1::Verdict::Unknown => Look::Warn,
        v1::Verdict::Down => Look::Bad,
    };
    Cell::new(look, word(verdict))
}

fn age(ms: Option<u64>) -> String {
    ms.map(|ms| HumanMs(ms).to_string()).unwrap_or_default()
}

fn ago(ms: Option<u64>) -> Cell {
    match ms {
        Some(ms) => Cell::plain(format!("{} ago", HumanMs(ms))),
        None => Cell::new(Look::Warn, "never"),
    }
}
