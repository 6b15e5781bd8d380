//! Who may depend on whom. The table is the shape of the project: whoever wants another edge changes it here, and says
//! why in `ARCHITECTURE.md`.

use crate::repository::{self, field};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A crate of ours: which others it may use, and which more its tests may use.
struct Allowed {
    name: &'static str,
    uses: &'static [&'static str],
    tests_use: &'static [&'static str],
}

const fn allowed(name: &'static str, uses: &'static [&'static str]) -> Allowed {
    Allowed { name, uses, tests_use: &[] }
}

const TABLE: &[Allowed] = &[
    allowed("arbiter-core", &[]),
    allowed("arbiter-config", &["arbiter-core"]),
    allowed("arbiter-proto", &["arbiter-core"]),
    allowed("arbiter-raft", &["arbiter-core", "arbiter-proto"]),
    allowed("arbiter-control", &["arbiter-core", "arbiter-proto", "arbiter-raft"]),
    allowed("arbiter-probe", &["arbiter-core", "arbiter-control"]),
    // Its tests run one suite against the lab's endpoint and against moto.
    Allowed { name: "arbiter-ec2", uses: &["arbiter-core", "arbiter-control"], tests_use: &["arbiter-lab"] },
    allowed("arbiter-linux", &["arbiter-core", "arbiter-control"]),
    // Its tests make their certificates by the project's own authority.
    Allowed { name: "arbiter-tls", uses: &["arbiter-core"], tests_use: &["arbiter-pki"] },
    // It makes what `tls` reads.
    allowed("arbiter-pki", &["arbiter-tls"]),
    // The only place where everything meets. Its tests start real processes against the lab's endpoint, and ask them by the
    // operators' client.
    Allowed {
        name: "arbiterd",
        uses: &[
            "arbiter-core",
            "arbiter-config",
            "arbiter-proto",
            "arbiter-raft",
            "arbiter-control",
            "arbiter-probe",
            "arbiter-ec2",
            "arbiter-linux",
            "arbiter-tls",
        ],
        tests_use: &["arbiter-lab", "arbiter-pki", "arbiterctl"],
    },
    allowed("arbiterctl", &["arbiter-core", "arbiter-proto", "arbiter-config", "arbiter-tls", "arbiter-pki"]),
    // `proto`, because the demo asks the nodes over the wire, as any client would.
    allowed("arbiter-lab", &["arbiter-core", "arbiter-config", "arbiter-proto"]),
    // It measures what others have built: decisions, the log, and the programs as they are.
    allowed(
        "arbiter-bench",
        &["arbiter-core", "arbiter-config", "arbiter-proto", "arbiter-raft", "arbiter-lab"],
    ),
    // It drives real nodes, started as the lab starts them, reads what they told each other, and opens what a power cut has left.
    allowed("arbiter-disk", &["arbiter-core", "arbiter-proto", "arbiter-raft", "arbiter-lab"]),
    allowed("arbiter-sim", &["arbiter-core", "arbiter-raft", "arbiter-control"]),
    // It feeds every reader of foreign bytes.
    allowed(
        "arbiter-fuzz",
        &[
            "arbiter-core",
            "arbiter-config",
            "arbiter-proto",
            "arbiter-raft",
            "arbiter-control",
            "arbiter-ec2",
            "arbiterctl",
            "arbiterd",
        ],
    ),
    // It reads what the lab has written down, and knows nothing else.
    allowed("arbiter-partition", &["arbiter-lab"]),
    // What the documents say is held against what the reader of the configuration says.
    Allowed { name: "arbiter-tidy", uses: &[], tests_use: &["arbiter-core", "arbiter-config"] },
];

/// Dependencies from outside that stay behind one crate, so that they can be replaced and need not be waited for. A
/// name that ends with `-` stands for all that begin with it.
const BEHIND_ONE: &[(&str, &str, &str)] = &[
    ("aws-", "arbiter-ec2", "it takes minutes to compile, and nobody who edits the core should wait for it"),
    ("tokio-rustls", "arbiter-tls", "who is believed is decided in one place"),
    ("rcgen", "arbiter-pki", "no node needs what makes certificates"),
    ("openraft", "arbiter-raft", "to move to its next version in one place"),
    ("sled", "arbiter-raft", "the store stands behind a trait"),
    ("rtnetlink", "arbiter-linux", "the kernel stands behind the `Kernel` trait"),
    ("surge-ping", "arbiter-probe", "sockets stand behind the `Prober` trait"),
];

/// The core is without I/O, clock and randomness: it may not even be able to reach them.
const CORE_USES: &[&str] = &["serde", "thiserror"];

/// One dependency of one of our crates.
struct Edge {
    from: String,
    to: String,
    for_tests: bool,
}

fn edges_of(packages: &[&Value]) -> Vec<Edge> {
    let mut edges = Vec::new();
    for package in packages {
        for dependency in package["dependencies"].as_array().expect("a package lists its dependencies") {
            let (from, to) = (field(package, "name").to_string(), field(dependency, "name").to_string());
            edges.push(Edge { from, to, for_tests: dependency["kind"] == "dev" });
        }
    }
    edges
}

fn findings(crates: &BTreeSet<String>, edges: &[Edge]) -> Vec<String> {
    let table: BTreeMap<&str, &Allowed> = TABLE.iter().map(|row| (row.name, row)).collect();
    let mut findings: Vec<String> = crates
        .iter()
        .filter(|name| !table.contains_key(name.as_str()))
        .map(|name| format!("{name} is not in the table of tests/tidy/edges.rs: say what it may use"))
        .collect();
    for Edge { from, to, for_tests } in edges {
        if crates.contains(to) {
            let row = table.get(from.as_str());
            let may = row.is_some_and(|row| {
                row.uses.contains(&to.as_str()) || (*for_tests && row.tests_use.contains(&to.as_str()))
            });
            if !may {
                let whose = if *for_tests { "the tests of " } else { "" };
                findings.push(format!("{whose}{from} may not use {to}"));
            }
        } else if from == "arbiter-core" && !for_tests && !CORE_USES.contains(&to.as_str()) {
            findings.push(format!("arbiter-core may use {} only, not {to}", CORE_USES.join(", ")));
        }
        for (name, owner, why) in BEHIND_ONE {
            let meant = to == name || (name.ends_with('-') && to.starts_with(name));
            if meant && from != owner {
                findings.push(format!("{from} may not use {to}, only {owner} may: {why}"));
            }
        }
    }
    findings
}

#[test]
fn dependencies_go_the_allowed_ways() {
    let metadata = repository::metadata();
    let packages = repository::packages(&metadata, true);
    let crates = packages.iter().map(|package| field(package, "name").to_string()).collect();
    crate::none("dependencies", &findings(&crates, &edges_of(&packages)));
}

#[test]
fn every_kind_of_wrong_edge_is_found() {
    let crates: BTreeSet<String> = TABLE.iter().map(|row| row.name.to_string()).collect();
    let found = |from: &str, to: &str, for_tests| {
        findings(&crates, &[Edge { from: from.into(), to: to.into(), for_tests }])
    };
    assert!(found("arbiter-raft", "arbiter-core", false).is_empty());
    assert!(found("arbiter-ec2", "arbiter-lab", true).is_empty());
    assert_eq!(found("arbiter-core", "arbiter-raft", false), ["arbiter-core may not use arbiter-raft"]);
    assert_eq!(found("arbiter-ec2", "arbiter-lab", false), ["arbiter-ec2 may not use arbiter-lab"]);
    assert_eq!(
        found("arbiter-sim", "arbiter-ec2", true),
        ["the tests of arbiter-sim may not use arbiter-ec2"]
    );
    assert_eq!(found("arbiter-core", "tokio", false).len(), 1);
    assert!(found("arbiter-core", "proptest", true).is_empty());
    assert_eq!(found("arbiterd", "aws-config", false).len(), 1);
    assert_eq!(found("arbiter-control", "openraft", true).len(), 1);
    let unknown: BTreeSet<String> = ["arbiter-new".to_string()].into();
    assert_eq!(findings(&unknown, &[]).len(), 1);
}
