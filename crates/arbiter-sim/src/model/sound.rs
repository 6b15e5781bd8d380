//! The worlds that are explored whole with all clauses in force, and must keep every promise.

use super::bounds::{Bounds, Setting};
use clap::ValueEnum;

/// How large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Size {
    /// A minute or two on two cores: for every change.
    Slice,
    /// Half an hour and more.
    Full,
}

const SLICE: &[Bounds] = &[
    // Three epochs, two intents, uncommitted tails, stalls.
    Bounds::routes(2, 0, 2),
    // Stops on old reports, across an election.
    Bounds::instances(1, 0, 2, 1),
    // A restart in the same term, in an office that may be lost meanwhile.
    Bounds::routes(1, 1, 2),
    // An operator changes the policy, pauses, or has the cluster observe.
    Bounds { policies: 1, ..Bounds::routes(1, 0, 2) },
    Bounds { pauses: 1, ..Bounds::routes(1, 0, 2) },
    Bounds { observes: 1, ..Bounds::routes(1, 0, 1) },
    // Hosts that a hypervisor stops.
    Bounds { halts: 2, ..Bounds::routes(1, 0, 2) },
    // Three stops, across a restart in the same term.
    Bounds::instances(0, 1, 3, 1),
    // A route, and the gateways that it could go to.
    Bounds { routes: 2, ..Bounds::instances(0, 0, 1, 1) },
];

/// The large ones, for `--size full`.
const MORE: &[Bounds] = &[
    Bounds::routes(2, 0, 3),
    Bounds::routes(3, 0, 2),
    Bounds::routes(2, 1, 2),
    Bounds::instances(1, 0, 3, 1),
    Bounds::instances(1, 1, 2, 1),
    Bounds { halts: 4, ..Bounds::routes(1, 0, 3) },
    Bounds { pauses: 1, observes: 1, ..Bounds::routes(1, 1, 2) },
    Bounds { policies: 1, ..Bounds::routes(2, 0, 2) },
    Bounds { pauses: 1, ..Bounds::instances(1, 0, 2, 1) },
];

/// What every setting and every operator's command is about, in small.
const EACH: &[Bounds] = &[
    Bounds { setting: Setting::Freeze, ..Bounds::routes(0, 0, 3) },
    Bounds { setting: Setting::Budget, ..Bounds::instances(0, 0, 3, 2) },
    Bounds { setting: Setting::Cooldown, ..Bounds::instances(0, 0, 3, 2) },
    Bounds { setting: Setting::BootGrace, ..Bounds::instances(0, 0, 3, 2) },
    Bounds { setting: Setting::LateStops, ..Bounds::instances(0, 0, 2, 2) },
    Bounds { setting: Setting::VeryLateStops, ..Bounds::instances(0, 0, 1, 2) },
    Bounds { setting: Setting::Inherited, ..Bounds::routes(1, 0, 2) },
    Bounds { setting: Setting::Batches, ..Bounds::routes(0, 0, 2) },
    Bounds { policies: 1, setting: Setting::Drops, ..Bounds::instances(0, 0, 2, 1) },
    Bounds { pauses: 1, ..Bounds::instances(0, 0, 2, 1) },
    Bounds { drains: 1, ..Bounds::instances(0, 0, 2, 1) },
    Bounds { replaces: 1, setting: Setting::Replaces, ..Bounds::instances(0, 0, 1, 1) },
];

/// All worlds of a size.
pub fn worlds(size: Size) -> Vec<Bounds> {
    let more = match size {
        Size::Slice => &[],
        Size::Full => MORE,
    };
    more.iter().chain(SLICE).chain(EACH).copied().collect()
}
