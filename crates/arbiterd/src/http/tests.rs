//! What the port says of canned looks.

use super::canned;
use super::{health, metrics, page};
use arbiter_control::Look;
use arbiter_control::consensus::Role;
use arbiter_core::health::Code;
use arbiter_core::ids::NodeId;
use arbiter_core::report::{Report, ReportedProbe};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const LEASE_MS: u64 = 900;

/// Compares with `tests/golden/http/NAME`, or rewrites it if `UPDATE_GOLDEN` is set.
#[track_caller]
fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/http").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{name} differs; if that is meant: UPDATE_GOLDEN=1 cargo test -p arbiterd --lib\n\
         --- expected\n{expected}\n--- found\n{found}"
    );
}

fn page_of(look: &Look) -> String {
    let (status, events) = canned::told(look);
    page::write(&status, &events, look.wall_ms)
}

/// The version changes with each release, the files don't.
fn without_version(text: &str) -> String {
    text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn metrics_of_good_and_bad_days() {
    golden("metrics-well.txt", &without_version(&metrics::write(&canned::well(), LEASE_MS)));
    golden("metrics-trouble.txt", &without_version(&metrics::write(&canned::trouble(), LEASE_MS)));
}

#[test]
fn a_leader_that_is_cut_off_does_not_count_as_one() {
    let mut look = canned::well();
    assert!(metrics::write(&look, LEASE_MS).contains("\narbiter_leader 1\n"));
    look.view.quorum_acked_ms = Some(LEASE_MS + 1);
    assert!(metrics::write(&look, LEASE_MS).contains("\narbiter_leader 0\n"));
}

#[test]
fn the_page_on_good_and_bad_days() {
    golden("page-well.html", &page_of(&canned::well()));
    golden("page-trouble.html", &page_of(&canned::trouble()));
    golden("page-nothing.html", &page_of(&canned::nothing()));
}

/// `scripts/promtool` finds or makes one. Never skipped: our own eyes don't know Prometheus' conventions.
fn promtool() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/promtool");
    let found = Command::new(script).stderr(Stdio::inherit()).output();
    let found = found.unwrap_or_else(|error| panic!("{script} can't be run: {error}"));
    assert!(found.status.success(), "promtool is missing: run scripts/promtool and do what it says");
    PathBuf::from(String::from_utf8(found.stdout).unwrap().trim())
}

/// What promtool finds wrong.
fn checked(promtool: &Path, text: &str) -> Result<(), String> {
    let mut tool = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    tool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let ended = tool.wait_with_output().unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    if ended.status.success() && said.is_empty() { Ok(()) } else { Err(String::from_utf8(said).unwrap()) }
}

#[test]
fn promtool_finds_nothing_wrong() {
    let promtool = promtool();
    for look in [canned::well(), canned::trouble(), canned::nothing()] {
        checked(&promtool, &metrics::write(&look, LEASE_MS)).unwrap_or_else(|said| panic!("{said}"));
    }
    // It does look.
    let text = metrics::write(&canned::well(), LEASE_MS).replace("arbiter_calls_total", "arbiter_calls");
    let said = checked(&promtool, &text).expect_err("a counter without _total");
    assert!(said.contains("arbiter_calls"), "{said}");
}

/// Values of labels in a text, but for `le`.
fn label_values(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let labels =
        lines.filter_map(|line| line.split_once('{')?.1.rsplit_once('}')).flat_map(|(it, _)| it.split(','));
    let values = labels.filter_map(|label| label.split_once('=')).filter(|(name, _)| *name != "le");
    values.map(|(_, value)| value.trim_matches('"').to_owned()).collect()
}

#[test]
fn labels_are_bounded_by_the_policy_whatever_peers_say() {
    let mut look = canned::trouble();
    let known = label_values(&metrics::write(&look, LEASE_MS));
    let stranger = ReportedProbe { error: Some("e".repeat(1_000)), ..ReportedProbe::default() };
    for (report, _) in &mut look.reports {
        report.probes.extend((0..1_000).map(|n| (format!("stranger-{n}").as_str().into(), stranger.clone())));
    }
    look.reports.push((Report { node: NodeId(99), ..Report::default() }, Some(3)));
    for alarm in &mut look.alarms {
        alarm.subject = "s".repeat(100);
    }
    let said = metrics::write(&look, LEASE_MS);
    assert_eq!(label_values(&said), known);
    let codes = said.lines().filter(|line| line.starts_with("arbiter_alarms{")).count();
    assert_eq!(codes, Code::ALL.len(), "each code has its sample, raised or not");
}

