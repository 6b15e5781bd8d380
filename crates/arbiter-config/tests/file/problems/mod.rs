//! What is said of broken files: each kind of mistake, by the whole text that is shown.
//!
//! `base.toml` is a file without problems; each case replaces one passage of it.

mod bad_days;
mod format;
mod nodes;
mod numbers;
mod probes;
mod routes;
mod tls;

use arbiter_config::{load, parse, parse_policy};
use arbiter_core::ids::NodeId;
use arbiter_core::policy::Severity;
use proptest::prelude::*;
use std::path::Path;

const BASE: &str = include_str!("base.toml");

/// Checks all that is shown of the base after one change, as node `witness`: errors, or else warnings.
#[track_caller]
fn check(from: &str, to: &str, expected: &str) {
    assert!(BASE.contains(from), "the base has no `{from}`");
    let said = match parse(Path::new("f"), &BASE.replacen(from, to, 1), "witness") {
        Ok(loaded) => loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n"),
        Err(refused) => refused.to_string(),
    };
    assert_eq!(said, expected.trim_matches('\n'), "{from:?} → {to:?}");
}

#[test]
fn the_base_itself_has_no_problems() {
    check("version = 1", "version = 1", "");
}

#[test]
fn everything_is_said_at_once_in_the_order_of_the_lines() {
    arbiter_core::rules::proves("policy.validated-whole");
    let text = BASE
        .replace("interval = \"100ms\"\n[timing]", "interval = 100\nrise = 0\n[timing]")
        .replace("destination = \"10.10.0.0/16\"", "destination = \"10.10.0.1/16\"")
        .replace("zone = \"c\"", "zone = \"b\"")
        .replace("node = \"gw-1\"", "nod = \"gw-3\"");
    let refused = parse(Path::new("cluster.toml"), &text, "witness").expect_err("it has errors");
    let expected = "\
cluster.toml:19:8: warning: node.zone: zone `b` holds 2 of 3 nodes: when it fails, all failover ends
    19 | zone = \"b\"
       |        ^^^
  help: move nodes until no zone holds more than 1

cluster.toml:23:1: error: gateway: unknown key `nod`
    23 | nod = \"gw-3\"
       | ^^^
  help: write `node`

cluster.toml:23:7: error: gateway.node: unknown node `gw-3`
    23 | nod = \"gw-3\"
       |       ^^^^^^
  help: write `gw-1`

cluster.toml:42:15: error: route.destination: `10.10.0.1/16` has bits set beyond its prefix
    42 | destination = \"10.10.0.1/16\"
       |               ^^^^^^^^^^^^^^
  help: write `10.10.0.0/16`

cluster.toml:61:12: error: probe.interval: the duration 100 has no unit
    61 | interval = 100
       |            ^^^
  help: write `\"100ms\"` or `\"100s\"`, whichever is meant

cluster.toml:62:8: error: probe.rise: 0 is not between 1 and 100
    62 | rise = 0
       |        ^
  help: the nearest allowed is 1

5 errors, 1 warning";
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn a_policy_needs_no_addresses_and_a_node_does() {
    let bare: String =
        BASE.lines().filter(|line| !line.starts_with("address")).map(|line| format!("{line}\n")).collect();
    let (policy, warnings) = parse_policy(Path::new("f"), &bare).expect("a policy needs no addresses");
    assert_eq!((policy.nodes.len(), warnings.len()), (3, 0));
    let refused = parse(Path::new("f"), &bare, "witness").expect_err("a node does");
    assert_eq!(refused.problems.len(), 3, "{refused}");
}

#[test]
fn a_file_that_is_not_there_is_said_by_its_name() {
    let error = load(Path::new("/nowhere/cluster.toml"), "witness").expect_err("there is none");
    assert_eq!(error.to_string(), "can't read /nowhere/cluster.toml; name the right file with --config");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_node_reaches_its_peers_where_it_is_told_to() {
    let text = BASE.replacen(
        "address = \"10.0.3.1:7400\"",
        "address = \"witness.internal:7400\"\nlisten = \"0.0.0.0:7403\"\ndata_dir = \"data/w\"\nreach = { gw-2 = \"127.0.0.1:9\" }",
        1,
    );
    let local =
        parse(Path::new("/etc/arbiter/cluster.toml"), &text, "witness").expect("it is valid").config.local;
    assert_eq!(
        local.peers,
        [(NodeId(1), "10.0.1.1:7400".to_owned()), (NodeId(2), "127.0.0.1:9".to_owned())].into()
    );
    assert_eq!(local.listen, "0.0.0.0:7403".parse().unwrap());
    assert_eq!(local.data_dir, Path::new("/etc/arbiter/data/w"));
    let other = parse(Path::new("f"), &text, "gw-1").expect("it is valid").config.local;
    assert_eq!(other.peers[&NodeId(3)], "witness.internal:7400");
}

#[test]
fn the_status_port_is_off_unless_a_node_has_one() {
    let text = BASE.replacen(
        "address = \"10.0.3.1:7400\"",
        "address = \"10.0.3.1:7400\"\nhttp = \"0.0.0.0:7480\"",
        1,
    );
    let http = |node| parse(Path::new("f"), &text, node).expect("it is valid").config.local.http;
    assert_eq!(http("witness"), Some("0.0.0.0:7480".parse().unwrap()));
    assert_eq!(http("gw-1"), None);
}

#[test]
fn probes_are_sent_by_those_whose_word_counts_unless_others_are_named() {
    let text = BASE.replacen("observers = [\"gw-1\", \"witness\"]\n", "", 1);
    let policy = parse(Path::new("f"), &text, "witness").expect("it is valid").config.policy;
    let observers: Vec<Vec<u64>> =
        policy.probes.iter().map(|probe| probe.observers.iter().map(|id| id.0).collect()).collect();
    assert_eq!(observers, [vec![1], vec![2], vec![2, 3], vec![1, 3]]);
}

proptest! {
    /// Whatever is cut out and put in elsewhere: an answer, never a panic, and problems only where there are lines.
    #[test]
    fn no_text_makes_it_panic(cut in 0usize..1_200, length in 0usize..60, at in 0usize..1_200, noise in "[ -~\n]{0,8}") {
        let clip = |text: &str, at: usize| text.floor_char_boundary(at.min(text.len()));
        let mut text = BASE.to_owned();
        let (from, to) = (clip(&text, cut), clip(&text, cut + length));
        let piece: String = text.drain(from..to).collect();
        let at = clip(&text, at);
        text.insert_str(at, &format!("{noise}{piece}"));
        if let Err(refused) = parse(Path::new("f"), &text, "witness") {
            prop_assert!(refused.problems.iter().any(|problem| problem.severity == Severity::Error));
            for position in refused.problems.iter().filter_map(|problem| problem.position.as_ref()) {
                prop_assert!(position.line <= text.lines().count().max(1) + 1);
            }
        }
    }
}
