//! The reference case in several conditions.

use arbiter_core::health::Code;
use arbiter_proto::v1::{
    Alarm, Answered, Ending, Event, ExplainReply, GatewayStatus, HistoryReply, MemberStatus, MoveStages,
    PathStatus, Pause, ProbeStatus, RouteStatus, StatusReply, UnsettledIntent, Verdict,
};

/// 2026-01-31 09:00:00Z: the moment of every scene.
pub const NOW: u64 = 1_769_850_000_000;

pub fn linearizable() -> Option<Answered> {
    Some(Answered {
        by: "witness".into(),
        linearizable: true,
        stale_because: String::new(),
        wall_ms: NOW,
        applied: 431,
    })
}

fn stale(by: &str, because: &str) -> Option<Answered> {
    Some(Answered {
        by: by.into(),
        linearizable: false,
        stale_because: because.into(),
        wall_ms: NOW,
        applied: 428,
    })
}

fn path(number: u64, verdict: Verdict, for_ms: u64) -> PathStatus {
    let word = match verdict {
        Verdict::Up => "Up",
        Verdict::Down => "Down",
        Verdict::Unknown => "Unknown",
    };
    PathStatus {
        id: format!("tunnel-{number}"),
        gateway: format!("strongswan-{number}"),
        target: if number == 1 { "eni-23fbd87a".into() } else { "eni-2d75e606".into() },
        verdict: verdict.into(),
        for_ms,
        reasons: vec![format!("strongswan-{number} says that its probe tunnel-{number} is {word}")],
    }
}

fn route(number: u64) -> RouteStatus {
    let other = 3 - number;
    RouteStatus {
        id: format!("private-{number}"),
        table: if number == 1 { "rtb-468f5222".into() } else { "rtb-4b8f522f".into() },
        destination: "10.10.0.0/16".into(),
        desired: format!("tunnel-{number}"),
        committed: format!("tunnel-{number}"),
        observed: format!("tunnel-{number}"),
        observed_target: if number == 1 { "eni-23fbd87a".into() } else { "eni-2d75e606".into() },
        observed_age_ms: Some(3_200),
        home: format!("tunnel-{number}"),
        since_wall_ms: NOW - 7_800_000,
        cause: "initial".into(),
        why: vec![format!("tunnel-{number} is its first path, and Up")],
        paths: vec![path(number, Verdict::Up, 7_812_000), path(other, Verdict::Up, 7_811_000)],
        overrides: vec![],
        pinned: String::new(),
        switched: String::new(),
        right: true,
        flaps: 0,
        frozen_for_ms: None,
        follows: None,
        host: String::new(),
    }
}

fn gateway(number: u64) -> GatewayStatus {
    GatewayStatus {
        id: format!("strongswan-{number}"),
        node: format!("strongswan-{number}"),
        zone: if number == 1 { "cn-north-1a".into() } else { "cn-north-1b".into() },
        instance: if number == 1 { "i-0f1e2d3c4b5a69788".into() } else { "i-08f7e6d5c4b3a2910".into() },
        interface: if number == 1 { "eni-23fbd87a".into() } else { "eni-2d75e606".into() },
        verdict: Verdict::Up.into(),
        for_ms: 7_812_000,
        reasons: vec!["its own report is fresh".into()],
        state: "running".into(),
        drained: String::new(),
        remediating: false,
        restart: None,
    }
}

fn member(id: u64) -> MemberStatus {
    let (name, zone) = match id {
        1 => ("strongswan-1", "cn-north-1a"),
        2 => ("strongswan-2", "cn-north-1b"),
        _ => ("witness", "cn-north-1c"),
    };
    MemberStatus {
        id,
        name: name.into(),
        zone: zone.into(),
        role: if id == 3 { "leader".into() } else { "follower".into() },
        witness: id == 3,
        report_age_ms: Some(if id == 3 { 0 } else { 80 + id }),
        fresh: true,
        describe_ok_age_ms: Some(3_200 + id),
        ending: Ending::None.into(),
        follows: "witness".into(),
        applied: 431 - u64::from(id != 3),
        address: format!("172.16.{id}.10:7400"),
        lag: (id != 3).then_some(0),
        answered_ms: (id != 3).then_some(70 + id),
        disk: "recorded".into(),
    }
}

