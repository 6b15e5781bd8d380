//! The catalogue of bad input and bad days: what people write wrong and what goes wrong around them. Each has a
//! name, what must come of it, and at least one test that names it.
//!
//! Whatever it is, whoever reads the message at night learns what is wrong, where, and what to do. `scripts/test`
//! fails for one that no test names (`tests/` walks this list).

/// Every bad day: its name, and what must come of it.
pub const BAD_DAYS: &[(&str, &str)] = &[
    // The file.
    ("unknown-key", "refused with its place and the key that was probably meant"),
    ("wrong-unit", "a duration without a unit, or with a wrong one, is refused with the corrected form"),
    ("unknown-reference", "a name that nothing bears is refused with the name that was probably meant"),
    ("duplicate-id", "two nodes with one id, or two things with one name, are refused"),
    ("even-number-of-nodes", "warned of: it survives no more failures than one node less"),
    ("majority-in-one-zone", "warned of: when that zone fails, all failover ends"),
    ("route-without-paths", "refused with a list to begin with"),
    ("same-address-twice", "refused, with the node that has the address already"),
    // The start of a process.
    ("port-in-use", "said with the address, before anything is touched"),
    ("data-folder-unreadable", "said with the folder and the system's own words"),
    ("data-folder-foreign", "a folder of another cluster or node, or in use, is left as it is"),
    ("corrupted-store", "no start, no panic, and never an empty start in silence: the way back is named"),
    ("full-disk", "the node ends with the folder named, the others go on, and with room again it comes back"),
    (
        "failing-sync",
        "the node ends with the folder named, and the others go on; started again, it comes back",
    ),
    ("read-only-disk", "the node ends, and does not start until its disk can be written; then it comes back"),
    (
        "slow-disk",
        "a node whose disk takes seconds leads only if no other can, and holds nobody up; it is said, and ends by itself",
    ),
    ("no-right-to-ping", "an error at the start that says how to grant it; the node still votes"),
    (
        "strongswan-not-asked",
        "a daemon that can't be asked is no evidence about its tunnel, and that is said",
    ),
    // EC2.
    ("no-credentials", "an error at the start that says where they are looked for; the node still votes"),
    ("denied-action", "said at the start with the action's name, before a failover needs it"),
    ("endpoint-down", "said with the address, at the start and later; the node goes on, and recovers"),
    ("missing-route", "a route that is not in its table is said at the start, and never created"),
    ("missing-interface", "said at the start, with its id and its gateway"),
    ("missing-instance", "said at the start, with its id and its gateway"),
    ("auto-scaling-member", "such a gateway is not stopped, and that is said"),
    ("no-elastic-ip", "such a gateway is not stopped, for it would come up with another address"),
    ("throttled-in-mid-failover", "backs off, keeps the order of importance, and ends the failover"),
    ("stuck-stop", "forced after a while, alarmed, and never left behind"),
    // Disks.
    (
        "majority-lost-for-good",
        "a survivor goes on alone as a new cluster, only if EC2 or somebody answers for the others; their disks stay out",
    ),
    // Time.
    ("clock-jump", "a wall clock that jumps moves and stops nothing"),
    ("leader-halted-past-the-window", "a leader that wakes after its window sends nothing of before"),
    // Peers.
    ("peer-of-another-cluster", "refused by both sides, with both names"),
    ("peer-of-another-policy-version", "does not decide by its own file, and says that the file differs"),
    ("oversized-message", "refused with its size and the bound, and nothing else suffers"),
    ("flood", "refused in words; no heartbeat, failover or vote waits for it, and no node is kept out"),
    // The world.
    ("both-tunnels-down", "nothing is moved, with an alarm"),
    ("on-premises-router-dead", "looks like a tunnel that is down, and is treated so"),
    ("gateway-node-upgraded", "nothing moves within unknown_grace, an alarm shows"),
    ("overload-ping-pong", "the fourth move freezes the route, with an alarm"),
    ("terraform-fights-us", "after three repairs it is only reported, with an alarm"),
];

/// Says which bad day a test lives through. Panics for a name that is not in the catalogue.
pub fn bad_day(name: &str) {
    assert!(BAD_DAYS.iter().any(|(known, _)| *known == name), "`{name}` is not in the catalogue of bad days");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_bad_day_stands_twice() {
        let names: BTreeSet<_> = BAD_DAYS.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), BAD_DAYS.len());
    }
}
