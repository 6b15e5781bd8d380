//! Many routes at once: as many as the provider's pace takes, the most important first.

use crate::world::{ONE, WITNESS, World, reference, route};
use arbiter_core::bad_days::bad_day;
use arbiter_core::command::{Action, Command, Intent, Outcome};
use arbiter_core::evidence::Verdict;
use arbiter_core::health::Code;
use arbiter_core::policy::Policy;
use arbiter_core::rules::proves;
use std::collections::BTreeMap;
use std::time::Duration;

/// So many routes with tunnel 1 as their home, the later ones the more important.
fn many(count: u64) -> Policy {
    let mut policy = reference();
    policy.routes = (1..=count).map(|n| route(n, u32::try_from(1_000 - n).expect("few"), [1, 2])).collect();
    policy
}

fn batches(world: &World) -> Vec<Vec<Intent>> {
    let batch = |command| match command {
        Command::Intents(batch) => Some(batch.intents),
        _ => None,
    };
    world.log.commands().into_iter().filter_map(batch).collect()
}

/// Which `private-N` it is about.
fn number(action: &Action) -> u64 {
    let Action::SetRoute { route, .. } = action else { panic!("routes alone: {action:?}") };
    route.as_str().trim_start_matches("private-").parse().expect("a number")
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_bounded_by_pace_and_goes_by_importance() {
    proves("batch.bounded-by-pace");
    proves("batch.each-resource-by-itself");
    let world = World::settled(many(40), WITNESS).await;
    world.cloud.allow(12);
    world.tunnel(ONE, Verdict::Down);
    let all = |w: &World| w.policy.routes.iter().all(|route| w.target(route.id.as_str()) == "eni-2");
    world.until("all have moved", 5_000, all).await;
    let batches = batches(&world);
    assert!(batches.len() >= 4, "{}", batches.len());
    assert!(batches.iter().all(|batch| batch.len() <= 12));
    let order: Vec<u64> = batches.iter().flatten().map(|intent| number(&intent.action)).collect();
    assert_eq!(order, (1..=40).rev().collect::<Vec<_>>(), "the most important first");
    assert_eq!(world.cloud.calls().len(), 40, "each by a call of its own");
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn what_is_proposed_and_not_sent_counts_against_the_pace() {
    proves("batch.bounded-by-pace");
    let world = World::settled(many(30), WITNESS).await;
    world.cloud.allow(10);
    // Commits take long: many steps come by before the first batch is answered.
    world.log.judge(|_, command| {
        matches!(command, Command::Intents(_)).then_some(crate::world::Fate::Commits { after_ms: 200 })
    });
    world.tunnel(ONE, Verdict::Down);
    world.pass(190).await;
    let proposed: usize = world
        .log
        .proposed_by(WITNESS)
        .iter()
        .map(|(_, command)| if let Command::Intents(batch) = command { batch.intents.len() } else { 0 })
        .sum();
    assert_eq!(proposed, 10);
    // No token, no intent.
    world.cloud.allow(0);
    world.pass(5_000).await;
    assert_eq!(batches(&world).iter().flatten().count(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_limits_is_not_asked_for_more_than_apply_takes() {
    proves("batch.bounded-by-pace");
    let world = World::settled(many(120), WITNESS).await;
    world.cloud.allow(u32::MAX);
    world.tunnel(ONE, Verdict::Down);
    let all = |w: &World| w.policy.routes.iter().all(|route| w.target(route.id.as_str()) == "eni-2");
    world.until("all have moved", 10_000, all).await;
    assert!(batches(&world).iter().all(|batch| batch.len() <= 50));
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_failover_that_is_throttled_half_way_backs_off_keeps_the_order_and_ends() {
    bad_day("throttled-in-mid-failover");
    proves("batch.bounded-by-pace");
    proves("reconcile.reissue-is-no-repair");
    let world = World::settled(many(30), WITNESS).await;
    // We hope for ten calls at once; others of the account leave us seven a second.
    world.cloud.allow(10);
    world.cloud.throttle(7);
    world.tunnel(ONE, Verdict::Down);
    let moved = |w: &World| w.policy.routes.iter().filter(|r| w.target(r.id.as_str()) == "eni-2").count();
    world.until("half of it is done", 5_000, |w| moved(w) >= 14).await;
    world.pass(1_000).await;
    let alarms = world.look(WITNESS).await.alarms;
    assert!(
        !alarms.iter().any(|alarm| alarm.code == Code::CallFailed),
        "nothing is wrong with it: {alarms:?}"
    );
    let throttled =
        alarms.iter().find(|alarm| alarm.code == Code::ProviderThrottled).expect("an alarm says so");
    let words = "pointing it at eni-2: RequestLimitExceeded: Request limit exceeded.";
    assert_eq!(throttled.detail, words, "{throttled:?}");
    world.until("all have moved", 20_000, |w| moved(w) == 30).await;
    world.until("all is acknowledged", 1_000, |w| w.state().unsettled.is_empty()).await;

    let actions: BTreeMap<_, _> = world.intended().into_iter().map(|(id, action, ..)| (id, action)).collect();
    let done = world.outcomes().into_iter().filter(|(_, outcome)| *outcome == Outcome::Done);
    let order: Vec<_> = done.map(|(id, _)| number(&actions[&id])).collect();
    assert_eq!(order, (1..=30).rev().collect::<Vec<_>>(), "the most important first, whatever was refused");
    // What was on its way is refused together; then nothing is tried for a while.
    let calls: Vec<_> = world.cloud.calls().iter().map(|called| called.at).collect();
    let pauses: Vec<_> = calls.windows(2).map(|two| two[1] - two[0]).collect();
    let bursts = pauses.iter().filter(|pause| **pause >= Duration::from_millis(500)).count();
    assert!(bursts >= 4 && calls.len() <= 30 * bursts, "{pauses:?}");
    let within_bursts = pauses.iter().filter(|pause| **pause < Duration::from_millis(500));
    assert!(within_bursts.clone().all(|pause| *pause <= Duration::from_millis(20)), "{pauses:?}");
    let state = world.state();
    assert!(state.assignments.values().all(|it| (it.moves.len(), it.repairs.len()) == (1, 0)));
    world.pass(1_000).await;
    let alarms = world.look(WITNESS).await.alarms;
    assert!(!alarms.iter().any(|alarm| alarm.code == Code::ProviderThrottled), "{alarms:?}");
    world.referee();
}