fn probe(id: &str, observer: &str, subject: &str, target: &str) -> ProbeStatus {
    ProbeStatus {
        id: id.into(),
        observer: observer.into(),
        subject: subject.into(),
        target: target.into(),
        kind: "icmp".into(),
        role: "required".into(),
        state: Verdict::Up.into(),
        for_ms: 7_812_000,
        last_rtt_us: Some(1_270),
        loss_permille: 0,
        error: String::new(),
        report_age_ms: Some(82),
        answered_age_ms: Some(130),
    }
}

/// The wire form of one of the core's alarms, with the core's own words.
pub fn alarm(code: Code, subject: &str, detail: &str) -> Alarm {
    Alarm {
        code: code.name().into(),
        urgency: code.urgency().name().into(),
        title: code.title().into(),
        subject: subject.into(),
        detail: detail.into(),
        remedy: code.remedy().into(),
    }
}

/// All is well.
pub fn healthy() -> StatusReply {
    StatusReply {
        answered: linearizable(),
        cluster: "vpn".into(),
        cluster_id: "c-7f3a9b0c51d2e846".into(),
        policy_version: 1,
        rules_version: 1,
        leader: "witness".into(),
        term: 3,
        epoch: 17,
        voters_heard: 3,
        voters: 3,
        quorum: 2,
        mode: "act".into(),
        pause: None,
        routes: vec![route(1), route(2)],
        gateways: vec![gateway(1), gateway(2)],
        members: vec![member(1), member(2), member(3)],
        probes: vec![
            probe("tunnel-1", "strongswan-1", "path tunnel-1", "169.254.100.1"),
            probe("tunnel-2", "strongswan-2", "path tunnel-2", "169.254.200.1"),
            probe("strongswan-1", "strongswan-2", "gateway strongswan-1", "172.16.1.157"),
            probe("strongswan-1", "witness", "gateway strongswan-1", "172.16.1.157"),
            probe("strongswan-2", "strongswan-1", "gateway strongswan-2", "172.16.2.126"),
            probe("strongswan-2", "witness", "gateway strongswan-2", "172.16.2.126"),
        ],
        alarms: vec![],
        unsettled: vec![],
        stages: vec![],
        remediating: String::new(),
        next_failure: "one more node may be lost: failover goes on with two of three".into(),
        examination: None,
        following: None,
    }
}

/// Tunnel 1 was cut a moment ago: the intent is committed, its call under way.
pub fn failing_over() -> StatusReply {
    let mut status = healthy();
    let route = &mut status.routes[0];
    route.desired = "tunnel-2".into();
    route.committed = "tunnel-2".into();
    route.since_wall_ms = NOW - 120;
    route.cause = "failover".into();
    route.why = vec!["not tunnel-1: it is Down (strongswan-1 says that its probe tunnel-1 is Down)".into()];
    route.paths[0] = path(1, Verdict::Down, 340);
    route.right = false;
    route.flaps = 1;
    status.routes[1].paths[1] = path(1, Verdict::Down, 340);
    status.probes[0].state = Verdict::Down.into();
    status.probes[0].for_ms = 340;
    status.probes[0].loss_permille = 30;
    let action = "private-1: tunnel-1 → tunnel-2 (eni-2d75e606)";
    status.unsettled.push(UnsettledIntent {
        id: "17.4".into(),
        resource: "route private-1".into(),
        action: action.into(),
        known_for_ms: 118,
    });
    status.stages.push(MoveStages {
        intent: "17.4".into(),
        action: action.into(),
        cause: "failover".into(),
        evidence_for_ms: 210,
        committed_ms: Some(11),
        called_ms: Some(12),
        done_ms: None,
        outcome: String::new(),
    });
    status.alarms = vec![
        alarm(Code::PathDown, "tunnel-1", "strongswan-1 says that its probe tunnel-1 is Down"),
        alarm(Code::Unsettled, "route private-1", "17.4, for 118ms"),
        alarm(Code::AwayFromHome, "private-1", "on tunnel-2"),
    ];
    status
}

