//! Following another cluster: what it has assigned, as it is heard, and as it is agreed.
//!
//! ```text
//!  the followed cluster ──► each node that hears it ──► reports ──► evidence ──► the leader's `Follow` entry
//!                                                                                       │
//!                        the planner, and `check` ◄── the replicated preference ◄───────┘
//! ```
//!
//! What is heard is gone with the process that heard it. So it is agreed before it is acted on: the preference stands
//! in the replicated state, and whoever leads when the followed cluster is out of reach keeps the last one.

use crate::ids::{ClusterId, Epoch, LogIndex, PathId, RouteId};
use crate::policy::{Path, Policy, Route};
use crate::state::ClusterState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Silence of the followed cluster that is worth an alarm: it speaks every second, and a new connection takes a few.
pub const FOLLOW_LOST_AFTER_MS: u64 = 10_000;

/// Another cluster is taken for the followed one's successor only after this much silence of the old one. Its nodes and
/// those of the new one must not be believed in turn while one replaces the other.
pub const SUCCESSOR_AFTER_MS: u64 = 60_000;

/// An assignment of the followed cluster: committed there, so that one with a higher index replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowedRoute {
    /// The path, by its name there.
    pub path: PathId,
    /// The epoch of the leader there.
    pub epoch: Epoch,
    /// Where it stands in the log there.
    pub index: LogIndex,
}

/// What a node, or all nodes together, have heard of the followed cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Which cluster.
    pub cluster: ClusterId,
    /// Which of its nodes was heard last, by its name, for people.
    #[serde(default)]
    pub from: String,
    /// How long ago it was last heard, at most.
    pub age_ms: u64,
    /// The newest known assignment of each route that was asked for, by its name there.
    pub routes: BTreeMap<RouteId, FollowedRoute>,
}

impl Heard {
    /// The part of it that these routes of ours follow.
    #[must_use]
    pub fn restricted_to(&self, policy: &Policy, routes: &BTreeSet<RouteId>) -> Self {
        let asked: BTreeSet<_> = routes.iter().filter_map(|id| policy.route(id)?.follows.as_ref()).collect();
        let mut heard = self.clone();
        heard.routes.retain(|route, _| asked.contains(route));
        heard
    }
}

/// Which of the followed cluster's paths is preferred for one route of ours, as it is agreed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preference {
    /// The cluster.
    pub cluster: ClusterId,
    /// The route there.
    pub route: RouteId,
    /// What is assigned to it.
    pub assigned: FollowedRoute,
    /// Our own log entry that noted it.
    #[serde(default)]
    pub noted: LogIndex,
}

impl Preference {
    /// Whether this one may take the place of `old`: never an older assignment of the same cluster.
    pub fn replaces(&self, old: &Self) -> bool {
        self.cluster != old.cluster || self.route != old.route || self.assigned.index > old.assigned.index
    }

    /// Which assignment it is, for people.
    pub fn words(&self) -> String {
        let FollowedRoute { path, epoch, index } = &self.assigned;
        format!("{} there is on {path}: entry {index} of epoch {epoch}, cluster {}", self.route, self.cluster)
    }
}

/// What all nodes together have heard: of each route the newest assignment, from one cluster. `None` if nobody has
/// heard anything that may be believed.
pub fn merge(
    recorded: Option<&ClusterId>,
    listening_ms: u64,
    words: impl Iterator<Item = Heard>,
) -> Option<Heard> {
    let mut heard: BTreeMap<ClusterId, Heard> = BTreeMap::new();
    for word in words {
        match heard.get_mut(&word.cluster) {
            Some(merged) => add(merged, word),
            None => drop(heard.insert(word.cluster.clone(), word)),
        }
    }
    let silent_ms = |cluster: &ClusterId| heard.get(cluster).map_or(listening_ms, |word| word.age_ms);
    if let Some(recorded) = recorded.filter(|cluster| silent_ms(cluster) < SUCCESSOR_AFTER_MS) {
        return heard.remove(recorded);
    }
    heard.into_values().min_by_key(|word| word.age_ms)
}

