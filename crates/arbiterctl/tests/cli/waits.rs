//! `--wait`: what is waited for, and what is said when it does not come.

use crate::fake::{Fake, Play, Say};
use crate::run::{Ran, against, command, ran};
use crate::{golden, scenes};
use arbiter_proto::v1::{GetPolicyReply, OperateReply, StatusReply};
use std::path::Path;

fn accepted() -> Vec<Say<OperateReply>> {
    let reply = OperateReply {
        answered: scenes::linearizable(),
        index: 430,
        accepted: true,
        ..OperateReply::default()
    };
    vec![Say::This(reply)]
}

fn fake(status: Vec<StatusReply>) -> Fake {
    let status = status.into_iter().map(Say::This).collect();
    Fake::start(Play { status, operate: accepted(), ..Play::default() })
}

/// Route 1 is committed to tunnel 2, and EC2 still shows it on tunnel 1.
fn half_way() -> StatusReply {
    let mut half = scenes::failing_over();
    half.routes[0].observed = "tunnel-1".into();
    half
}

const DRAIN: [&str; 6] = ["drain", "strongswan-1", "--reason", "new kernel", "--yes", "--wait"];

#[test]
fn a_drain_waits_until_nothing_uses_the_gateway_not_even_as_ec2_shows_it() {
    let fake = fake(vec![scenes::healthy(), scenes::healthy(), half_way(), scenes::remediating()]);
    let ran = against(&[&fake], &DRAIN);
    golden::check("waits/drain.txt", &ran.transcript());
    fake.asked(|asked| assert_eq!(asked.status.len(), 4));
}

#[test]
fn a_drain_that_leaves_a_route_behind_says_which() {
    let ran = against(&[&fake(vec![scenes::healthy()])], &[&DRAIN[..], &["--timeout", "700ms"]].concat());
    assert_eq!(ran.code, 5, "{ran:?}");
    golden::check("waits/drain-left.txt", &ran.transcript());
}

#[test]
fn a_pin_waits_until_the_route_is_seen_there() {
    let pin = ["pin", "private-1", "tunnel-2", "--yes", "--wait"];
    let fake = fake(vec![scenes::healthy(), half_way(), scenes::remediating()]);
    let ran = against(&[&fake], &pin);
    assert!(
        ran.code == 0 && ran.out.contains("private-1 is on tunnel-2: committed, and seen in EC2"),
        "{ran:?}"
    );
    let never = against(&[&self::fake(vec![half_way()])], &[&pin[..], &["--timeout", "700ms"]].concat());
    assert_eq!(never.code, 5, "{never:?}");
}

#[test]
fn a_stale_view_is_no_proof() {
    let mut stale = scenes::remediating();
    if let Some(answered) = &mut stale.answered {
        answered.linearizable = false;
    }
    let ran =
        against(&[&fake(vec![scenes::healthy(), stale])], &[&DRAIN[..], &["--timeout", "700ms"]].concat());
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(ran.err.contains("only a stale view shows that it has come"), "{ran:?}");
}

fn apply(status: Vec<StatusReply>, more: &[&str]) -> Ran {
    let example =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../cluster.example.toml")).unwrap();
    let (policy, _) = arbiter_config::parse_policy(Path::new("example"), &example).unwrap();
    let toml = arbiter_config::render_policy(&policy);
    let policy = GetPolicyReply { answered: scenes::linearizable(), version: 4, toml };
    let fake = Fake::start(Play {
        status: status.into_iter().map(Say::This).collect(),
        operate: accepted(),
        get_policy: vec![Say::This(policy)],
        ..Play::default()
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("new.toml"), example.replacen("name = \"vpn\"", "name = \"vpn-2\"", 1))
        .unwrap();
    let words = [&["policy", "apply", "new.toml", "--version", "5", "--wait"], more].concat();
    let output =
        command(&words).env("ARBITER_ENDPOINT", &fake.address).current_dir(&folder).output().unwrap();
    ran(&output, &[&fake.address])
}

#[test]
fn a_policy_waits_until_every_node_has_applied_it() {
    let mut behind = scenes::healthy();
    behind.members[0].applied = 429;
    let ran = apply(vec![behind.clone(), scenes::healthy()], &[]);
    golden::check("waits/policy.txt", &ran.transcript());
    let ran = apply(vec![behind], &["--timeout", "700ms"]);
    assert_eq!(ran.code, 5, "{ran:?}");
    golden::check("waits/policy-behind.txt", &ran.transcript());
    // Who is not heard has said nothing.
    let mut silent = scenes::healthy();
    (silent.members[1].fresh, silent.members[1].applied) = (false, 431);
    let ran = apply(vec![silent], &["--timeout", "700ms"]);
    assert!(ran.code == 5 && ran.err.contains("strongswan-2 has not said"), "{ran:?}");
}
