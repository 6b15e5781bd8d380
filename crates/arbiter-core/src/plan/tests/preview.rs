//! What a command would do: the same as it then does, and nothing is changed by asking.

use super::{away, reference};
use crate::command::{Action, Applied, Cause, Command, Mode, Operation, Outcome, Proposal, Refusal};
use crate::evidence::Evidence;
use crate::fixture::{Cluster, LONG_MS, dice, gateway, policy_with, route, tunnel};
use crate::ids::PolicyVersion;
use crate::plan::{Preview, Situation, Step, Wish, preview};
use crate::policy::Policy;
use crate::rules::proves;
use crate::time::UnixMs;
use proptest::prelude::*;

fn asks(cluster: &Cluster, evidence: &Evidence, operation: Operation) -> Preview {
    let before = cluster.state.clone();
    let mut at = cluster.at;
    at.index.0 += 1;
    let command =
        Command::Operator { stamp: cluster.stamp(), request: String::new(), by: "ops".into(), operation };
    let situation = Situation {
        state: &cluster.state,
        evidence,
        now: cluster.state.log_at(cluster.elapsed_ms),
        in_flight: &cluster.in_flight,
        known_for_ms: &cluster.known_for_ms,
        must_read: &cluster.must_read,
    };
    let preview = preview(&situation, at, &Proposal { wall_ms: UnixMs(0), command });
    assert_eq!(before, cluster.state);
    preview
}

/// What would be done, by resource and rule.
fn follows(preview: &Preview) -> Vec<(String, Cause)> {
    let words = |action: &Action| match action {
        Action::SetRoute { route, path, .. } => format!("{route} to {path}"),
        Action::Stop { gateway, .. } => format!("stop {gateway}"),
        Action::Start { gateway, .. } => format!("start {gateway}"),
    };
    preview.follows.iter().map(|step| (words(&step.action), step.cause)).collect()
}

fn drain(n: u64) -> Operation {
    Operation::Drain { gateway: gateway(n), reason: "new kernel".into() }
}

fn restart(n: u64) -> Operation {
    Operation::RestartGateway { gateway: gateway(n), reason: "it leaks".into(), force: false }
}

#[test]
fn a_drain_moves_what_is_on_the_gateway() {
    proves("preview.changes-nothing");
    let (cluster, healthy) = reference();
    let seen = asks(&cluster, &healthy, drain(1));
    assert_eq!(seen.answer, Applied::Accepted);
    assert_eq!(follows(&seen), [("private-1 to tunnel-2".into(), Cause::Drain)]);
    assert_eq!(seen.follows[0].from, Some(tunnel(1)));
    let (id, view) = &seen.routes[0];
    assert_eq!((id, &view.committed), (&route(1), &Some(tunnel(2))));
    assert!(view.why.iter().any(|why| why.contains("its gateway is drained")), "{:?}", view.why);
    assert!(seen.prevents.is_empty() && seen.routes.len() == 1);
}

#[test]
fn a_restart_is_played_through_until_the_stop() {
    proves("preview.changes-nothing");
    let (cluster, healthy) = reference();
    let steps = follows(&asks(&cluster, &healthy, restart(1)));
    assert_eq!(
        steps,
        [
            ("private-1 to tunnel-2".into(), Cause::Drain),
            ("stop strongswan-1".into(), Cause::OperatorRestart)
        ]
    );
    let alone = healthy.tunnel_down(2, LONG_MS);
    let refused = asks(&cluster, &alone, restart(1)).answer;
    assert!(
        matches!(&refused, Applied::Refused(Refusal::Other(why)) if why.contains("--force")),
        "{refused:?}"
    );
}

#[test]
fn what_is_refused_is_said_with_its_reason_and_does_nothing() {
    proves("preview.same-guards");
    let (cluster, healthy) = reference();
    let wrong: [(Operation, &str); 3] = [
        (Operation::Switchover { route: route(9), path: tunnel(1) }, "unknown route"),
        (
            Operation::ApplyPolicy {
                version: PolicyVersion(9),
                policy: Box::new(Policy::clone(&cluster.state.policy)),
            },
            "is not the next one",
        ),
        (Operation::CancelRestart { gateway: gateway(1) }, "nobody asked"),
    ];
    for (operation, why) in wrong {
        let seen = asks(&cluster, &healthy, operation);
        let Applied::Refused(refusal) = &seen.answer else { panic!("{seen:?}") };
        assert!(refusal.to_string().contains(why), "{refusal}");
        assert!(seen.follows.is_empty() && seen.prevents.is_empty() && seen.routes.is_empty());
    }
}

