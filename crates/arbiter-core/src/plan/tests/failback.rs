use super::away;
use crate::command::Cause;
use crate::evidence::Evidence;
use crate::evidence::Verdict::{Down, Unknown, Up};
use crate::fixture::{Cluster, LONG_MS, route, set, tunnel};
use crate::health::Code;
use crate::rules::proves;

const HOME: Option<(crate::ids::PathId, Cause)> = None;

fn home() -> Option<(crate::ids::PathId, Cause)> {
    Some((tunnel(1), Cause::Failback))
}

#[test]
fn a_route_comes_home_after_its_path_was_up_without_a_break_for_so_long() {
    proves("choose.failback-after");
    let (mut cluster, evidence) = away();
    assert!(cluster.plan(&evidence).alarms(Code::AwayFromHome));
    let up = evidence.tunnel(1, Up, 29_999);
    assert_eq!(cluster.wish_for(1, &up), HOME);
    assert!(cluster.plan(&up).why(1).contains("not tunnel-1 yet"), "{}", cluster.plan(&up).why(1));
    let up = up.tunnel(1, Up, 30_000);
    assert_eq!(cluster.wish_for(1, &up), home());
    cluster.does(&up);
    assert_eq!(cluster.path_of(1), tunnel(1));
}

#[test]
fn a_path_that_nobody_could_hear_of_was_not_up_without_a_break() {
    proves("choose.failback-after");
    let (mut cluster, evidence) = away();
    // The line to the gateway was cut and is whole again: its own probes were up all along.
    let back = evidence.tunnel(1, Up, LONG_MS).heard_for(1, 29_999);
    assert_eq!(cluster.wish_for(1, &back), HOME);
    let early = cluster.intends(set(1, Some(crate::fixture::eni(2)), 1), Cause::Failback, &back);
    assert!(early.is_err());
    assert_eq!(cluster.wish_for(1, &back.heard_for(1, 30_000)), home());
}

#[test]
fn the_wait_grows_with_each_flap_and_decays() {
    proves("choose.failback-grows-and-decays");
    let mut cluster = Cluster::reference();
    let healthy = Evidence::healthy(&cluster.state.policy);
    let wait_ms = |cluster: &Cluster| {
        let away = healthy.clone().points_at(1, 2);
        let comes = |ms: &u64| cluster.wish_for(1, &away.clone().tunnel(1, Up, *ms)).is_some();
        [29_999, 30_000, 60_000, 120_000, 240_000, 480_000, 600_000].into_iter().find(comes)
    };
    let mut waits = Vec::new();
    for _ in 0..7 {
        cluster.does(&healthy.clone().tunnel_down(1, 0));
        cluster.after(61_000);
        waits.push(wait_ms(&cluster).expect("it comes home some day"));
        cluster.does(&healthy.clone().points_at(1, 2));
        assert_eq!(cluster.path_of(1), tunnel(1), "an hour is enough for any wait");
    }
    assert_eq!(waits, [30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000]);
    // One flap is forgotten every ten minutes, also in bits: not one of them counts twice.
    let flaps = |cluster: &Cluster| cluster.state.flaps(&route(1), cluster.state.log_now());
    assert_eq!(flaps(&cluster), 7);
    cluster.after(600_000 - 61_000);
    assert_eq!(flaps(&cluster), 6);
    cluster.after(599_999);
    assert_eq!(flaps(&cluster), 6);
    cluster.after(1);
    assert_eq!(flaps(&cluster), 5);
    cluster.after(LONG_MS);
    assert_eq!(flaps(&cluster), 0);
    // A failback is no flap, and neither is what an operator does.
    cluster.told(crate::command::Operation::Switchover { route: route(1), path: tunnel(2) });
    cluster.does(&healthy);
    assert_eq!((cluster.path_of(1), flaps(&cluster)), (tunnel(2), 0));
}

#[test]
fn an_advisory_probe_blocks_coming_home_and_nothing_else() {
    proves("choose.advisory-blocks-failback");
    let (mut cluster, evidence) = away();
    let up = evidence.tunnel(1, Up, LONG_MS);
    for (state, for_ms) in [(Down, LONG_MS), (Unknown, LONG_MS), (Up, 29_999)] {
        let warned = up.clone().says(1, "behind-1", state, for_ms);
        assert_eq!(cluster.wish_for(1, &warned), HOME, "{state}");
        let refused = cluster.intends(set(1, Some(crate::fixture::eni(2)), 1), Cause::Failback, &warned);
        assert!(refused.is_err(), "{state}");
        let why = cluster.plan(&warned).why(1);
        assert!(why.contains("advisory probe behind-1"), "{why}");
        // It delays no failover to that path.
        let failed = warned.tunnel_down(2, 0);
        assert_eq!(cluster.wish_for(1, &failed), Some((tunnel(1), Cause::Failover)), "{state}");
    }
    assert_eq!(cluster.wish_for(1, &up.says(1, "behind-1", Up, 30_000)), home());
}
