//! Paths that can't carry what is moved onto them, and far ends that are dead: where moving does not help.

use crate::world::{ONE, TWO, WITNESS, World, reference};
use arbiter_core::bad_days::bad_day;
use arbiter_core::evidence::Verdict;
use arbiter_core::health::{Alarm, Code, Urgency};
use arbiter_core::rules::proves;
use tokio::time::Instant;

/// How long a tunnel that has to carry both subnets lasts.
const COLLAPSES_AFTER_MS: u64 = 2_000;

const LOOK_EVERY_MS: u64 = 50;

/// One step of a network whose tunnels carry one subnet each and no more: who has both, collapses; who has none,
/// recovers. `strained` holds since when a tunnel has had both.
fn strain(world: &World, strained: &mut [Option<Instant>; 2]) {
    for (node, since) in [ONE, TWO].into_iter().zip(strained) {
        let mine = format!("eni-{node}");
        let carries = ["private-1", "private-2"].iter().filter(|route| world.target(route) == mine).count();
        *since = if carries == 2 { since.or(Some(Instant::now())) } else { None };
        let too_long = since.is_some_and(|at| at.elapsed().as_millis() >= u128::from(COLLAPSES_AFTER_MS));
        if too_long || carries == 0 {
            world.tunnel(node, if too_long { Verdict::Down } else { Verdict::Up });
        }
    }
}

async fn alarms_of(world: &World, route: &str) -> Vec<Alarm> {
    let alarms = world.look(WITNESS).await.alarms;
    alarms.into_iter().filter(|alarm| alarm.subject == route).collect()
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_pair_does_not_play_ping_pong() {
    bad_day("overload-ping-pong");
    proves("choose.fourth-move-freezes");
    let world = World::settled(reference(), WITNESS).await;
    // A short failure puts both subnets onto one tunnel; from then on each has too much in turn.
    world.tunnel(ONE, Verdict::Down);
    world.until("private-1 moves", 1_000, |w| w.target("private-1") == "eni-2").await;
    let (mut strained, mut frozen_for_ms) = ([None; 2], 0);
    let minutes = 2;
    for _ in 0..minutes * 60_000 / LOOK_EVERY_MS {
        world.pass(LOOK_EVERY_MS).await;
        strain(&world, &mut strained);
        if frozen_for_ms == 0 && world.cloud.calls().len() % 4 != 0 {
            continue;
        }
        let alarms = alarms_of(&world, "private-1").await;
        if let Some(frozen) = alarms.iter().find(|alarm| alarm.code == Code::Frozen) {
            frozen_for_ms += LOOK_EVERY_MS;
            assert_eq!(frozen.code.urgency(), Urgency::Critical);
            assert!(frozen.detail.contains("it thaws in"), "{frozen:?}");
            let better = |alarm: &Alarm| alarm.code == Code::NoBetterPath;
            assert!(!alarms.iter().any(better), "there is a better one, it may not be taken: {alarms:?}");
        }
    }
    let route = |name: &str| {
        let calls = world.cloud.calls().into_iter();
        let mine = |action: &arbiter_core::command::Action| matches!(action, arbiter_core::command::Action::SetRoute { route, .. } if route.as_str() == name);
        calls.filter(|called| mine(&called.call.action)).map(|called| called.at).collect::<Vec<_>>()
    };
    for name in ["private-1", "private-2"] {
        // The fifth of any five moves comes only after a freeze.
        let moves = route(name);
        assert!(moves.len() <= minutes as usize * 4, "{name} moved {} times", moves.len());
        for five in moves.windows(5) {
            let ms = (five[4] - five[0]).as_millis();
            assert!(ms >= 60_000, "{name}: five moves within {ms} ms\n{}", world.tale());
        }
    }
    assert!(frozen_for_ms >= 60_000, "private-1 was frozen for {frozen_for_ms} ms\n{}", world.tale());
    // The load is gone: both come home, and stay there.
    world.tunnel(ONE, Verdict::Up);
    world.tunnel(TWO, Verdict::Up);
    let home = |w: &World| w.target("private-1") == "eni-1" && w.target("private-2") == "eni-2";
    world.until("both are at home", 700_000, home).await;
    world.pass(10_000).await;
    assert!(home(&world));
    assert_eq!(world.instance_calls(), Vec::<String>::new(), "a tunnel that is full is no dead gateway");
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn both_tunnels_down_move_nothing_and_the_first_that_is_back_is_taken_at_once() {
    bad_day("both-tunnels-down");
    proves("choose.stays-when-all-down");
    for first in [ONE, TWO] {
        let world = World::settled(reference(), WITNESS).await;
        world.tunnel(ONE, Verdict::Down);
        world.tunnel(TWO, Verdict::Down);
        world.pass(30_000).await;
        // The first to be heard of may have started a move; nothing goes back and forth after it.
        let moved = world.cloud.calls().len();
        assert!(moved <= 1, "{}", world.tale());
        for route in ["private-1", "private-2"] {
            let alarms = alarms_of(&world, route).await;
            let stays = alarms.iter().find(|alarm| alarm.code == Code::NoBetterPath).expect(route);
            assert_eq!(stays.code.urgency(), Urgency::Critical);
        }
        assert_eq!(world.instance_calls(), Vec::<String>::new(), "both gateways are well");
        world.tunnel(first, Verdict::Up);
        let mine = format!("eni-{first}");
        let there = |w: &World| w.target("private-1") == mine && w.target("private-2") == mine;
        let ms = world.until("both take the tunnel that is back", 1_000, there).await;
        assert!(ms <= 300, "it waits for nothing: {ms} ms");
        let left = world.look(WITNESS).await.alarms;
        assert!(!left.iter().any(|alarm| alarm.code == Code::NoBetterPath), "{left:?}");
        world.tunnel(if first == ONE { TWO } else { ONE }, Verdict::Up);
        let home = |w: &World| w.target("private-1") == "eni-1" && w.target("private-2") == "eni-2";
        world.until("both come home", 60_000, home).await;
        world.referee();
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_router_on_premises_is_a_tunnel_that_is_down_and_no_gateway_is_stopped_for_it() {
    bad_day("on-premises-router-dead");
    let world = World::settled(reference(), WITNESS).await;
    world.tunnel(ONE, Verdict::Down);
    let ms = world.until("private-1 moves", 1_000, |w| w.target("private-1") == "eni-2").await;
    assert!(ms <= 100, "{ms}");
    world.pass(10 * world.policy.remediation.remediate_after_ms).await;
    assert_eq!(world.cloud.calls().len(), 1, "one move, and no stop: {}", world.tale());
    let alarms = world.look(WITNESS).await.alarms;
    let down = alarms.iter().find(|alarm| alarm.code == Code::PathDown).expect("the path is called Down");
    assert_eq!(down.subject, "tunnel-1");
    assert!(down.detail.contains("tunnel-1") && down.detail.contains("strongswan-1"), "{down:?}");
    let about_gateways = [Code::GatewayDown, Code::Remediating, Code::RemediationDue, Code::RemediationHeld];
    assert!(!alarms.iter().any(|alarm| about_gateways.contains(&alarm.code)), "{alarms:?}");
    world.tunnel(ONE, Verdict::Up);
    world.until("private-1 comes home", 60_000, |w| w.target("private-1") == "eni-1").await;
    world.referee();
}
