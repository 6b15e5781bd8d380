//! The catalogue of rules: each has a name, a sentence, and at least one test that names it.
//!
//! `scripts/test` fails for a rule that no test names (`tests/` walks this list).

/// Every rule: its name, and what it says.
pub const RULES: &[(&str, &str)] = &[
    // Reports.
    (
        "report.age-by-echo",
        "a report's age is the receiver's clock minus its own echoed stamp; without an echo it is not fresh",
    ),
    ("report.buffered-is-old", "a report that was buffered on the way is old when it arrives"),
    (
        "report.relay",
        "a parcel carries the newest report from everybody, so a cut line hides nobody whom a third node can see",
    ),
    ("report.never-heard", "never heard is stale only once the observer has listened that long"),
    (
        "report.at-each-transition",
        "a report leaves at once at each transition, and at least every report_interval",
    ),
    (
        "report.stalled-leader-waits",
        "a leader whose loop stalled longer than report_interval plans nothing until a quorum has reported after its waking",
    ),
    // Probes.
    (
        "probe.burst-after-first-miss",
        "after the first miss a probe goes five times faster until its window ends",
    ),
    ("probe.down-needs-whole-window", "Down needs all of the window's probes lost"),
    ("probe.up-needs-rise", "Up again needs `rise` answers in a row"),
    ("probe.loss-cannot-fake-down", "independent loss can't fake Down"),
    ("probe.timeout-adapts", "the timeout adapts to the round trip, within its bounds"),
    ("probe.timeout-warns", "a probe warns when its timeout can't adapt"),
    ("probe.stall-is-no-evidence", "a stall of the prober is no evidence against the target"),
    ("probe.size-and-df", "size and don't-fragment can be set"),
    // Verdicts on gateways.
    (
        "gateway.down-by-majority",
        "Down if its own report is stale and a strict majority of all other voters freshly say its probe is down",
    ),
    ("gateway.silent-voter", "a silent voter does not agree"),
    (
        "gateway.down-by-provider",
        "Down if its own report is stale, no majority sees it up, and the provider says stopping, stopped or gone",
    ),
    ("gateway.gone", "gone is terminated, or absent for five minutes"),
    ("gateway.down-by-host-shutdown", "Down if its own node announced that its host shuts down"),
    ("gateway.process-end-changes-nothing", "a process that ends alone says so, and changes nothing"),
    ("gateway.up-by-own-report", "Up if its own report is fresh"),
    ("gateway.up-by-majority", "Up if a strict majority of the other voters freshly sees it up"),
    ("gateway.one-observer-never-condemns", "one observer never condemns a gateway"),
    // Verdicts on paths.
    ("path.down-by-gateway", "Down if its gateway is Down"),
    ("path.down-by-required-probe", "Down if its own gateway's fresh report says a required probe is down"),
    ("path.down-by-interface", "Down if its interface is detached or its source/destination check is on"),
    ("path.up-needs-all-required", "Up if all required probes are freshly up; else Unknown"),
    ("path.advisory-never-alone", "an advisory probe never changes a verdict alone"),
    (
        "path.by-named-observers",
        "a path without a gateway is judged by the majority of the observers that the policy names",
    ),
    // Choosing.
    (
        "choose.leaves-only-when-down",
        "a route leaves its path only when that is Down, or by failback, grace, operator, drain, following or policy",
    ),
    ("choose.best-up", "it goes to the best-preferred path that is Up"),
    ("choose.unknown-when-none-up", "if none is Up, it goes to one that is Unknown"),
    (
        "choose.undecided-is-no-refuge",
        "a path that is Unknown only because what judges it has just begun is not gone to before that has decided",
    ),
    ("choose.stays-when-all-down", "if all are Down it stays, with an alarm"),
    ("choose.unknown-grace", "Unknown raises an alarm and yields to Up only after unknown_grace"),
    (
        "choose.adopts-at-start",
        "at first start the observed target is adopted if it is one of the route's paths",
    ),
    ("choose.foreign-at-start-is-drift", "at first start a foreign target is drift"),
    ("choose.assignment-at-acceptance", "the assignment changes when apply accepts the intent"),
    ("choose.failback-after", "failback needs the better path Up without a break for failback_after"),
    ("choose.failback-grows-and-decays", "failback_after grows with each flap and decays"),
    (
        "choose.advisory-blocks-failback",
        "an advisory probe that is down blocks failback, as does a target behind the far router",
    ),
    ("choose.hold-down-never-delays-failure", "hold-down never delays leaving Down for Up"),
    (
        "choose.fourth-move-freezes",
        "the fourth move of one route within 60 s is the last; then it stays for 60 s",
    ),
    ("choose.drain", "a drained gateway's routes go to another path that is Up, and it is chosen last"),
    ("choose.switchover", "a switchover holds until its path is Down or it is switched home"),
    ("choose.pin", "a pinned path is preferred above all others, also after a failure"),
    // Following.
    (
        "follow.preferred",
        "a route that follows prefers the path that stands for the followed cluster's committed one",
    ),
    ("follow.at-once", "it follows at once: no wait before coming home delays it"),
    ("follow.own-probes-veto", "it follows only onto a path that is Up, and never stays on one that is Down"),
    (
        "follow.own-failure-comes-home",
        "to a path that it left by its own failure, and that was not assigned anew since, it comes home as ever",
    ),
    ("follow.operators-first", "pins, switchovers, drains, pauses and freezes stand above following"),
    (
        "follow.keeps-the-last",
        "when the followed cluster is not heard, its last assignments are kept, whoever leads",
    ),
    ("follow.never-older", "an assignment older than the one that is followed is ignored"),
    ("follow.other-cluster", "another cluster is followed only after a minute's silence of the one before"),
    // Kernel routes.
    (
        "kernel.committed-only",
        "a kernel route is set from the committed assignment alone, whatever a request says",
    ),
    ("kernel.own-host", "only the node of its own host sets a kernel route"),
    (
        "kernel.never-older",
        "an assignment older than the one that a host has set last is never set there: that is on its disk before the kernel",
    ),
    (
        "kernel.others-untouched",
        "routes of another protocol number are never changed or removed; what stands in the way is named",
    ),
    (
        "kernel.put-back",
        "a route of ours that the kernel has lost is put back, unless drift is only reported",
    ),
    ("kernel.halts", "paused or observing, a host sets nothing new"),
    ("kernel.withdraw", "on request all routes of ours, and no others, are withdrawn from a host"),
    ("zones.majority-in-one-zone-warns", "validation warns when one zone holds a majority of voters"),
    ("zones.next-failure-cost", "status says what the next failure would cost"),
    ("decision.carries-reasons", "every decision carries its reasons into the log"),
    ("policy.validated-whole", "a policy is validated whole, all errors at once"),
    ("policy.versions", "a policy is applied only under exactly the next version"),
    (
        "preview.changes-nothing",
        "a preview says what a command would do, prevent and wait for, and changes nothing",
    ),
    (
        "preview.same-guards",
        "it is judged by the real guards and planned by the real planner, on a copy of the state",
    ),
    // Leadership.
    (
        "lead.pre-vote",
        "elections are on only when fresh reports from a majority say that the leader is silent",
    ),
    (
        "lead.witness-first",
        "the witness stands first, gateways a little later, everybody who hears a majority after a few seconds",
    ),
    ("lead.successor-first", "whoever is named as successor is left to take over, for a while"),
    ("lead.failing-describe-last", "a node whose describes fail stands last"),
    (
        "lead.handover-when-unreachable",
        "a leader that can't reach the provider hands over, only to a node whose fresh report shows a successful describe",
    ),
    (
        "lead.slow-disk-last",
        "a node whose disk takes seconds stands last, hands over to one whose disk does not, and is given nothing",
    ),
    ("lead.never-for-throttling", "never for throttling or a denial"),
    ("lead.not-back-within-five-minutes", "never back to the same node within five minutes"),
    (
        "lead.witness-gets-it-back",
        "a witness sound for five minutes gets the leadership back when nothing is unsettled",
    ),
    // Epochs and intents.
    (
        "epoch.begins-on-every-leadership",
        "whenever a process becomes leader it commits BeginEpoch and acts on nothing before",
    ),
    ("epoch.same-term-restart", "also when it resumes leadership in the same term after a restart"),
    ("intent.once-per-id", "an intent is proposed once per id and never again under it"),
    ("intent.current-epoch", "accepted only under the current epoch"),
    ("intent.own-term-and-node", "accepted only if the entry's own term and node are the epoch's"),
    ("intent.current-policy", "accepted only if it names the current policy version"),
    (
        "intent.unsettled-same-after",
        "accepted only if every unsettled intent on the resource is of an older epoch and has the same after",
    ),
    ("intent.paused-or-observing", "refused while paused or observing"),
    ("intent.evidence-carries", "accepted only if check finds that the recorded evidence carries it"),
    ("intent.new-cluster-waits", "a new cluster waits W before its first mutation"),
    ("recovery.doubts-stay", "a recovery leaves every unsettled intent unsettled, under its own epoch"),
    ("recovery.waits", "a recovered cluster waits W before its first mutation, a start included"),
    ("recovery.new-cluster", "a recovered cluster has a new id, and the survivor a new incarnation"),
    (
        "recovery.left-behind-stand-still",
        "a node that hears that its cluster was recovered without it takes part in nothing, also after a restart",
    ),
    ("recovery.whole-or-not", "a crash leaves the old cluster's member, or the new cluster's only one"),
    ("dispatch.accepted-only", "only what apply accepted is sent, only by the process that proposed it"),
    ("dispatch.within-window", "sent only while now - t_p <= dispatch_window, t_p noted before the proposal"),
    (
        "dispatch.wall-clock-ahead",
        "not sent if the wall clock ran ahead of BOOTTIME by more than 50 ms since t_p",
    ),
    ("dispatch.one-request", "SDK retries are off: one request a mutation"),
    ("dispatch.ends-at-timeout", "the whole operation ends at call_timeout"),
    (
        "ending.outcome-by-own-epoch",
        "Outcome only by the intent's own epoch, after its call has ended or was never sent",
    ),
    (
        "ending.settle-after-wait",
        "Settle only by a newer epoch, after W since this process first saw the intent",
    ),
    ("ending.read-back-never-settles", "reading back the table never settles somebody else's intent"),
    ("ending.unsettled-survive-snapshots", "unsettled intents are replicated state and part of snapshots"),
    ("ending.no-answer-is-not-failed", "a timeout is NoAnswer, never Failed"),
    ("takeover.nothing-unsettled-at-once", "with nothing unsettled a new epoch acts at once"),
    (
        "takeover.same-after-at-once",
        "with something unsettled it acts at once if it wants the same after as all of them",
    ),
    ("takeover.otherwise-settle-and-read", "otherwise after their Settle, and a read"),
    (
        "takeover.wait-is-longer",
        "W is strictly more than (dispatch_window + call_timeout + stall allowance) times the clock rate error",
    ),
    (
        "batch.each-resource-by-itself",
        "in a batch every resource has its own id, acceptance, outcome and settle",
    ),
    (
        "batch.bounded-by-pace",
        "a batch holds at most what the API's pace takes within half of the window, most important first",
    ),
    ("pause.quiet-when-settled", "pause answers quiet only when nothing is unsettled"),
    ("pause.names-open-remediation", "the answer names any open remediation whose Start will still come"),
    ("reconcile.repairs", "drift is repaired"),
    ("reconcile.report-only", "drift = report repairs nothing"),
    ("reconcile.manual-move-grace", "a manual move onto an Up path of ours is left for drift_grace"),
    (
        "reconcile.stray-call-no-grace",
        "not if the target is a before or after of our own intents of the last ten minutes",
    ),
    ("reconcile.three-repairs", "after three repairs in ten minutes: report and alarm only"),
    (
        "reconcile.reissue-is-no-repair",
        "re-issuing our own failed or unanswered call counts neither as a repair nor as a move",
    ),
    (
        "logtime.sums-advances",
        "log time is the sum of the epochs' elapsed times; leaderless time does not count",
    ),
    ("logtime.expiry-is-an-entry", "what runs out ends by an entry"),
    ("rules-version.all-voters", "rules_version is raised only when all voters support it"),
    ("tag.cluster-epoch-intent", "each call is tagged with cluster, epoch and intent id"),
    // Remediation.
    ("remediate.after-down-long-enough", "only for a gateway that has been Down for remediate_after"),
    ("remediate.half-when-impaired", "half of it if the provider's status checks also call it impaired"),
    ("remediate.routes-first", "only after its routes have moved or have nowhere better to go"),
    ("remediate.not-with-its-zone", "never while another host of its zone vanished with it"),
    ("remediate.cooldown-budget-grace", "cooldown, attempt budget and boot grace are enforced in apply"),
    ("remediate.refused", "refused without an Elastic IP, in an Auto Scaling group, or when gone"),
    ("remediate.not-the-last-standing", "never the last gateway that the provider says is running"),
    // Restarts by hand.
    (
        "restart.by-request-only",
        "the exception to never stopping what can be seen: an operator's restart, and only on a request in the replicated state that is recorded for this gateway and instance and has not run out",
    ),
    ("restart.one-request-one-stop", "one request is good for one Stop; it can be withdrawn until then"),
    (
        "restart.same-guards",
        "all else stands: slot, budget, cooldown, boot grace, pause, zone, last one standing, refusals",
    ),
    (
        "restart.routes-first",
        "its routes go first, as in a drain, and none comes back until its slot has closed; the Stop waits until each is seen elsewhere and no call is in doubt",
    ),
    (
        "restart.not-the-last-path",
        "refused, unless forced, if a route would lose its last path that works; a route that another path takes moves first, also then",
    ),
    ("restart.runs-out", "a request that has not begun runs out by log time, by an entry"),
    (
        "slot.one-in-the-cluster",
        "one slot in the whole cluster: no new Stop while any other Stop, or a Start on the same gateway, is unsettled",
    ),
    (
        "slot.old-epochs-waited-out",
        "a Stop or Start of an older epoch is always waited out, also for the same target",
    ),
    ("slot.start-after-stops-settled", "a Start is proposed only when all Stops on that gateway are settled"),
    (
        "slot.closes-by-start-and-health",
        "the slot closes only after a Start proposed after that, acknowledged, plus health by probes",
    ),
    (
        "slot.gateway-not-chosen",
        "a gateway with an open slot or an unsettled Stop can't be chosen for routes",
    ),
    (
        "slot.start-waits-for-nothing-else",
        "a Start does not wait for pause, budget, cooldown or the last standing",
    ),
    (
        "slot.start-owed",
        "a gateway found stopped while its slot is open, or within an hour of our last Stop, gets a Start",
    ),
    (
        "slot.drained-gets-no-stop",
        "a gateway that an operator drained gets no new Stop, but by an operator's request to restart it",
    ),
    ("slot.no-answer-grace", "after a Stop without an answer the slot stays open for a generous grace"),
    (
        "slot.replace-closes",
        "gateway replace waits until nothing on the instance is unsettled, then closes its slot; so does gone",
    ),
    (
        "slot.failed-closes-with-alarm",
        "with the attempts used up and the provider saying running, the slot closes as failed",
    ),
    (
        "slot.outlives-policy",
        "what a new policy drops keeps its slot and its unsettled intents until they end",
    ),
    ("slot.stop-start-healthy", "stop, wait for stopped (force after a while), start, healthy"),
    ("slot.next-leader-carries-on", "if the leader changes half-way, the next one carries on from the log"),
];

/// Says which rule a test proves. Panics for a name that is not in the catalogue.
pub fn proves(rule: &str) {
    assert!(RULES.iter().any(|(name, _)| *name == rule), "`{rule}` is not a rule of the catalogue");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_rule_stands_twice() {
        let names: BTreeSet<_> = RULES.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), RULES.len());
    }
}
