//! `cluster.example.toml` is what it says: valid for each of its nodes, without a warning, at the defaults.

use crate::policies;
use arbiter_config::{Config, LogFormat, RaftTiming, Seed, load};
use arbiter_core::command::Mode;
use arbiter_core::ids::NodeId;
use arbiter_core::policy::{Remediation, Timing};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cluster.example.toml");

fn loaded(node: &str) -> Config {
    let loaded = load(Path::new(EXAMPLE), node).unwrap_or_else(|refused| panic!("{refused}"));
    assert_eq!(loaded.warnings, []);
    loaded.config
}

#[test]
fn each_node_finds_itself_and_its_peers() {
    let addresses = [
        ("strongswan-1", "172.16.1.157:7400"),
        ("strongswan-2", "172.16.2.126:7400"),
        ("witness", "172.16.5.10:7400"),
    ];
    for (i, (name, address)) in addresses.into_iter().enumerate() {
        let local = loaded(name).local;
        assert_eq!((local.id, local.name.as_str()), (NodeId(i as u64 + 1), name));
        assert_eq!((local.address.as_str(), local.listen), (address, address.parse().unwrap()));
        assert_eq!(local.data_dir, PathBuf::from("/var/lib/route-arbiter"));
        let others = (1..).map(NodeId).zip(addresses.map(|(_, address)| address.to_owned()));
        assert_eq!(local.peers, others.filter(|(id, _)| *id != local.id).collect::<BTreeMap<_, _>>());
        assert_eq!((local.log.format, local.log.filter.as_str()), (LogFormat::Text, "info,openraft=off"));
        assert_eq!((local.ec2.endpoint, local.ec2.region), (None, None));
    }
}

#[test]
fn what_it_calls_defaults_are_the_defaults() {
    let config = loaded("witness");
    assert_eq!(config.policy.timing, Timing::default());
    assert_eq!(config.policy.remediation, Remediation::default());
    assert_eq!(config.raft, RaftTiming::default());
    assert_eq!(config.seed, Seed::default());
}

/// One probe spells all its numbers out, the others leave them to the defaults: they must come out equal.
#[test]
fn it_is_the_reference_case() {
    assert_eq!(loaded("witness").policy, policies::reference());
}

/// The text between `header` and the next header, without comments.
fn stripped(text: &str, drop: impl Fn(&str) -> bool) -> String {
    let mut section = "";
    let mut kept = String::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.starts_with('[') {
            section = line;
        }
        let (key, _) = line.split_once('=').unwrap_or((line, ""));
        if !drop(&format!("{section} {}", key.trim())) {
            kept.push_str(&format!("{line}\n"));
        }
    }
    kept
}

/// Every key whose comment says "default" can be left out, and nothing changes.
#[test]
fn what_has_a_default_can_be_left_out() {
    let text = std::fs::read_to_string(EXAMPLE).expect("the example");
    let sections = ["[timing]", "[remediation]", "[raft]", "[log]"];
    let optional = [
        "[[node]] listen",
        "[[node]] data_dir",
        "[[gateway]] remediate",
        "[[route]] drift",
        "[[route]] importance",
        "[[probe]] observers",
        "[[probe]] kind",
        "[[probe]] size",
        "[[probe]] dont_fragment",
        "[[probe]] role",
        "[[probe]] interval",
        "[[probe]] fall",
        "[[probe]] rise",
        "[[probe]] timeout_min",
        "[[probe]] timeout_max",
    ];
    let bare =
        stripped(&text, |key| sections.iter().any(|it| key.starts_with(it)) || optional.contains(&key));
    for key in optional.map(|key| key.rsplit(' ').next().unwrap_or_default()) {
        assert!(!bare.lines().any(|line| line.starts_with(&format!("{key} "))), "{key} is still there");
    }
    let sparse =
        arbiter_config::parse(Path::new(EXAMPLE), &bare, "strongswan-1").unwrap_or_else(|it| panic!("{it}"));
    assert_eq!(sparse.config, loaded("strongswan-1"));
}

/// Each key that the format knows is explained in the example.
#[test]
fn every_key_is_in_the_example() {
    let text = std::fs::read_to_string(EXAMPLE).expect("the example");
    let rendered = arbiter_config::render_policy(&policies::reference());
    for line in rendered.lines().filter(|line| line.contains(" = ")) {
        let key = line.split(" = ").next().unwrap_or_default();
        assert!(text.contains(&format!("\n{key} = ")), "{key} is not explained");
    }
}

#[test]
fn a_new_cluster_can_be_told_to_observe_and_to_nothing_else() {
    let text = std::fs::read_to_string(EXAMPLE).expect("the example");
    let with = |mode: &str| text.replace("mode = \"act\"", &format!("mode = \"{mode}\""));
    let read = |text: &str| arbiter_config::parse(Path::new(EXAMPLE), text, "witness");
    assert_eq!(read(&with("observe")).unwrap().config.seed, Seed { mode: Mode::Observe });
    let refused = read(&with("watch")).unwrap_err().to_string();
    assert!(refused.contains("mode") && refused.contains("observe"), "{refused}");
    let (policy, _) = arbiter_config::parse_policy(Path::new(EXAMPLE), &with("observe")).unwrap();
    assert_eq!(
        policy,
        policies::reference(),
        "it is no part of the policy: a later `policy apply` leaves it"
    );
}

#[test]
fn the_status_port_is_as_the_example_says() {
    assert_eq!(loaded("strongswan-1").local.http, None);
    let text = std::fs::read_to_string(EXAMPLE).expect("the example").replace("# http = ", "http = ");
    let on =
        arbiter_config::parse(Path::new(EXAMPLE), &text, "strongswan-1").unwrap_or_else(|it| panic!("{it}"));
    assert_eq!(on.config.local.http, Some("127.0.0.1:7480".parse().unwrap()));
}
