//! A cluster on premises, as its log has made it.

use arbiter_core::ids::{ClusterId, Epoch, LogIndex, NodeId, PathId, RouteId};
use arbiter_core::policy::{DriftAction, Linux, Path, Policy, Route, Target};
use arbiter_core::state::{Assignment, ClusterState};
use std::sync::Arc;

pub const CORE: NodeId = NodeId(3);

fn hop(n: u8) -> Target {
    Target::NextHop { via: [10, 10, n, 100].into(), dev: None }
}

/// Two paths, and two routes on the core router's host.
pub fn policy() -> Policy {
    let path = |n: u8| Path {
        id: PathId(format!("tunnel-{n}")),
        gateway: None,
        target: hop(n),
        observers: vec![],
        follows: None,
    };
    let route = |n: u8| Route {
        id: RouteId(format!("to-private-{n}")),
        table: "main".to_owned(),
        destination: format!("172.16.{}.0/24", n + 2),
        paths: vec!["tunnel-1".into(), "tunnel-2".into()],
        drift: DriftAction::Repair,
        importance: 100,
        host: Some(CORE),
        follows: None,
    };
    Policy {
        paths: vec![path(1), path(2)],
        routes: vec![route(1), route(2)],
        linux: Some(Linux::default()),
        ..Policy::default()
    }
}

pub fn route(n: u64) -> RouteId {
    RouteId(format!("to-private-{n}"))
}

/// The state after that entry, by which the first route was assigned to that tunnel.
pub fn state(tunnel: u8, index: u64) -> ClusterState {
    let mut state = ClusterState {
        cluster_id: Some(ClusterId::from("site-1")),
        policy: Arc::new(policy()),
        ..ClusterState::default()
    };
    state.applied.index = LogIndex(index);
    state.assignments.insert(route(1), assignment(tunnel, index));
    state
}

pub fn assignment(tunnel: u8, index: u64) -> Assignment {
    let text = serde_json::json!({
        "path": format!("tunnel-{tunnel}"), "target": hop(tunnel), "since": 0, "wall_ms": 0, "cause": null,
        "moves": [], "flaps": 0, "flapped": 0, "repairs": [], "own": []
    });
    let assignment: Assignment = serde_json::from_value(text).expect("an old snapshot is read");
    Assignment { index: LogIndex(index), epoch: Epoch(1), ..assignment }
}