#[test]
fn the_page_says_what_status_says_and_nothing_becomes_markup() {
    let look = canned::trouble();
    let (status, _) = canned::told(&look);
    let page = page_of(&look);
    let shown = page.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    let shown = shown.replace("&amp;", "&");
    let mut said: Vec<&str> = vec![&status.leader, &status.next_failure, &status.cluster, &status.cluster_id];
    for route in &status.routes {
        said.extend([&*route.id, &route.desired, &route.committed, &route.observed, &route.home]);
        said.extend(route.why.iter().map(String::as_str));
    }
    for gateway in &status.gateways {
        said.extend([&*gateway.id, &gateway.zone, &gateway.node, &gateway.instance, &gateway.state]);
    }
    for alarm in &status.alarms {
        said.extend([
            &*alarm.code,
            &alarm.urgency,
            &alarm.title,
            &alarm.subject,
            &alarm.detail,
            &alarm.remedy,
        ]);
    }
    for probe in &status.probes {
        said.extend([&*probe.id, &probe.observer, &probe.target, &probe.error]);
    }
    assert!(said.len() > 50, "{said:?}");
    for each in said {
        assert!(shown.contains(each), "the page does not say {each:?}");
    }
    for markup in ["<script", "<b>host"] {
        assert!(!page.contains(markup), "{markup}");
    }
}

#[test]
fn a_page_of_doubtful_origin_says_so_and_an_event_without_clock_does_no_harm() {
    let look = canned::well();
    let (mut status, mut events) = canned::told(&look);
    let answered = status.answered.as_mut().unwrap();
    (answered.linearizable, answered.stale_because) = (false, "no leader is known".to_owned());
    events[0].wall_ms = u64::MAX;
    let page = page::write(&status, &events, look.wall_ms);
    assert_eq!(page.matches("STALE (no leader is known)").count(), 2, "at the top and at the end");
}

#[test]
fn ready_means_a_member_that_hears_its_leader() {
    let judged = |change: fn(&mut Look)| {
        let mut look = canned::well();
        change(&mut look);
        let health = health::ready(&look, LEASE_MS);
        (health.good, health.because)
    };
    assert!(judged(|_| {}).0);
    assert!(judged(|look| look.view.quorum_acked_ms = Some(LEASE_MS)).0);
    assert!(!judged(|look| look.view.quorum_acked_ms = Some(LEASE_MS + 1)).0, "a leader that is cut off");
    assert!(!judged(|look| look.view.quorum_acked_ms = None).0);
    assert!(!judged(|look| look.view.leader = None).0);
    assert!(!judged(|look| look.view.voters.retain(|voter| *voter != canned::WITNESS)).0, "no member");
    assert!(!judged(|look| look.view.fatal = Some("the disk".to_owned())).0);
    let as_follower = |heard| {
        let mut look = canned::well();
        look.view.role = Role::Follower;
        (look.view.leader, look.view.leader_heard_ms) = (Some(NodeId(1)), heard);
        health::ready(&look, LEASE_MS).good
    };
    assert_eq!([Some(LEASE_MS), Some(LEASE_MS + 1), None].map(as_follower), [true, false, false]);
    let look = canned::nothing();
    assert!(!health::ready(&look, LEASE_MS).good, "not formed");
}

#[test]
fn only_the_leader_in_office_with_its_quorum_is_the_leader() {
    let judged = |change: fn(&mut Look)| {
        let mut look = canned::well();
        change(&mut look);
        health::leader(&look, LEASE_MS).good
    };
    assert!(judged(|_| {}));
    assert!(!judged(|look| look.epoch = None), "elected, not in office");
    assert!(!judged(|look| look.view.quorum_acked_ms = Some(LEASE_MS + 1)), "cut off");
    assert!(!judged(|look| look.view.quorum_acked_ms = None));
    assert!(!judged(|look| look.view.role = Role::Follower), "in office a moment ago");
}
