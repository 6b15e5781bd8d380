//! Stories of routes: a tunnel fails and heals, both fail, nobody knows.

use crate::world::{ONE, TWO, WITNESS, World, reference};
use arbiter_core::command::Cause;
use arbiter_core::evidence::Verdict;
use arbiter_core::health::Code;
use arbiter_core::rules::proves;

#[tokio::test(start_paused = true)]
async fn a_tunnel_fails_and_heals() {
    proves("choose.leaves-only-when-down");
    proves("choose.best-up");
    proves("choose.failback-after");
    proves("decision.carries-reasons");
    let world = World::settled(reference(), WITNESS).await;
    assert!(world.cloud.calls().is_empty(), "nothing is touched while all is well");
    world.tunnel(ONE, Verdict::Down);
    let ms = world.until("private-1 moves", 1_000, |w| w.target("private-1") == "eni-2").await;
    assert!(ms <= 100, "seen, agreed and landed, without any polling on the way: {ms} ms");
    assert_eq!(world.path("private-1"), "tunnel-2");
    assert_eq!(world.target("private-2"), "eni-2");
    world.pass(3_000).await;
    world.tunnel(ONE, Verdict::Up);
    let ms = world.until("private-1 comes home", 8_000, |w| w.target("private-1") == "eni-1").await;
    assert!(ms >= world.policy.timing.failback_after_ms, "{ms}");
    world.pass(5_000).await;
    let causes: Vec<_> =
        world.intended().into_iter().map(|(_, _, cause, reasons)| (cause, reasons)).collect();
    assert_eq!(
        causes.iter().map(|(cause, _)| *cause).collect::<Vec<_>>(),
        [Cause::Failover, Cause::Failback]
    );
    assert!(causes[0].1.iter().any(|reason| reason.contains("tunnel-1")), "{causes:?}");
    assert_eq!(world.cloud.calls().len(), 2);
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn both_tunnels_fail_and_nothing_moves() {
    proves("choose.stays-when-all-down");
    let world = World::settled(reference(), WITNESS).await;
    world.tunnel(ONE, Verdict::Down);
    world.tunnel(TWO, Verdict::Down);
    world.pass(60_000).await;
    // The first to be heard of may have started a move; nothing goes back and forth after it.
    assert!(world.cloud.calls().len() <= 1, "{}", world.tale());
    let look = world.look(WITNESS).await;
    assert!(look.alarms.iter().any(|alarm| alarm.code == Code::NoBetterPath), "{:?}", look.alarms);
    world.referee();
}
