//! What `policy show` prints, `policy apply` takes.

use crate::policies;
use arbiter_config::{parse_policy, render_policy};
use arbiter_core::policy::Policy;
use proptest::prelude::*;
use std::path::Path;

fn read_back(policy: &Policy) -> Policy {
    let text = render_policy(policy);
    match parse_policy(Path::new("policy.toml"), &text) {
        Ok((policy, _)) => policy,
        Err(refused) => panic!("{refused}\n{text}"),
    }
}

#[test]
fn the_reference_case_is_read_back() {
    assert_eq!(read_back(&policies::reference()), policies::reference());
}

#[test]
fn a_rendered_policy_is_for_people_too() {
    let text = render_policy(&policies::reference());
    let start = "version = 1\n\n[cluster]\nname = \"vpn\"\n\n[[node]]\nid = 1\nname = \"strongswan-1\"\nzone = \"cn-north-1a\"\n";
    assert!(text.starts_with(start), "{text}");
    let route = "[[route]]\nname = \"private-1\"\ntable = \"rtb-468f5222\"\ndestination = \"10.10.0.0/16\"\n\
                 paths = [\"tunnel-1\", \"tunnel-2\"]\ndrift = \"repair\"\nimportance = 100\n";
    assert!(text.contains(route), "{text}");
    assert!(text.contains("unknown_grace = \"1m\"\n"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_valid_policy_is_read_back(policy in policies::valid()) {
        prop_assert_eq!(read_back(&policy), policy);
    }

    #[test]
    fn any_name_of_a_cluster_is_read_back(name in "\\PC{1,60}") {
        let policy = Policy { cluster: format!("x{name}"), ..policies::reference() };
        prop_assert_eq!(read_back(&policy), policy);
    }
}
