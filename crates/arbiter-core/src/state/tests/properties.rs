//! `apply` is total and deterministic, and a snapshot at any point changes nothing.

use crate::command::{
    Action, Applied, Command, EntryId, Intent, IntentBatch, Mode, Note, Operation, Proposal, SlotEnding,
    Stamp,
};
use crate::evidence::Evidence;
use crate::fixture::{Cluster, Dice, dice, eni, gateway, instance, policy, route, set, start, stop, tunnel};
use crate::ids::{Epoch, Incarnation, IntentId, LogIndex, NodeId, PolicyVersion, Resource, Term};
use crate::rules::proves;
use crate::state::{ClusterState, HISTORY_LIMIT};
use crate::time::UnixMs;
use proptest::prelude::*;

/// Any command at all: of any epoch, for anything, by anybody.
fn any_command(dice: &mut Dice, state: &ClusterState) -> Command {
    let current = state.office.epoch.0;
    let epoch = Epoch(dice.pick(&[current, current, current, current.saturating_sub(1), 0, 77]));
    let elapsed_ms =
        dice.pick(&[0, state.office.elapsed_ms + 1_000, state.office.elapsed_ms + 60_000, u64::MAX / 4]);
    let elapsed_ms =
        if dice.once_in(50) { elapsed_ms } else { elapsed_ms.min(state.office.elapsed_ms + 60_000) };
    let stamp = Stamp { epoch, elapsed_ms };
    let some_intent = |dice: &mut Dice| {
        let known: Vec<_> = state.unsettled.keys().copied().collect();
        let wild =
            IntentId { epoch: Epoch(dice.pick(&[current, 0, 3])), number: dice.pick(&[0, 1, 9, u64::MAX]) };
        if known.is_empty() || dice.once_in(5) { wild } else { dice.pick(&known) }
    };
    match dice.below(16) {
        0 => Command::BeginEpoch { node: NodeId(dice.pick(&[1, 2, 3])) },
        1..=5 => intents(dice, state, stamp),
        6 | 7 => Command::Outcomes { stamp, outcomes: vec![(some_intent(dice), dice.outcome())] },
        8 => Command::Settle { stamp, intents: vec![some_intent(dice), some_intent(dice)] },
        9 => {
            let (route, path) = (route(dice.pick(&[1, 2, 5])), tunnel(dice.pick(&[1, 2, 9])));
            Command::Adopt { stamp, route, path, reason: "seen".into() }
        }
        10 => {
            let ending = dice.pick(&[SlotEnding::Healthy, SlotEnding::Failed, SlotEnding::Gone]);
            let evidence = Box::new(dice.evidence(&state.policy));
            Command::CloseSlot { stamp, gateway: gateway(dice.pick(&[1, 2, 5])), ending, evidence }
        }
        11 => Command::Note { stamp, note: Note::Drift { route: route(1), seen: Some(eni(7)) } },
        12 => match dice.below(5) {
            0 => Command::RaiseRules {
                stamp,
                version: dice.pick(&[0, 2, u32::MAX]),
                supported_by: vec![NodeId(1)],
            },
            1 => Command::Admit {
                node: NodeId(dice.pick(&[1, 9])),
                incarnation: Incarnation(dice.pick(&[1, 101])),
            },
            3 => Command::HandOver { to: NodeId(dice.pick(&[1, 9])), by: "ops".into() },
            2 => Command::Readmit { node: NodeId(1), incarnation: None, by: "ops".into() },
            _ => Command::Form {
                cluster_id: "c-2".into(),
                policy: Box::default(),
                members: vec![],
                mode: Mode::Act,
            },
        },
        _ => {
            let request = format!("{}", dice.below(500));
            Command::Operator { stamp, request, by: "ops".into(), operation: any_operation(dice, state) }
        }
    }
}

fn any_operation(dice: &mut Dice, state: &ClusterState) -> Operation {
    match dice.below(6) {
        0 => {
            let version = PolicyVersion(state.policy_version.0 + dice.pick(&[1, 1, 0, 2]));
            let mut policy = policy();
            if dice.once_in(2) {
                policy.routes.truncate(1);
            }
            if dice.once_in(3) {
                policy.gateways[0].instance = instance(dice.pick(&[1, 7]));
            }
            Operation::ApplyPolicy { version, policy: Box::new(policy) }
        }
        1 => Operation::ReplaceGateway {
            gateway: gateway(dice.pick(&[1, 2, 5])),
            instance: instance(dice.pick(&[1, 7, 8])),
            interface: eni(dice.pick(&[1, 7, 8])).to_string(),
        },
        _ => dice.operation(),
    }
}

