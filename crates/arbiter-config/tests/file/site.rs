//! A cluster on premises: `deploy/site.example.toml`, and what is said of files like it.

use arbiter_config::{Config, FollowConfig, load, parse, parse_policy, render_policy};
use arbiter_core::ids::NodeId;
use arbiter_core::policy::{Linux, Target};
use std::path::Path;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/site.example.toml");

fn text() -> String {
    std::fs::read_to_string(EXAMPLE).expect("the example")
}

fn loaded(node: &str) -> Config {
    let loaded = load(Path::new(EXAMPLE), node).unwrap_or_else(|refused| panic!("{refused}"));
    assert_eq!(loaded.warnings, []);
    loaded.config
}

/// Errors and warnings of the example after one change, without the lines that they show.
fn said(from: &str, to: &str) -> Vec<String> {
    assert!(text().contains(from), "the example has no `{from}`");
    let problems = match parse(Path::new("f"), &text().replacen(from, to, 1), "core") {
        Ok(loaded) => loaded.warnings,
        Err(refused) => refused.problems,
    };
    let words = |problem: arbiter_config::ConfigProblem| {
        let help = problem.help.map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{}: {}: {}{help}", problem.severity, problem.key, problem.message)
    };
    problems.into_iter().map(words).collect()
}

#[test]
fn the_example_is_the_other_side_of_the_reference_case() {
    let config = loaded("core");
    let nodes = ["172.16.1.157:7400", "172.16.2.126:7400"].map(str::to_owned).to_vec();
    assert_eq!(config.local.follow, Some(FollowConfig { cluster: "vpn".to_owned(), nodes: nodes.clone() }));
    let cloud =
        load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../cluster.example.toml")), "witness");
    let cloud = cloud.unwrap().config;
    assert_eq!(cloud.policy.cluster, "vpn");
    assert!(nodes.iter().all(|node| cloud.local.peers.values().any(|peer| peer == node)));
    assert_eq!(config.policy.linux, Some(Linux::default()));
    for (ours, name) in config.policy.routes.iter().zip(["private-1", "private-2"]) {
        let theirs = cloud.policy.route(&name.into()).expect("a route of the cloud's");
        assert_eq!((ours.host, ours.follows.as_ref()), (Some(NodeId(3)), Some(&theirs.id)));
        assert_eq!(ours.table, "main");
        // Each way back prefers by itself what the way there prefers.
        let stands = ours.paths.iter().map(|path| config.policy.path(path).unwrap().follows.clone().unwrap());
        assert_eq!(stands.collect::<Vec<_>>(), theirs.paths);
    }
    let hop = |via: &str| Target::NextHop { via: via.parse().unwrap(), dev: None };
    let targets: Vec<_> = config.policy.paths.iter().map(|path| path.target.clone()).collect();
    assert_eq!(targets, [hop("10.10.1.100"), hop("10.10.2.100")]);
    assert!(config.policy.gateways.iter().all(|gateway| !gateway.remediate && gateway.interface.is_empty()));
}

#[test]
fn what_is_shown_of_it_is_read_back() {
    let dev =
        text().replace("# dev = \"eth1\"", "dev = \"eth1\"").replace("table = \"main\"", "table = \"100\"");
    for text in [text(), dev] {
        let policy = parse_policy(Path::new("f"), &text).unwrap().0;
        let rendered = render_policy(&policy);
        let (again, _) =
            parse_policy(Path::new("f"), &rendered).unwrap_or_else(|it| panic!("{it}\n{rendered}"));
        assert_eq!(again, policy);
    }
}

