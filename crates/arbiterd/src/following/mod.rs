//! Hearing the cluster that this one follows.
//!
//! All of its nodes are listened to at once, each over a stream of its own. Whoever has applied more of its log says the
//! newer thing; which way reaches which node does not matter, as long as one does.

mod stream;
#[cfg(test)]
mod tests;

use crate::line::{self, CONNECT_TIMEOUT};
use crate::trust::Trust;
use arbiter_config::FollowConfig;
use arbiter_control::clock::Clock;
use arbiter_control::ear::Ear;
use arbiter_core::follow::{FollowedRoute, Heard, merge};
use arbiter_core::ids::{ClusterId, RouteId};
use arbiter_core::time::MonoMs;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// What one node of the followed cluster said last.
#[derive(Debug, Clone)]
struct Word {
    cluster: ClusterId,
    node: String,
    routes: BTreeMap<RouteId, FollowedRoute>,
    /// When it was heard.
    at: MonoMs,
    /// How old its own knowledge was then.
    as_of_ms: u64,
}

/// Why a word of another cluster can't be read, for whoever tries it with any word; its routes, if it can.
pub(crate) fn readable(assigned: arbiter_proto::v1::Assigned, meant: &str) -> Result<usize, tonic::Status> {
    stream::read(assigned, meant, MonoMs(0)).map(|word| word.routes.len())
}

/// What was heard at each of its addresses.
struct Words {
    clock: Arc<dyn Clock>,
    began: MonoMs,
    by_address: Mutex<BTreeMap<String, Word>>,
    /// The cluster that was heard last.
    last: Mutex<Option<ClusterId>>,
    changes: watch::Sender<u64>,
}

impl Words {
    /// Something was said. Only what is new is worth waking for.
    fn heard(&self, address: &str, word: Word) {
        let mut words = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let before = words.insert(address.to_owned(), word.clone());
        let same = |old: &Word| old.cluster == word.cluster && old.routes == word.routes;
        if !before.as_ref().is_some_and(same) {
            drop(words);
            self.changes.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    fn together(&self) -> Option<Heard> {
        let now = self.clock.now();
        let heard = |word: &Word| Heard {
            cluster: word.cluster.clone(),
            from: word.node.clone(),
            age_ms: now.since_ms(word.at).saturating_add(word.as_of_ms),
            routes: word.routes.clone(),
        };
        let words: Vec<_> = {
            let words = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
            words.values().map(heard).collect()
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Two clusters at these addresses: one takes the other's place, and must not be believed in turn with it.
        let heard = merge(last.as_ref(), now.since_ms(self.began), words.into_iter())?;
        *last = Some(heard.cluster.clone());
        Some(heard)
    }
}

/// Listens to the nodes that the configuration names.
pub(crate) struct FollowEar {
    words: Arc<Words>,
    routes: watch::Sender<BTreeSet<RouteId>>,
}

impl FollowEar {
    /// Starts to listen, as soon as there is something to listen for.
    pub fn start(
        me: &str,
        follow: &FollowConfig,
        clock: Arc<dyn Clock>,
        trust: &Trust,
    ) -> Result<Self, tonic::transport::Error> {
        let words = Arc::new(Words {
            began: clock.now(),
            clock,
            by_address: Mutex::default(),
            last: Mutex::default(),
            changes: watch::Sender::new(0),
        });
        let routes = watch::Sender::new(BTreeSet::new());
        for address in &follow.nodes {
            let listener = stream::Listener {
                follower: me.to_owned(),
                cluster: follow.cluster.clone(),
                address: address.clone(),
                line: trust.line_to_cluster(line::to(address)?, CONNECT_TIMEOUT, &follow.cluster),
                words: Arc::clone(&words),
            };
            tokio::spawn(listener.keep_listening(routes.subscribe()));
        }
        Ok(Self { words, routes })
    }
}

impl Ear for FollowEar {
    fn listen_for(&self, routes: BTreeSet<RouteId>) {
        self.routes.send_if_modified(|asked| {
            let other = *asked != routes;
            *asked = routes;
            other
        });
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.words.changes.subscribe()
    }

    fn heard(&self) -> Option<Heard> {
        self.words.together()
    }
}
