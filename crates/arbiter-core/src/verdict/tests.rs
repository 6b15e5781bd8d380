//! One test a sentence; the tables stand in `tables`.

use super::{Judgement, gateway as judge_gateway, path as judge_path};
use crate::evidence::Verdict::{Down, Unknown, Up};
use crate::evidence::{Ending, Evidence, InstanceState, Verdict};
use crate::fixture::{LONG_MS, gateway, policy, policy_with, policy_with_direct_connect, probe, tunnel};
use crate::ids::NodeId;
use crate::policy::{Policy, Subject};
use crate::rules::proves;

fn of_gateway(policy: &Policy, evidence: &Evidence, n: u64) -> Judgement {
    judge_gateway(policy, evidence, policy.gateway(&gateway(n)).expect("of the reference case"))
}

fn of_path(policy: &Policy, evidence: &Evidence, n: u64) -> Judgement {
    judge_path(policy, evidence, policy.path(&tunnel(n)).expect("of the reference case"))
}

#[test]
fn a_silent_gateway_is_down_when_all_others_say_so() {
    proves("gateway.down-by-majority");
    let policy = policy();
    let says = of_gateway(&policy, &Evidence::healthy(&policy).dead(1, 5_000), 1);
    assert_eq!((says.verdict, says.for_ms), (Down, 5_000));
    assert_eq!(says.reasons.len(), 3, "{:?}", says.reasons);
    // It has been down only for as long as the whole majority has said so.
    let later = Evidence::healthy(&policy).dead(1, 5_000).says(3, "gateway-1", Down, 700);
    assert_eq!(of_gateway(&policy, &later, 1).for_ms, 700);
    // While its own node reports, nobody's ping counts.
    let own = Evidence::healthy(&policy).dead(1, 5_000).silent(1, 300);
    assert_eq!(of_gateway(&policy, &own, 1).verdict, Up);
    let stale = Evidence::healthy(&policy).dead(1, 5_000).silent(1, 301);
    assert_eq!(of_gateway(&policy, &stale, 1).verdict, Down);
}

#[test]
fn a_silent_voter_agrees_with_nobody() {
    proves("gateway.silent-voter");
    let policy = policy();
    let dead = Evidence::healthy(&policy).dead(1, 5_000);
    assert_eq!(of_gateway(&policy, &dead.clone().silent(3, 301), 1).verdict, Unknown);
    assert_eq!(of_gateway(&policy, &dead.clone().never_heard(3), 1).verdict, Unknown);
    // A voter without a probe of it agrees with nobody either.
    let blind = policy_with(|policy| policy.probes[4].observers = vec![NodeId(2)]);
    assert_eq!(of_gateway(&blind, &dead, 1).verdict, Unknown);
    // What a silent voter saw last does not keep the gateway up either.
    let mute = Evidence::healthy(&policy).mute(1, 5_000).silent(3, 301);
    assert_eq!(of_gateway(&policy, &mute, 1).verdict, Unknown);
}

#[test]
fn one_observer_never_condemns_a_gateway() {
    proves("gateway.one-observer-never-condemns");
    let policy = policy();
    let healthy = Evidence::healthy(&policy);
    for (observer, other) in [(2, 3), (3, 2)] {
        let alone = healthy.clone().silent(1, LONG_MS).says(observer, "gateway-1", Down, LONG_MS);
        for other_says in [Up, Unknown] {
            let evidence = alone.clone().says(other, "gateway-1", other_says, LONG_MS);
            assert_ne!(of_gateway(&policy, &evidence, 1).verdict, Down);
        }
        assert_ne!(of_gateway(&policy, &alone.clone().silent(other, LONG_MS), 1).verdict, Down);
    }
    // Nor where it is all that is left of the cluster.
    for voters in [vec![2], vec![1, 2]] {
        let mut evidence = healthy.clone().dead(1, LONG_MS);
        evidence.voters = voters.into_iter().map(NodeId).collect();
        assert_ne!(of_gateway(&policy, &evidence, 1).verdict, Down);
        let off = evidence.instance(1, InstanceState::Stopped, LONG_MS);
        assert_eq!(of_gateway(&policy, &off, 1).verdict, Down, "the provider's word is another's");
    }
}

#[test]
fn of_five_voters_three_of_the_four_others_are_needed() {
    proves("gateway.down-by-majority");
    let policy = policy_with(|policy| {
        for n in [4, 5] {
            let mut node = policy.nodes[2].clone();
            (node.id, node.name) = (NodeId(n), format!("witness-{n}"));
            policy.nodes.push(node);
            policy.probes[4].observers.push(NodeId(n));
        }
    });
    let mut evidence = Evidence::healthy(&policy).silent(1, 9_000);
    let mut says = Vec::new();
    for n in [2, 3, 4, 5] {
        evidence = evidence.says(n, "gateway-1", Down, 8_000);
        says.push(of_gateway(&policy, &evidence, 1).verdict);
    }
    assert_eq!(says, [Up, Unknown, Down, Down]);
}

