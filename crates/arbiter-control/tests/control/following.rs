//! Stories of a cluster that follows another one.

use crate::world::{CALL_MS, ONE, TWO, WITNESS, World, reference};
use arbiter_core::command::Cause;
use arbiter_core::evidence::Verdict;
use arbiter_core::health::Code;
use arbiter_core::policy::Policy;
use arbiter_core::rules::proves;

/// The reference case whose first route follows `way-out` of a cluster whose tunnels are `far-1` and `far-2`.
fn follower() -> Policy {
    let mut policy = reference();
    for (n, path) in (1..).zip(&mut policy.paths) {
        path.follows = Some(format!("far-{n}").as_str().into());
    }
    policy.routes[0].follows = Some("way-out".into());
    policy
}

fn causes(world: &World) -> Vec<Cause> {
    world.intended().into_iter().map(|(_, _, cause, _)| cause).collect()
}

#[tokio::test(start_paused = true)]
async fn what_one_node_hears_the_leader_follows_at_once() {
    proves("follow.at-once");
    proves("follow.preferred");
    let world = World::settled(follower(), WITNESS).await;
    assert_eq!(world.ears[&ONE].asked(), [arbiter_core::ids::RouteId::from("way-out")].into());
    // Only a router hears it, and not the leader.
    world.ears[&TWO].hears("theirs", "way-out", "far-1", 40);
    world.pass(5_000).await;
    assert!(world.cloud.calls().is_empty(), "they are where we are");
    world.ears[&TWO].hears("theirs", "way-out", "far-2", 41);
    let ms = world.until("private-1 follows", 1_000, |w| w.target("private-1") == "eni-2").await;
    assert!(
        ms <= CALL_MS + 50,
        "heard, told, agreed twice and landed, without any polling on the way: {ms} ms"
    );
    world.pass(3_000).await;
    world.ears[&ONE].hears("theirs", "way-out", "far-1", 60);
    let ms = world.until("private-1 follows back", 1_000, |w| w.target("private-1") == "eni-1").await;
    assert!(ms < world.policy.timing.failback_after_ms, "no wait before coming home: {ms} ms");
    assert_eq!(causes(&world), [Cause::Follow, Cause::Follow]);
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_node_that_hears_old_news_turns_nothing_back() {
    proves("follow.never-older");
    let world = World::settled(follower(), WITNESS).await;
    world.ears[&TWO].hears("theirs", "way-out", "far-2", 41);
    world.until("private-1 follows", 1_000, |w| w.target("private-1") == "eni-2").await;
    // A node of theirs that was cut off for long is reached, and says what it knows.
    world.ears[&ONE].hears("theirs", "way-out", "far-1", 17);
    world.pass(30_000).await;
    assert_eq!(world.target("private-1"), "eni-2");
    assert_eq!(world.cloud.calls().len(), 1, "{}", world.tale());
}

#[tokio::test(start_paused = true)]
async fn cut_off_from_them_it_keeps_the_last_also_under_a_new_leader() {
    proves("follow.keeps-the-last");
    let mut world = World::settled(follower(), WITNESS).await;
    world.ears[&TWO].hears("theirs", "way-out", "far-2", 41);
    world.until("private-1 follows", 1_000, |w| w.target("private-1") == "eni-2").await;
    // Whoever heard it starts anew and hears nothing; the leader dies.
    world.kill(TWO);
    world.ears.insert(TWO, std::sync::Arc::default());
    world.start(TWO);
    world.pass(3_000).await;
    world.host_dies(WITNESS).await;
    world.until("another leads", 5_000, |w| w.log.leader().is_some()).await;
    world.pass(60_000).await;
    let leader = world.log.leader().unwrap();
    assert_eq!((world.target("private-1"), world.cloud.calls().len()), ("eni-2".to_owned(), 1));
    let look = world.look(leader).await;
    assert!(look.alarms.iter().any(|alarm| alarm.code == Code::FollowLost), "{:?}", look.alarms);
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn own_probes_forbid_it_and_it_follows_when_they_allow() {
    proves("follow.own-probes-veto");
    let world = World::settled(follower(), WITNESS).await;
    world.tunnel(TWO, Verdict::Down);
    world.until("private-2 leaves", 1_000, |w| w.target("private-2") == "eni-1").await;
    world.ears[&TWO].hears("theirs", "way-out", "far-2", 41);
    world.pass(10_000).await;
    assert_eq!(world.target("private-1"), "eni-1", "what does not work is not followed");
    world.tunnel(TWO, Verdict::Up);
    world.until("private-1 follows", 1_000, |w| w.target("private-1") == "eni-2").await;
}
