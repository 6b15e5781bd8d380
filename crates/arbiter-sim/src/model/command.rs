//! The real command that an entry of the model stands for, with the evidence that a leader could have for it.

use super::bounds::Setting;
use super::entry::{Act, End, Entry, Id, Kind, Order, Wish};
use super::reference;
use arbiter_core::command::{
    Action, Cause, Command, EntryId, Intent, IntentBatch, Mode, Operation, Outcome, SlotEnding, Stamp,
};
use arbiter_core::evidence::Evidence;
use arbiter_core::ids::{ClusterId, Epoch, IntentId, LogIndex, NodeId, PolicyVersion, RouteId, Term};
use arbiter_core::policy::Policy;
use arbiter_core::state::ClusterState;

/// Where an entry stands, in the words of the log.
pub fn place(index: u8, entry: Entry) -> EntryId {
    EntryId {
        index: LogIndex(index.into()),
        term: Term(entry.term.into()),
        node: NodeId(u64::from(entry.node) + 1),
    }
}

/// What every log begins with: the cluster is formed, node 0 is in office in term 1, and the route was taken over on
/// tunnel-1.
pub fn beginning(setting: Setting) -> Vec<Command> {
    let form = Command::Form {
        cluster_id: ClusterId("model".to_owned()),
        policy: Box::new(reference::policy(setting)),
        members: vec![],
        mode: Mode::Act,
    };
    let stamp = Stamp { epoch: Epoch(2), elapsed_ms: 100_000 };
    let adopt =
        |route| Command::Adopt { stamp, route, path: reference::path(1), reason: "found there".to_owned() };
    let mut all = vec![form, Command::BeginEpoch { node: NodeId(1) }, adopt(reference::route())];
    if setting == Setting::Batches {
        all.push(adopt(reference::other_route()));
    }
    all
}

/// What may come next: an intent that nobody has settled, and the epoch after it.
pub fn inherited(setting: Setting) -> Vec<Kind> {
    let id = Id { epoch: 2, number: 1 };
    let wish = Wish { id, act: Act::Route(2), policy: 1, carried: true };
    if setting == Setting::Inherited { vec![Kind::Intent(wish), Kind::Begin] } else { vec![] }
}

/// The command of an entry that comes after what `state` adds up to.
pub fn of(setting: Setting, state: &ClusterState, entry: Entry) -> Command {
    match entry.kind {
        Kind::Begin => Command::BeginEpoch { node: NodeId(u64::from(entry.node) + 1) },
        kind @ (Kind::Intent(_) | Kind::Batch(_)) => intend(state, kind.wishes()),
        Kind::Outcome { epoch, id, end } => {
            Command::Outcomes { stamp: stamp(epoch), outcomes: vec![(intent_id(id), outcome(end))] }
        }
        Kind::Settle { epoch, id } => Command::Settle { stamp: stamp(epoch), intents: vec![intent_id(id)] },
        Kind::Close { epoch, gateway, seen } => Command::CloseSlot {
            stamp: stamp(epoch),
            gateway: reference::gateway(gateway),
            ending: SlotEnding::Healthy,
            evidence: Box::new(if seen {
                reference::healthy(&state.policy, 1)
            } else {
                reference::dead(&state.policy, gateway)
            }),
        },
        Kind::Operator { epoch, order } => Command::Operator {
            stamp: stamp(epoch),
            request: format!("{order:?}"),
            by: "operator".to_owned(),
            operation: operation(setting, state, order),
        },
    }
}

fn operation(setting: Setting, state: &ClusterState, order: Order) -> Operation {
    let reason = "model".to_owned();
    match order {
        Order::Pause => Operation::Pause { reason, for_ms: None },
        Order::Observe => Operation::SetMode(Mode::Observe),
        Order::Drain(n) => Operation::Drain { gateway: reference::gateway(n), reason },
        Order::Policy => Operation::ApplyPolicy {
            version: PolicyVersion(state.policy_version.0 + 1),
            policy: Box::new(reference::second_policy(setting)),
        },
        Order::Replace(n) => Operation::ReplaceGateway {
            gateway: reference::gateway(n),
            instance: reference::instance(n + 2),
            interface: reference::target(n + 2).to_string(),
        },
    }
}

fn intent_id(id: Id) -> IntentId {
    IntentId { epoch: Epoch(id.epoch.into()), number: id.number.into() }
}

fn stamp(epoch: u8) -> Stamp {
    Stamp { epoch: Epoch(epoch.into()), elapsed_ms: 0 }
}

fn outcome(end: End) -> Outcome {
    match end {
        End::Done => Outcome::Done,
        End::NoAnswer => Outcome::NoAnswer { message: String::new() },
        End::NotSent => Outcome::NotSent { reason: String::new() },
        End::Failed => Outcome::Failed { code: "Timeout".to_owned(), message: String::new() },
    }
}

fn intend(state: &ClusterState, wishes: impl Iterator<Item = Wish>) -> Command {
    let mut batch = IntentBatch {
        stamp: Stamp::default(),
        policy_version: state.policy_version,
        evidence: Evidence::default(),
        intents: vec![],
    };
    for wish in wishes {
        let (action, cause, evidence) = wanted(state, wish);
        let reasons = vec!["the model wants it".to_owned()];
        batch.stamp = stamp(wish.id.epoch);
        batch.policy_version = PolicyVersion(wish.policy.into());
        // All of a batch rests on the same evidence.
        batch.evidence = evidence;
        batch.intents.push(Intent { id: intent_id(wish.id), action, cause, reasons });
    }
    Command::Intents(Box::new(batch))
}

fn wanted(state: &ClusterState, wish: Wish) -> (Action, Cause, Evidence) {
    let policy: &Policy = &state.policy;
    match wish.act {
        Act::Route(to) => set_route(state, &reference::route(), to, wish.carried),
        Act::Other(to) => set_route(state, &reference::other_route(), to, wish.carried),
        Act::Stop(n) => {
            let (gateway, instance) = (reference::gateway(n), reference::instance(n));
            let on_it = assigned(state, &reference::route(), n);
            let evidence = match (wish.carried, on_it) {
                (false, _) => reference::healthy(policy, 1),
                (true, false) => reference::dead(policy, n),
                (true, true) => reference::dead_and_nowhere_to_go(policy, n),
            };
            (Action::Stop { gateway, instance, force: false }, Cause::Remediate, evidence)
        }
        Act::Start(n) => {
            let (gateway, instance) = (reference::gateway(n), reference::instance(n));
            let evidence = reference::found_stopped(policy, n);
            (Action::Start { gateway, instance }, Cause::StartOwed, evidence)
        }
    }
}

fn assigned(state: &ClusterState, route: &RouteId, path: u8) -> bool {
    let assignment = state.assignments.get(route);
    assignment.is_some_and(|assignment| assignment.path == reference::path(path))
}

/// The route is seen where it is to be moved away from.
fn set_route(state: &ClusterState, route: &RouteId, to: u8, carried: bool) -> (Action, Cause, Evidence) {
    let policy: &Policy = &state.policy;
    let other = 3 - to;
    let stays = assigned(state, route, to);
    let (cause, evidence) = match (carried, stays) {
        (true, true) => (Cause::Reissue, reference::healthy(policy, other)),
        (true, false) => (Cause::Failover, reference::tunnel_down(policy, other, other)),
        (false, _) => (Cause::Failover, reference::healthy(policy, other)),
    };
    let action = Action::SetRoute {
        route: route.clone(),
        before: Some(reference::target(other)),
        path: reference::path(to),
        after: reference::target(to),
    };
    (action, cause, evidence)
}
