//! What is agreed of the cluster that is followed.

use super::{ClusterState, Event};
use crate::command::{Applied, EntryId, Refusal};
use crate::follow::Preference;
use crate::ids::{PathId, RouteId};
use crate::policy::{Policy, Route};
use crate::time::UnixMs;

impl ClusterState {
    /// Where a route belongs: on the path that stands for the followed cluster's, if it follows one; else on its first.
    pub fn home<'a>(&'a self, route: &'a Route) -> Option<&'a PathId> {
        self.preferred_path(route).map(|(path, _)| &path.id).or_else(|| route.paths.first())
    }

    /// Notes what the followed cluster has assigned: all of it, or nothing.
    pub(super) fn apply_follow(
        &mut self,
        at: EntryId,
        wall_ms: UnixMs,
        preferences: &[(RouteId, Preference)],
    ) -> Result<Applied, Refusal> {
        for (route, preference) in preferences {
            let follows = self.policy.route(route).and_then(|route| route.follows.as_ref());
            if follows != Some(&preference.route) {
                let name = preference.route.to_string();
                return Err(Refusal::Unknown { kind: format!("route that {route} follows"), name });
            }
            if self.preferences.get(route).is_some_and(|known| !preference.replaces(known)) {
                let words = preference.words();
                return Err(Refusal::Other(format!("something as new is known already: {words}")));
            }
        }
        for (route, preference) in preferences {
            let noted = Preference { noted: at.index, ..preference.clone() };
            let event = Event::Followed { route: route.clone(), preference: noted.clone() };
            self.preferences.insert(route.clone(), noted);
            self.remember(at, wall_ms, event);
        }
        Ok(Applied::Accepted)
    }

    /// Forgets what nothing follows any more.
    pub(super) fn forget_preferences(&mut self, policy: &Policy) {
        self.preferences.retain(|route, preference| {
            policy.route(route).and_then(|route| route.follows.as_ref()) == Some(&preference.route)
        });
    }
}
