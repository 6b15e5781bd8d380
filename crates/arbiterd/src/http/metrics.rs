//! What a node sees and does, as numbers.
//!
//! Labels are bounded: ids of the policy in force, codes, and words of fixed lists. What peers or EC2 wrote never
//! becomes a label.

use super::exposition::{Exposition, Kind, flag, number};
use super::health;
use arbiter_control::{BOUNDS_MS, Examined, Histogram, Look, Stage, Tally};
use arbiter_core::command::Mode;
use arbiter_core::evidence::Verdict;
use arbiter_core::health::{Code, Urgency};
use arbiter_core::ids::NodeId;
use arbiter_core::report::{Report, ReportedProbe};
use arbiter_core::verdict::Judgement;
use std::collections::BTreeMap;

const VERDICTS: [(Verdict, &str); 3] =
    [(Verdict::Up, "up"), (Verdict::Unknown, "unknown"), (Verdict::Down, "down")];

/// Everything, in Prometheus' text format.
pub(super) fn write(look: &Look, lease_ms: u64) -> String {
    let mut text = Exposition::default();
    text.family("arbiter_build_info", Kind::Gauge, "The version that runs; always 1.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    consensus(&mut text, look, lease_ms);
    traffic(&mut text, look);
    verdicts(&mut text, look);
    alarms(&mut text, look);
    probes(&mut text, look);
    acting(&mut text, look);
    text.into_text()
}

/// The same of the node's certificate; nothing if it has none.
pub(super) fn certificate(days_left: Option<u64>) -> String {
    let mut text = Exposition::default();
    if let Some(days) = days_left {
        let help = "How many whole days this node's certificate lasts; nobody believes it from its end on.";
        text.gauge("arbiter_certificate_days_left", help, number(days));
    }
    text.into_text()
}

fn consensus(text: &mut Exposition, look: &Look, lease_ms: u64) {
    let (state, view) = (&look.state, &look.view);
    let voters = view.voters.len();
    let needed = if voters == 0 { 0 } else { voters / 2 + 1 };
    let heard = view.voters.iter().filter(|voter| is_fresh(look, **voter)).count();
    let epoch = look.epoch.unwrap_or(state.office.epoch).0;
    text.gauge(
        "arbiter_leader",
        "1 if this node is the leader in office and a quorum acknowledges it, as /leader says.",
        flag(health::leader(look, lease_ms).good),
    );
    text.gauge("arbiter_leader_known", "1 if this node knows of a leader.", flag(view.leader.is_some()));
    text.gauge("arbiter_voters", "Nodes that vote.", count(voters));
    text.gauge(
        "arbiter_quorum_voters",
        "Voters that must agree; 0 while there is no cluster.",
        count(needed),
    );
    text.gauge(
        "arbiter_voters_heard",
        "Voters whose reports this node holds freshly, itself included.",
        count(heard),
    );
    text.gauge("arbiter_term", "Raft's term.", number(view.term.0));
    text.gauge("arbiter_epoch", "The epoch in office; it grows with each time in office.", number(epoch));
    text.gauge("arbiter_log_applied_index", "The last log index that is applied here.", number(view.applied));
    text.gauge(
        "arbiter_policy_version",
        "The version of the policy in force.",
        number(state.policy_version.0),
    );
    text.gauge(
        "arbiter_quorum_ack_age_seconds",
        "Leader only: how long ago a quorum last acknowledged it.",
        view.quorum_acked_ms.filter(|_| look.epoch.is_some()).map(seconds),
    );
    text.gauge(
        "arbiter_leader_heard_age_seconds",
        "Others than the leader: how long ago the leader was last heard.",
        view.leader_heard_ms.filter(|_| view.leader.is_some_and(|leader| leader != look.me)).map(seconds),
    );
    let mut ages = text.family(
        "arbiter_report_age_seconds",
        Kind::Gauge,
        "How old the newest report of a node is at most, as this node holds it.",
    );
    for node in &state.policy.nodes {
        if let Some((_, Some(age_ms))) = report_of(look, node.id) {
            ages.sample(&[("node", &node.name)], seconds(*age_ms));
        }
    }
}

fn traffic(text: &mut Exposition, look: &Look) {
    let (state, policy) = (&look.state, &look.state.policy);
    let mut right = 0;
    let mut away = 0;
    let mut each = text.family(
        "arbiter_route_right",
        Kind::Gauge,
        "1 if EC2 shows the route on its committed path, and that path is up.",
    );
    for route in &policy.routes {
        let view = look.plan.routes.get(&route.id);
        let committed = view.and_then(|view| view.committed.as_ref()).and_then(|id| policy.path(id));
        let observed = view.and_then(|view| view.observed.as_ref());
        let works = committed
            .and_then(|path| look.plan.paths.get(&path.id))
            .is_some_and(|judgement| judgement.verdict == Verdict::Up);
        let is_right = works && committed.is_some_and(|path| Some(&path.target) == observed);
        right += usize::from(is_right);
        away += usize::from(committed.is_some_and(|path| route.paths.first() != Some(&path.id)));
        each.sample(&[("route", &route.id.0)], flag(is_right));
    }
    text.gauge("arbiter_routes", "Routes of the policy.", count(policy.routes.len()));
    text.gauge("arbiter_routes_right", "Routes whose traffic is right.", count(right));
    text.gauge(
        "arbiter_routes_off_home",
        "Routes that are committed to another path than their first.",
        count(away),
    );
    text.gauge(
        "arbiter_routes_drifted",
        "Routes that EC2 shows elsewhere than committed, by another hand.",
        count(look.plan.drift.len()),
    );
    text.gauge(
        "arbiter_unsettled_intents",
        "Calls of which nobody knows yet how they ended.",
        count(state.unsettled.len()),
    );
    text.gauge(
        "arbiter_paused",
        "1 while an operator has paused the cluster.",
        flag(state.overrides.pause.is_some()),
    );
    text.gauge(
        "arbiter_observing",
        "1 while the cluster only observes.",
        flag(state.overrides.mode == Mode::Observe),
    );
    let mut slot =
        text.family("arbiter_remediating", Kind::Gauge, "1 while the gateway is being stopped and started.");
    for gateway in &policy.gateways {
        let open = state.slot.as_ref().is_some_and(|slot| slot.gateway == gateway.id);
        slot.sample(&[("gateway", &gateway.id.0)], flag(open));
    }
}

fn verdicts(text: &mut Exposition, look: &Look) {
    let policy = &look.state.policy;
    let paths = policy.paths.iter().map(|path| (&*path.id.0, look.plan.paths.get(&path.id)));
    one_of_three(
        text,
        "arbiter_path_verdict",
        "What the evidence says of a path: 1 for the verdict that holds.",
        "path",
        paths,
    );
    let gateways =
        policy.gateways.iter().map(|gateway| (&*gateway.id.0, look.plan.gateways.get(&gateway.id)));
    one_of_three(
        text,
        "arbiter_gateway_verdict",
        "What the evidence says of a gateway: 1 for the verdict that holds.",
        "gateway",
        gateways,
    );
}

fn one_of_three<'a>(
    text: &mut Exposition,
    name: &'static str,
    help: &str,
    label: &'static str,
    judged: impl Iterator<Item = (&'a str, Option<&'a Judgement>)>,
) {
    let mut family = text.family(name, Kind::Gauge, help);
    for (id, judgement) in judged {
        let holds = judgement.map_or(Verdict::Unknown, |judgement| judgement.verdict);
        for (verdict, word) in VERDICTS {
            family.sample(&[(label, id), ("verdict", word)], flag(verdict == holds));
        }
    }
}

