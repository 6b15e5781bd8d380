//! The planner against the independent check, in situations that nobody thought of.

use crate::command::{Action, Applied, Cause, Mode, Operation};
use crate::evidence::{Evidence, InstanceState, Verdict};
use crate::fixture::{
    Cluster, Dice, dice, eni, follow, force_stop, policy, policy_with_direct_connect, route, set, stop,
    tunnel,
};
use crate::ids::{GatewayId, PathId};
use crate::rules::proves;
use crate::state::ClusterState;
use crate::verdict::{self, Judgement};
use proptest::prelude::*;

fn cluster(dice: &mut Dice) -> Cluster {
    let mut policy = if dice.once_in(3) { policy_with_direct_connect() } else { policy() };
    if dice.once_in(3) {
        follow(&mut policy);
    }
    let mut cluster = if dice.once_in(3) { Cluster::new(&policy) } else { Cluster::formed(&policy) };
    // The first plan of a cluster is a case of its own.
    let turns = if dice.once_in(4) { 0 } else { dice.below(16) };
    for _ in 0..turns {
        dice.turn(&mut cluster);
    }
    dice.hears(&mut cluster);
    if dice.once_in(2) {
        let operation = dice.operation();
        cluster.asked(operation);
    }
    if dice.once_in(4) {
        let gateway = crate::fixture::gateway(dice.pick(&[1, 2]));
        let reason = "it hangs".to_owned();
        cluster.asked(Operation::RestartGateway { gateway, reason, force: dice.once_in(2) });
    }
    cluster
}

fn says(state: &ClusterState, evidence: &Evidence, path: &PathId) -> Judgement {
    verdict::path(&state.policy, evidence, state.policy.path(path).expect("a path of the policy"))
}

/// S4, written straight from its sentence and judged by the planner's side of the house.
fn s4(state: &ClusterState, evidence: &Evidence, action: &Action, cause: Cause) -> Result<(), String> {
    let Action::SetRoute { route: id, path: to, .. } = action else { return Ok(()) };
    let on = state.policy.route(id).expect("a route of the policy");
    let verdict = |path: &PathId| says(state, evidence, path);
    let gateway = |path: &PathId| state.policy.path(path).and_then(|path| path.gateway.clone());
    let blocked = |path: &PathId| gateway(path).is_some_and(|gateway: GatewayId| state.is_blocked(&gateway));
    if blocked(to) {
        return Err(format!("{to} is being stopped"));
    }
    let better =
        on.paths.iter().any(|path| path != to && !blocked(path) && verdict(path).verdict != Verdict::Down);
    if verdict(to).verdict == Verdict::Down && better {
        return Err(format!("moves onto {to}, which is Down, while another is not"));
    }
    let from =
        state.assignments.get(id).map(|assignment| &assignment.path).filter(|path| on.paths.contains(path));
    let Some(from) = from.filter(|from| *from != to) else { return Ok(()) };
    let (here, there) = (verdict(from), verdict(to));
    let followed = state.preferred_path(on).map(|(path, _)| path.id.clone());
    let rank = |path: &PathId| (followed.as_ref() != Some(path), on.paths.iter().position(|it| it == path));
    let overrides = &state.overrides;
    let wait_ms = state.policy.timing.failback_wait_ms(state.flaps(id, state.log_now()));
    let allowed = match cause {
        Cause::Failover => here.verdict == Verdict::Down,
        Cause::UnknownGrace => {
            here.verdict == Verdict::Unknown && here.for_ms >= 60_000 && there.verdict == Verdict::Up
        }
        Cause::Failback => rank(to) < rank(from) && there.verdict == Verdict::Up && there.for_ms >= wait_ms,
        Cause::Drain => gateway(from).is_some_and(|gateway| state.is_drained(&gateway)),
        Cause::Switchover => overrides.switchovers.get(id) == Some(to),
        Cause::Pin => overrides.pins.get(id) == Some(to),
        Cause::Follow => {
            let held = [&overrides.pins, &overrides.switchovers].iter().any(|it| it.get(id) == Some(from));
            let drained = gateway(to).is_some_and(|gateway| state.is_drained(&gateway));
            followed.as_ref() == Some(to) && there.verdict == Verdict::Up && !held && !drained
        }
        _ => false,
    };
    if allowed { Ok(()) } else { Err(format!("leaves {from}, which is {}, by {cause}", here.verdict)) }
}