fn add(merged: &mut Heard, word: Heard) {
    if word.age_ms < merged.age_ms {
        (merged.age_ms, merged.from) = (word.age_ms, word.from);
    }
    for (route, assigned) in word.routes {
        match merged.routes.get(&route) {
            Some(known) if known.index >= assigned.index => {}
            _ => drop(merged.routes.insert(route, assigned)),
        }
    }
}

/// The routes of the followed cluster that a policy asks about.
pub fn asked_for(policy: &Policy) -> BTreeSet<RouteId> {
    policy.routes.iter().filter_map(|route| route.follows.clone()).collect()
}

/// What was heard and is newer than what is agreed.
pub fn news(state: &ClusterState, heard: Option<&Heard>) -> Vec<(RouteId, Preference)> {
    let Some(heard) = heard else { return Vec::new() };
    let news = |route: &Route| {
        let theirs = route.follows.clone()?;
        let assigned = heard.routes.get(&theirs)?.clone();
        let cluster = heard.cluster.clone();
        let preference = Preference { cluster, route: theirs, assigned, noted: LogIndex(0) };
        let newer = state.preferences.get(&route.id).is_none_or(|old| preference.replaces(old));
        newer.then(|| (route.id.clone(), preference))
    };
    state.policy.routes.iter().filter_map(news).collect()
}

impl ClusterState {
    /// The cluster that is followed, as it is agreed.
    pub fn followed_cluster(&self) -> Option<&ClusterId> {
        // Newest first: while one cluster takes another's place, some routes may still name the old one.
        self.preferences.values().max_by_key(|preference| preference.noted).map(|it| &it.cluster)
    }

    /// What is agreed of the route that this one follows now.
    pub fn preference(&self, route: &Route) -> Option<&Preference> {
        self.preferences.get(&route.id).filter(|preference| route.follows.as_ref() == Some(&preference.route))
    }

    /// The path of ours that stands for the one that the followed cluster is on.
    pub fn preferred_path(&self, route: &Route) -> Option<(&Path, &Preference)> {
        let preference = self.preference(route)?;
        let path = self.policy.path_standing_for(route, &preference.assigned.path)?;
        Some((path, preference))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::proves;

    fn word(cluster: &str, age_ms: u64, path: &str, index: u64) -> Heard {
        let assigned = FollowedRoute { path: path.into(), epoch: Epoch(7), index: LogIndex(index) };
        let routes = BTreeMap::from([("private-1".into(), assigned)]);
        Heard { cluster: cluster.into(), from: "witness".to_owned(), age_ms, routes }
    }

    fn path(heard: Option<Heard>) -> Option<(String, u64)> {
        heard.map(|heard| (heard.routes[&RouteId::from("private-1")].path.to_string(), heard.age_ms))
    }

    #[test]
    fn of_several_words_the_newest_assignment_counts_and_the_newest_contact() {
        proves("follow.never-older");
        let words = [word("c", 900, "tunnel-2", 12), word("c", 10, "tunnel-1", 9)];
        assert_eq!(path(merge(None, 0, words.into_iter())), Some(("tunnel-2".to_owned(), 10)));
        assert_eq!(path(merge(None, 0, std::iter::empty())), None);
    }

    #[test]
    fn another_cluster_is_believed_only_after_a_long_silence_of_the_followed_one() {
        proves("follow.other-cluster");
        let old = ClusterId::from("old");
        let both = |age_ms| [word("old", age_ms, "tunnel-1", 900), word("new", 10, "tunnel-2", 3)];
        let merged = |age_ms| path(merge(Some(&old), u64::MAX, both(age_ms).into_iter()));
        assert_eq!(merged(SUCCESSOR_AFTER_MS - 1), Some(("tunnel-1".to_owned(), SUCCESSOR_AFTER_MS - 1)));
        assert_eq!(merged(SUCCESSOR_AFTER_MS), Some(("tunnel-2".to_owned(), 10)));
        // Who has just started has not waited yet.
        let new = || std::iter::once(word("new", 10, "tunnel-2", 3));
        assert_eq!(path(merge(Some(&old), SUCCESSOR_AFTER_MS - 1, new())), None);
        assert!(merge(Some(&old), SUCCESSOR_AFTER_MS, new()).is_some());
        assert!(merge(None, 0, new()).is_some(), "the first one is believed at once");
    }
}
