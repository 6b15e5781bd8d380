//! The sections of `cluster.toml`, one file each kind.

mod local;
mod nodes;
mod probes;
mod raft;
mod routes;
mod site;
mod timing;
mod tls;

pub(crate) use timing::{remediation_counts, remediation_durations, timing_counts, timing_durations};

use crate::config::{Ec2Config, FollowConfig, LogConfig, RaftTiming, Seed, TlsConfig};
use crate::context::Context;
use crate::reader::{Raw, Table};
use arbiter_core::command::Mode;
use arbiter_core::policy::Policy;
use nodes::{Names, NodeEntry};
use toml::de::DeTable;

/// The version of the file's format. It changes when an old file would be read wrongly.
pub(crate) const FORMAT_VERSION: u64 = 1;

const SECTIONS: &[&str] = &[
    "version",
    "cluster",
    "raft",
    "node",
    "gateway",
    "path",
    "route",
    "probe",
    "timing",
    "remediation",
    "linux",
    "follow",
    "tls",
    "ec2",
    "log",
];

/// What the file is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// To start a node: every node needs an address.
    Node,
    /// For its policy alone.
    Policy,
}

/// A whole file, read as far as it could be; the context knows what could not.
pub(crate) struct Document {
    pub(crate) policy: Policy,
    pub(crate) raft: RaftTiming,
    pub(crate) seed: Seed,
    log: LogConfig,
    ec2: Ec2Config,
    follow: Option<FollowConfig>,
    tls: TlsConfig,
    nodes: Vec<NodeEntry>,
}

impl Document {
    /// Reads a text. `None` if it isn't TOML.
    pub(crate) fn read(text: &str, purpose: Use, context: &mut Context) -> Option<Self> {
        let root = match DeTable::parse(text) {
            Ok(root) => root,
            Err(error) => {
                let help = if error.message() == "duplicate key" {
                    "a key stands once in its table; tables that repeat are written as in `[[node]]`, all of them"
                } else {
                    ""
                };
                context.error(error.span(), "", format!("this is not TOML: {}", error.message()), help);
                return None;
            }
        };
        let raw = Raw { table: Some(root.get_ref()), span: None };
        let mut root = Table::open(context, raw, "", "", SECTIONS);
        version(&mut root);
        let (cluster, seed) = cluster(&mut root);
        let mut policy = Policy { cluster, ..Policy::default() };
        let nodes = nodes::read(&mut root, purpose);
        policy.nodes = nodes.iter().map(|entry| entry.policy.clone()).collect();
        let names = Names::of(&policy.nodes);
        policy.linux = site::linux(&mut root);
        let on_premises = policy.linux.is_some();
        policy.gateways = routes::gateways(&mut root, &names, on_premises);
        policy.paths = routes::paths(&mut root, &names, &policy.gateways, on_premises);
        policy.routes = routes::routes(&mut root, &names, on_premises);
        policy.probes = probes::read(&mut root, &names, &policy);
        policy.timing = timing::timing(&mut root);
        policy.remediation = timing::remediation(&mut root);
        let raft = raft::read(&mut root);
        let (log, ec2) = (local::log(&mut root), local::ec2(&mut root));
        let follow = site::follow(&mut root);
        let tls = tls::read(&mut root);
        if purpose == Use::Node {
            site::somebody_to_follow(&mut root, &policy);
        }
        Some(Self { policy, raft, seed, log, ec2, follow, tls, nodes })
    }
}

fn version(root: &mut Table<'_, '_>) {
    let example = FORMAT_VERSION.to_string();
    if root.value("version", "version").is_none() {
        // It stands in no line, so that it is said last; but it is the first line to add.
        return root.missing("version", "version", &example);
    }
    match root.number::<u64>("version", "version", &example) {
        Some(FORMAT_VERSION) | None => {}
        Some(other) => root.error(
            "version",
            format!("version {other} of this file's format is not known here"),
            format!("write `version = {example}`, or use the release that the file was written for"),
        ),
    }
}

fn cluster(root: &mut Table<'_, '_>) -> (String, Seed) {
    let raw = root.table("cluster", "cluster");
    if root.value("cluster", "cluster").is_none() {
        root.error(
            "cluster",
            "the section `[cluster]` is missing",
            "add `[cluster]`, and below it `name = \"vpn\"`",
        );
        return Default::default();
    }
    if raw.table.is_none() {
        return Default::default();
    }
    // Core calls the name itself `cluster`.
    let mut table = Table::open(root.context, raw, "cluster", "", &["name", "mode"]);
    let name = table.required_text("name", "cluster", "\"vpn\"");
    let modes = [("act", Mode::Act), ("observe", Mode::Observe)];
    (name, Seed { mode: table.choice("mode", "mode", &modes).unwrap_or_default() })
}