/// S5, as far as one acceptance can break it.
fn s5(state: &ClusterState, evidence: &Evidence, action: &Action, cause: Cause) -> Result<(), String> {
    let Action::Stop { gateway: id, instance, force } = action else { return Ok(()) };
    let gateway = state.policy.gateway(id).expect("a gateway of the policy");
    let facts = &evidence.instances[id];
    let others = state.slot.iter().filter(|slot| slot.instance != *instance).count();
    let in_doubt =
        state.unsettled.values().filter(|it| matches!(it.intent.action, Action::Stop { .. })).count();
    let now = state.log_now();
    let stops = state
        .instances
        .get(instance)
        .map_or(0, |record| record.stops.iter().filter(|at| now.since_ms(**at) < 3_600_000).count());
    let down = verdict::gateway(&state.policy, evidence, gateway);
    // The one exception: an operator asked for this very restart.
    let asked = state.overrides.restart.as_ref();
    let by_hand = cause == Cause::OperatorRestart
        && asked.is_some_and(|it| it.gateway == *id && it.instance == *instance && now < it.until);
    for (wrong, what) in [
        (!by_hand && verdict::can_be_seen(&state.policy, evidence, gateway), "it can be seen"),
        (others + in_doubt > 0, "another is being stopped"),
        (!force && stops >= 3, "past its budget"),
        (!by_hand && !force && down.verdict != Verdict::Down, "it is not Down"),
        (by_hand && *force, "a restart is not forced upon the instance"),
        (by_hand && !facts.has_elastic_ip, "it would lose its address"),
        (!force && facts.state != InstanceState::Running, "it does not run"),
        (*force && facts.state != InstanceState::Stopping, "it does not hang"),
        (!by_hand && state.overrides.drains.contains_key(id), "it is drained"),
        (state.halted(now).is_some(), "the cluster is halted"),
    ] {
        if wrong {
            return Err(what.to_owned());
        }
    }
    Ok(())
}

/// An intent that nobody planned.
fn wild(dice: &mut Dice, evidence: &Evidence) -> (Action, Cause) {
    let n = dice.pick(&[1, 2]);
    let to = dice.pick(&[1, 2]);
    let before = evidence.routes.get(&route(n)).and_then(|facts| facts.target.clone());
    match dice.below(6) {
        0 => (stop(n), dice.pick(&[Cause::Remediate, Cause::OperatorRestart])),
        1 => (force_stop(n), Cause::ForceStop),
        2 => (stop(n), dice.cause()),
        3 => {
            (Action::SetRoute { route: route(n), before, path: tunnel(to), after: eni(3 - to) }, dice.cause())
        }
        _ => (set(n, before, to), dice.cause()),
    }
}

