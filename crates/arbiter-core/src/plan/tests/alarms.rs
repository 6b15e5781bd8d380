//! Alarms that no decision hangs on.

use super::reference;
use crate::evidence::Evidence;
use crate::fixture::{Cluster, eni, policy, route};
use crate::health::{Alarm, Code};
use crate::plan::Plan;

/// The alarms of that code: where, and the particulars.
fn raised(plan: &Plan, code: Code) -> Vec<(&str, &str)> {
    let of_code = plan.alarms.iter().filter(|alarm| alarm.code == code);
    of_code.map(|Alarm { subject, detail, .. }| (subject.as_str(), detail.as_str())).collect()
}

#[test]
fn the_loss_of_the_next_node_is_told_before_it_happens() {
    let (cluster, healthy) = reference();
    let plan = |evidence: Evidence| cluster.plan(&evidence);
    let well = plan(healthy.clone());
    assert!(!well.alarms(Code::NodeSilent) && !well.alarms(Code::QuorumAtRisk), "{well:#?}");
    for one_less in [healthy.clone().silent(3, 301), healthy.clone().never_heard(3)] {
        let plan = plan(one_less);
        assert_eq!(raised(&plan, Code::NodeSilent), [("witness", "zone cn-north-1c")]);
        assert_eq!(raised(&plan, Code::QuorumAtRisk), [("vpn", "2 of 3 voters are heard, 2 are needed")]);
    }
}

#[test]
fn what_the_provider_says_of_a_route_is_told() {
    let (cluster, mut evidence) = reference();
    let facts = evidence.routes.get_mut(&route(1)).unwrap();
    facts.blackhole = true;
    facts.shadowed_by = Some("10.10.4.0/24 via vgw-1".to_owned());
    let target = eni(1);
    let plan = cluster.plan(&evidence.unread(2));
    let black = format!("10.10.0.0/16 → {target}");
    assert_eq!(raised(&plan, Code::Blackhole), [("private-1", black.as_str())]);
    assert_eq!(raised(&plan, Code::Shadowed), [("private-1", "10.10.4.0/24 via vgw-1")]);
    assert_eq!(raised(&plan, Code::RouteUnread), [("private-2", "rtb-00000002 10.10.0.0/16")]);
}

#[test]
fn what_keeps_a_gateway_from_forwarding_is_told() {
    let (cluster, mut evidence) = reference();
    evidence.host(1).source_dest_check = true;
    evidence.host(2).interface_attached = false;
    let plan = cluster.plan(&evidence);
    let (first, second) = (eni(1).to_string(), eni(2).to_string());
    assert_eq!(raised(&plan, Code::SourceDestCheck), [("strongswan-1", first.as_str())]);
    assert_eq!(raised(&plan, Code::InterfaceDetached), [("strongswan-2", second.as_str())]);
}

#[test]
fn a_new_cluster_that_waits_says_so() {
    let policy = policy();
    let mut cluster = Cluster::new(&policy);
    let healthy = Evidence::healthy(&policy);
    assert_eq!(raised(&cluster.plan(&healthy), Code::NewCluster).len(), 1);
    cluster.after(policy.timing.takeover_wait_ms() + 1);
    assert!(!cluster.plan(&healthy).alarms(Code::NewCluster));
}
