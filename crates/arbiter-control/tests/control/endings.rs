//! Endings and takeovers: who settles what, after how long, and what may be done before.

use crate::world::{CallFate, Committed, Fate, LOOK_MS, ONE, TWO, WITNESS, World, reference};
use arbiter_core::command::Command;
use arbiter_core::evidence::Verdict;
use arbiter_core::ids::IntentId;
use arbiter_core::rules::proves;
use std::time::Duration;
use tokio::time::Instant;

fn ms_since(earlier: Instant) -> u64 {
    u64::try_from(earlier.elapsed().as_millis()).expect("short tests")
}

fn settled_at(world: &World, id: IntentId) -> Option<Instant> {
    let settles = |entry: &Committed| matches!(&entry.command, Command::Settle { intents, .. } if intents.contains(&id));
    world.log.entries().iter().find(|entry| settles(entry)).map(|entry| entry.when)
}

/// No outcome in the log is of another epoch than its intent's.
fn outcomes_are_of_their_own_epoch(world: &World) {
    for entry in world.log.entries() {
        if let Command::Outcomes { stamp, outcomes } = entry.command {
            assert!(outcomes.iter().all(|(id, _)| id.epoch == stamp.epoch), "{outcomes:?}");
        }
    }
}

/// The witness leads; tunnel 1 fails; the witness dies when `holds`. The intent that it leaves is returned, and
/// when it was accepted.
async fn leaves_a_doubt(world: &mut World, holds: impl Fn(&World) -> bool) -> (IntentId, Instant) {
    world.tunnel(ONE, Verdict::Down);
    world.until("it is accepted", 1_000, |w| !w.intended().is_empty()).await;
    let (id, accepted) = (world.intended()[0].0, Instant::now());
    world.until("the moment has come", 1_000, holds).await;
    world.kill(WITNESS);
    world.log.cut(WITNESS);
    (id, accepted)
}

