//! Every combination, against a second formula that is written straight from the rules.

use super::{gateway as judge_gateway, path as judge_path};
use crate::check::ask;
use crate::evidence::Verdict::{Down, Unknown, Up};
use crate::evidence::{Ending, Evidence, InstanceState, Verdict};
use crate::fixture::{LONG_MS, dice, gateway, policy, policy_with_direct_connect, tunnel};
use crate::rules::proves;
use proptest::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    Fresh,
    Stale,
    NeverYet,
    NeverAtAll,
    FreshAndProcessEnds,
    FreshAndHostEnds,
    StaleAndHostEnded,
    StaleAndProcessEnded,
}

const OWNS: [Own; 8] = [
    Own::Fresh,
    Own::Stale,
    Own::NeverYet,
    Own::NeverAtAll,
    Own::FreshAndProcessEnds,
    Own::FreshAndHostEnds,
    Own::StaleAndHostEnded,
    Own::StaleAndProcessEnded,
];

/// What another voter says of gateway 1; none: it is silent.
const OTHERS: [Option<Verdict>; 4] = [Some(Up), Some(Down), Some(Unknown), None];

/// What the provider says of its instance; none: it has not been asked.
const PROVIDERS: [Option<(InstanceState, u64)>; 9] = [
    Some((InstanceState::Running, LONG_MS)),
    Some((InstanceState::Pending, 1_000)),
    Some((InstanceState::Stopping, 1_000)),
    Some((InstanceState::Stopped, 1_000)),
    Some((InstanceState::ShuttingDown, 1_000)),
    Some((InstanceState::Terminated, 0)),
    Some((InstanceState::Absent, 299_999)),
    Some((InstanceState::Absent, 300_000)),
    None,
];

fn situation(own: Own, others: [Option<Verdict>; 2], provider: Option<(InstanceState, u64)>) -> Evidence {
    let mut evidence = Evidence::healthy(&policy());
    evidence = match own {
        Own::Fresh => evidence,
        Own::Stale => evidence.silent(1, 10_000),
        Own::NeverYet | Own::NeverAtAll => evidence.never_heard(1),
        Own::FreshAndProcessEnds => evidence.ends(1, Ending::Process),
        Own::FreshAndHostEnds => evidence.ends(1, Ending::Host),
        Own::StaleAndHostEnded => evidence.silent(1, 10_000).ends(1, Ending::Host),
        Own::StaleAndProcessEnded => evidence.silent(1, 10_000).ends(1, Ending::Process),
    };
    if own == Own::NeverYet {
        evidence.listening_ms = 200;
    }
    for (n, says) in [2, 3].into_iter().zip(others) {
        evidence = match says {
            Some(state) => evidence.says(n, "gateway-1", state, LONG_MS),
            None => evidence.silent(n, 20_000),
        };
    }
    match provider {
        Some((state, for_ms)) => evidence.instance(1, state, for_ms),
        None => {
            evidence.instances.clear();
            evidence
        }
    }
}

/// Section "Gateway verdict" of the design, sentence by sentence. With two other voters a strict majority is both.
fn expected(own: Own, others: [Option<Verdict>; 2], provider: Option<(InstanceState, u64)>) -> Verdict {
    let fresh = matches!(own, Own::Fresh | Own::FreshAndProcessEnds | Own::FreshAndHostEnds);
    let stale = !fresh && own != Own::NeverYet;
    let majority_down = others == [Some(Down); 2];
    let majority_up = others == [Some(Up); 2];
    let off = match provider {
        Some((InstanceState::Stopping | InstanceState::Stopped | InstanceState::Terminated, _)) => true,
        // On its way to terminated: as good as stopping.
        Some((InstanceState::ShuttingDown, _)) => true,
        Some((InstanceState::Absent, for_ms)) => for_ms >= 300_000,
        _ => false,
    };
    let host_ends = matches!(own, Own::FreshAndHostEnds | Own::StaleAndHostEnded);
    if stale && majority_down || stale && !majority_up && off || host_ends {
        Down
    } else if fresh || majority_up {
        Up
    } else {
        Unknown
    }
}

