//! What is really so: hosts, tunnels, and the routers at their far ends.

use super::policy::GATEWAYS;
use super::tape::Tape;
use arbiter_core::ids::NodeId;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug, Default)]
struct Inner {
    dead_hosts: BTreeSet<NodeId>,
    down_tunnels: BTreeSet<NodeId>,
    dead_routers: BTreeSet<NodeId>,
}

/// The world outside of the cluster. A tunnel and a router are named by the gateway's node that they belong to.
/// Clones share it.
#[derive(Debug, Clone)]
pub struct Truth(Arc<Mutex<Inner>>, Tape);

fn set(nodes: &mut BTreeSet<NodeId>, node: NodeId, is_in: bool) {
    if is_in {
        nodes.insert(node);
    } else {
        nodes.remove(&node);
    }
}

impl Inner {
    fn carries(&self, node: NodeId) -> bool {
        ![&self.dead_hosts, &self.down_tunnels, &self.dead_routers].iter().any(|set| set.contains(&node))
    }
}

impl Truth {
    /// A world in which all works.
    pub fn new(tape: Tape) -> Self {
        Self(Arc::default(), tape)
    }

    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let carried = GATEWAYS.map(|node| inner.carries(node));
        let done = f(&mut inner);
        for (node, before) in GATEWAYS.into_iter().zip(carried) {
            let after = inner.carries(node);
            if before != after {
                let now_ms = self.1.now_ms();
                self.1.with(|record| record.carries.entry(node).or_default().push((now_ms, after)));
            }
        }
        done
    }

    /// The host is dead, or alive again.
    pub fn host_is(&self, node: NodeId, dead: bool) {
        self.with(|inner| set(&mut inner.dead_hosts, node, dead));
    }

    /// The tunnel is down, or up again.
    pub fn tunnel_is(&self, node: NodeId, down: bool) {
        self.with(|inner| set(&mut inner.down_tunnels, node, down));
    }

    /// The router is dead, or alive again.
    pub fn router_is(&self, node: NodeId, dead: bool) {
        self.with(|inner| set(&mut inner.dead_routers, node, dead));
    }

    /// Whether this host is dead.
    pub fn host_is_dead(&self, node: NodeId) -> bool {
        self.with(|inner| inner.dead_hosts.contains(&node))
    }

    /// Whether traffic through this gateway reaches the site.
    pub fn carries(&self, node: NodeId) -> bool {
        self.with(|inner| inner.carries(node))
    }

    /// Every tunnel and router works again. Hosts come back as their instances do.
    pub fn heal(&self) {
        self.with(|inner| {
            inner.down_tunnels.clear();
            inner.dead_routers.clear();
        });
    }
}