#[test]
fn the_providers_word_counts_only_for_a_silent_gateway_that_no_majority_sees() {
    proves("gateway.down-by-provider");
    let policy = policy();
    let stopped = Evidence::healthy(&policy).instance(1, InstanceState::Stopped, 4_000);
    assert_eq!(of_gateway(&policy, &stopped, 1).verdict, Up, "its own report is fresh");
    let seen = stopped.clone().silent(1, 9_000);
    assert_eq!(of_gateway(&policy, &seen, 1).verdict, Up, "a majority sees it");
    let unseen = seen.says(3, "gateway-1", Down, 9_000);
    let says = of_gateway(&policy, &unseen, 1);
    assert_eq!((says.verdict, says.for_ms), (Down, 4_000));
    let mut old = unseen;
    old.host(1).age_ms = policy.timing.observation_stale_after_ms() + 1;
    assert_eq!(of_gateway(&policy, &old, 1).verdict, Unknown, "the provider's word is too old");
}

#[test]
fn gone_is_terminated_or_absent_for_five_minutes() {
    proves("gateway.gone");
    let policy = policy();
    let unseen = Evidence::healthy(&policy).silent(1, LONG_MS).silent(3, LONG_MS);
    let says = |state, for_ms| of_gateway(&policy, &unseen.clone().instance(1, state, for_ms), 1).verdict;
    assert_eq!(says(InstanceState::Terminated, 0), Down);
    assert_eq!(says(InstanceState::Absent, 299_999), Unknown);
    assert_eq!(says(InstanceState::Absent, 300_000), Down);
}

#[test]
fn a_host_that_announced_its_end_is_down_at_once() {
    proves("gateway.down-by-host-shutdown");
    let policy = policy();
    let ends = Evidence::healthy(&policy).ends(1, Ending::Host);
    assert_eq!(of_gateway(&policy, &ends, 1).verdict, Down);
    assert_eq!(of_path(&policy, &ends, 1).verdict, Down);
    // It stays down while it is silent, though its last seconds may still answer pings.
    let quiet = ends.silent(1, 200_000);
    assert_eq!(
        (of_gateway(&policy, &quiet, 1).verdict, of_gateway(&policy, &quiet, 1).for_ms),
        (Down, 200_000)
    );
    // Back with a new report: what it said in its last life is forgotten with that report.
    assert_eq!(of_gateway(&policy, &Evidence::healthy(&policy), 1).verdict, Up);
    // Back, but nobody reports from it: a majority saw it come up since.
    let back = quiet.says(2, "gateway-1", Up, 60_000).says(3, "gateway-1", Up, 60_000);
    assert_eq!(of_gateway(&policy, &back, 1).verdict, Up);
    assert_eq!(of_path(&policy, &back, 1).verdict, Unknown);
    let one = back.says(3, "gateway-1", Up, 300_000);
    assert_eq!(of_gateway(&policy, &one, 1).verdict, Down, "only one saw it come up");
}

#[test]
fn a_process_that_ends_alone_changes_nothing() {
    proves("gateway.process-end-changes-nothing");
    let policy = policy();
    let ends = Evidence::healthy(&policy).ends(1, Ending::Process);
    assert_eq!(of_gateway(&policy, &ends, 1).verdict, Up);
    assert_eq!(of_path(&policy, &ends, 1).verdict, Up);
    let gone = ends.mute(1, 5_000);
    assert_eq!(of_gateway(&policy, &gone, 1).verdict, Up, "the others see the host");
    assert_eq!(of_path(&policy, &gone, 1).verdict, Unknown, "nobody speaks for its tunnel");
}

#[test]
fn a_gateway_is_up_by_its_own_report_or_by_a_majority() {
    let policy = policy();
    proves("gateway.up-by-own-report");
    let only_own =
        Evidence::healthy(&policy).dead(1, LONG_MS).silent(1, 0).silent(2, LONG_MS).silent(3, LONG_MS);
    assert_eq!(of_gateway(&policy, &only_own, 1).verdict, Up);
    proves("gateway.up-by-majority");
    let only_others = Evidence::healthy(&policy).mute(1, LONG_MS);
    assert_eq!(of_gateway(&policy, &only_others, 1).verdict, Up);
    assert_eq!(of_gateway(&policy, &only_others.says(2, "gateway-1", Unknown, 0), 1).verdict, Unknown);
}

#[test]
fn never_heard_is_held_against_nobody_before_we_have_listened_that_long() {
    proves("report.never-heard");
    let policy = policy();
    let mut evidence = Evidence::healthy(&policy).dead(1, 5_000).never_heard(1);
    evidence.listening_ms = 300;
    assert_eq!(of_gateway(&policy, &evidence, 1).verdict, Unknown);
    evidence.listening_ms = 301;
    let says = of_gateway(&policy, &evidence, 1);
    assert_eq!((says.verdict, says.for_ms), (Down, 301));
}

#[test]
fn a_path_is_down_with_its_gateway() {
    proves("path.down-by-gateway");
    let policy = policy();
    let says = of_path(&policy, &Evidence::healthy(&policy).dead(1, 5_000), 1);
    assert_eq!((says.verdict, says.for_ms), (Down, 5_000));
    assert!(says.reasons.iter().any(|reason| reason.contains("strongswan-1 is Down")), "{:?}", says.reasons);
}

