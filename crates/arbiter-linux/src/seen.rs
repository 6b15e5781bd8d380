//! What a host's kernel has of its routes, as others are told.

use crate::kernel::{KernelRoute, PROTOCOL};
use arbiter_control::provider::RouteSeen;
use arbiter_core::ids::RouteId;
use arbiter_core::policy::{Linux, Route, Target, kernel_table};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// What the kernel has of one route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteFound {
    /// The next hop of our route; none if there is no route of ours.
    pub via: Option<Ipv4Addr>,
    /// Its interface.
    pub dev: Option<String>,
    /// Another's route that beats ours, in words.
    pub shadowed_by: Option<String>,
}

/// What one host has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Each route of that host that could be read.
    pub routes: BTreeMap<RouteId, RouteFound>,
    /// What could not be read, in words.
    pub problems: Vec<String>,
}

/// The place that a route of the policy has in its host's kernel; none if it can have none, which validation forbids.
pub(crate) fn place(route: &Route, linux: &Linux) -> Option<KernelRoute> {
    let (address, length) = route.destination.split_once('/')?;
    Some(KernelRoute {
        table: kernel_table(&route.table)?,
        destination: (address.parse().ok()?, length.parse().ok()?),
        via: None,
        dev: None,
        metric: linux.metric,
        protocol: PROTOCOL,
    })
}

/// The same, leading to a path's target.
pub(crate) fn leading_to(place: KernelRoute, target: &Target) -> Option<KernelRoute> {
    match target {
        Target::NextHop { via: IpAddr::V4(via), dev } => {
            Some(KernelRoute { via: Some(*via), dev: dev.clone(), ..place })
        }
        _ => None,
    }
}

/// What a table has of one route.
pub(crate) fn find(place: &KernelRoute, table: &[KernelRoute]) -> RouteFound {
    // Of several of ours the kernel takes the first; the others are about to go.
    let ours = table.iter().find(|route| route.is_ours() && route.same_place(place));
    RouteFound {
        via: ours.and_then(|route| route.via),
        dev: ours.and_then(|route| route.dev.clone()),
        shadowed_by: table.iter().find(|route| beats(route, place)).map(ToString::to_string),
    }
}

/// Whether another's route takes traffic from ours: it leads to the same network and is preferred or takes our place, or
/// it leads to a part of it.
fn beats(other: &KernelRoute, ours: &KernelRoute) -> bool {
    let ((network, length), (theirs, their_length)) = (ours.destination, other.destination);
    if other.is_ours() || their_length < length || masked(theirs, length) != masked(network, length) {
        return false;
    }
    their_length > length || other.metric <= ours.metric
}

fn masked(address: Ipv4Addr, length: u8) -> u32 {
    let mask = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
    u32::from(address) & mask
}

impl RouteFound {
    /// As the control loop sees it: the target of the path that it is, or what it is instead. Where a path does not name
    /// its interface, the one that the kernel found is no difference.
    pub fn as_seen(&self, targets: &[Target]) -> RouteSeen {
        let here = self.via.map(|via| Target::NextHop { via: IpAddr::V4(via), dev: self.dev.clone() });
        let without = self.via.map(|via| Target::NextHop { via: IpAddr::V4(via), dev: None });
        let known = [&here, &without].into_iter().flatten().find(|target| targets.contains(target));
        let target = known.or(here.as_ref()).cloned().unwrap_or_else(Target::nowhere);
        RouteSeen { target: Some(target), blackhole: false, shadowed_by: self.shadowed_by.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbiter_core::rules::proves;

    fn route(network: [u8; 4], length: u8, metric: u32, protocol: u8) -> KernelRoute {
        let via = Some(Ipv4Addr::new(10, 10, 1, 100));
        let destination = (network.into(), length);
        KernelRoute { table: 254, destination, via, dev: Some("lan".into()), metric, protocol }
    }

    #[test]
    fn another_s_route_that_beats_ours_is_named() {
        proves("kernel.others-untouched");
        let ours = route([172, 16, 3, 0], 24, 10, PROTOCOL);
        let beaten = |network, length, metric| {
            let other = route(network, length, metric, 4);
            find(&ours, &[ours.clone(), other]).shadowed_by
        };
        assert_eq!(beaten([172, 16, 3, 0], 24, 11), None, "less preferred");
        assert_eq!(beaten([172, 16, 0, 0], 16, 0), None, "wider");
        assert_eq!(beaten([172, 16, 4, 0], 24, 0), None, "elsewhere");
        let named =
            |metric| Some(format!("172.16.3.0/24 via 10.10.1.100 dev lan proto 4 metric {metric} table 254"));
        assert_eq!(beaten([172, 16, 3, 0], 24, 9), named(9));
        assert_eq!(beaten([172, 16, 3, 0], 24, 10), named(10), "it takes our place");
        assert!(beaten([172, 16, 3, 128], 25, 99).is_some(), "a part of it");
    }

    #[test]
    fn what_the_kernel_found_is_the_path_that_names_no_interface() {
        let found = RouteFound {
            via: Some(Ipv4Addr::new(10, 10, 1, 100)),
            dev: Some("lan".into()),
            shadowed_by: None,
        };
        let hop =
            |dev: Option<&str>| Target::NextHop { via: [10, 10, 1, 100].into(), dev: dev.map(Into::into) };
        let seen = |targets: &[Target]| found.as_seen(targets).target;
        assert_eq!(seen(&[hop(None)]), Some(hop(None)));
        assert_eq!(seen(&[hop(Some("lan"))]), Some(hop(Some("lan"))));
        assert_eq!(seen(&[hop(Some("wan"))]), Some(hop(Some("lan"))), "another interface is another target");
        assert_eq!(RouteFound::default().as_seen(&[hop(None)]).target, Some(Target::nowhere()));
    }
}
