//! What a node hears of another cluster: as the test has it said.

use arbiter_control::ear::Ear;
use arbiter_core::follow::{FollowedRoute, Heard};
use arbiter_core::ids::{Epoch, LogIndex, RouteId};
use std::collections::BTreeSet;
use std::sync::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

#[derive(Default)]
pub struct WorldEar {
    said: Mutex<Option<(Heard, Instant)>>,
    asked: Mutex<BTreeSet<RouteId>>,
    changes: watch::Sender<u64>,
}

impl WorldEar {
    /// The followed cluster says now that its route is on that path since that entry.
    pub fn hears(&self, cluster: &str, route: &str, path: &str, index: u64) {
        let assigned = FollowedRoute { path: path.into(), epoch: Epoch(1), index: LogIndex(index) };
        let routes = [(route.into(), assigned)].into();
        let heard = Heard { cluster: cluster.into(), from: "theirs".to_owned(), age_ms: 0, routes };
        *self.said.lock().expect("whole") = Some((heard, Instant::now()));
        self.changes.send_modify(|count| *count += 1);
    }

    /// Which routes it was told to ask for.
    pub fn asked(&self) -> BTreeSet<RouteId> {
        self.asked.lock().expect("whole").clone()
    }
}

impl Ear for WorldEar {
    fn listen_for(&self, routes: BTreeSet<RouteId>) {
        *self.asked.lock().expect("whole") = routes;
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn heard(&self) -> Option<Heard> {
        let (mut heard, at) = self.said.lock().expect("whole").clone()?;
        heard.age_ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        Some(heard)
    }
}
