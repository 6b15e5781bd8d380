//! What a log adds up to, as far as the model looks at it: read from the real state.

use super::bounds::TICK_MS;
use super::entry::{Act, Id};
use super::few::Few;
use super::reference;
use arbiter_core::command::{Action, Mode};
use arbiter_core::ids::IntentId;
use arbiter_core::state::{ClusterState, Unsettled};

/// An unsettled intent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Doubt {
    /// Which.
    pub id: Id,
    /// What it does.
    pub act: Act,
    /// It may be settled when it has been known for longer than so many ticks.
    pub wait: u8,
}

/// What a log adds up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// The epoch in office.
    pub epoch: u8,
    /// Its term.
    pub term: u8,
    /// Its leader: 0, 1 or 2.
    pub node: u8,
    /// The highest intent number of this epoch.
    pub last_intent: u8,
    /// What is unsettled.
    pub doubts: Few<Doubt, 4>,
    /// The cluster is paused.
    pub paused: bool,
    /// The cluster observes only.
    pub observing: bool,
    /// The gateway whose slot is open.
    pub slot: Option<u8>,
    /// The policy's version.
    pub policy: u8,
    /// τ in ticks, by that policy.
    pub window: u8,
    /// W in ticks, by that policy: what a doubt of now would have to wait.
    pub wait: u8,
    /// The gateways that the policy has no more.
    pub dropped: [bool; 2],
    /// The gateways that have a new instance.
    pub replaced: [bool; 2],
    /// The gateways whose instance the leader in office may start now, if it finds it stopped.
    pub startable: [bool; 2],
}

impl Facts {
    /// Whether an intent on this instance is unsettled.
    pub fn doubts_instance(&self, gateway: u8) -> bool {
        let acts = [Act::Stop(gateway), Act::Start(gateway)];
        self.doubts.iter().any(|doubt| acts.contains(&doubt.act))
    }
}

/// A number of the model: all of them are small.
pub fn small(number: u64) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// Names of the model end in their number.
fn number(name: &str) -> u8 {
    name.bytes().next_back().map_or(0, |digit| digit - b'0')
}

fn doubt((id, doubt): (&IntentId, &Unsettled)) -> Doubt {
    Doubt {
        id: Id { epoch: small(id.epoch.0), number: small(id.number) },
        act: match &doubt.intent.action {
            Action::SetRoute { route, path, .. } if *route == reference::route() => {
                Act::Route(number(path.as_str()))
            }
            Action::SetRoute { path, .. } => Act::Other(number(path.as_str())),
            Action::Stop { gateway, .. } => Act::Stop(number(gateway.as_str())),
            Action::Start { gateway, .. } => Act::Start(number(gateway.as_str())),
        },
        wait: small(doubt.wait_ms / TICK_MS),
    }
}

/// Reads the state. What may be started is found out by whoever can apply.
pub fn of(state: &ClusterState) -> Facts {
    let replaced = |n: u8| {
        let gateway = state.policy.gateway(&reference::gateway(n));
        gateway.is_some_and(|gateway| gateway.instance != reference::instance(n))
    };
    Facts {
        epoch: small(state.office.epoch.0),
        term: small(state.office.term.0),
        node: small(state.office.node.0 - 1),
        last_intent: small(state.office.last_intent),
        doubts: state.unsettled.iter().map(doubt).collect(),
        paused: state.overrides.pause.is_some(),
        observing: state.overrides.mode == Mode::Observe,
        slot: state.slot.as_ref().map(|slot| number(slot.gateway.as_str())),
        policy: small(state.policy_version.0),
        window: small(state.policy.timing.dispatch_window_ms / TICK_MS),
        wait: small(state.policy.timing.takeover_wait_ms() / TICK_MS),
        dropped: [1, 2].map(|n| state.policy.gateway(&reference::gateway(n)).is_none()),
        replaced: [1, 2].map(replaced),
        startable: [false; 2],
    }
}