#[test]
fn a_path_is_down_by_its_own_gateways_required_probe() {
    proves("path.down-by-required-probe");
    let policy = policy();
    let down = Evidence::healthy(&policy).tunnel_down(1, 400);
    let says = of_path(&policy, &down, 1);
    assert_eq!((says.verdict, says.for_ms), (Down, 400));
    assert_eq!(of_path(&policy, &down.silent(1, 301), 1).verdict, Unknown, "an old report says nothing");
    // Nobody else speaks for a gateway's tunnel.
    let foreign =
        Evidence::healthy(&policy).says(2, "inner-1", Down, LONG_MS).says(3, "inner-1", Down, LONG_MS);
    assert_eq!(of_path(&policy, &foreign, 1).verdict, Up);
}

#[test]
fn a_path_is_down_when_its_interface_can_not_forward() {
    proves("path.down-by-interface");
    let policy = policy();
    let mut detached = Evidence::healthy(&policy);
    detached.host(1).interface_attached = false;
    let mut checked = Evidence::healthy(&policy);
    checked.host(1).source_dest_check = true;
    for evidence in [detached, checked] {
        assert_eq!(of_path(&policy, &evidence, 1).verdict, Down);
        assert_eq!(of_gateway(&policy, &evidence, 1).verdict, Up);
        assert_eq!(of_path(&policy, &evidence, 2).verdict, Up);
    }
}

#[test]
fn a_path_is_up_when_all_its_required_probes_are_freshly_up() {
    proves("path.up-needs-all-required");
    let policy = policy_with(|policy| {
        let mut second = policy.probes[0].clone();
        second.id = "inner-1b".into();
        policy.probes.push(second);
    });
    let healthy = Evidence::healthy(&policy).says(1, "inner-1b", Up, 900);
    assert_eq!((of_path(&policy, &healthy, 1).verdict, of_path(&policy, &healthy, 1).for_ms), (Up, 900));
    let unsure = healthy.clone().says(1, "inner-1b", Unknown, 900);
    assert_eq!(of_path(&policy, &unsure, 1).verdict, Unknown);
    assert_eq!(of_path(&policy, &unsure.tunnel_down(1, 100), 1).verdict, Down);
    assert_eq!(of_path(&policy, &healthy.clone().silent(1, 301), 1).verdict, Unknown);
    // What was Up while nobody heard it was not Up to anybody: the time begins anew.
    assert_eq!(of_path(&policy, &healthy.heard_for(1, 200), 1).for_ms, 200);
    let mut unreported = Evidence::healthy(&policy);
    unreported.node(1).probes.clear();
    assert_eq!(of_path(&policy, &unreported, 1).verdict, Unknown);
}

#[test]
fn an_advisory_probe_never_changes_a_verdict() {
    proves("path.advisory-never-alone");
    let policy = policy();
    for state in [Up, Unknown, Down] {
        let evidence = Evidence::healthy(&policy).says(1, "behind-1", state, LONG_MS);
        assert_eq!(of_path(&policy, &evidence, 1).verdict, Up);
        let evidence = evidence.tunnel_down(1, 500);
        assert_eq!(of_path(&policy, &evidence, 1).verdict, Down);
    }
    let advisory = policy_with(|policy| {
        let mut ping = probe("extra", Subject::Gateway(gateway(1)), &[2, 3], "172.16.1.157");
        ping.role = crate::policy::ProbeRole::Advisory;
        policy.probes.push(ping);
    });
    let evidence = Evidence::healthy(&advisory).dead(1, 5_000);
    assert_eq!(of_gateway(&advisory, &evidence, 1).verdict, Down, "an advisory Up does not save it");
}

#[test]
fn a_path_without_a_gateway_is_judged_by_the_majority_of_its_observers() {
    proves("path.by-named-observers");
    let policy = policy_with_direct_connect();
    let evidence = |says: [Option<Verdict>; 3]| {
        let mut evidence = Evidence::healthy(&policy);
        for (n, says) in (1..).zip(says) {
            evidence = match says {
                Some(state) => evidence.says(n, "inner-9", state, 1_000 * n),
                None => evidence.silent(n, 1_000 * n),
            };
        }
        evidence
    };
    let states = [Some(Up), Some(Down), Some(Unknown), None];
    for a in states {
        for b in states {
            for c in states {
                let count = |wanted| [a, b, c].iter().filter(|it| **it == Some(wanted)).count();
                let expected = match (count(Up), count(Down)) {
                    (2.., _) => Up,
                    (_, 2..) => Down,
                    _ => Unknown,
                };
                let says = of_path(&policy, &evidence([a, b, c]), 9);
                assert_eq!(says.verdict, expected, "{a:?} {b:?} {c:?}");
            }
        }
    }
    // Nobody changed his mind for a second: neither did they together.
    assert_eq!(of_path(&policy, &evidence([Some(Up), Some(Down), None]), 9).for_ms, 1_000);
    assert_eq!(of_path(&policy, &evidence([Some(Up), Some(Up), Some(Down)]), 9).for_ms, 1_000);
}
