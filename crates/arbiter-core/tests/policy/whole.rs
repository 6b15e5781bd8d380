//! The policy as a whole: everything at once, nothing too large, never a panic.

use crate::policies::{reference, valid};
use crate::{after, problems};
use arbiter_core::policy::{Policy, Severity};
use arbiter_core::rules::proves;
use proptest::prelude::*;

#[test]
fn the_reference_case_has_no_problems() {
    assert_eq!(problems(&reference()), Vec::<String>::new());
}

#[test]
fn too_many_of_anything_is_all_that_is_said() {
    after(
        |p| {
            p.nodes = vec![p.nodes[0].clone(); 10];
            p.routes = vec![p.routes[0].clone(); 2_001];
            p.probes = vec![p.probes[0].clone(); 5_001];
        },
        &[
            "error: nodes: 10 nodes are too many (at most 9)",
            "error: routes: 2001 routes are too many (at most 2000)",
            "error: probes: 5001 probes are too many (at most 5000)",
        ],
    );
}

/// `apply` asks too: a policy of nothing but wrong names must not keep it busy.
#[test]
fn only_the_first_wrong_names_are_answered_with_a_suggestion() {
    let mut policy = reference();
    policy.routes[0].paths = (0..16).map(|i| format!("tunel-{i}").as_str().into()).collect();
    policy.routes[1].paths = policy.routes[0].paths.clone();
    let unknown: Vec<_> =
        policy.problems().into_iter().filter(|it| it.message.starts_with("unknown path")).collect();
    assert_eq!((unknown.len(), unknown.iter().filter(|it| it.help.is_some()).count()), (32, 20));
}

#[test]
fn everything_wrong_is_said_at_once() {
    proves("policy.validated-whole");
    after(
        |p| {
            p.nodes[0].zone = "cn-north-1c".into();
            p.gateways[0].zone = "cn-north-1c".into();
            p.routes[0].destination = "10.10.0.0".into();
            p.routes[1].paths[0] = "tunnel-3".into();
            p.probes[1].fall = 0;
            p.timing.call_timeout_ms = u64::MAX;
        },
        &[
            "warning: nodes[2].zone: zone `cn-north-1c` holds 2 of 3 nodes: when it fails, all failover ends \
           (move nodes until no zone holds more than 1)",
            "error: routes[0].destination: `10.10.0.0` has no prefix length (for this one address write `10.10.0.0/32`)",
            "error: routes[1].paths[0]: unknown path `tunnel-3` (write `tunnel-1`)",
            "error: timing.call_timeout_ms: 18446744073709551615ms is not between 100ms and 30s (the nearest allowed \
           is `30s`)",
            "error: probes[1].fall: 0 is not between 2 and 100 (the nearest allowed is 2)",
        ],
    );
}

/// Puts any number wherever the JSON has one, and any text wherever it has text.
fn scrambled(value: &mut serde_json::Value, numbers: &mut dyn FnMut() -> u64) {
    match value {
        serde_json::Value::Number(number) => {
            let drawn = numbers();
            // Small fields refuse what is too large for them: they get what fits.
            *number = if number.as_u64() <= Some(65_535) && !drawn.is_multiple_of(3) {
                (drawn % 65_536).into()
            } else {
                number.clone()
            };
        }
        serde_json::Value::String(text)
            if numbers().is_multiple_of(5) && text.parse::<std::net::IpAddr>().is_err() =>
        {
            text.insert(0, char::from((numbers() % 128) as u8));
        }
        serde_json::Value::Array(items) => {
            if numbers().is_multiple_of(7) {
                items.pop();
            }
            items.iter_mut().for_each(|item| scrambled(item, numbers));
        }
        serde_json::Value::Object(fields) => fields.values_mut().for_each(|field| scrambled(field, numbers)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn valid_policies_have_no_errors(policy in valid()) {
        let errors: Vec<String> = policy.errors().iter().map(ToString::to_string).collect();
        prop_assert_eq!(errors, Vec::<String>::new());
    }

    #[test]
    fn no_policy_makes_validation_panic(policy in valid(), draws in proptest::collection::vec(any::<u64>(), 64)) {
        let mut json = serde_json::to_value(&policy).expect("a policy is JSON");
        let mut draws = draws.into_iter().cycle();
        scrambled(&mut json, &mut || draws.next().unwrap_or_default());
        if let Ok(mut policy) = serde_json::from_value::<Policy>(json) {
            let _ = policy.problems();
            policy.timing.report_interval_ms = u64::MAX;
            for probe in &mut policy.probes {
                (probe.interval_ms, probe.fall) = (u64::MAX, u32::MAX);
            }
            let errors = policy.problems().into_iter().filter(|problem| problem.severity == Severity::Error);
            prop_assert!(errors.count() > 0);
        }
    }
}