#[tokio::test(start_paused = true)]
async fn a_leader_dies_between_call_and_outcome() {
    proves("ending.outcome-by-own-epoch");
    proves("ending.settle-after-wait");
    proves("ending.read-back-never-settles");
    let mut world = World::settled(reference(), WITNESS).await;
    let (id, accepted) = leaves_a_doubt(&mut world, |w| w.target("private-1") == "eni-2").await;
    let wait_ms = world.policy.timing.takeover_wait_ms();
    world.until("somebody else leads", 5_000, |w| w.state().office.node != WITNESS).await;
    // The call has landed, and every look shows it: that ends no doubt.
    world
        .until("a look", 2_000, |w| {
            w.cloud.looks_of(w.state().office.node).last().is_some_and(|l| *l > accepted)
        })
        .await;
    world.pass(100).await;
    assert!(world.state().unsettled.contains_key(&id));
    world.until("it is settled", wait_ms + 1_000, |w| settled_at(w, id).is_some()).await;
    let waited_ms = ms_since(accepted);
    assert!(waited_ms > wait_ms, "settled after {waited_ms} of {wait_ms} ms");
    assert!(waited_ms < wait_ms + 200, "the wait counts from when it was first seen, not from the election");
    assert!(world.state().unsettled.is_empty());
    world.pass(2_000).await;
    assert_eq!(world.cloud.calls().len(), 1, "it had landed: nothing is repeated");
    outcomes_are_of_their_own_epoch(&world);
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_process_that_restarts_counts_anew() {
    proves("ending.settle-after-wait");
    let mut world = World::settled(reference(), WITNESS).await;
    // Gateway 2 can't stand for election by itself: it is to be node 1.
    let (id, accepted) = leaves_a_doubt(&mut world, |w| w.target("private-1") == "eni-2").await;
    world.log.elect(ONE);
    let wait_ms = world.policy.timing.takeover_wait_ms();
    world.pass(wait_ms - 200).await;
    assert!(world.state().unsettled.contains_key(&id));
    world.restart(ONE);
    let restarted = Instant::now();
    world.until("it is settled", 2 * wait_ms, |w| settled_at(w, id).is_some()).await;
    let waited_ms = ms_since(restarted);
    assert!(
        waited_ms > wait_ms,
        "{waited_ms} ms after the restart, {} ms after the intent",
        ms_since(accepted)
    );
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn an_outcome_follows_the_end_of_its_call() {
    proves("ending.outcome-by-own-epoch");
    let world = World::settled(reference(), WITNESS).await;
    world.tunnel(ONE, Verdict::Down);
    world.until("it is called", 1_000, |w| !w.cloud.calls().is_empty()).await;
    world.until("it lands", 1_000, |w| w.target("private-1") == "eni-2").await;
    assert!(world.outcomes().is_empty(), "it has landed, and has not ended");
    world.until("its outcome", 1_000, |w| !w.outcomes().is_empty()).await;
    assert!(ms_since(world.cloud.calls()[0].at) >= crate::world::CALL_MS);
    outcomes_are_of_their_own_epoch(&world);
}

#[tokio::test(start_paused = true)]
async fn outcomes_are_written_also_while_nothing_may_be_planned() {
    let world = World::settled(reference(), WITNESS).await;
    world.tunnel(ONE, Verdict::Down);
    world.until("it is called", 1_000, |w| !w.cloud.calls().is_empty()).await;
    // Reports stop, Raft goes on, and the leader stood still: it must not plan, but it knows how its call ended.
    world.post.cut(ONE, WITNESS);
    world.post.cut(TWO, WITNESS);
    world.clocks[&WITNESS].stall(300);
    world.until("the outcome is written", 1_000, |w| w.state().unsettled.is_empty()).await;
    assert_eq!(world.outcomes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn with_nothing_unsettled_a_new_leader_acts_at_once() {
    proves("takeover.nothing-unsettled-at-once");
    let mut world = World::settled(reference(), WITNESS).await;
    world.kill(WITNESS);
    world.log.cut(WITNESS);
    world.log.elect(TWO);
    world.tunnel(ONE, Verdict::Down);
    let ms = world.until("private-1 moves", 1_000, |w| w.target("private-1") == "eni-2").await;
    assert!(ms < 200, "{ms}");
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_that_wants_the_same_acts_at_once() {
    proves("takeover.same-after-at-once");
    let mut world = World::settled(reference(), WITNESS).await;
    // Committed, and its leader dies before it calls.
    world.log.judge(|node, command| {
        let meant = node == WITNESS && matches!(command, Command::Intents(_));
        meant.then_some(Fate::Unanswered { after_ms: 5 })
    });
    let (id, accepted) = leaves_a_doubt(&mut world, |_| true).await;
    assert!(world.cloud.calls().is_empty());
    world.log.elect(TWO);
    world.until("the new leader finishes it", 1_500, |w| w.target("private-1") == "eni-2").await;
    assert!(ms_since(accepted) < world.policy.timing.takeover_wait_ms() / 2);
    assert!(world.state().unsettled.contains_key(&id), "the old doubt is not over");
    world.until("it is, after W", 5_000, |w| w.state().unsettled.is_empty()).await;
    assert!(settled_at(&world, id).is_some());
    world.pass(5_000).await;
    assert_eq!(world.cloud.calls().len(), 1, "{}", world.tale());
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_that_wants_something_else_settles_and_reads_first() {
    proves("takeover.otherwise-settle-and-read");
    let mut world = World::settled(reference(), WITNESS).await;
    // A call that EC2 takes its time over: it lands two seconds later, and nobody is told.
    world
        .cloud
        .judge(|node, _| (node == WITNESS).then_some(CallFate::Swallowed { applies_after_ms: Some(2_000) }));
    let (id, _) = leaves_a_doubt(&mut world, |w| !w.cloud.calls().is_empty()).await;
    world.log.elect(TWO);
    // Meanwhile it is tunnel 2 that is down, and tunnel 1 is well: the new leader wants it back.
    world.tunnel(ONE, Verdict::Up);
    world.tunnel(TWO, Verdict::Down);
    world.until("private-2 moves at once", 1_000, |w| w.target("private-2") == "eni-1").await;
    world.until("the doubt is settled", 6_000, |w| settled_at(w, id).is_some()).await;
    let settled = settled_at(&world, id).expect("just seen");
    let moved = |w: &World| {
        let found = w.cloud.calls().into_iter().find(|c| c.by == TWO && c.call.table == "rtb-00000001");
        found.map(|called| called.at)
    };
    assert!(moved(&world).is_none(), "private-1 waited for the settle\n{}", world.tale());
    world.until("private-1 moves", 2_000, |w| moved(w).is_some()).await;
    let called = moved(&world).expect("just seen");
    let looks = world.cloud.looks_of(TWO);
    let read = |look: &Instant| *look >= settled && *look + Duration::from_millis(LOOK_MS) <= called;
    assert!(looks.iter().any(read), "it was read in between, from beginning to end");
    world.until("and it lands", 1_000, |w| w.target("private-1") == "eni-1").await;
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_settle_that_goes_unanswered_demands_the_read_all_the_same() {
    proves("takeover.otherwise-settle-and-read");
    let mut world = World::settled(reference(), WITNESS).await;
    world
        .cloud
        .judge(|node, _| (node == WITNESS).then_some(CallFate::Swallowed { applies_after_ms: Some(2_000) }));
    let (id, _) = leaves_a_doubt(&mut world, |w| !w.cloud.calls().is_empty()).await;
    world.log.judge(|_, command| {
        matches!(command, Command::Settle { .. }).then_some(Fate::Unanswered { after_ms: 10 })
    });
    world.log.elect(TWO);
    world.tunnel(ONE, Verdict::Up);
    world.tunnel(TWO, Verdict::Down);
    world.until("the doubt is settled", 6_000, |w| settled_at(w, id).is_some()).await;
    let settled = settled_at(&world, id).expect("just seen");
    world.until("private-1 moves", 3_000, |w| w.target("private-1") == "eni-1").await;
    let called =
        world.cloud.calls().iter().filter(|c| c.by == TWO).map(|c| c.at).max().expect("it was called");
    let read = |look: &Instant| *look >= settled && *look + Duration::from_millis(LOOK_MS) <= called;
    assert!(world.cloud.looks_of(TWO).iter().any(read));
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_is_repaired_wherever_it_lands() {
    proves("reconcile.reissue-is-no-repair");
    for applies_after_ms in [None, Some(100), Some(1_900)] {
        let world = World::settled(reference(), WITNESS).await;
        let first = std::sync::atomic::AtomicBool::new(true);
        world.cloud.judge(move |_, _| {
            first
                .swap(false, std::sync::atomic::Ordering::SeqCst)
                .then_some(CallFate::Swallowed { applies_after_ms })
        });
        world.tunnel(ONE, Verdict::Down);
        world.until("the route moves in the end", 8_000, |w| w.target("private-1") == "eni-2").await;
        world.pass(10_000).await;
        assert_eq!(world.target("private-1"), "eni-2");
        let state = world.state();
        let assignment = &state.assignments[&"private-1".into()];
        assert_eq!((assignment.moves.len(), assignment.repairs.len()), (1, 0), "{}", world.tale());
        world.referee();
    }
}