/// The harness is worth something only if it comes by every rule.
#[test]
fn the_situations_reach_every_cause() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut planned = std::collections::BTreeMap::new();
    let mut accepted = std::collections::BTreeMap::new();
    let mut closed = 0;
    for _ in 0..2_000 {
        let mut dice = dice().new_tree(&mut runner).unwrap().current();
        let cluster = cluster(&mut dice);
        let evidence = dice.evidence(&cluster.state.policy);
        let plan = cluster.plan(&evidence);
        closed += u32::from(plan.close.is_some());
        for wish in plan.wishes {
            *planned.entry(wish.cause).or_insert(0) += 1;
        }
        for _ in 0..4 {
            let (action, cause) = wild(&mut dice, &evidence);
            if cluster.clone().intends(action, cause, &evidence).is_ok() {
                *accepted.entry(cause).or_insert(0) += 1;
            }
        }
    }
    for cause in Dice::CAUSES.into_iter().filter(|cause| *cause != Cause::PolicyChange) {
        assert!(planned.get(&cause).is_some_and(|n| *n >= 3), "{cause}: {planned:?}");
    }
    assert!(closed >= 5, "{closed}");
    assert!(accepted.len() >= 9, "{accepted:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_planner_wishes_the_check_accepts(mut dice in dice()) {
        proves("intent.evidence-carries");
        let cluster = cluster(&mut dice);
        prop_assume!(cluster.state.overrides.mode == Mode::Act);
        let evidence = dice.evidence(&cluster.state.policy);
        let plan = cluster.plan(&evidence);
        for wish in &plan.wishes {
            let granted = cluster.clone().grants(wish, &evidence);
            prop_assert!(granted.is_ok(), "{}: {wish:#?}", granted.unwrap_err());
            let by_rules = s4(&cluster.state, &evidence, &wish.action, wish.cause)
                .and_then(|()| s5(&cluster.state, &evidence, &wish.action, wish.cause));
            prop_assert_eq!(by_rules, Ok(()), "{:#?}", wish);
        }
        if let Some((gateway, ending)) = plan.close {
            let n = if gateway == crate::fixture::gateway(1) { 1 } else { 2 };
            prop_assert_eq!(cluster.clone().closes(n, ending, &evidence), Applied::Accepted);
        }
        prop_assert_eq!(cluster.clone().settles(plan.settle), Applied::Accepted);
        cluster.clone().adopts(&evidence);
    }

    #[test]
    fn whatever_is_accepted_keeps_the_promises_whoever_asks(mut dice in dice()) {
        proves("choose.leaves-only-when-down");
        proves("intent.evidence-carries");
        let cluster = cluster(&mut dice);
        for _ in 0..12 {
            let evidence = dice.evidence(&cluster.state.policy);
            let (action, cause) = wild(&mut dice, &evidence);
            if cluster.clone().intends(action.clone(), cause, &evidence).is_ok() {
                let by_rules = s4(&cluster.state, &evidence, &action, cause)
                    .and_then(|()| s5(&cluster.state, &evidence, &action, cause));
                prop_assert_eq!(by_rules, Ok(()), "{:?} {}", action, cause);
                let Action::SetRoute { path, after, .. } = &action else { continue };
                let target = &cluster.state.policy.path(path).expect("known").target;
                prop_assert_eq!(target, after, "the path and its target belong together");
            }
        }
    }

    #[test]
    fn a_wish_on_weaker_evidence_to_another_path_or_by_another_rule_is_refused(mut dice in dice()) {
        proves("intent.evidence-carries");
        let cluster = cluster(&mut dice);
        prop_assume!(cluster.state.overrides.mode == Mode::Act);
        let evidence = dice.evidence(&cluster.state.policy);
        let healthy = Evidence::healthy(&cluster.state.policy);
        for wish in cluster.plan(&evidence).wishes {
            let mut weaker = healthy.clone();
            weaker.routes.clone_from(&evidence.routes);
            weaker.instances.clone_from(&evidence.instances);
            for facts in weaker.instances.values_mut() {
                (facts.interface_attached, facts.source_dest_check) = (true, false);
            }
            let alarming = matches!(wish.cause, Cause::Failover | Cause::UnknownGrace | Cause::Remediate);
            if alarming {
                let granted = cluster.clone().grants(&wish, &weaker);
                prop_assert!(granted.is_err(), "on healthy evidence: {wish:#?}");
            }
            for cause in [Cause::Remediate, Cause::OperatorRestart, Cause::StartOwed, Cause::ForceStop] {
                if matches!(wish.action, Action::SetRoute { .. }) {
                    prop_assert!(cluster.clone().intends(wish.action.clone(), cause, &evidence).is_err());
                }
            }
            if let Action::SetRoute { route, before, path, .. } = &wish.action {
                // The seen target is part of what is agreed on.
                let other = if *before == Some(eni(7)) { Some(eni(1)) } else { Some(eni(7)) };
                let mut forged = wish.clone();
                forged.action = Action::SetRoute { route: route.clone(), before: other, path: path.clone(), after: eni(1) };
                if evidence.routes.contains_key(route) {
                    prop_assert!(cluster.clone().grants(&forged, &evidence).is_err(), "{forged:?}");
                }
            }
        }
    }
}
