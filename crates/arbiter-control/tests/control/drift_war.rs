//! Somebody who keeps changing a route of ours: Terraform in a pipeline, an old script.

use crate::world::{DESTINATION, ONE, WITNESS, World, reference};
use arbiter_core::bad_days::bad_day;
use arbiter_core::command::{Applied, Cause, Operation};
use arbiter_core::evidence::Verdict;
use arbiter_core::health::{Alarm, Code, Urgency};
use arbiter_core::policy::Policy;
use arbiter_core::rules::proves;
use arbiter_core::state::Event;

const TABLE: &str = "rtb-00000001";

/// Between two runs of the other hand.
const APPLIES_EVERY_MS: u64 = 20_000;

/// The reference case, with less patience for repairs to be forgotten.
fn impatient() -> Policy {
    let mut policy = reference();
    policy.timing.drift_window_ms = 240_000;
    policy
}

/// The other hand comes so many times.
async fn fights(world: &World, target: &str, times: u64) {
    for _ in 0..times {
        world.cloud.set_target(TABLE, DESTINATION, target);
        world.pass(APPLIES_EVERY_MS).await;
    }
}

fn repairs(world: &World) -> usize {
    world.intended().iter().filter(|(_, _, cause, _)| *cause == Cause::DriftRepair).count()
}

async fn alarm(world: &World, code: Code) -> Option<Alarm> {
    let alarms = world.look(WITNESS).await.alarms;
    alarms.into_iter().find(|alarm| alarm.code == code && alarm.subject == "private-1")
}

#[tokio::test(start_paused = true)]
async fn after_three_repairs_the_other_hand_is_only_reported_until_it_gives_up() {
    bad_day("terraform-fights-us");
    proves("reconcile.three-repairs");
    let world = World::settled(impatient(), WITNESS).await;
    fights(&world, "eni-terraform", 3).await;
    assert_eq!((repairs(&world), world.target("private-1").as_str()), (3, "eni-1"), "{}", world.tale());
    assert_eq!(alarm(&world, Code::DriftWar).await, None, "so far it has been repaired");
    fights(&world, "eni-terraform", 6).await;
    assert_eq!((repairs(&world), world.target("private-1").as_str()), (3, "eni-terraform"));
    let war = alarm(&world, Code::DriftWar).await.expect("an alarm says that it is no longer repaired");
    assert_eq!(war.code.urgency(), Urgency::Critical);
    for word in ["tunnel-1 (eni-1)", "points at eni-terraform", "repaired 3 times"] {
        assert!(war.detail.contains(word), "`{word}` in: {war:?}");
    }
    let seen = |event: &Event| matches!(event, Event::DriftSeen { .. });
    let noted = world.state().history.iter().filter(|entry| seen(&entry.event)).count();
    assert_eq!(noted, 4, "each time in the history that it came after a repair, and once while it lasts");
    // Nobody comes any more: when the oldest repair is forgotten, it is put right.
    world.until("it is repaired", 240_000, |w| w.target("private-1") == "eni-1").await;
    world.pass(20_000).await;
    assert_eq!(repairs(&world), 4);
    assert_eq!(alarm(&world, Code::DriftWar).await, None);
    assert_eq!(world.cloud.calls().len(), 4, "{}", world.tale());
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_switchover_says_that_the_other_hand_is_stopped_and_ends_the_war() {
    bad_day("terraform-fights-us");
    let world = World::settled(reference(), WITNESS).await;
    // As Terraform does after a failover: it puts the route back to what its own file says, onto the dead path.
    world.tunnel(ONE, Verdict::Down);
    world.until("private-1 moves", 1_000, |w| w.target("private-1") == "eni-2").await;
    world.pass(10_000).await;
    fights(&world, "eni-1", 5).await;
    assert_eq!((repairs(&world), world.target("private-1").as_str()), (3, "eni-1"), "{}", world.tale());
    assert!(alarm(&world, Code::DriftWar).await.is_some());
    let there = Operation::Switchover { route: "private-1".into(), path: "tunnel-2".into() };
    let answer = world.operate(WITNESS, there).await.expect("it leads");
    assert_eq!(answer.applied, Applied::Accepted);
    let ms = world.until("it is put right", 1_000, |w| w.target("private-1") == "eni-2").await;
    assert!(ms <= 500, "{ms}");
    world.pass(10_000).await;
    assert_eq!(alarm(&world, Code::DriftWar).await, None);
    world.referee();
}
