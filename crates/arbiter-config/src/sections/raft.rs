//! `[raft]`: the times of Raft itself. They belong to the nodes, not to the policy, and must be equal on all.

use crate::config::RaftTiming;
use crate::reader::Table;
use arbiter_core::time::ExactMs;

/// Faster than that, a healthy disk's fsync makes elections.
const HEARTBEAT_MIN_MS: u64 = 20;
const HEARTBEAT_MAX_MS: u64 = 5_000;
const ELECTION_MAX_MS: u64 = 60_000;
/// One or two late heartbeats must not make an election.
const HEARTBEATS_PER_ELECTION: u64 = 3;

pub(super) fn read(root: &mut Table<'_, '_>) -> RaftTiming {
    let raw = root.table("raft", "raft");
    let keys = &["heartbeat_interval", "election_timeout_min", "election_timeout_max"];
    let mut table = Table::open(root.context, raw, "raft", "raft", keys);
    let default = RaftTiming::default();
    let mut read = |key, default| table.duration_ms(key, key).unwrap_or(default);
    let raft = RaftTiming {
        heartbeat_interval_ms: read("heartbeat_interval", default.heartbeat_interval_ms),
        election_timeout_min_ms: read("election_timeout_min", default.election_timeout_min_ms),
        election_timeout_max_ms: read("election_timeout_max", default.election_timeout_max_ms),
    };
    check(&mut table, &raft);
    raft
}

fn check(table: &mut Table<'_, '_>, raft: &RaftTiming) {
    let heartbeat_ms = raft.heartbeat_interval_ms;
    if !(HEARTBEAT_MIN_MS..=HEARTBEAT_MAX_MS).contains(&heartbeat_ms) {
        let (least, most) = (ExactMs(HEARTBEAT_MIN_MS), ExactMs(HEARTBEAT_MAX_MS));
        let message = format!("{} is not between {least} and {most}", ExactMs(heartbeat_ms));
        let nearest = ExactMs(heartbeat_ms.clamp(HEARTBEAT_MIN_MS, HEARTBEAT_MAX_MS));
        return table.error("heartbeat_interval", message, format!("the nearest allowed is `{nearest}`"));
    }
    let least_ms = heartbeat_ms * HEARTBEATS_PER_ELECTION;
    if raft.election_timeout_min_ms < least_ms {
        table.error(
            "election_timeout_min",
            format!(
                "{} is less than {HEARTBEATS_PER_ELECTION} heartbeats of {}",
                ExactMs(raft.election_timeout_min_ms),
                ExactMs(heartbeat_ms)
            ),
            format!("at least `{}`", ExactMs(least_ms)),
        );
    }
    if raft.election_timeout_max_ms <= raft.election_timeout_min_ms {
        table.error(
            "election_timeout_max",
            format!(
                "{} is not more than the least election timeout of {}",
                ExactMs(raft.election_timeout_max_ms),
                ExactMs(raft.election_timeout_min_ms)
            ),
            "it is drawn at random between the two, so that two nodes seldom call an election at once",
        );
    } else if raft.election_timeout_max_ms > ELECTION_MAX_MS {
        let most = ExactMs(ELECTION_MAX_MS);
        let message = format!("{} is more than {most}", ExactMs(raft.election_timeout_max_ms));
        table.error("election_timeout_max", message, format!("at most `{most}`"));
    }
}