#[test]
fn every_combination_of_who_says_what_of_a_gateway() {
    proves("gateway.down-by-majority");
    proves("gateway.down-by-provider");
    let policy = policy();
    let one = policy.gateway(&gateway(1)).unwrap();
    let mut cases = 0;
    for own in OWNS {
        for a in OTHERS {
            for b in OTHERS {
                for provider in PROVIDERS {
                    let evidence = situation(own, [a, b], provider);
                    let says = judge_gateway(&policy, &evidence, one);
                    let case = format!("{own:?}, others {a:?} {b:?}, provider {provider:?}");
                    assert_eq!(says.verdict, expected(own, [a, b], provider), "{case}");
                    assert!(!says.reasons.is_empty(), "{case}");
                    // The independent check reads the same evidence the same way.
                    let asked = ask::gateway(&policy, &evidence, one);
                    assert_eq!(asked, says.verdict, "the check: {case}");
                    assert!(
                        ask::gateway_is_down_for(&policy, &evidence, one, says.for_ms) == (asked == Down),
                        "{case}"
                    );
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(cases, 8 * 4 * 4 * 9);
}

/// What is wrong with the interface, as far as the provider says.
const INTERFACES: [(bool, bool); 4] = [(true, false), (true, true), (false, false), (false, true)];

#[test]
fn every_combination_of_what_is_known_of_a_path() {
    proves("path.down-by-gateway");
    proves("path.down-by-required-probe");
    proves("path.down-by-interface");
    proves("path.up-needs-all-required");
    let policy = policy();
    let (one, owner) = (policy.path(&tunnel(1)).unwrap(), policy.gateway(&gateway(1)).unwrap());
    for own in OWNS {
        for others in [[Some(Up); 2], [Some(Down); 2], [Some(Up), Some(Down)]] {
            for inner in [Some(Up), Some(Down), Some(Unknown), None] {
                for behind in [Up, Down] {
                    for (attached, checked) in INTERFACES {
                        let mut evidence =
                            situation(own, others, PROVIDERS[0]).says(1, "behind-1", behind, 9_000);
                        evidence = match inner {
                            Some(state) => evidence.tunnel(1, state, 5_000),
                            None => evidence,
                        };
                        if inner.is_none() {
                            evidence.node(1).probes.remove(&"inner-1".into());
                        }
                        if matches!(own, Own::NeverYet | Own::NeverAtAll) {
                            evidence = evidence.never_heard(1);
                        }
                        let host = evidence.host(1);
                        (host.interface_attached, host.source_dest_check) = (attached, checked);
                        let fresh =
                            matches!(own, Own::Fresh | Own::FreshAndProcessEnds | Own::FreshAndHostEnds);
                        let gateway_down = judge_gateway(&policy, &evidence, owner).verdict == Down;
                        let expected = if gateway_down || fresh && inner == Some(Down) || !attached || checked
                        {
                            Down
                        } else if fresh && inner == Some(Up) {
                            Up
                        } else {
                            Unknown
                        };
                        let says = judge_path(&policy, &evidence, one);
                        let case = format!("{own:?} {others:?} {inner:?} {behind:?} {attached} {checked}");
                        assert_eq!(says.verdict, expected, "{case}");
                        assert_eq!(ask::path(&policy, &evidence, one), expected, "the check: {case}");
                        if expected == Up {
                            assert!(ask::path_is_up_for(&policy, &evidence, one, says.for_ms), "{case}");
                            assert!(!ask::path_is_up_for(&policy, &evidence, one, says.for_ms + 1), "{case}");
                        }
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_check_reads_any_evidence_as_the_verdicts_do(mut dice in dice()) {
        proves("intent.evidence-carries");
        for policy in [policy(), policy_with_direct_connect()] {
            let evidence = dice.evidence(&policy);
            for gateway in &policy.gateways {
                let says = judge_gateway(&policy, &evidence, gateway);
                prop_assert_eq!(ask::gateway(&policy, &evidence, gateway), says.verdict);
                if says.verdict == Down {
                    prop_assert!(ask::gateway_is_down_for(&policy, &evidence, gateway, says.for_ms));
                }
            }
            for path in &policy.paths {
                let says = judge_path(&policy, &evidence, path);
                prop_assert_eq!(ask::path(&policy, &evidence, path), says.verdict, "{:?}", says);
                match says.verdict {
                    Up => {
                        prop_assert!(ask::path_is_up_for(&policy, &evidence, path, says.for_ms));
                        prop_assert!(!ask::path_is_up_for(&policy, &evidence, path, says.for_ms + 1));
                    }
                    Unknown => {
                        prop_assert!(ask::path_is_unknown_for(&policy, &evidence, path, says.for_ms), "{says:?}");
                        let longer = says.for_ms.saturating_add(1);
                        prop_assert!(!ask::path_is_unknown_for(&policy, &evidence, path, longer), "{says:?}");
                    }
                    Down => {}
                }
            }
        }
    }
}
