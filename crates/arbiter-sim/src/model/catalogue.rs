//! The clauses of the rules, each with a switch: left out, it must be missed.

use super::bounds::{Bounds, Setting};
use super::clause::{Clause, Habit, LeftOut};
use arbiter_core::planted::Bug;

const fn guard(name: &'static str, says: &'static str, bug: Bug, bounds: Bounds) -> Clause {
    Clause { name, says, left_out: LeftOut::Guard(bug), bounds }
}

const fn habit(name: &'static str, says: &'static str, habit: Habit, bounds: Bounds) -> Clause {
    Clause { name, says, left_out: LeftOut::Habit(habit), bounds }
}

/// One leader.
const ALONE: Bounds = Bounds::routes(0, 0, 2);
/// A leader and its successor.
const TAKEOVER: Bounds = Bounds::routes(1, 0, 2);
/// Two successors, of whom the first may come back.
const TWICE: Bounds = Bounds::routes(2, 0, 2);
const STOP: Bounds = Bounds::instances(0, 0, 1, 0);
const STOP_START: Bounds = Bounds::instances(0, 0, 1, 1);
const TWO_STOPS: Bounds = Bounds::instances(0, 0, 2, 1);

/// All clauses, in the order of DESIGN §5 and §6.
pub const CLAUSES: &[Clause] = &[
    habit(
        "epoch.same-term-restart",
        "a process that resumes the leadership in the same term begins an epoch of its own",
        Habit::NoNewEpoch,
        Bounds::routes(0, 1, 2),
    ),
    habit(
        "intent.window-from-proposal",
        "`t_p` is noted before the proposal, not at the commit",
        Habit::WindowFromCommit,
        TAKEOVER,
    ),
    habit("intent.once-per-id", "an intent is proposed once under its id", Habit::ProposesAgain, TWICE),
    guard(
        "intent.current-epoch",
        "an entry must name the current epoch, and be of its term and node",
        Bug::StaleEpochAccepted,
        TWICE,
    ),
    guard(
        "intent.own-term-and-node",
        "an entry's own term and node must be the epoch's: a leader that has not begun its own acts on nothing, and nobody \
         forwards",
        Bug::ForeignEntryAccepted,
        TAKEOVER,
    ),
    guard(
        "intent.current-policy",
        "an intent names the current policy version",
        Bug::StalePolicyAccepted,
        Bounds { policies: 1, ..TAKEOVER },
    ),
    guard(
        "intent.own-epoch-unsettled",
        "every unsettled intent on the resource comes from an older epoch",
        Bug::OwnDoubtIgnored,
        ALONE,
    ),
    guard(
        "intent.same-after",
        "every unsettled intent on the resource has the same `after`",
        Bug::OtherAfterAccepted,
        TAKEOVER,
    ),
    guard(
        "intent.every-unsettled",
        "all unsettled intents are looked at, not only the newest",
        Bug::NewestDoubtOnly,
        Bounds::routes(2, 0, 3),
    ),
    guard(
        "intent.not-paused",
        "no intent is accepted while the cluster is paused",
        Bug::PauseIgnored,
        Bounds { pauses: 1, ..ALONE },
    ),
    guard(
        "intent.not-observing",
        "no intent is accepted while the cluster observes only",
        Bug::ObservingIgnored,
        Bounds { observes: 1, ..ALONE },
    ),
    guard(
        "intent.moves-bounded",
        "a route that has moved too often is left where it is for a while",
        Bug::FreezeIgnored,
        Bounds { setting: Setting::Freeze, ..ALONE },
    ),
    guard(
        "intent.stops-bounded",
        "a gateway is stopped no more often than its budget says",
        Bug::BudgetIgnored,
        Bounds { setting: Setting::Budget, ..TWO_STOPS },
    ),
    guard(
        "intent.cooldown",
        "a gateway whose slot has closed is not stopped for a while",
        Bug::CooldownIgnored,
        Bounds { setting: Setting::Cooldown, ..TWO_STOPS },
    ),
    guard(
        "intent.boot-grace",
        "a gateway that was started has its time to boot",
        Bug::BootGraceIgnored,
        Bounds { setting: Setting::BootGrace, ..TWO_STOPS },
    ),
    guard(
        "intent.evidence-carries",
        "the recorded evidence carries the intent",
        Bug::CheckSkipped,
        Bounds { routes: 1, ..STOP },
    ),
    habit(
        "dispatch.accepted-only",
        "only what `apply` has accepted is sent",
        Habit::SendsBeforeCommit,
        Bounds::routes(0, 0, 1),
    ),
    habit(
        "dispatch.by-its-proposer",
        "only the process that proposed it sends it",
        Habit::SendsOthers,
        TAKEOVER,
    ),
    habit("dispatch.within-window", "a call is sent within τ of `t_p` only", Habit::NoWindow, TAKEOVER),
    habit(
        "dispatch.wall-clock-ahead",
        "nothing is sent if the host was stopped since `t_p`",
        Habit::HaltIgnored,
        Bounds { halts: 3, ..TAKEOVER },
    ),
    habit("dispatch.one-request", "the client sends a call once: no retries", Habit::Retries, TAKEOVER),
    habit("dispatch.ends-at-timeout", "the whole operation ends at r", Habit::NoTimeout, ALONE),
    guard(
        "ending.outcome-by-own-epoch",
        "an `Outcome` is written by the intent's own epoch only",
        Bug::ForeignOutcomeAccepted,
        TAKEOVER,
    ),
    habit(
        "ending.after-the-call",
        "an `Outcome` is written after the call has ended",
        Habit::EndsEarly,
        ALONE,
    ),
    habit(
        "ending.no-answer-is-not-failed",
        "a call that was not answered in time is never called failed",
        Habit::TimeoutIsFailure,
        Bounds { setting: Setting::LateStops, ..STOP_START },
    ),
    habit(
        "ending.nothing-sent-afterwards",
        "nothing is sent for an intent after its `Outcome`",
        Habit::SendsAfterOutcome,
        ALONE,
    ),
    guard(
        "ending.unsettled-is-replicated",
        "what is unsettled is replicated state: a new leader inherits the doubt",
        Bug::DoubtsForgotten,
        TAKEOVER,
    ),
    habit(
        "ending.read-back-never-settles",
        "reading back the table never settles somebody else's intent",
        Habit::ReadBackSettles,
        Bounds::routes(2, 0, 3),
    ),
    habit("takeover.wait", "`Settle` only after W", Habit::NoWait, TAKEOVER),
    habit(
        "takeover.wait-covers-the-stall",
        "W is more than τ + r + p, not τ + r",
        Habit::WaitWithoutStall,
        TAKEOVER,
    ),
    habit(
        "takeover.each-doubt-by-itself",
        "W counts from when this process first saw that intent, not from when it saw another",
        Habit::WaitFromOldest,
        Bounds { setting: Setting::Inherited, ..TAKEOVER },
    ),
    habit(
        "takeover.doubt-keeps-its-wait",
        "a doubt waits as long as its proposer's policy says, whatever the policy says later",
        Habit::WaitByPolicyInForce,
        Bounds { policies: 1, ..TAKEOVER },
    ),
    guard(
        "batch.each-resource-by-itself",
        "in a batch every resource has its own id and its own `Outcome`",
        Bug::BatchEndsTogether,
        Bounds { setting: Setting::Batches, ..ALONE },
    ),
    habit(
        "pause.quiet",
        "a pause is quiet only when nothing is unsettled",
        Habit::QuietInDoubt,
        Bounds { pauses: 1, ..ALONE },
    ),
    habit(
        "pause.names-open-remediation",
        "the answer to a pause names the gateway whose start will still come",
        Habit::QuietNamesNothing,
        Bounds { pauses: 1, ..STOP_START },
    ),
    guard("slot.one-in-the-cluster", "one slot in the whole cluster", Bug::SlotIgnored, TWO_STOPS),
    guard(
        "slot.no-stop-while-a-stop-is-unsettled",
        "no new `Stop` on any gateway while another `Stop` is unsettled",
        Bug::UnsettledStopIgnored,
        TWO_STOPS,
    ),
    guard(
        "slot.no-stop-while-its-start-is-unsettled",
        "no new `Stop` while a `Start` on the same gateway is unsettled",
        Bug::UnsettledStartIgnored,
        TWO_STOPS,
    ),
    habit(
        "slot.old-epochs-waited-out",
        "a `Stop` or `Start` of an older epoch is waited out",
        Habit::NoWait,
        Bounds::instances(1, 0, 1, 1),
    ),
    guard(
        "slot.start-after-stops",
        "a `Start` is proposed only when all `Stop`s on that gateway are settled",
        Bug::StartBeforeStopSettled,
        STOP_START,
    ),
    guard(
        "slot.closes-after-a-start",
        "the slot closes only after an acknowledged `Start`",
        Bug::SlotClosedUnstarted,
        STOP,
    ),
    guard(
        "slot.start-after-newest-stop",
        "only a `Start` from after the newest `Stop` closes the slot",
        Bug::OldStartCounts,
        TWO_STOPS,
    ),
    guard(
        "slot.closes-by-probes",
        "the slot closes by health that probes see, not by the instance's state",
        Bug::SlotClosedUnseen,
        STOP_START,
    ),
    guard(
        "slot.gateway-not-chosen",
        "a gateway with an open slot or an unsettled `Stop` can't be chosen for routes",
        Bug::BlockedGatewayChosen,
        Bounds { routes: 1, ..STOP },
    ),
    guard(
        "slot.start-waits-for-nothing-else",
        "a `Start` of what we stopped does not wait for a pause to end",
        Bug::StartHalted,
        Bounds { pauses: 1, ..STOP },
    ),
    guard(
        "slot.start-owed",
        "a gateway found stopped within an hour of our last `Stop` gets a `Start`, its slot open or not",
        Bug::StartOwedInSlotOnly,
        Bounds { setting: Setting::VeryLateStops, ..STOP_START },
    ),
    guard(
        "slot.drained-gets-no-stop",
        "a gateway that an operator drained gets no new `Stop`",
        Bug::DrainIgnored,
        Bounds { drains: 1, ..STOP },
    ),
    guard(
        "slot.no-answer-grace",
        "after a `Stop` without an answer the slot stays open for a generous grace",
        Bug::NoAnswerGraceIgnored,
        Bounds { setting: Setting::LateStops, ..STOP_START },
    ),
    guard(
        "slot.replace-waits",
        "a gateway is replaced only when nothing on it is unsettled",
        Bug::ReplacedInDoubt,
        Bounds { replaces: 1, setting: Setting::Replaces, ..STOP },
    ),
    guard(
        "slot.outlives-policy",
        "what a new policy drops keeps its slot and its unsettled intents until they end",
        Bug::DroppedIsForgotten,
        Bounds { policies: 1, setting: Setting::Drops, ..STOP },
    ),
    guard(
        "slot.next-leader-carries-on",
        "the slot is replicated state: the next leader carries on from the log",
        Bug::SlotForgotten,
        Bounds::instances(1, 0, 1, 0),
    ),
];
