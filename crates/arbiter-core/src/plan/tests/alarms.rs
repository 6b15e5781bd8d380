//! Alarms that no decision hangs on.

use super::reference;
use crate::evidence::Evidence;
use crate::evidence::Verdict::Down;
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
fn a_cut_line_is_told_from_a_dead_gateway() {
    let (cluster, healthy) = reference();
    let well = cluster.plan(&healthy);
    assert!(!well.alarms(Code::ObserversDisagree), "{well:#?}");
    // Each of the two gateways sees the other dead; neither is.
    let cut = healthy.clone().says(2, "gateway-1", Down, 5_000).says(1, "gateway-2", Down, 5_000);
    let plan = cluster.plan(&cut);
    assert!(plan.wishes.is_empty() && !plan.alarms(Code::GatewayDown), "{plan:#?}");
    let told = raised(&plan, Code::ObserversDisagree);
    assert_eq!(
        told.iter().map(|(subject, _)| *subject).collect::<Vec<_>>(),
        ["strongswan-1", "strongswan-2"]
    );
    let says = "strongswan-2 says Down for 5.0s; strongswan-1 itself reports";
    assert!(told[0].1.starts_with(says), "{told:?}");
    // Of a gateway that is Down that is no news, and an old word is none at all.
    let dead = cluster.plan(&healthy.clone().dead(1, 5_000));
    assert!(dead.alarms(Code::GatewayDown) && !dead.alarms(Code::ObserversDisagree), "{dead:#?}");
    let old = cluster.plan(&healthy.says(2, "gateway-1", Down, 5_000).silent(2, 301));
    assert!(!old.alarms(Code::ObserversDisagree), "{old:#?}");
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
