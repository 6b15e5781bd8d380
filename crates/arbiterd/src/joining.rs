//! When a node has joined its cluster.

use arbiter_raft::{RaftNode, Standing};
use std::time::Duration;

/// How often a node that has not joined looks whether it has. What it looks at can't all be waited for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Logs `ready` once: when this disk takes part, and a leader was heard, or a majority heard this one lead.
pub(crate) async fn say_when_ready(raft: RaftNode, lease_ms: u64) {
    let view = raft.view();
    loop {
        let leader = {
            let view = view.borrow();
            // Raft remembers a leader over a restart, and even that it was one itself: that proves nothing.
            let led = view.millis_since_quorum_ack.is_some_and(|ms| view.leads() && ms <= lease_ms);
            let joined = view.standing == Standing::Member && (led || raft.leader_heard().is_some());
            view.leader.filter(|_| joined)
        };
        if let Some(leader) = leader {
            tracing::info!(%leader, "ready");
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
