//! What could keep a failover or a remediation from working, judged before it is needed.
//!
//! Each node examines itself, and hands in what it found; here it is judged and laid together. The findings are
//! alarms of the one health model.

use crate::destination::Destination;
use crate::health::{Alarm, Code, Urgency};
use crate::ids::NodeId;
use crate::policy::{Policy, Probe};
use crate::report::Report;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// More of a timeout than this share is too much for a usual round trip: half of it is left for a bad moment.
const SHARE_OF_TIMEOUT: u64 = 2;

/// A node's way to the EC2 API, as far as the node can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiWay {
    /// The API's host.
    pub host: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// Whether the way to the API depends on a route that we move: then a failover could cut itself off.
///
/// One finding for all routes: a thousand of them may have one destination.
pub fn judge_api_way(policy: &Policy, way: &ApiWay) -> Option<Alarm> {
    policy.routes.iter().find_map(|route| {
        // What is no destination is refused where the policy is read.
        let destination = Destination::parse(&route.destination).ok()?;
        let inside = |address: &&IpAddr| !is_own(**address) && destination.contains(**address);
        let address = way.addresses.iter().find(inside)?;
        let detail = format!("{address} lies in {destination}, the destination of route {}", route.id);
        Some(Alarm::new(Code::ApiPath, &way.host, detail))
    })
}

/// No route table sees packets to these.
fn is_own(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unicast_link_local(),
    }
}

/// Whether the round trips of a node's probes leave enough of their longest timeout.
pub fn judge_probe_rtts(policy: &Policy, node: &str, report: &Report) -> Vec<Alarm> {
    let judge = |probe: &Probe| {
        let rtt_us = report.probes.get(&probe.id)?.last_rtt_us?;
        let limit_us = probe.timeout_max_ms.saturating_mul(1_000) / SHARE_OF_TIMEOUT;
        let detail = || {
            let limit = format!("timeout_max is {} ms", probe.timeout_max_ms);
            format!("from {node} to {} and back in {}, and {limit}", probe.target, ms(rtt_us))
        };
        (rtt_us > limit_us).then(|| Alarm::new(Code::RttHigh, &probe.id, detail()))
    };
    policy.probes.iter().filter_map(judge).collect()
}

fn ms(us: u64) -> String {
    format!("{}.{} ms", us / 1_000, us % 1_000 / 100)
}

/// Whether the loss of one zone ends all failover. Of a voter that the policy does not name the zone is not known.
pub fn judge_zones(policy: &Policy, voters: &BTreeSet<NodeId>) -> Option<Alarm> {
    let mut zones: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in policy.nodes.iter().filter(|node| voters.contains(&node.id)) {
        zones.entry(&node.zone).or_default().push(&node.name);
    }
    let (zone, names) = zones.into_iter().find(|(_, names)| names.len() > voters.len() / 2)?;
    let detail = format!("{} of {} voters: {}", names.len(), voters.len(), names.join(", "));
    Some(Alarm::new(Code::ZoneMajority, format!("zone {zone}"), detail))
}

/// A finding, and the nodes that say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was found.
    pub alarm: Alarm,
    /// By whom, by name.
    pub said_by: Vec<String>,
}

impl Finding {
    /// As it is shown among the alarms of a cluster in which these nodes were examined. What a node says of itself, and
    /// not all of them do, names those who do: a right may be missing on one node alone.
    pub fn among(&self, examined: &[String]) -> Alarm {
        let mut alarm = self.alarm.clone();
        let of_itself = matches!(
            alarm.code,
            Code::NotPermitted | Code::PermissionUnclear | Code::DryRunIgnored | Code::ApiPath
        );
        if of_itself && !examined.iter().all(|node| self.said_by.contains(node)) {
            let said = format!("found by {}", self.said_by.join(", "));
            alarm.detail = if alarm.detail.is_empty() { said } else { format!("{}; {said}", alarm.detail) };
        }
        alarm
    }
}

/// Lays together what the nodes found, each node by its name, and what one node's loop sees by itself; most urgent
/// first. The same of several nodes is one finding.
pub fn gather(
    found: impl IntoIterator<Item = (String, Vec<Alarm>)>,
    seen: (String, Vec<Alarm>),
) -> Vec<Finding> {
    let mut said: BTreeMap<Alarm, Vec<String>> = BTreeMap::new();
    for (node, alarms) in found {
        for alarm in alarms {
            let said_by = said.entry(alarm).or_default();
            if !said_by.contains(&node) {
                said_by.push(node.clone());
            }
        }
    }
    let unseen = not_covered(said.keys(), seen.1);
    said.extend(unseen.into_iter().map(|alarm| (alarm, vec![seen.0.clone()])));
    let mut findings: Vec<_> = said.into_iter().map(|(alarm, said_by)| Finding { alarm, said_by }).collect();
    // Stable: within one urgency they stay in the order of the model.
    findings.sort_by_key(|finding| Reverse(finding.alarm.code.urgency()));
    findings
}

/// What a loop sees and no examination has found. A loop says the same thing in other words, or with the same words as
/// another code. What is only good to know keeps nothing from working.
fn not_covered<'a>(found: impl Iterator<Item = &'a Alarm>, mut seen: Vec<Alarm>) -> Vec<Alarm> {
    let (mut things, mut words) = (BTreeSet::new(), BTreeSet::new());
    for alarm in found {
        things.insert((alarm.code, alarm.subject.as_str()));
        words.insert(alarm.detail.as_str());
    }
    words.remove("");
    seen.retain(|alarm| {
        let said = things.contains(&(alarm.code, alarm.subject.as_str())) || words.contains(&*alarm.detail);
        alarm.code.urgency() > Urgency::Info && !said
    });
    seen
}

#[cfg(test)]
mod tests;
