//! Every view in every scene, as text and as JSON.

use crate::fake::{Fake, Play, Say};
use crate::run::{Ran, against};
use crate::{golden, scenes, site};
use arbiter_proto::v1::{Event, StatusReply};

fn node(status: &StatusReply, route: usize) -> Fake {
    Fake::start(Play {
        status: vec![Say::This(status.clone())],
        history: vec![Say::This(scenes::history())],
        explain: vec![Say::This(scenes::explain(status, route))],
        ..Play::default()
    })
}

/// Every view of a scene; `status` ends with that code.
fn scene(name: &str, status: &StatusReply, flags: &[&str], code: i32) {
    let fake = node(status, 1);
    let views: [&[&str]; 5] =
        [&["status"], &["routes"], &["members"], &["probes"], &["explain", "private-1"]];
    for view in views {
        for (output, extension) in [("table", "txt"), ("json", "json")] {
            let ran = against(&[&fake], &[view, flags, &["-o", output]].concat());
            let expected = if view[0] == "status" { code } else { i32::from(code == 4) * 4 };
            assert_eq!((ran.code, ran.err.as_str()), (expected, ""), "{name} {view:?}");
            golden::check(&format!("{name}/{}.{extension}", view[0]), &ran.out);
        }
    }
}

#[test]
fn healthy() {
    scene("healthy", &scenes::healthy(), &[], 0);
}

#[test]
fn a_cluster_that_follows_says_whom_and_how_it_hears_it() {
    scene("following", &site::following(), &[], 0);
}

#[test]
fn a_cluster_that_follows_and_is_cut_off_says_since_when() {
    scene("cut-off", &site::cut_off(), &[], 0);
}

#[test]
fn a_failover_in_progress_is_degraded() {
    scene("failing-over", &scenes::failing_over(), &[], 3);
}

#[test]
fn both_tunnels_down_is_degraded() {
    scene("both-down", &scenes::both_down(), &[], 3);
}

#[test]
fn a_pause_is_shown_and_is_no_fault() {
    scene("paused", &scenes::paused(), &[], 0);
}

#[test]
fn observing_with_a_route_that_points_elsewhere_is_degraded() {
    scene("observing", &scenes::observing(), &[], 3);
}

#[test]
fn a_remediation_with_all_routes_right_is_sound() {
    scene("remediating", &scenes::remediating(), &[], 0);
}

#[test]
fn an_answer_that_is_stale_unasked_lacks_a_quorum() {
    scene("no-quorum", &scenes::no_quorum(), &[], 4);
}