/// The far router is dead: both tunnels are down, and moving would be useless.
pub fn both_down() -> StatusReply {
    let mut status = healthy();
    for (route, number) in status.routes.iter_mut().zip([1, 2]) {
        route.right = false;
        route.why = vec![format!("tunnel-{number} is Down, and so is every other path")];
        route.paths = vec![path(number, Verdict::Down, 65_000), path(3 - number, Verdict::Down, 65_000)];
    }
    for probe in &mut status.probes[..2] {
        probe.state = Verdict::Down.into();
        probe.for_ms = 65_000;
        probe.answered_age_ms = None;
        probe.last_rtt_us = None;
        probe.loss_permille = 1_000;
    }
    status.alarms = vec![
        alarm(Code::NoBetterPath, "private-1", "tunnel-1 is Down, and so is every other path"),
        alarm(Code::NoBetterPath, "private-2", "tunnel-2 is Down, and so is every other path"),
        alarm(Code::PathDown, "tunnel-1", ""),
        alarm(Code::PathDown, "tunnel-2", ""),
    ];
    status
}

/// An operator works on something. The reason tries to clear the reader's screen.
pub fn paused() -> StatusReply {
    let mut status = healthy();
    status.pause = Some(Pause {
        reason: "kernel upgrade\x1b[2J of router-1".into(),
        by: "anna@bastion".into(),
        since_wall_ms: NOW - 245_000,
        left_ms: Some(3_355_000),
    });
    // Nothing speaks for or against a move: the node gives no reasons.
    status.routes[0].why.clear();
    status.alarms = vec![alarm(Code::Paused, "cluster", "kernel upgrade of router-1")];
    status
}

/// It shadows an old script; one route was adopted where it was found, the other points at something foreign.
pub fn observing() -> StatusReply {
    let mut status = healthy();
    status.mode = "observe".into();
    status.routes[0].cause = String::new();
    let foreign = &mut status.routes[1];
    foreign.committed = String::new();
    foreign.observed = String::new();
    foreign.observed_target = "igw-0a1b2c3d".into();
    foreign.since_wall_ms = 0;
    foreign.cause = String::new();
    foreign.right = false;
    status.gateways[1].drained = "new kernel".into();
    status.alarms = vec![alarm(Code::Observing, "cluster", "")];
    status
}

/// One gateway alone: it hears nobody, and knows only its own past.
pub fn no_quorum() -> StatusReply {
    let mut status = healthy();
    status.answered = stale("strongswan-1", "no leader was heard for 12.4s");
    status.leader = String::new();
    status.voters_heard = 1;
    status.next_failure = "failover has stopped: 1 of 3 voters is heard, 2 are needed".into();
    for (member, name) in status.members.iter_mut().zip(["strongswan-1", "strongswan-2", "witness"]) {
        member.role = "follower".into();
        member.follows = String::new();
        if name != "strongswan-1" {
            member.fresh = false;
            member.report_age_ms = Some(12_400);
        }
    }
    status.members[1].ending = Ending::Process.into();
    status.members[2].report_age_ms = None;
    status.members[2].describe_ok_age_ms = None;
    for gateway in &mut status.gateways[1..] {
        gateway.verdict = Verdict::Unknown.into();
        gateway.for_ms = 12_100;
        gateway.reasons = vec!["its own report is stale".into()];
        gateway.state = String::new();
    }
    status.routes[1].observed = String::new();
    status.routes[1].observed_target = String::new();
    status.routes[1].observed_age_ms = None;
    status.routes[1].right = false;
    status.alarms = vec![
        alarm(Code::NoLeader, "cluster", ""),
        alarm(Code::NodeSilent, "strongswan-2", "for 12.4s"),
        alarm(Code::NodeSilent, "witness", "never heard"),
    ];
    status
}

