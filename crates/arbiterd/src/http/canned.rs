//! Two scenes of the reference case, as the witness sees them: all is well, and all but well.

use arbiter_control::consensus::{Role, View};
use arbiter_control::{Aside, Examined, Look, Stage, Stages, Tally};
use arbiter_core::command::{Action, Applied, Cause, Command, EntryId, Mode, Outcome, Proposal, Stamp};
use arbiter_core::doctor::Finding;
use arbiter_core::evidence::{
    Evidence, InstanceFacts, InstanceState, NodeFacts, ProbeFact, RouteFacts, Verdict,
};
use arbiter_core::health::{Alarm, Code};
use arbiter_core::ids::{ClusterId, Epoch, Incarnation, IntentId, LogIndex, NodeId, PathId, RouteId, Term};
use arbiter_core::plan::{Situation, plan};
use arbiter_core::policy::Policy;
use arbiter_core::report::{Report, ReportedProbe};
use arbiter_core::state::ClusterState;
use arbiter_core::time::{LogMs, MonoMs, UnixMs};
use arbiter_proto::v1;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

pub(super) const WITNESS: NodeId = NodeId(3);
const WALL: UnixMs = UnixMs(1_767_225_600_000);
const LONG_MS: u64 = 3_600_000;

pub(super) fn policy() -> Policy {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cluster.example.toml");
    arbiter_config::load(Path::new(file), "witness").expect("the example is valid").config.policy
}

/// A cluster that the witness leads, past its first wait, each route at home.
fn state(policy: &Policy) -> ClusterState {
    let mut state = ClusterState::default();
    let mut index = 0;
    let mut apply = |command| {
        index += 1;
        let entry = EntryId { index: LogIndex(index), term: Term(7), node: WITNESS };
        let wall_ms = UnixMs(WALL.0 - 600_000 + index * 1_000);
        assert_eq!(state.apply(entry, &Proposal { wall_ms, command }), Applied::Accepted);
    };
    apply(Command::Form {
        cluster_id: ClusterId::from("c-1"),
        policy: Box::new(policy.clone()),
        members: policy.nodes.iter().map(|node| (node.id, Incarnation(node.id.0))).collect(),
        mode: Mode::Act,
    });
    apply(Command::BeginEpoch { node: WITNESS });
    let stamp = Stamp { epoch: Epoch(2), elapsed_ms: 60_000 };
    apply(Command::Tick { stamp });
    for route in &policy.routes {
        let (route, path) = (route.id.clone(), route.paths[0].clone());
        apply(Command::Adopt { stamp, route, path, reason: "it is seen there".to_owned() });
    }
    state
}

fn reports(policy: &Policy) -> Vec<(Report, Option<u64>)> {
    let report = |node: NodeId| {
        let up = |round_us| ReportedProbe {
            state: Verdict::Up,
            for_ms: LONG_MS,
            last_rtt_us: Some(round_us),
            loss_permille: 0,
            answered_age_ms: Some(40),
            error: None,
        };
        let own = policy.probes.iter().filter(|probe| probe.observers.contains(&node));
        Report {
            node,
            wall_ms: WALL,
            probes: own.zip(1..).map(|(probe, n)| (probe.id.clone(), up(1_200 + n))).collect(),
            describe_ok_age_ms: Some(3_000),
            leader: Some((WITNESS, 20)),
            ..Report::default()
        }
    };
    let age_ms = |node: NodeId| if node == WITNESS { 0 } else { 50 + node.0 };
    policy.nodes.iter().map(|node| (report(node.id), Some(age_ms(node.id)))).collect()
}

fn evidence(policy: &Policy, reports: &[(Report, Option<u64>)]) -> Evidence {
    let facts = |(report, age_ms): &(Report, Option<u64>)| {
        let probe = |(id, probe): (&_, &ReportedProbe)| {
            (Clone::clone(id), ProbeFact { state: probe.state, for_ms: probe.for_ms })
        };
        let probes = report.probes.iter().map(probe).collect();
        (report.node, NodeFacts { age_ms: *age_ms, heard_for_ms: LONG_MS, ending: report.ending, probes })
    };
    let runs = InstanceFacts {
        age_ms: 1_000,
        state: InstanceState::Running,
        state_for_ms: LONG_MS,
        impaired: false,
        interface_attached: true,
        source_dest_check: false,
        has_elastic_ip: true,
        auto_scaling_group: None,
    };
    let at_home = |route: &arbiter_core::policy::Route| RouteFacts {
        age_ms: 1_000,
        target: policy.path(&route.paths[0]).map(|path| path.target.clone()),
        blackhole: false,
        shadowed_by: None,
        target_for_ms: LONG_MS,
    };
    Evidence {
        listening_ms: LONG_MS,
        voters: policy.nodes.iter().map(|node| node.id).collect(),
        nodes: reports.iter().map(facts).collect(),
        instances: policy.gateways.iter().map(|gateway| (gateway.id.clone(), runs.clone())).collect(),
        routes: policy.routes.iter().map(|route| (route.id.clone(), at_home(route))).collect(),
        followed: None,
    }
}

