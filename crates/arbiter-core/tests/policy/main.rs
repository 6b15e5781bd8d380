//! Every rule of a policy's validation, by the message that it gives; and that no policy makes it panic.

mod numbers;
mod policies;
mod probes;
mod structure;
mod whole;

use arbiter_core::policy::Policy;

fn problems(policy: &Policy) -> Vec<String> {
    policy.problems().iter().map(ToString::to_string).collect()
}

/// What the reference case is told after one change.
#[track_caller]
fn after(change: impl FnOnce(&mut Policy), expected: &[&str]) {
    let mut policy = policies::reference();
    change(&mut policy);
    assert_eq!(problems(&policy), expected);
}
