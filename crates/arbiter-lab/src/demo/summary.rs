//! The words at the beginning and at the end, for somebody who sees this for the first time.

use super::cluster::{GATEWAYS, TIMES_NOTE};
use super::outcome::{DemoOutcome, Permissions, Step};
use super::stage::{EC2_LATENCY_MS, Stage};
use std::collections::BTreeSet;

/// What a step promises, in one line.
pub(super) const fn promise(step: Step) -> &'static str {
    match step {
        Step::Start => "three nodes agree, and bring each subnet's route to its own zone's gateway",
        Step::TunnelCut => "tunnel 1 is cut, and private-1 moves to the other gateway",
        Step::TunnelHeal => "tunnel 1 is healed, and private-1 comes home",
        Step::GatewayDead => "gateway 1 dies together with its node, and private-1 moves",
        Step::GatewayRestart => "the dead gateway is stopped and started, exactly once",
        Step::GatewayHome => "the gateway is healthy again, and private-1 comes home",
        Step::LeaderKilled => {
            "the leader is killed in the middle of a failover: it is finished, by one hand at a time"
        }
        Step::LineCut => "the line between the gateways is cut, once under each leader: nothing is touched",
        Step::LineCutOld => "the same cut, and the old way: two scripts that ping each other",
    }
}

/// What is played, with what, and what is not real about it.
pub(super) fn opening(stage: &Stage) -> String {
    let mut text = String::from(
        "Route Arbiter: the reference case. Two VPN gateways, each with a tunnel to the data centre 10.10.0.0/16;\n\
         two private subnets, each with a route table whose route should point at the gateway of its own zone.\n\n",
    );
    text += &format!("{:<11}{:<14}{:<14}{:<14}{}\n", "route", "table", "home", "interface", "tunnel");
    for it in GATEWAYS {
        let home = it.node.name();
        text += &format!("{:<11}{:<14}{home:<14}{:<14}{}\n", it.route, it.table, it.interface, it.tunnel);
    }
    text += &format!(
        "\nReal: three arbiterd processes, Raft over gRPC, live probes (TCP), the AWS SDK over HTTP.\n\
         Stand-ins, all on loopback: the EC2 API (at {}, {EC2_LATENCY_MS} ms a call), the hosts,\n\
         the lines between nodes (relays) and the tunnels (listeners), which fall silent when cut: they refuse nothing.\n\n\
         {TIMES_NOTE}\n\n\
         Everything below was seen: in EC2's route tables, in EC2's log of calls, in what the nodes report.",
        stage.endpoint.url(),
    );
    text
}

/// How it ended, and what that means.
pub(super) fn closing(outcome: &DemoOutcome) -> String {
    let mut text = String::from("\n── summary ──\n");
    for step in &outcome.steps {
        let seen = if step.ok { "observed" } else { "NOT OBSERVED" };
        text += &format!(
            "{:<17}{seen:<14}{:>6.1} s  {}\n",
            step.name.name(),
            seconds(step.ms),
            promise(step.name)
        );
    }
    text += &said(&outcome.permissions);
    if !outcome.ok {
        return text + "\nNot everything was observed: this run proves nothing, look at what is said above.";
    }
    text += "\n\
        Why the old way is dangerous: two machines that watch only each other can't tell \"you are dead\" from \"the line\n\
        between us is cut\". When it was cut, each took the other's routes and stopped the other, and both were well.\n\
        Why this is not: three nodes must agree before anything is touched. Under the same cut the witness still heard\n\
        both gateways, everybody knew what everybody saw, and nobody alone can condemn a gateway. And when the leader\n\
        died with a call under way, the next one found that call in the log: it wanted the same, or waited until nothing\n\
        of the old one could land any more. So there was never a second hand on the route tables, and EC2's own log of\n\
        calls says so.";
    text
}

/// What the nodes made of their permissions, in one line.
fn said(permissions: &Permissions) -> String {
    let Permissions { used, unused, refused } = permissions;
    let list = |what: &str, actions: &BTreeSet<String>| {
        let names: Vec<_> = actions.iter().map(String::as_str).collect();
        if names.is_empty() { String::new() } else { format!("; {what}: {}", names.join(", ")) }
    };
    format!(
        "EC2 let the nodes do what deploy/iam-policy.json allows, and nothing else: {} of its {} actions were needed{}{}\n",
        used.len(),
        used.len() + unused.len(),
        list("not needed", unused),
        list("REFUSED", refused),
    )
}

#[expect(clippy::cast_precision_loss, reason = "a step takes minutes at most, not the age of the universe")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}
