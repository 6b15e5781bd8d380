//! What the call log says of a run: moves that were wrong, gateways stopped that were well, how many wrote at once.
//!
//! The judge knows which gateway is dead, and since when: it made the fault. It is lenient: of a gateway that somebody has
//! told to stop or start nobody need know how it is, and moves from it or to its own home are never wrong then.

use crate::calllog::{CallRecord, Outcome};
use crate::demo::cluster::{GATEWAYS, Node, gateway_of_interface};
use std::collections::{BTreeMap, BTreeSet};

/// Hands that write within this time of each other write at once: about as long as a script's call takes to be made,
/// answered, and followed by the next.
const AT_ONCE_MS: u64 = 5_000;

/// A gateway, or its tunnel, is dead from this moment on, in the call log's milliseconds.
pub(super) type Deaths = BTreeMap<Node, u64>;

/// What a run is judged by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Judgement {
    /// Moves onto a gateway that was dead, or away from one that was well to where the route is not at home.
    pub wrong_moves: usize,
    /// Stops of a gateway that was well.
    pub healthy_stopped: usize,
    /// The most hands that wrote within five seconds.
    pub writers_at_once: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Well,
    Dead,
    Unclear,
}

/// Judges these calls, made after all routes were at home.
pub(super) fn judge(calls: &[CallRecord], deaths: &Deaths) -> Judgement {
    let mut accepted: Vec<_> =
        calls.iter().filter(|call| call.mutating && call.outcome == Outcome::Ok).collect();
    accepted.sort_by_key(|call| call.applied_ms.unwrap_or(call.arrived_ms));
    let mut points_at: BTreeMap<&str, Node> = GATEWAYS.iter().map(|it| (it.table, it.node)).collect();
    let mut unclear = BTreeSet::new();
    let mut judgement = Judgement::default();
    for call in &accepted {
        let at_ms = call.applied_ms.unwrap_or(call.arrived_ms);
        let health = |node: Node, unclear: &BTreeSet<Node>| match deaths.get(&node) {
            _ if unclear.contains(&node) => Health::Unclear,
            Some(since_ms) if *since_ms <= at_ms => Health::Dead,
            _ => Health::Well,
        };
        let instance = call.param("InstanceId.1");
        if let Some(gateway) = GATEWAYS.iter().find(|it| Some(it.instance) == instance) {
            if call.action == "StopInstances" && health(gateway.node, &unclear) == Health::Well {
                judgement.healthy_stopped += 1;
            }
            unclear.insert(gateway.node);
            continue;
        }
        let home = GATEWAYS.iter().find(|it| Some(it.table) == call.param("RouteTableId"));
        let after = call.param("NetworkInterfaceId").and_then(gateway_of_interface);
        let (Some(home), Some(after)) = (home, after) else { continue };
        let Some(before) = points_at.insert(home.table, after.node).filter(|it| *it != after.node) else {
            continue;
        };
        let (left, taken) = (health(before, &unclear), health(after.node, &unclear));
        if taken == Health::Dead || (left == Health::Well && after.node != home.node) {
            judgement.wrong_moves += 1;
        }
    }
    judgement.writers_at_once = writers_at_once(&accepted);
    judgement
}

fn writers_at_once(calls: &[&CallRecord]) -> usize {
    let hands = |first: &&CallRecord| {
        let soon =
            |it: &&&CallRecord| (first.arrived_ms..first.arrived_ms + AT_ONCE_MS).contains(&it.arrived_ms);
        calls.iter().filter(soon).map(|call| call.caller.as_deref()).collect::<BTreeSet<_>>().len()
    };
    calls.iter().map(hands).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calllog::tests::record;

    fn call(at_ms: u64, caller: &str, action: &str, params: &[(&str, &str)]) -> CallRecord {
        let mut call = record(action, true);
        call.params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        call.caller = Some(caller.to_owned());
        (call.arrived_ms, call.applied_ms) = (at_ms, Some(at_ms + 75));
        call.outcome = Outcome::Ok;
        call
    }

    fn moved(at_ms: u64, caller: &str, route: usize, to: usize) -> CallRecord {
        let params =
            [("RouteTableId", GATEWAYS[route].table), ("NetworkInterfaceId", GATEWAYS[to].interface)];
        call(at_ms, caller, "ReplaceRoute", &params)
    }

    fn power(at_ms: u64, caller: &str, action: &str, gateway: usize) -> CallRecord {
        call(at_ms, caller, action, &[("InstanceId.1", GATEWAYS[gateway].instance)])
    }

    fn dead(gateway: usize, since_ms: u64) -> Deaths {
        Deaths::from([(GATEWAYS[gateway].node, since_ms)])
    }

    #[test]
    fn a_failover_a_restart_and_the_way_home_are_well() {
        let calls = [
            moved(1_000, "B", 0, 1),
            power(2_000, "B", "StopInstances", 0),
            power(9_000, "B", "StartInstances", 0),
            moved(15_000, "A", 0, 0),
        ];
        let judgement = judge(&calls, &dead(0, 500));
        assert_eq!(judgement, Judgement { writers_at_once: 1, ..Judgement::default() });
    }

    #[test]
    fn leaving_a_gateway_that_is_well_is_wrong_and_so_is_stopping_it() {
        let calls = [
            moved(1_000, "A", 1, 0),
            moved(1_100, "B", 0, 1),
            power(2_000, "A", "StopInstances", 1),
            power(2_100, "B", "StopInstances", 0),
        ];
        let judgement = judge(&calls, &Deaths::new());
        assert_eq!(judgement, Judgement { wrong_moves: 2, healthy_stopped: 2, writers_at_once: 2 });
    }

    #[test]
    fn going_to_a_dead_gateway_is_wrong_even_if_it_is_home() {
        let calls = [moved(1_000, "B", 0, 1), moved(2_000, "A", 0, 0)];
        assert_eq!(judge(&calls, &dead(0, 500)).wrong_moves, 1);
        // The second time it has been told to start: nobody need know.
        let calls =
            [moved(1_000, "B", 0, 1), power(1_500, "B", "StartInstances", 0), moved(2_000, "A", 0, 0)];
        assert_eq!(judge(&calls, &dead(0, 500)).wrong_moves, 0);
    }

    #[test]
    fn a_gateway_is_well_until_it_dies_and_a_call_that_moves_nothing_is_no_move() {
        assert_eq!(judge(&[moved(1_000, "B", 0, 1)], &dead(0, 5_000)).wrong_moves, 1);
        assert_eq!(judge(&[moved(1_000, "A", 0, 0)], &dead(0, 500)).wrong_moves, 0);
        let refused = CallRecord { outcome: Outcome::Refused("x".to_owned()), ..moved(1_000, "A", 1, 0) };
        assert_eq!(judge(&[refused], &Deaths::new()), Judgement::default());
    }
}
