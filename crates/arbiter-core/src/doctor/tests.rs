use super::*;
use crate::fixture::{policy, policy_with};
use crate::report::ReportedProbe;

fn voters(policy: &Policy) -> BTreeSet<NodeId> {
    policy.nodes.iter().map(|node| node.id).collect()
}

fn way(address: &str) -> ApiWay {
    ApiWay { host: "ec2.example".into(), addresses: vec![address.parse().unwrap()] }
}

#[test]
fn an_api_within_a_destination_of_ours_is_found_once() {
    let found = judge_api_way(&policy(), &way("10.10.3.4")).expect("it lies in 10.10.0.0/16");
    assert_eq!((found.code, found.subject.as_str()), (Code::ApiPath, "ec2.example"));
    assert_eq!(found.detail, "10.10.3.4 lies in 10.10.0.0/16, the destination of route private-1");
    for outside in ["203.0.113.7", "10.11.0.1", "2001:db8::1"] {
        assert_eq!(judge_api_way(&policy(), &way(outside)), None, "{outside}");
    }
}

#[test]
fn an_address_that_never_leaves_the_host_depends_on_no_route() {
    let all = policy_with(|policy| policy.routes[0].destination = "0.0.0.0/0".into());
    for own in ["127.0.0.1", "169.254.169.254", "::1"] {
        assert_eq!(judge_api_way(&all, &way(own)), None, "{own}");
    }
    assert!(judge_api_way(&all, &way("203.0.113.7")).is_some());
}

fn report(rtt_us: u64) -> Report {
    let probe = ReportedProbe { last_rtt_us: Some(rtt_us), ..ReportedProbe::default() };
    Report { probes: BTreeMap::from([("inner-1".into(), probe)]), ..Report::default() }
}

#[test]
fn a_round_trip_may_take_half_of_the_longest_timeout() {
    assert_eq!(judge_probe_rtts(&policy(), "strongswan-1", &report(250_000)), []);
    let found = judge_probe_rtts(&policy(), "strongswan-1", &report(250_900));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].code, found[0].subject.as_str()), (Code::RttHigh, "inner-1"));
    assert_eq!(
        found[0].detail,
        "from strongswan-1 to 169.254.100.1 and back in 250.9 ms, and timeout_max is 500 ms"
    );
}

#[test]
fn a_zone_with_a_majority_of_the_nodes_is_found() {
    assert_eq!(judge_zones(&policy(), &voters(&policy())), None);
    let crowded = policy_with(|policy| policy.nodes[2].zone = policy.nodes[0].zone.clone());
    let found = judge_zones(&crowded, &voters(&crowded)).expect("two of three are in one zone");
    assert_eq!((found.code, found.subject.as_str()), (Code::ZoneMajority, "zone cn-north-1a"));
    assert_eq!(found.detail, "2 of 3 voters: strongswan-1, witness");
}

fn alarm(code: Code, subject: &str, detail: &str) -> Alarm {
    Alarm::new(code, subject, detail)
}

fn said(by: &str, alarms: &[Alarm]) -> (String, Vec<Alarm>) {
    (by.to_owned(), alarms.to_vec())
}

#[test]
fn what_several_nodes_find_is_one_finding() {
    let check = alarm(Code::SourceDestCheck, "strongswan-1", "eni-1");
    let denied = alarm(Code::NotPermitted, "StopInstances", "on i-1: UnauthorizedOperation: no");
    let found = [said("one", &[check.clone(), check.clone()]), said("two", &[denied.clone(), check.clone()])];
    let findings = gather(found, said("one", &[]));
    let lines: Vec<_> = findings.iter().map(|it| (it.alarm.clone(), it.said_by.join("+"))).collect();
    assert_eq!(lines, [(check, "one+two".to_owned()), (denied, "two".to_owned())]);
    let examined = ["one".to_owned(), "two".to_owned()];
    let shown: Vec<_> = findings.iter().map(|finding| finding.among(&examined).detail).collect();
    assert_eq!(shown, ["eni-1", "on i-1: UnauthorizedOperation: no; found by two"]);
}

#[test]
fn what_the_loop_sees_is_added_unless_it_is_the_same() {
    let found = alarm(Code::SourceDestCheck, "strongswan-1", "eni-1");
    let same = alarm(Code::SourceDestCheck, "strongswan-1", "in other words");
    let words = "StopInstances: UnauthorizedOperation: no";
    let denied = alarm(Code::NotPermitted, "StopInstances", words);
    let denied_too = alarm(Code::ProviderDenied, "witness", words);
    let paused = alarm(Code::Paused, "vpn", "works on the line");
    let away = alarm(Code::AwayFromHome, "private-1", "");
    let seen = said("witness", &[same, denied_too, paused.clone(), away]);
    let findings = gather([said("one", &[found.clone(), denied.clone()])], seen);
    let alarms: Vec<_> = findings.iter().map(|finding| finding.alarm.clone()).collect();
    assert_eq!(
        alarms,
        [found, denied, paused],
        "the most urgent first; what is only good to know is left out"
    );
    assert_eq!(findings[2].said_by, ["witness"]);
}
