//! The catalogue: every figure, what it means, and what it may be at most, with the reason for that bound.

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Ms,
    Mib,
    /// Of one core.
    Percent,
    PerSecond,
    /// One thing by another, both measured in this run.
    Ratio,
}

impl Unit {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ms => "ms",
            Self::Mib => "MiB",
            Self::Percent => "% of a core",
            Self::PerSecond => "/s",
            Self::Ratio => "×",
        }
    }
}

/// The most that a figure may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    pub at_most: f64,
    pub why: &'static str,
}

/// One figure.
#[derive(Debug)]
pub(crate) struct Figure {
    /// `group.name`.
    pub id: &'static str,
    pub what: &'static str,
    pub unit: Unit,
    /// A figure without one is published only: it explains others.
    pub bound: Option<Bound>,
}

const fn published(id: &'static str, unit: Unit, what: &'static str) -> Figure {
    Figure { id, what, unit, bound: None }
}

const fn bounded(
    id: &'static str,
    unit: Unit,
    at_most: f64,
    what: &'static str,
    why: &'static str,
) -> Figure {
    Figure { id, what, unit, bound: Some(Bound { at_most, why }) }
}

/// All of them, in the order in which they are shown. What stands before the first dot is a group of its own.
pub(crate) const FIGURES: &[Figure] = &[
    bounded(
        "routes.plan-and-check",
        Unit::Ms,
        20.0,
        "1,000 routes of a dead tunnel: planned, and each move checked",
        "less than a tenth of the half dispatch window in which the first batch must be committed",
    ),
    published("routes.plan", Unit::Ms, "of that, the plan: what one turn of the loop costs"),
    published("routes.check", Unit::Ms, "of that, the check, which every node makes as it applies"),
    bounded(
        "routes.growth",
        Unit::Ratio,
        15.0,
        "the same by that of 100 routes",
        "ten times the routes are ten times the work, not a hundred times; half as much again for the caches",
    ),
    published("routes.apply", Unit::Ms, "a batch of 50 moves applied among 1,000 routes"),
    published("routes.copy", Unit::Ms, "a copy of the state with 1,000 routes, as each commit makes one"),
    published("commit.fdatasync", Unit::Ms, "a bare `fdatasync` after the same bytes were appended"),
    published("commit.round-trip", Unit::Ms, "one round trip of the same bytes over loopback TCP"),
    bounded(
        "commit.store",
        Unit::Ratio,
        1.5,
        "a durable write through the store, by the bare `fdatasync`",
        "the store may cost half of what the disk costs",
    ),
    published("commit.cluster-time", Unit::Ms, "an intent agreed by three nodes on this disk: the commit"),
    bounded(
        "commit.cluster",
        Unit::Ratio,
        1.5,
        "that commit less one round trip, by the bare `fdatasync`",
        "agreement may cost one round trip and half of what the disk costs",
    ),
    bounded(
        "commit.batch",
        Unit::Ratio,
        1.5,
        "the same for the first batch of 1,000 routes: 50 moves",
        "agreement may cost one round trip and half of what the disk costs",
    ),
    published("commit.batch-time", Unit::Ms, "that batch's commit, applied"),
    bounded(
        "rest.memory",
        Unit::Mib,
        20.0,
        "an `arbiterd` of the reference case at rest: resident memory, the largest of three",
        "it runs beside the gateway's own work on the smallest instances",
    ),
    bounded(
        "rest.cpu",
        Unit::Percent,
        1.0,
        "the same: processor, the busiest of three",
        "a gateway's processor is there for packets",
    ),
    bounded(
        "probes.memory",
        Unit::Mib,
        40.0,
        "1,000 more probes on one node, ten times a second each: its resident memory",
        "20 KiB for a probe: its state, its socket's share, and its place in the reports of three nodes",
    ),
    bounded(
        "probes.cpu",
        Unit::Percent,
        50.0,
        "the same: its processor",
        "10,000 probes a second may take half a core: 50 µs each, for sending, receiving and reporting",
    ),
    bounded(
        "many.rest-cpu",
        Unit::Percent,
        25.0,
        "1,000 routes at rest: the leader's processor",
        "the loop plans anew at each step, also when nothing has happened; a quarter of a core is left to it",
    ),
    published("many.plans-at-rest", Unit::PerSecond, "how often it plans then"),
    published("many.plans-moving", Unit::PerSecond, "how often it plans while all of them move"),
    published("many.moving-cpu", Unit::Percent, "its processor then"),
    bounded(
        "many.pace",
        Unit::Ratio,
        1.1,
        "the time in which all have moved, by the time that EC2's own pace needs for them",
        "nothing but EC2's pace shall hold the calls back",
    ),
    bounded(
        "size.arbiterd",
        Unit::Mib,
        32.0,
        "the program `arbiterd`",
        "a copy over a slow line takes seconds",
    ),
    bounded(
        "size.arbiterctl",
        Unit::Mib,
        8.0,
        "the program `arbiterctl`",
        "a copy over a slow line takes seconds",
    ),
    published("default.down", Unit::Ms, "defaults: from sending the first lost probe to Down"),
    published("default.planned", Unit::Ms, "… to the leader's plan and proposal"),
    published("default.committed", Unit::Ms, "… to the commit"),
    published("default.dispatched", Unit::Ms, "… to the call on its way"),
    published("default.acknowledged", Unit::Ms, "… to EC2's answer, which takes 150 ms here"),
    bounded(
        "default.total",
        Unit::Ms,
        450.0,
        "the sum: from the lost packet to the moved route",
        "500 ms from the fault, of which 50 ms pass on average until the next probe is sent",
    ),
    bounded(
        "default.ours",
        Unit::Ratio,
        1.15,
        "the sum by what can't be less: the probe's window and the call",
        "reports, plan, commit and dispatch may add a seventh",
    ),
    published("fast.down", Unit::Ms, "the `fast` profile: from sending the first lost probe to Down"),
    published("fast.planned", Unit::Ms, "… to the leader's plan and proposal"),
    published("fast.committed", Unit::Ms, "… to the commit"),
    published("fast.dispatched", Unit::Ms, "… to the call on its way"),
    published("fast.acknowledged", Unit::Ms, "… to EC2's answer, which takes 150 ms here"),
    bounded(
        "fast.total",
        Unit::Ms,
        250.0,
        "the sum: from the lost packet to the moved route",
        "270 ms from the fault, of which 20 ms pass on average until the next probe is sent",
    ),
    bounded(
        "fast.ours",
        Unit::Ratio,
        1.15,
        "the sum by what can't be less: the probe's window and the call",
        "reports, plan, commit and dispatch may add a seventh",
    ),
    published(
        "flood.total",
        Unit::Ms,
        "defaults, while one client floods the leader: from the lost packet to the moved route",
    ),
    bounded(
        "flood.delay",
        Unit::Ratio,
        1.2,
        "the same by what it takes without the flood",
        "a stranger may cost a failover a fifth of its time, and no more",
    ),
];

pub(crate) fn find(id: &str) -> Option<&'static Figure> {
    FIGURES.iter().find(|figure| figure.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_figure_has_a_name_of_its_own_and_every_bound_a_reason() {
        let ids: BTreeSet<_> = FIGURES.iter().map(|figure| figure.id).collect();
        assert_eq!(ids.len(), FIGURES.len());
        for Figure { id, what, bound, .. } in FIGURES {
            assert!(
                id.split_once('.').is_some_and(|(group, name)| !group.is_empty() && !name.is_empty()),
                "{id}"
            );
            assert!(!what.is_empty(), "{id}");
            if let Some(Bound { at_most, why }) = bound {
                assert!(*at_most > 0.0 && !why.is_empty(), "{id}");
            }
        }
    }
}
