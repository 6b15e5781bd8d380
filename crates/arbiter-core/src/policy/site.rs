//! What only a cluster on premises has: kernel routes of Linux hosts, and another cluster to follow.

use super::{Path, Policy, Route, Target};
use crate::ids::PathId;
use serde::{Deserialize, Serialize};

/// How routes are written where they are kernel routes of Linux hosts, and not EC2's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Linux {
    /// The metric of the kernel routes. Of two routes to one destination the kernel takes the lower one; FRR gives its own
    /// 20.
    pub metric: u32,
}

impl Default for Linux {
    fn default() -> Self {
        Self { metric: 10 }
    }
}

/// Routes that follow, at most: each report carries what they follow, ten times a second.
pub const FOLLOWING_ROUTES_MAX: usize = 100;

/// The kernel's own tables that have names, and their numbers.
const TABLES: [(&str, u32); 3] = [("default", 253), ("main", 254), ("local", 255)];

/// The number of a kernel's table, from its number or its name.
pub fn kernel_table(text: &str) -> Option<u32> {
    let named = TABLES.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
    named.or_else(|| text.parse().ok().filter(|number| *number != 0))
}

impl Target {
    /// A kernel route that is not there. Unlike a VPC's it is created: that is why a provider says so by a target, and
    /// not by the absence of one.
    pub fn nowhere() -> Self {
        Self::Other("nowhere".to_owned())
    }
}

impl Policy {
    /// Which of the route's paths stands for this path of the followed cluster, if one does.
    pub fn path_standing_for(&self, route: &Route, theirs: &PathId) -> Option<&Path> {
        let stands = |path: &&Path| path.follows.as_ref() == Some(theirs);
        route.paths.iter().filter_map(|id| self.path(id)).find(stands)
    }

    /// Whether any route follows another cluster's.
    pub fn follows(&self) -> bool {
        self.routes.iter().any(|route| route.follows.is_some())
    }
}