/// Every code has its sample, so that an alert's expression never runs on nothing.
fn alarms(text: &mut Exposition, look: &Look) {
    let mut raised: BTreeMap<Code, usize> = BTreeMap::new();
    for alarm in &look.alarms {
        *raised.entry(alarm.code).or_default() += 1;
    }
    let mut family = text.family(
        "arbiter_alarms",
        Kind::Gauge,
        "What needs attention, as this node sees it: alarms raised now, by code.",
    );
    for code in Code::ALL {
        let raised = raised.get(code).copied().unwrap_or(0);
        family.sample(&[("code", code.name()), ("urgency", code.urgency().name())], count(raised));
    }
    examination(text, look);
}

fn examination(text: &mut Exposition, look: &Look) {
    let examined = look.examined.as_ref();
    text.gauge(
        "arbiter_examination_age_seconds",
        "Leader only: how long ago it last examined all nodes; absent before the first time.",
        examined.map(|examined| seconds(examined.age_ms)),
    );
    text.gauge(
        "arbiter_examined_nodes",
        "Leader only: nodes that could be examined then.",
        examined.map(|examined| count(examined.nodes.len())),
    );
    let mut family = text.family(
        "arbiter_examination_findings",
        Kind::Gauge,
        "Leader only: what was found then, by urgency; `arbiterctl doctor` names it.",
    );
    // What is only good to know is no finding.
    for urgency in Urgency::ALL.into_iter().filter(|urgency| *urgency > Urgency::Info) {
        let of = |examined: &Examined| {
            examined.findings.iter().filter(|finding| finding.alarm.code.urgency() == urgency).count()
        };
        if let Some(found) = examined.map(of) {
            family.sample(&[("urgency", urgency.name())], count(found));
        }
    }
}