#[test]
fn what_happens_anyhow_is_not_its_doing_and_what_it_prevents_is_said() {
    proves("preview.changes-nothing");
    let (cluster, healthy) = reference();
    let failing = healthy.tunnel_down(1, 500);
    let seen = asks(&cluster, &failing, Operation::Resume);
    assert!(seen.follows.is_empty(), "the failover goes on by itself: {seen:#?}");
    let pause = Operation::Pause { reason: "work".into(), for_ms: None };
    let seen = asks(&cluster, &failing, pause.clone());
    assert_eq!(seen.prevents.len(), 1, "{seen:#?}");
    assert!(seen.quiet && seen.start_to_come.is_none());
    let mut paused = cluster;
    paused.told(pause);
    assert_eq!(
        follows(&asks(&paused, &failing, Operation::Resume)),
        [("private-1 to tunnel-2".into(), Cause::Failover)]
    );
    // While observing nothing would be done, whatever is asked for.
    paused.told(Operation::Resume);
    paused.told(Operation::SetMode(Mode::Observe));
    assert!(asks(&paused, &failing, drain(2)).follows.is_empty());
}

#[test]
fn what_only_time_brings_is_in_the_reasons() {
    proves("preview.changes-nothing");
    let (mut cluster, evidence) = away();
    cluster.told(drain(1));
    let back = evidence.tunnel(1, crate::evidence::Verdict::Up, 5_000);
    let seen = asks(&cluster, &back, Operation::Undrain { gateway: gateway(1) });
    assert!(seen.follows.is_empty());
    let why = seen.routes[0].1.why.join("; ");
    assert!(why.contains("not tunnel-1 yet: it is Up for 5.0s, and must be for 30.0s"), "{why}");
}

#[test]
fn a_new_policy_is_tried_on() {
    proves("preview.same-guards");
    let (cluster, healthy) = reference();
    let swapped = policy_with(|policy| policy.routes[0].paths.reverse());
    let next = Operation::ApplyPolicy { version: PolicyVersion(2), policy: Box::new(swapped) };
    assert_eq!(follows(&asks(&cluster, &healthy, next)), [("private-1 to tunnel-2".into(), Cause::Failback)]);
}

#[test]
fn a_thousand_routes_go_in_batches_as_they_do_in_truth() {
    proves("preview.same-guards");
    let policy = policy_with(|policy| {
        let one = policy.routes[0].clone();
        policy.routes = (1..=350)
            .map(|n| crate::policy::Route { id: route(n), table: format!("rtb-{n}"), ..one.clone() })
            .collect();
    });
    let cluster = Cluster::formed(&policy);
    let seen = asks(&cluster, &Evidence::healthy(&policy), drain(1));
    assert_eq!(seen.follows.len(), 350);
    assert!(seen.follows.iter().all(|step| step.cause == Cause::Drain));
}

/// What is done from here on, each call a success, until nothing more is planned or four rounds are over.
fn comes(mut cluster: Cluster, mut evidence: Evidence) -> Vec<Action> {
    let mut done = Vec::new();
    for _ in 0..4 {
        let wishes = cluster.plan(&evidence).wishes;
        let granted = |wish: &Wish| Some((cluster.grants(wish, &evidence).ok()?, wish.action.clone()));
        let made: Vec<_> = wishes.iter().filter_map(granted).collect();
        if made.is_empty() {
            break;
        }
        for (id, action) in made {
            cluster.ended(id, Outcome::Done);
            if let Action::SetRoute { route, after, .. } = &action
                && let Some(facts) = evidence.routes.get_mut(route)
            {
                (facts.target, facts.target_for_ms, facts.age_ms) = (Some(after.clone()), 0, 0);
            }
            done.push(action);
        }
    }
    done
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// The first that would be done is what the plan then asks for, and what is refused is then refused.
    #[test]
    fn what_it_says_is_what_comes(mut dice in dice()) {
        proves("preview.same-guards");
        let mut cluster = Cluster::reference();
        for _ in 0..dice.below(8) {
            dice.turn(&mut cluster);
        }
        let evidence = dice.evidence(&cluster.state.policy.clone());
        let operation = dice.operation();
        let seen = asks(&cluster, &evidence, operation.clone());
        let without = comes(cluster.clone(), evidence.clone());
        let answer = cluster.asked(operation);
        match (&seen.answer, &answer) {
            // What only the leader sees is not in the log.
            (Applied::Refused(Refusal::Other(_)), Applied::Accepted) => return Ok(()),
            (said, found) => prop_assert_eq!(said, found),
        }
        let with = comes(cluster, evidence);
        let less = |all: &[Action], others: &[Action]| -> Vec<Action> {
            all.iter().filter(|action| !others.contains(action)).cloned().collect()
        };
        let actions = |steps: &[Step]| -> Vec<Action> { steps.iter().map(|step| step.action.clone()).collect() };
        prop_assert_eq!(actions(&seen.follows), less(&with, &without));
        prop_assert_eq!(actions(&seen.prevents), less(&without, &with));
    }
}
