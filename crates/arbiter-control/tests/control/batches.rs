//! Many routes at once: as many as the provider's pace takes, the most important first.

use crate::world::{ONE, WITNESS, World, reference, route};
use arbiter_core::command::{Action, Command, Intent};
use arbiter_core::evidence::Verdict;
use arbiter_core::policy::Policy;
use arbiter_core::rules::proves;

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
    let order: Vec<u64> = batches
        .iter()
        .flatten()
        .filter_map(|intent| match &intent.action {
            Action::SetRoute { route, .. } => route.as_str().trim_start_matches("private-").parse().ok(),
            _ => None,
        })
        .collect();
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