/// Gateway 1 died two minutes ago: its route has moved, and it is being stopped and started.
pub fn remediating() -> StatusReply {
    let mut status = healthy();
    let route = &mut status.routes[0];
    for field in [&mut route.desired, &mut route.committed, &mut route.observed] {
        *field = "tunnel-2".into();
    }
    route.observed_target = "eni-2d75e606".into();
    route.since_wall_ms = NOW - 131_000;
    route.cause = "failover".into();
    route.why = vec!["not tunnel-1: its gateway is being stopped and started".into()];
    route.flaps = 1;
    route.paths[0] = path(1, Verdict::Down, 131_200);
    route.paths[0].reasons = vec!["its gateway strongswan-1 is Down".into()];
    status.routes[1].paths[1] = route.paths[0].clone();
    let gateway = &mut status.gateways[0];
    gateway.verdict = Verdict::Down.into();
    gateway.for_ms = 131_200;
    gateway.reasons = vec![
        "its own report is stale (131.2s)".into(),
        "strongswan-2 and witness say that their probe is Down".into(),
    ];
    gateway.state = "stopping".into();
    gateway.remediating = true;
    status.remediating = "strongswan-1".into();
    status.members[0].fresh = false;
    status.members[0].report_age_ms = Some(131_200);
    status.voters_heard = 2;
    status.next_failure = "the next node lost stops all failover".into();
    status.probes[0].report_age_ms = Some(131_200);
    status.probes[2].error = "sendto: Operation not permitted".into();
    status.stages.push(MoveStages {
        intent: "17.5".into(),
        action: "stop strongswan-1 (i-0f1e2d3c4b5a69788)".into(),
        cause: "remediate".into(),
        evidence_for_ms: 120_000,
        committed_ms: Some(9),
        called_ms: Some(10),
        done_ms: Some(240),
        outcome: "done".into(),
    });
    status.alarms = vec![
        alarm(Code::GatewayDown, "strongswan-1", "for 2m11s"),
        alarm(Code::NodeSilent, "strongswan-1", "for 2m11s"),
        alarm(Code::QuorumAtRisk, "cluster", "2 of 3 voters are heard"),
        alarm(Code::Remediating, "strongswan-1", "i-0f1e2d3c4b5a69788 is stopping"),
        alarm(Code::AwayFromHome, "private-1", "on tunnel-2"),
    ];
    status
}

/// The reply to `explain` for one route of a scene.
pub fn explain(status: &StatusReply, number: usize) -> ExplainReply {
    let route = status.routes[number - 1].clone();
    let about = |alarm: &&Alarm| alarm.subject == route.id || alarm.subject.starts_with("tunnel-");
    ExplainReply {
        answered: status.answered.clone(),
        alarms: status.alarms.iter().filter(about).cloned().collect(),
        events: history().events.into_iter().filter(|event| event.subject == route.id).collect(),
        route: Some(route),
    }
}

fn event(index: u64, ago_ms: u64, kind: &str, subject: &str, summary: &str) -> Event {
    Event {
        index,
        epoch: if index > 16 { 17 } else { 0 },
        wall_ms: NOW - ago_ms,
        log_ms: 8_000_000 - ago_ms,
        kind: kind.into(),
        subject: subject.into(),
        summary: summary.into(),
        cause: String::new(),
        actor: "witness".into(),
        intent: String::new(),
        reasons: vec![],
        evidence_json: String::new(),
        outcome: String::new(),
    }
}

pub fn history() -> HistoryReply {
    let mut began = event(17, 7_900_000, "epoch-began", "witness", "witness took office, term 3");
    began.epoch = 17;
    let moved = "private-1: tunnel-1 → tunnel-2 (eni-2d75e606)";
    HistoryReply {
        answered: linearizable(),
        events: vec![
            event(16, 7_900_900, "formed", "", "the cluster was formed as c-7f3a9b0c51d2e846"),
            began,
            Event {
                actor: "anna@bastion".into(),
                ..event(40, 900_000, "operated", "", "paused: router-1 is rebooted")
            },
            Event {
                cause: "failover".into(),
                intent: "17.4".into(),
                reasons: vec![
                    "tunnel-1 is Down".into(),
                    "strongswan-1 says that its probe tunnel-1 is Down".into(),
                    "tunnel-2 is Up".into(),
                ],
                evidence_json: r#"{"listening_ms":7900000,"voters":[1,2,3]}"#.into(),
                ..event(61, 131_000, "intended", "private-1", moved)
            },
            Event {
                intent: "17.4".into(),
                outcome: "done".into(),
                ..event(62, 130_800, "ended", "private-1", &format!("{moved}: done"))
            },
        ],
    }
}
