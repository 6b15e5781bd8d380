//! A policy as the text that `policy apply` takes, for `policy show`.

use crate::sections::{
    FORMAT_VERSION, remediation_counts, remediation_durations, timing_counts, timing_durations,
};
use arbiter_core::ids::NodeId;
use arbiter_core::policy::{DriftAction, Policy, Probe, ProbeKind, ProbeRole, Subject, Target};
use arbiter_core::time::ExactMs;
use std::fmt::Display;

/// Writes a policy in the form of `cluster.toml`, every value spelled out, defaults as well.
///
/// [`crate::parse_policy`] reads back the same policy, if it has no errors. What is local to nodes (addresses,
/// folders) is not in a policy, so that the text alone can't start a node.
pub fn render_policy(policy: &Policy) -> String {
    let mut page = Page::default();
    page.raw("version", FORMAT_VERSION);
    page.header("[cluster]");
    page.text("name", &policy.cluster);
    for node in &policy.nodes {
        page.header("[[node]]");
        page.raw("id", node.id);
        page.text("name", &node.name);
        page.text("zone", &node.zone);
    }
    if let Some(linux) = &policy.linux {
        page.header("[linux]");
        page.raw("metric", linux.metric);
    }
    topology(policy, &mut page);
    for probe in &policy.probes {
        self::probe(policy, probe, &mut page);
    }
    numbers(policy, &mut page);
    page.0
}

fn topology(policy: &Policy, page: &mut Page) {
    for gateway in &policy.gateways {
        page.header("[[gateway]]");
        page.text("name", gateway.id.as_str());
        page.text("node", &policy.node_name(gateway.node));
        page.text("zone", &gateway.zone);
        if policy.linux.is_none() {
            page.text("instance", gateway.instance.as_str());
            page.text("interface", &gateway.interface);
            page.raw("remediate", gateway.remediate);
        }
    }
    for path in &policy.paths {
        page.header("[[path]]");
        page.text("name", path.id.as_str());
        if let Some(gateway) = &path.gateway {
            page.text("gateway", gateway.as_str());
        }
        match &path.target {
            Target::NextHop { via, dev } => {
                page.text("next_hop", &via.to_string());
                page.some("dev", dev.as_ref());
            }
            other if path.gateway.is_none() => page.text("target", &other.to_string()),
            _ => {}
        }
        if path.gateway.is_none() {
            page.texts("observers", &names(policy, &path.observers));
        }
        page.some("follows", path.follows.as_ref());
    }
    for route in &policy.routes {
        page.header("[[route]]");
        page.text("name", route.id.as_str());
        page.some("host", route.host.map(|host| policy.node_name(host)).as_ref());
        page.text("table", &route.table);
        page.text("destination", &route.destination);
        page.texts("paths", &route.paths.iter().map(ToString::to_string).collect::<Vec<_>>());
        page.text(
            "drift",
            match route.drift {
                DriftAction::Repair => "repair",
                DriftAction::Report => "report",
            },
        );
        page.raw("importance", route.importance);
        page.some("follows", route.follows.as_ref());
    }
}

fn probe(policy: &Policy, probe: &Probe, page: &mut Page) {
    page.header("[[probe]]");
    page.text("name", probe.id.as_str());
    match &probe.subject {
        Subject::Path(id) => page.text("path", id.as_str()),
        Subject::Gateway(id) => page.text("gateway", id.as_str()),
    }
    page.texts("observers", &names(policy, &probe.observers));
    page.text("target", &probe.target.to_string());
    match &probe.kind {
        ProbeKind::Icmp { size_bytes, dont_fragment } => {
            page.text("kind", "icmp");
            page.raw("size", size_bytes);
            page.raw("dont_fragment", dont_fragment);
        }
        ProbeKind::Tcp { port } => {
            page.text("kind", "tcp");
            page.raw("port", port);
        }
        ProbeKind::Ipsec { child, socket } => {
            page.text("kind", "ipsec");
            page.text("child", child);
            page.text("vici", socket);
        }
        ProbeKind::Forwarding => page.text("kind", "forwarding"),
    }
    page.text(
        "role",
        match probe.role {
            ProbeRole::Required => "required",
            ProbeRole::Advisory => "advisory",
        },
    );
    page.duration("interval", probe.interval_ms);
    page.raw("fall", probe.fall);
    page.raw("rise", probe.rise);
    page.duration("timeout_min", probe.timeout_min_ms);
    page.duration("timeout_max", probe.timeout_max_ms);
    if let Some(source) = probe.source {
        page.text("source", &source.to_string());
    }
    if let Some(interface) = &probe.interface {
        page.text("interface", interface);
    }
}

fn numbers(policy: &Policy, page: &mut Page) {
    let mut timing = policy.timing.clone();
    page.header("[timing]");
    for (key, duration) in timing_durations(&mut timing) {
        page.duration(key, *duration);
    }
    for (key, count) in timing_counts(&mut timing) {
        page.raw(key, count);
    }
    page.raw("clock_rate_error_ppm", timing.clock_rate_error_ppm);

    let mut remediation = policy.remediation.clone();
    page.header("[remediation]");
    page.raw("enabled", remediation.enabled);
    for (key, duration) in remediation_durations(&mut remediation) {
        page.duration(key, *duration);
    }
    for (key, count) in remediation_counts(&mut remediation) {
        page.raw(key, count);
    }
}

fn names(policy: &Policy, nodes: &[NodeId]) -> Vec<String> {
    nodes.iter().map(|node| policy.node_name(*node)).collect()
}

/// A text that grows line by line.
#[derive(Default)]
struct Page(String);

impl Page {
    fn header(&mut self, header: &str) {
        self.0.push_str(&format!("\n{header}\n"));
    }

    fn raw(&mut self, key: &str, value: impl Display) {
        self.0.push_str(&format!("{key} = {value}\n"));
    }

    fn text(&mut self, key: &str, text: &str) {
        self.raw(key, quoted(text));
    }

    fn some(&mut self, key: &str, value: Option<&impl Display>) {
        if let Some(value) = value {
            self.text(key, &value.to_string());
        }
    }

    fn texts(&mut self, key: &str, texts: &[String]) {
        let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
        self.raw(key, format!("[{}]", quoted.join(", ")));
    }

    fn duration(&mut self, key: &str, ms: u64) {
        self.text(key, &ExactMs(ms).to_string());
    }
}

/// A basic string of TOML: quotes, backslashes and control characters are escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