fn intents(dice: &mut Dice, state: &ClusterState, stamp: Stamp) -> Command {
    let evidence = if dice.once_in(4) { Evidence::default() } else { dice.evidence(&state.policy) };
    let mut intents = Vec::new();
    for turn in 0..dice.below(4) {
        let n = dice.pick(&[1, 2, 5]);
        let before = evidence.routes.get(&route(n)).and_then(|facts| facts.target.clone());
        let action = match dice.below(5) {
            0 => stop(n),
            1 => start(n),
            _ => set(n, before, dice.pick(&[1, 2])),
        };
        let number = state.office.last_intent.saturating_add(1 + u64::try_from(turn).unwrap());
        let number = if dice.once_in(8) { dice.pick(&[0, 1, 7]) } else { number };
        let id = IntentId { epoch: stamp.epoch, number };
        intents.push(Intent { id, action, cause: dice.cause(), reasons: vec!["because".into()] });
    }
    let policy_version = PolicyVersion(state.policy_version.0 + u64::from(dice.once_in(10)));
    Command::Intents(Box::new(IntentBatch { stamp, policy_version, evidence, intents }))
}

fn bounded(state: &ClusterState) -> Result<(), TestCaseError> {
    prop_assert!(state.history.len() <= HISTORY_LIMIT);
    for assignment in state.assignments.values() {
        let longest = assignment.own.len().max(assignment.moves.len()).max(assignment.repairs.len());
        prop_assert!(longest <= 32, "{longest}");
    }
    prop_assert!(state.instances.values().all(|record| record.stops.len() <= 32));
    prop_assert!(state.requests.len() <= 1_000);
    Ok(())
}

/// On every resource all doubts agree, an epoch has one at most, and of stops there is one at most in the cluster.
fn doubts_agree(state: &ClusterState) -> Result<(), TestCaseError> {
    let stops = state.unsettled.values().filter(|doubt| matches!(doubt.intent.action, Action::Stop { .. }));
    prop_assert!(stops.count() <= 1);
    for (id, doubt) in &state.unsettled {
        let resource = doubt.intent.action.resource();
        for (other, its) in state.unsettled_on(&resource) {
            prop_assert!(doubt.intent.action.same_after(&its.intent.action));
            prop_assert!(other == id || other.epoch != id.epoch);
            prop_assert!(other == id || matches!(resource, Resource::Route(_)), "stops and starts wait");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn replicas_agree_whatever_comes_and_wherever_one_was_restored(mut dice in dice()) {
        proves("ending.unsettled-survive-snapshots");
        proves("logtime.sums-advances");
        let mut one = Cluster::formed(&policy()).state;
        let mut other = one.clone();
        let mut at = EntryId { index: LogIndex(100), ..one.applied };
        let mut log_time = one.log_now();
        for _ in 0..120 {
            at.index.0 += 1;
            if dice.once_in(12) {
                at = EntryId { term: Term(at.term.0 + 1), node: NodeId(dice.pick(&[1, 2, 3])), ..at };
            }
            let command = any_command(&mut dice, &one);
            let proposal = Proposal { wall_ms: UnixMs(at.index.0), command };
            let answer = one.apply(at, &proposal);
            if dice.once_in(5) {
                let text = serde_json::to_string(&other).expect("a state can be written");
                other = serde_json::from_str(&text).expect("and read");
            }
            prop_assert_eq!(answer, other.apply(at, &proposal));
            prop_assert_eq!(&one, &other);
            prop_assert!(one.log_now() >= log_time, "log time goes back");
            log_time = one.log_now();
            prop_assert_eq!(one.applied, at);
            bounded(&one)?;
            doubts_agree(&one)?;
        }
    }

    #[test]
    fn a_refused_command_changes_nothing_but_what_is_told_of_it(mut dice in dice()) {
        proves("intent.current-epoch");
        let mut state = Cluster::formed(&policy()).state;
        let mut at = state.applied;
        for _ in 0..40 {
            at.index.0 += 1;
            let command = any_command(&mut dice, &state);
            let mut before = state.clone();
            let answer = state.apply(at, &Proposal { wall_ms: UnixMs(0), command });
            if matches!(answer, Applied::Refused(_)) {
                before.applied = at;
                before.office.elapsed_ms = state.office.elapsed_ms;
                before.office.last_intent = state.office.last_intent;
                let expired = state.overrides.pause.is_none();
                if expired {
                    before.overrides.pause = None;
                }
                before.overrides.restart.take_if(|asked| asked.until <= state.log_now());
                before.history.clone_from(&state.history);
                prop_assert_eq!(&before, &state);
            }
        }
    }
}