#[test]
fn a_stale_view_that_was_asked_for_lacks_a_quorum_only_if_it_shows_none() {
    let mut asked = scenes::healthy();
    let fake = node(&scenes::no_quorum(), 1);
    assert_eq!(against(&[&fake], &["status", "--stale"]).code, 4, "nobody leads");
    assert_eq!(against(&[&fake], &["members", "--stale"]).code, 0, "it is what was asked for");
    assert!(fake.asked(|asked| asked.status.iter().all(|request| request.asking.unwrap().stale)));
    if let Some(answered) = &mut asked.answered {
        answered.linearizable = false;
        answered.stale_because = "it was asked for".into();
    }
    let ran = against(&[&node(&asked, 1)], &["status", "--stale"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("STALE (it was asked for)"), "{ran:?}");
}

#[test]
fn a_critical_alarm_alone_is_degraded() {
    let mut status = scenes::healthy();
    status.alarms = vec![scenes::alarm(arbiter_core::health::Code::SourceDestCheck, "strongswan-2", "")];
    assert_eq!(against(&[&node(&status, 1)], &["status"]).code, 3);
}

#[test]
fn an_empty_cluster_is_shown_as_one() {
    let fake = Fake::start(Play {
        status: vec![Say::This(StatusReply::default())],
        history: vec![Say::This(Default::default())],
        explain: vec![Say::This(Default::default())],
        ..Play::default()
    });
    let views: [&[&str]; 6] =
        [&["status"], &["routes"], &["members"], &["probes"], &["history"], &["explain", "private-1"]];
    for view in views {
        let ran = against(&[&fake], view);
        assert_eq!(ran.code, 4, "{ran:?}");
        golden::check(&format!("empty/{}.txt", view[0]), &ran.transcript());
    }
}

#[test]
fn history_asks_for_what_it_was_told_to() {
    let fake = node(&scenes::healthy(), 1);
    for (output, extension) in [("table", "txt"), ("json", "json")] {
        let ran = against(&[&fake], &["history", "-o", output]);
        assert_eq!(ran.code, 0, "{ran:?}");
        golden::check(&format!("history/history.{extension}"), &ran.out);
    }
    against(&[&fake], &["history", "--limit", "7", "--subject", "private-1", "--after", "40"]);
    fake.asked(|asked| {
        let (first, last) = (&asked.history[0], asked.history.last().unwrap());
        assert_eq!((first.limit, first.after, first.subject.as_str()), (100, 0, ""));
        assert_eq!((last.limit, last.after, last.subject.as_str()), (7, 40, "private-1"));
    });
}

#[test]
fn what_would_have_been_done_leaves_out_the_rest() {
    let mut history = scenes::history();
    let like = history.events[3].clone();
    let kinds = [
        ("mode-set", "the cluster only observes"),
        ("advised", "would have done: private-1: tunnel-1 → tunnel-2"),
        ("drift-seen", "private-1 was seen pointing at eni-2d75e606"),
        ("intended", "private-1: tunnel-1 → tunnel-2"),
    ];
    for (index, (kind, summary)) in (500..).zip(kinds) {
        history.events.push(Event {
            index,
            kind: kind.into(),
            summary: summary.into(),
            intent: String::new(),
            ..like.clone()
        });
    }
    let fake = Fake::start(Play { history: vec![Say::This(history)], ..Play::default() });
    let ran = against(&[&fake], &["history", "--would-have"]);
    golden::check("history/would-have.txt", &ran.transcript());
    let newest = against(&[&fake], &["history", "--would-have", "--limit", "1"]).out;
    assert!(newest.contains("drift-seen") && !newest.contains("advised"), "{newest}");
    fake.asked(|asked| assert!(asked.history.iter().all(|request| request.limit == 1_000)));
}

#[test]
fn wide_views_have_more() {
    for (name, status) in [("healthy", scenes::healthy()), ("remediating", scenes::remediating())] {
        let fake = node(&status, 1);
        for view in ["status", "routes"] {
            let ran = against(&[&fake], &[view, "-o", "wide"]);
            golden::check(&format!("{name}/{view}-wide.txt"), &ran.out);
        }
        let views: [&[&str]; 4] = [&["members"], &["probes"], &["history"], &["explain", "private-1"]];
        for view in views {
            let wide = against(&[&fake], &[view, &["-o", "wide"]].concat());
            assert_eq!(wide.out, against(&[&fake], view).out);
        }
    }
}

#[test]
fn explain_says_when_a_route_comes_home_if_the_leader_does() {
    let mut status = scenes::remediating();
    status.routes[0].why = vec!["not tunnel-1 yet: it is Up for 20s, and must be for 1m".into()];
    let ran = against(&[&node(&status, 1)], &["explain", "private-1"]);
    let home = ran.out.lines().find(|line| line.starts_with("HOME")).unwrap();
    let expected = "HOME       tunnel-1, but not yet: it is Up for 20s, and must be for 1m; \
                    1 failover is remembered, which lengthens that time";
    assert_eq!(home, expected);
}

#[test]
fn every_json_document_names_its_version_and_kind() {
    let fake = node(&scenes::failing_over(), 1);
    let views: [&[&str]; 6] =
        [&["status"], &["routes"], &["members"], &["probes"], &["history"], &["explain", "private-1"]];
    for view in views {
        let Ran { out, .. } = against(&[&fake], &[view, &["-o", "json"]].concat());
        let document: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(document["version"], 1);
        assert_eq!(document["kind"], view[0]);
        assert_eq!(document["answered"]["by"], "witness");
    }
}