fn look_at(state: ClusterState, reports: Vec<(Report, Option<u64>)>) -> Look {
    let evidence = evidence(&state.policy, &reports);
    let plan = plan(&Situation {
        state: &state,
        evidence: &evidence,
        now: LogMs(state.log_now().0 + 60_000),
        in_flight: &BTreeSet::new(),
        known_for_ms: &BTreeMap::new(),
        must_read: &BTreeSet::new(),
    });
    Look {
        me: WITNESS,
        wall_ms: WALL,
        view: View {
            role: Role::Leader,
            term: Term(7),
            leader: Some(WITNESS),
            quorum_acked_ms: Some(30),
            last_log: 5,
            applied: 5,
            voters: evidence.voters.clone(),
            ..View::default()
        },
        epoch: Some(Epoch(2)),
        reports,
        describe_ok_age_ms: Some(3_200),
        provider_error: None,
        provider_problems: vec![],
        stages: vec![],
        tally: Tally::default(),
        aside: Aside::default(),
        plan_age_ms: Some(12),
        examined: None,
        alarms: plan.alarms.clone(),
        evidence,
        plan,
        state: Arc::new(state),
    }
}

/// All is well.
pub(super) fn well() -> Look {
    let policy = policy();
    look_at(state(&policy), reports(&policy))
}

/// Tunnel 1 is dead, EC2 and a probe use words that would like to be markup, and a call has just been made.
pub(super) fn trouble() -> Look {
    let policy = policy();
    let mut reports = reports(&policy);
    for (report, _) in &mut reports {
        if let Some(probe) = report.probes.get_mut(&"tunnel-1".into()) {
            probe.state = Verdict::Down;
            probe.for_ms = 300;
            probe.loss_permille = 41;
            probe.answered_age_ms = Some(420);
            probe.error = Some("no route to <b>host</b> & \"beyond\"".to_owned());
        }
    }
    let mut look = look_at(state(&policy), reports);
    look.alarms.insert(0, Alarm::new(Code::ProviderDenied, "witness", "<script>alert('no')</script>"));
    let action = Action::SetRoute {
        route: RouteId::from("private-1"),
        before: None,
        path: PathId::from("tunnel-2"),
        after: policy.paths[1].target.clone(),
    };
    look.tally.call_ended(&action, &Outcome::Done);
    for n in 0..3 {
        look.tally.call_ended(&action, &Outcome::NoAnswer { message: n.to_string() });
    }
    let alarm = Alarm::new(Code::NoElasticIp, "strongswan-2", "interface eni-2d75e606");
    let said_by = vec!["strongswan-2".to_owned(), "witness".to_owned()];
    look.examined = Some(Examined {
        age_ms: 754_000,
        nodes: said_by.clone(),
        findings: vec![Finding { alarm: alarm.clone(), said_by }],
    });
    look.alarms.push(alarm);
    for (stage, ms) in Stage::ALL.into_iter().zip([14, 9, 0, 152]) {
        look.tally.stage_took(stage, ms);
    }
    look.tally.planned();
    look.tally.planned();
    look.stages.push(Stages {
        id: IntentId { epoch: Epoch(2), number: 1 },
        action,
        cause: Cause::Failover,
        proposed: MonoMs(1_000),
        evidence_for_ms: 14,
        committed_ms: Some(9),
        called_ms: Some(9),
        done_ms: Some(161),
        outcome: Some(Outcome::Done),
    });
    look
}

/// A process that knows of no cluster.
pub(super) fn nothing() -> Look {
    let mut look = look_at(ClusterState::default(), vec![]);
    (look.view, look.epoch, look.plan_age_ms, look.describe_ok_age_ms) = (View::default(), None, None, None);
    look
}

/// What the operators' seat tells of it.
pub(super) fn told(look: &Look) -> (v1::StatusReply, Vec<v1::Event>) {
    let answered = v1::Answered {
        by: "witness".to_owned(),
        linearizable: true,
        stale_because: String::new(),
        wall_ms: look.wall_ms.0,
        applied: look.state.applied.index.0,
    };
    let events = crate::admin::events::newest(&look.state, 0, 30, "");
    (crate::admin::status::reply(look, answered), events)
}