#[test]
fn what_is_missing_or_wrong_is_said_with_what_to_write() {
    assert_eq!(
        said("next_hop = \"10.10.1.100\"  ", "# "),
        ["error: path.next_hop: `next_hop` is missing (add `next_hop = \"10.10.1.100\"`)"]
    );
    assert_eq!(
        said("next_hop = \"10.10.1.100\"", "next_hop = \"2001:db8::1\""),
        ["error: path.next_hop: the next hop `2001:db8::1` of path `tunnel-1` is not an IPv4 address \
          (kernel routes are IPv4 only)"]
    );
    assert_eq!(
        said("host = \"core\"  ", "host = \"cor\"  "),
        ["error: route.host: unknown node `cor` (write `core`)"]
    );
    assert_eq!(
        said("host = \"core\"\n", ""),
        ["error: route.host: `host` is missing (add `host = \"core\"`)"]
    );
    assert_eq!(
        said("table = \"main\"", "table = \"rtb-1\""),
        ["error: route.table: `rtb-1` is not a table of the kernel (write `main`, or its number)"]
    );
    assert_eq!(
        said("destination = \"172.16.3.0/24\"", "destination = \"2001:db8::/32\""),
        ["error: route.destination: `2001:db8::/32` is not an IPv4 network \
          (kernel routes are IPv4 only, as in `172.16.3.0/24`)"]
    );
    assert_eq!(
        said(
            "zone = \"rack-1\"\n\n[[gateway]]",
            "zone = \"rack-1\"\nremediate = true\ninstance = \"i-1\"\n\n[[gateway]]"
        ),
        [
            "error: gateway.remediate: gateway `router-1` is no instance: nobody can stop and start it \
             (write `remediate = false`, or leave it out)",
            "error: gateway.instance: `instance` is EC2's: with `[linux]` a gateway is a router on premises (leave it out)",
        ]
    );
    assert_eq!(
        said("cluster = \"vpn\"", "# "),
        ["error: follow.cluster: `cluster` is missing (add `cluster = \"vpn\"`)"]
    );
    assert_eq!(said("\"172.16.1.157:7400\"", "\"172.16.1.157\"").len(), 1, "an address without a port");
}

#[test]
fn who_follows_must_say_whom_and_by_which_paths() {
    arbiter_core::rules::proves("follow.preferred");
    let without = text().replace("[follow]", "[other]");
    let refused = parse(Path::new("f"), &without, "core").expect_err("nobody to follow").to_string();
    assert!(refused.contains("the section `[follow]` is missing"), "{refused}");
    // A policy alone needs nobody: where they are reached is each node's own business.
    assert!(
        parse_policy(Path::new("f"), &without.replace("[other]\n", "")).is_err(),
        "unknown keys are refused"
    );
    assert_eq!(
        said("follows = \"tunnel-2\"", "follows = \"tunnel-1\"").len(),
        2,
        "one path of theirs, two of ours, in both routes"
    );
    assert_eq!(
        said("follows = \"tunnel-2\"\n", ""),
        [
            "warning: route.paths: path `tunnel-2` of route `to-private-1` stands for none of the followed cluster's \
             (add `follows` to it, unless there is none: then it is only taken by its own probes)",
            "warning: route.paths: path `tunnel-2` of route `to-private-2` stands for none of the followed cluster's \
             (add `follows` to it, unless there is none: then it is only taken by its own probes)",
        ]
    );
}

#[test]
fn what_is_for_kernel_routes_is_refused_where_routes_are_ec2s() {
    let cloud =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../cluster.example.toml")).unwrap();
    let said = |from: &str, to: &str| {
        let refused =
            parse(Path::new("f"), &cloud.replacen(from, to, 1), "witness").expect_err("it is refused");
        refused.problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
    };
    assert_eq!(
        said("table = \"rtb-468f5222\"", "host = \"witness\"\ntable = \"rtb-468f5222\""),
        ["`host` is for kernel routes, and routes are EC2's without `[linux]`"]
    );
    assert_eq!(
        said(
            "gateway = \"strongswan-1\"           #",
            "gateway = \"strongswan-1\"\nnext_hop = \"10.0.0.1\" #"
        ),
        ["`next_hop` is for kernel routes, and routes are EC2's without `[linux]`"]
    );
}
