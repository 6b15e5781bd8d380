//! Good or not, in the words that an operator sees when asking by hand.

use arbiter_control::Look;
use arbiter_control::consensus::Role;

/// An answer for machines (200 or 503) and the reason for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Health {
    pub good: bool,
    pub because: String,
}

impl Health {
    pub fn good(because: impl Into<String>) -> Self {
        Self { good: true, because: because.into() }
    }

    pub fn bad(because: impl Into<String>) -> Self {
        Self { good: false, because: because.into() }
    }
}

/// The node takes part: it has joined, and hears a leader. That its loop answers is seen by there being a look.
pub(super) fn ready(look: &Look, lease_ms: u64) -> Health {
    let view = &look.view;
    if let Some(fatal) = &view.fatal {
        return Health::bad(format!("consensus has stopped: {fatal}"));
    }
    if look.state.cluster_id.is_none() {
        return Health::bad("the cluster is not formed, or this node has not learnt of it yet");
    }
    if !view.voters.contains(&look.me) && !view.learners.contains(&look.me) {
        return Health::bad("this node is no member of the cluster");
    }
    let Some(leader) = view.leader else {
        return Health::bad("no leader is known");
    };
    let name = look.state.policy.node_name(leader);
    if leader == look.me {
        return leader_backed(look, lease_ms);
    }
    match view.leader_heard_ms {
        Some(ms) if ms <= lease_ms => Health::good(format!("a member; {name} leads")),
        Some(ms) => Health::bad(format!("{name} leads, but was last heard {ms} ms ago")),
        None => Health::bad(format!("{name} leads, but was never heard")),
    }
}

/// This node decides: it is in office, and a quorum has acknowledged it within a lease.
pub(super) fn leader(look: &Look, lease_ms: u64) -> Health {
    let view = &look.view;
    let Some(epoch) = look.epoch.filter(|_| view.role == Role::Leader) else {
        return Health::bad(match view.leader {
            Some(other) if other != look.me => format!("{} leads", look.state.policy.node_name(other)),
            Some(_) => "elected, but not in office yet".to_owned(),
            None => "no leader is known".to_owned(),
        });
    };
    let backed = leader_backed(look, lease_ms);
    if backed.good { Health::good(format!("in office, epoch {epoch}")) } else { backed }
}

fn leader_backed(look: &Look, lease_ms: u64) -> Health {
    match look.view.quorum_acked_ms {
        Some(ms) if ms <= lease_ms => Health::good("a member, and the leader"),
        Some(ms) => Health::bad(format!("the leader, but its quorum was last heard {ms} ms ago")),
        None => Health::bad("the leader, but no quorum was heard yet"),
    }
}
