//! S4: no route leaves a path that is not `Down` except for failback, `unknown_grace`, drift repair, a policy change, an operator
//! or a drain; none comes home to a path that is `Down`.
//!
//! What a node could know is judged by what was really so, leniently: a path may be called `Down` where its gateway is off,
//! its tunnel is silent, the lines between its gateway and a majority of the others are cut in at least one direction, or packets
//! are lost at random; and for a while after it was. A stopped, killed or slow process is no reason, nor is one cut line.

use super::s1::words;
use crate::report::Violation;
use crate::run::Run;
use arbiter_lab::history::{Call, GatewayFacts, Truth};
use std::collections::BTreeMap;

/// How long a decision may rest on what was so before: a probe's window, a report's age, a commit, τ, and the probes that it takes
/// to be `Up` again, on a busy machine.
const OURS_LAGS_MS: u64 = 5_000;
/// The same for keepalived, which notices within three seconds at its defaults, and then starts a command line.
const KEEPALIVED_LAGS_MS: u64 = 6_000;
/// The same for the script that pings three times, pauses, and starts a command line.
const SCRIPTS_LAG_MS: u64 = 15_000;
/// The truth about a tunnel is written down this much after it has changed: a ping's patience.
const TRUTH_LAGS_MS: u64 = 1_500;

/// Every move of a route.
pub fn judge(run: &Run) -> Vec<Violation> {
    let lag_ms = match run.start.who.as_str() {
        "ours" | "ours-fast" => OURS_LAGS_MS,
        who if who.starts_with("keepalived") => KEEPALIVED_LAGS_MS,
        _ => SCRIPTS_LAG_MS,
    };
    let causes = causes(run);
    let mut found = Vec::new();
    let mut points_at: BTreeMap<&str, &str> = run
        .start
        .gateways
        .iter()
        .map(|gateway| (gateway.table.as_str(), gateway.interface.as_str()))
        .collect();
    for call in run.calls.iter().filter(|call| call.action == "ReplaceRoute" && call.ok) {
        let before = points_at.insert(&call.resource, &call.target);
        let of_interface = |interface: &str| run.gateway(|gateway| gateway.interface == interface);
        let Some(home) = run.gateway(|gateway| gateway.table == call.resource) else { continue };
        let Some(to) = of_interface(&call.target) else { continue };
        let (cause, left) = match causes.get(call.intent.as_str()) {
            // Where it was assigned, which is not where it pointed if somebody had moved it by hand.
            Some(Known { cause, left }) => {
                (*cause, run.gateway(|gateway| Some(gateway.path.as_str()) == *left))
            }
            None if run.is_ours() => continue,
            None if to.name == home.name => ("failback", before.and_then(of_interface)),
            None => ("failover", before.and_then(of_interface)),
        };
        let from_ms = call.arrived_ms.saturating_sub(lag_ms);
        let truths = run.truths_within(from_ms, call.arrived_ms + TRUTH_LAGS_MS);
        match (cause, left) {
            ("failover", Some(left))
                if left.name != to.name && !truths.iter().any(|so| may_be_down(run, so, left)) =>
            {
                found.push(violation(call, &format!("off {}, which was well", left.path)));
            }
            // A route that comes home needs a path that is `Up`: for the whole time it was not.
            ("failback", _) if !truths.is_empty() && truths.iter().all(|so| carries_nothing(so, to)) => {
                found.push(violation(call, &format!("home to {}, which was down", to.path)));
            }
            _ => {}
        }
    }
    found
}

fn violation(call: &Call, how: &str) -> Violation {
    Violation::new("S4", format!("{} by {} at {} ms: {how}", words(call), call.caller, call.arrived_ms))
}

struct Known<'a> {
    cause: &'a str,
    left: Option<&'a str>,
}

/// By which rule each intent was made, and which path it leaves.
fn causes(run: &Run) -> BTreeMap<&str, Known<'_>> {
    let intended = run.histories.values().flat_map(BTreeMap::values).flatten();
    intended
        .filter(|event| event.event == "intended")
        .map(|event| {
            let left = event.summary.rsplit_once(", leaving ").map(|(_, path)| path);
            (event.intent.as_str(), Known { cause: &event.cause, left })
        })
        .collect()
}

fn carries_nothing(so: &Truth, gateway: &GatewayFacts) -> bool {
    so.hosts_off.contains(&gateway.name) || so.tunnels_silent.contains(&gateway.name)
}

/// Whether somebody may rightly call the path of this gateway `Down`.
fn may_be_down(run: &Run, so: &Truth, gateway: &GatewayFacts) -> bool {
    carries_nothing(so, gateway) || is_alone(run, so, &gateway.name) || so.loss_percent > 0
}

/// Whether the lines between a node and a majority of the others are cut, in at least one direction.
pub fn is_alone(run: &Run, so: &Truth, name: &str) -> bool {
    let cut = |from: &str, to: &str| so.cuts.contains(&(from.to_owned(), to.to_owned()));
    let others: Vec<_> =
        run.start.nodes.iter().map(|node| node.name.as_str()).filter(|other| *other != name).collect();
    let cut_off = others.iter().filter(|other| cut(name, other) || cut(other, name)).count();
    // Two gateways that watch each other can't know; that is no excuse.
    run.is_ours() && cut_off > others.len() / 2
}
