//! How large a world is explored, and under which policy.

use std::fmt;

/// The times, in ticks: the stall allowance p. One tick each is the least that tells τ, p and r apart; τ and W are read
/// from the real policy and the real state.
pub const STALL: u8 = 1;
/// r, the call's timeout.
pub const CALL: u8 = 1;
/// One tick in the policy's own unit.
pub const TICK_MS: u64 = 1_000;
/// Known for so many ticks, a doubt is older than any W of the model.
pub const KNOWN_MOST: u8 = 4;

/// What the policy of a world is strict about, and what EC2 may do in it. Log time stands still in the model, so that a
/// duration that is not zero never ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    /// Budgets, cooldowns and freezes are out of the way.
    #[default]
    Plain,
    /// A route's first move is its last one for a while.
    Freeze,
    /// One stop of each gateway.
    Budget,
    /// A gateway whose slot has closed is left alone for a while.
    Cooldown,
    /// A gateway that was started has a while to boot.
    BootGrace,
    /// EC2 may carry out a stop long after the client has given up; the slot has its grace for that.
    LateStops,
    /// The same, even later: after the slot has closed.
    VeryLateStops,
    /// The second policy drops a gateway. In all other settings it shortens the dispatch window.
    Drops,
    /// The leader has found an old intent of a former epoch, to tunnel-2, that all have known of for long.
    Inherited,
    /// There is a second route, and both move in batches.
    Batches,
    /// The policy is one that validation lets through, without a zero: a replacement asks for that.
    Replaces,
}

/// What may happen in a world, and how often.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Bounds {
    /// Elections after the first.
    pub elections: u8,
    /// Restarts of a process, in the same term.
    pub restarts: u8,
    /// Ticks that a hypervisor takes from a node.
    pub halts: u8,
    /// Intents on the route.
    pub routes: u8,
    /// Stops, of either gateway.
    pub stops: u8,
    /// Starts.
    pub starts: u8,
    /// An operator may pause.
    pub pauses: u8,
    /// An operator may have the cluster observe only.
    pub observes: u8,
    /// An operator may apply the second policy.
    pub policies: u8,
    /// An operator may drain a gateway.
    pub drains: u8,
    /// An operator may replace a gateway.
    pub replaces: u8,
    /// What the policy is strict about.
    pub setting: Setting,
}

impl Bounds {
    /// Worlds about a route.
    pub const fn routes(elections: u8, restarts: u8, routes: u8) -> Self {
        let stops = Self::instances(elections, restarts, 0, 0);
        Self { routes, ..stops }
    }

    /// Worlds about stops and starts.
    pub const fn instances(elections: u8, restarts: u8, stops: u8, starts: u8) -> Self {
        Self {
            elections,
            restarts,
            halts: 0,
            routes: 0,
            stops,
            starts,
            pauses: 0,
            observes: 0,
            policies: 0,
            drains: 0,
            replaces: 0,
            setting: Setting::Plain,
        }
    }

    /// All counts.
    pub const fn counts(&self) -> [(u8, &'static str); 11] {
        [
            (self.elections, "elections"),
            (self.restarts, "restarts"),
            (self.halts, "ticks lost by a node"),
            (self.routes, "intents on the route"),
            (self.stops, "stops"),
            (self.starts, "starts"),
            (self.pauses, "pauses"),
            (self.observes, "changes to observing"),
            (self.policies, "changes of the policy"),
            (self.drains, "drains"),
            (self.replaces, "replacements"),
        ]
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self
            .counts()
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        write!(f, "at most {}", parts.join(", "))?;
        match self.setting {
            Setting::Plain => Ok(()),
            setting => write!(f, " ({setting:?})"),
        }
    }
}
