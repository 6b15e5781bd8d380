//! `gateway restart`: shown while it waits, and followed to every end that it can have.

use crate::fake::{Fake, Play, Say};
use crate::run::against;
use crate::{golden, scenes};
use arbiter_proto::v1::{Event, HistoryReply, OperateReply, RestartStatus, StatusReply};
use tonic::Status;

const RESTART: [&str; 7] =
    ["gateway", "restart", "strongswan-1", "--reason", "it leaks memory", "--yes", "--wait"];

fn accepted() -> Say<OperateReply> {
    Say::This(OperateReply {
        answered: scenes::linearizable(),
        index: 432,
        accepted: true,
        ..OperateReply::default()
    })
}

fn event(index: u64, kind: &str, summary: &str) -> Event {
    Event {
        index,
        epoch: 17,
        wall_ms: scenes::NOW,
        kind: kind.into(),
        subject: "strongswan-1".into(),
        summary: summary.into(),
        intent: if matches!(kind, "intended" | "ended") { "17.9".into() } else { String::new() },
        ..Event::default()
    }
}

fn stop() -> Event {
    Event { cause: "operator-restart".into(), ..event(440, "intended", "stop strongswan-1 (i-0f1e)") }
}

fn stopped(outcome: &str, words: &str) -> Event {
    Event { outcome: outcome.into(), ..event(441, "ended", &format!("stop strongswan-1 (i-0f1e): {words}")) }
}

fn closed(outcome: &str, words: &str) -> Event {
    let summary = format!("the remediation of strongswan-1 ends: {words}");
    Event { outcome: outcome.into(), ..event(450, "remediation-ended", &summary) }
}

fn says(events: &[Event]) -> Say<HistoryReply> {
    Say::This(HistoryReply { answered: scenes::linearizable(), events: events.to_vec() })
}

fn fake(history: Vec<Say<HistoryReply>>) -> Fake {
    Fake::start(Play {
        status: vec![Say::This(scenes::healthy())],
        operate: vec![accepted()],
        history,
        ..Play::default()
    })
}

#[test]
fn it_is_followed_until_it_is_healthy_again() {
    let done = [stop(), stopped("done", "done"), closed("healthy", "it is healthy again")];
    let fake = fake(vec![
        says(&[]),
        Say::Error(Status::unavailable("no leader")),
        says(&done[..1]),
        says(&done[..2]),
        says(&done),
    ]);
    let ran = against(&[&fake], &RESTART);
    golden::check("restart/waited.txt", &ran.transcript());
    fake.asked(|asked| {
        assert_eq!(asked.history.len(), 5);
        let asked = &asked.history[0];
        assert_eq!((asked.after, asked.subject.as_str()), (432, "strongswan-1"));
    });
}

#[test]
fn an_end_that_is_not_the_one_asked_for_is_a_failure() {
    let ends: [(&str, Vec<Event>); 4] = [
        (
            "expired",
            vec![event(440, "restart-expired", "the restart by hand has run out before it could begin: x")],
        ),
        (
            "withdrawn",
            vec![event(433, "operated", "drain: x"), event(440, "operated", "withdraw the restart")],
        ),
        (
            "denied",
            vec![
                stop(),
                stopped("failed", "failed: UnauthorizedOperation: no"),
                closed("healthy", "it is healthy again"),
            ],
        ),
        (
            "in-vain",
            vec![
                stop(),
                stopped("done", "done"),
                closed("failed", "it did not come back, and its attempts are used up"),
            ],
        ),
    ];
    for (name, events) in ends {
        let ran = against(&[&fake(vec![says(&events)])], &RESTART);
        assert_eq!(ran.code, 1, "{ran:?}");
        golden::check(&format!("restart/{name}.txt"), &ran.transcript());
    }
}

#[test]
fn one_that_is_not_over_in_time_is_unknown_and_a_drain_meanwhile_is_no_end() {
    let fake = fake(vec![says(&[event(433, "operated", "drain: x")])]);
    let ran = against(&[&fake], &[&RESTART[..], &["--timeout", "700ms"]].concat());
    assert_eq!(ran.code, 5, "{ran:?}");
    golden::check("restart/not-over.txt", &ran.transcript());
}

#[test]
fn a_reason_is_needed_unless_it_is_withdrawn() {
    let fake = fake(vec![]);
    for (words, code) in [
        (&["gateway", "restart", "strongswan-1"][..], 2),
        (&["gateway", "restart", "strongswan-1", "--reason", " ", "--yes"], 2),
        (&["gateway", "restart", "strongswan-1", "--cancel", "--force"], 2),
        (&["gateway", "restart", "strongswan-1", "--cancel", "--wait"], 2),
        (&["gateway", "restart", "strongswan1", "--cancel"], 1),
    ] {
        assert_eq!(against(&[&fake], words).code, code, "{words:?}");
    }
    fake.asked(|asked| assert!(asked.operate.is_empty()));
}

/// The reference case, with a restart that waits.
fn waiting() -> StatusReply {
    let mut status = scenes::healthy();
    status.gateways[0].restart = Some(RestartStatus {
        reason: "it leaks memory".into(),
        by: "anna@bastion".into(),
        since_wall_ms: scenes::NOW - 2_000,
        left_ms: 598_000,
        force: false,
        waits_for: "route private-1 goes to tunnel-2 first".into(),
    });
    status
}

#[test]
fn while_it_waits_everybody_sees_for_what() {
    let fake = Fake::start(Play { status: vec![Say::This(waiting())], ..Play::default() });
    let ran = against(&[&fake], &["status"]);
    golden::check("restart/status.txt", &ran.transcript());
    let written = against(&[&fake], &["status", "-o", "json"]).out;
    golden::check("restart/status.json", &written);
    let json: serde_json::Value = serde_json::from_str(&written).unwrap();
    let restart = &json["gateways"][0]["restart"];
    assert_eq!(restart["by"], "anna@bastion");
    assert_eq!(restart["left_ms"], 598_000);
    assert_eq!(json["gateways"][1]["restart"], serde_json::Value::Null);
    let ran = against(&[&fake], &["gateway", "restart", "strongswan-1", "--cancel"]);
    golden::check("restart/cancel-waiting.txt", &ran.transcript());
}

#[test]
fn the_preview_says_who_leads_what_is_forced_and_what_is_drained() {
    let mut status = scenes::healthy();
    status.leader = "strongswan-1".into();
    status.gateways[0].drained = "new kernel".into();
    status.gateways[1].drained = "new kernel".into();
    let fake = Fake::start(Play { status: vec![Say::This(status)], ..Play::default() });
    let words = ["gateway", "restart", "strongswan-1", "--reason", "it leaks memory", "--force"];
    golden::check("restart/preview.txt", &against(&[&fake], &words).transcript());
}
