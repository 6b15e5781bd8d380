//! The bugs, each with the number of seeds within which it must be found.

use super::Planted;
use super::Switch::{self, Acting, ClientRetries, Guard, Storage};
use arbiter_control::planted::Bug as Act;
use arbiter_core::planted::Bug;
use arbiter_raft::planted::Bug as Store;

const fn bug(name: &'static str, says: &'static str, switches: &'static [Switch], within: u64) -> Planted {
    Planted { name, says, switches, within }
}

/// All of them.
pub const PLANTED: &[Planted] = &[
    bug(
        "no-takeover-wait",
        "what older epochs left is settled without waiting",
        &[Acting(Act::NoTakeoverWait)],
        10,
    ),
    bug("wait-without-stall", "the takeover wait is τ + r exactly", &[Guard(Bug::WaitWithoutStall)], 40),
    bug(
        "unsettled-in-memory",
        "what is unsettled is kept in the leader's memory, and not in the log",
        &[Guard(Bug::DoubtsForgotten)],
        10,
    ),
    bug(
        "read-back-settles",
        "an older epoch's intent is settled as soon as the table was read",
        &[Acting(Act::ReadBackSettles)],
        10,
    ),
    bug(
        "newest-doubt-only",
        "only the newest unsettled intent on a route is compared",
        &[Guard(Bug::NewestDoubtOnly)],
        40,
    ),
    bug(
        "reissue-settles",
        "the outcome of a call issued again settles the older epoch's intent too",
        &[Guard(Bug::ReissueSettles)],
        80,
    ),
    bug(
        "no-new-epoch",
        "a process that leads the same term after a restart goes on with its predecessor's epoch",
        &[Acting(Act::NoNewEpoch)],
        20,
    ),
    bug(
        "stale-epoch",
        "who leads again goes on with an old epoch, and `apply` accepts it",
        &[Acting(Act::OldEpochKept), Guard(Bug::StaleEpochAccepted)],
        10,
    ),
    bug(
        "proposes-again",
        "an intent that went unanswered is proposed again under its id",
        &[Acting(Act::ProposesAgain)],
        40,
    ),
    bug(
        "sends-before-commit",
        "a call is sent before its intent is committed",
        &[Acting(Act::SendsBeforeCommit)],
        5,
    ),
    bug(
        "window-from-commit",
        "the dispatch window is measured from the commit, not from before the proposal",
        &[Acting(Act::WindowFromCommit)],
        20,
    ),
    bug("client-retries", "EC2's client sends again what was not answered", &[ClientRetries], 5),
    bug(
        "timeout-is-failure",
        "a call that was not answered counts as failed",
        &[Acting(Act::TimeoutIsFailure)],
        20,
    ),
    bug(
        "pause-ignored",
        "`apply` and planner do not ask whether there is a pause",
        &[Guard(Bug::PauseIgnored)],
        10,
    ),
    bug(
        "second-stop",
        "a gateway is stopped while the stop of another one is unsettled",
        &[Guard(Bug::UnsettledStopIgnored)],
        40,
    ),
    bug(
        "budget-in-memory",
        "how often a gateway was stopped is forgotten with each leader",
        &[Guard(Bug::BudgetForgotten)],
        40,
    ),
    bug(
        "restart-forgotten",
        "that a gateway was stopped is forgotten with each leader",
        &[Guard(Bug::RestartForgotten)],
        20,
    ),
    bug(
        "cooldown-by-local-clock",
        "cooldowns and budgets are judged by the leader's wall clock",
        &[Guard(Bug::WallClockCounts)],
        40,
    ),
    bug(
        "one-observer",
        "one observer is enough to call a gateway dead",
        &[Guard(Bug::OneObserverCondemns)],
        10,
    ),
    bug("stale-is-fresh", "a report that was heard once is fresh for ever", &[Guard(Bug::StaleIsFresh)], 10),
    bug(
        "held-down",
        "a route that has just moved does not leave a path that fails",
        &[Guard(Bug::HeldDown)],
        5,
    ),
    bug("age-by-arrival", "a report's age is counted from when it came", &[Acting(Act::AgeByArrival)], 40),
    bug("relay-dropped", "reports of other nodes are not passed on", &[Acting(Act::RelayDropped)], 5),
    bug(
        "vote-before-sync",
        "a vote is acknowledged before it is durable",
        &[Storage(Store::VoteBeforeSync)],
        20,
    ),
    bug(
        "entries-before-sync",
        "entries are acknowledged before they are durable",
        &[Storage(Store::EntriesBeforeSync)],
        40,
    ),
    bug(
        "applied-apart",
        "how far the log was applied is kept apart from the state",
        &[Storage(Store::AppliedApart)],
        10,
    ),
    bug(
        "wiped-disk-votes",
        "a disk that was wiped is let in again",
        &[Storage(Store::OtherDiskAdmitted)],
        20,
    ),
    bug(
        "half-change-left",
        "a change of members that a dead leader left halfway is left so",
        &[Storage(Store::HalfChangeLeft)],
        40,
    ),
];