/// This node's own probes alone: every node says its own, so that nothing is said three times.
fn probes(text: &mut Exposition, look: &Look) {
    let own = report_of(look, look.me);
    let reported: Vec<(&str, &ReportedProbe)> = look
        .state
        .policy
        .probes
        .iter()
        .filter(|probe| probe.observers.contains(&look.me))
        .filter_map(|probe| Some((&*probe.id.0, own?.0.probes.get(&probe.id)?)))
        .collect();
    let mut family = |name, help, value: fn(&ReportedProbe) -> Option<f64>| {
        let mut family = text.family(name, Kind::Gauge, help);
        for (id, probe) in &reported {
            if let Some(value) = value(probe) {
                family.sample(&[("probe", id)], value);
            }
        }
    };
    family(
        "arbiter_probe_up",
        "1 if a probe of this node is up, 0 if it is down; absent while unknown.",
        |probe| match probe.state {
            Verdict::Up => Some(1.0),
            Verdict::Down => Some(0.0),
            Verdict::Unknown => None,
        },
    );
    family("arbiter_probe_rtt_seconds", "Round trip of the last answer to a probe of this node.", |probe| {
        probe.last_rtt_us.map(|us| number(us) / 1e6)
    });
    family("arbiter_probe_loss_ratio", "Lost of the last hundred of a probe of this node.", |probe| {
        Some(f64::from(probe.loss_permille) / 1e3)
    });
    family(
        "arbiter_probe_answer_age_seconds",
        "How long ago a probe of this node was last answered.",
        |probe| probe.answered_age_ms.map(seconds),
    );
}

fn acting(text: &mut Exposition, look: &Look) {
    let mut calls = text.family(
        "arbiter_calls_total",
        Kind::Counter,
        "Mutating calls of this process that have ended; no-answer: nobody knows whether it took effect.",
    );
    for action in Tally::ACTIONS {
        for outcome in Tally::OUTCOMES {
            let ended = look.tally.calls(action, outcome);
            calls.sample(&[("action", action), ("outcome", outcome)], number(ended));
        }
    }
    let mut stages = text.family(
        "arbiter_failover_stage_seconds",
        Kind::Histogram,
        "Time of each stage of this process's failovers: seen (verdict to proposal), committed, called, done.",
    );
    for stage in Stage::ALL {
        let Histogram { buckets, sum_ms } = look.tally.stage(stage);
        let bounds = BOUNDS_MS.iter().map(|ms| Some(seconds(*ms))).chain([None]);
        let buckets: Vec<_> = bounds.zip(buckets).collect();
        stages.histogram(&[("stage", stage.name())], &buckets, seconds(sum_ms));
    }
    text.family(
        "arbiter_plans_total",
        Kind::Counter,
        "Plans that this process has made in office and acted on: the turns of its loop that may act.",
    )
    .sample(&[], number(look.tally.plans()));
    text.gauge(
        "arbiter_plan_age_seconds",
        "Leader only: how long ago it last planned and acted on its plan.",
        look.plan_age_ms.map(seconds),
    );
    text.gauge(
        "arbiter_provider_read_age_seconds",
        "How long ago this node last read EC2 with success; absent if never.",
        look.describe_ok_age_ms.map(seconds),
    );
}

fn report_of(look: &Look, node: NodeId) -> Option<&(Report, Option<u64>)> {
    look.reports.iter().find(|(report, _)| report.node == node)
}

fn is_fresh(look: &Look, node: NodeId) -> bool {
    let limit_ms = look.state.policy.timing.report_stale_after_ms;
    report_of(look, node).and_then(|(_, age_ms)| *age_ms).is_some_and(|age_ms| age_ms <= limit_ms)
}

fn count(number_of: usize) -> f64 {
    number(u64::try_from(number_of).unwrap_or(u64::MAX))
}

fn seconds(ms: u64) -> f64 {
    number(ms) / 1e3
}
