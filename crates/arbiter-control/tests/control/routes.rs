//! Stories of routes: a tunnel fails and heals, both fail, nobody knows.

use crate::world::{CALL_MS, ONE, TWO, WITNESS, World, reference};
use arbiter_control::{Stage, Tally};
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

#[tokio::test(start_paused = true)]
async fn what_was_done_is_counted_and_stays_counted_out_of_office() {
    let world = World::settled(reference(), WITNESS).await;
    let before = world.look(WITNESS).await;
    let done = |tally: &Tally| {
        let calls = Tally::ACTIONS.map(|action| Tally::OUTCOMES.map(|outcome| tally.calls(action, outcome)));
        (calls, Stage::ALL.map(|stage| tally.stage(stage)))
    };
    assert_eq!(done(&before.tally), done(&Tally::default()));
    assert!(before.tally.plans() > 0, "who is in office plans at each step");
    assert!(before.plan_age_ms.is_some_and(|ms| ms <= 1_000), "{:?}", before.plan_age_ms);
    assert_eq!(world.look(ONE).await.plan_age_ms, None, "only who is in office plans");
    world.tunnel(ONE, Verdict::Down);
    world.until("private-1 moves", 1_000, |w| w.target("private-1") == "eni-2").await;
    world.pass(3_000).await;
    let tally = world.look(WITNESS).await.tally;
    assert_eq!(tally.calls("set-route", "done"), 1);
    let counted = |stage| tally.stage(stage).buckets.iter().sum::<u64>();
    assert_eq!(Stage::ALL.map(counted), [1, 1, 1, 1]);
    let whole_ms: u64 = Stage::ALL.iter().map(|stage| tally.stage(*stage).sum_ms).sum();
    assert!((CALL_MS..=CALL_MS + 100).contains(&whole_ms), "the shares are the whole: {whole_ms} ms");
    world.log.elect(ONE);
    world.pass(3_000).await;
    let after = world.look(WITNESS).await;
    assert_eq!((after.epoch, after.plan_age_ms), (None, None));
    assert_eq!(done(&after.tally), done(&tally));
    assert!(after.tally.plans() >= tally.plans(), "no count ever goes back");
    world.pass(3_000).await;
    assert_eq!(world.look(WITNESS).await.tally, after.tally, "out of office nothing is planned");
    // Coming home is no failover: it is a call, and takes no share.
    world.tunnel(ONE, Verdict::Up);
    world.until("private-1 comes home", 40_000, |w| w.target("private-1") == "eni-1").await;
    world.pass(3_000).await;
    let home = world.look(ONE).await.tally;
    assert_eq!(home.calls("set-route", "done"), 1);
    assert_eq!(Stage::ALL.map(|stage| home.stage(stage).sum_ms), [0; 4]);
}
