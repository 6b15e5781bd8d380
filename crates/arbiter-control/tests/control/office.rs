//! Taking office, keeping it, losing it.

use crate::world::{Fate, ONE, TWO, WITNESS, World, reference};
use arbiter_core::command::{Command, Outcome};
use arbiter_core::evidence::Verdict;
use arbiter_core::ids::{Epoch, NodeId};
use arbiter_core::rules::proves;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;

/// Each epoch that began: its number, its node, its term.
fn epochs(world: &World) -> Vec<(Epoch, NodeId, u64)> {
    let began = |entry: crate::world::Committed| match entry.command {
        Command::BeginEpoch { node } => Some((Epoch(entry.at.index.0), node, entry.at.term.0)),
        _ => None,
    };
    world.log.entries().into_iter().filter_map(began).collect()
}

#[tokio::test(start_paused = true)]
async fn every_leader_begins_an_epoch_before_it_acts() {
    proves("epoch.begins-on-every-leadership");
    let world = World::settled(reference(), WITNESS).await;
    for leader in [ONE, TWO, WITNESS] {
        world.log.judge(|_, command| {
            matches!(command, Command::BeginEpoch { .. }).then_some(Fate::Commits { after_ms: 400 })
        });
        let before = world.log.proposed_by(leader).len();
        world.log.elect(leader);
        world.tunnel(ONE, if leader == TWO { Verdict::Up } else { Verdict::Down });
        world.pass(390).await;
        let proposed = world.log.proposed_by(leader);
        assert!(
            proposed[before..].iter().all(|(_, command)| matches!(command, Command::BeginEpoch { .. })),
            "node {leader} acted before its epoch began: {:?}",
            &proposed[before..]
        );
        world.until("its epoch begins", 100, |w| w.state().office.node == leader).await;
        world.pass(500).await;
    }
    let began = epochs(&world);
    assert_eq!(began.iter().map(|(_, node, _)| *node).collect::<Vec<_>>(), [WITNESS, ONE, TWO, WITNESS]);
    for (id, ..) in world.intended() {
        assert!(began.iter().any(|(epoch, ..)| *epoch == id.epoch));
    }
    assert!(!world.cloud.calls().is_empty());
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_restart_in_the_same_term_begins_a_new_epoch() {
    proves("epoch.same-term-restart");
    let mut world = World::settled(reference(), WITNESS).await;
    let first = epochs(&world);
    world.restart(WITNESS);
    world.until("another epoch", 1_000, |w| epochs(w).len() > first.len()).await;
    let second = epochs(&world);
    assert_eq!(second[1].1, WITNESS);
    assert_eq!(second[1].2, second[0].2, "the term is the same");
    world.tunnel(ONE, Verdict::Down);
    world.until("it acts in it", 1_000, |w| w.target("private-1") == "eni-2").await;
    assert!(world.intended().iter().all(|(id, ..)| id.epoch == second[1].0));
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_beginning_that_goes_unanswered_is_repeated_and_the_newest_counts() {
    proves("epoch.begins-on-every-leadership");
    let world = World::settled(reference(), WITNESS).await;
    let count = AtomicU64::new(0);
    world.log.judge(move |_, command| {
        let first =
            matches!(command, Command::BeginEpoch { .. }) && count.fetch_add(1, Ordering::SeqCst) == 0;
        first.then_some(Fate::Unanswered { after_ms: 5 })
    });
    world.log.elect(ONE);
    world.until("a second one", 5_000, |w| epochs(w).len() == 3).await;
    world.tunnel(ONE, Verdict::Down);
    world.until("it acts", 1_000, |w| w.target("private-1") == "eni-2").await;
    assert_eq!(world.intended()[0].0.epoch, epochs(&world)[2].0);
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_another_followed_is_over() {
    proves("epoch.begins-on-every-leadership");
    let world = World::settled(reference(), WITNESS).await;
    // A beginning that this process gave up long ago is committed after all.
    world.log.commit(Command::BeginEpoch { node: WITNESS });
    world.tunnel(ONE, Verdict::Down);
    world.until("it begins again, and acts", 1_000, |w| w.target("private-1") == "eni-2").await;
    assert_eq!(epochs(&world).len(), 3);
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn proposals_that_fail_at_once_are_not_repeated_at_full_speed() {
    let world = World::settled(reference(), WITNESS).await;
    world.log.judge(|_, _| Some(Fate::NotLeader));
    world.log.elect(ONE);
    world.pass(2_000).await;
    let begun = world.log.proposed_by(ONE).len();
    assert!((10..=25).contains(&begun), "{begun} tries within two seconds");

    // In office, every kind of proposal fails: outcomes among them.
    let world = World::settled(reference(), WITNESS).await;
    world.tunnel(ONE, Verdict::Down);
    world.until("its call is under way", 1_000, |w| !w.cloud.calls().is_empty()).await;
    world.log.judge(|_, _| Some(Fate::NotLeader));
    world.tunnel(TWO, Verdict::Unknown);
    let (before, steps) = (world.log.proposed_by(WITNESS).len(), world.log.steps(WITNESS));
    world.pass(2_000).await;
    let (tried, steps) = (world.log.proposed_by(WITNESS).len() - before, world.log.steps(WITNESS) - steps);
    assert!((10..=30).contains(&tried), "{tried} tries within two seconds");
    assert!(steps < 200, "{steps} steps within two seconds");
    world.log.judge_no_more();
    world.until("the outcome is written in the end", 500, |w| w.state().unsettled.is_empty()).await;
    assert!(world.outcomes().iter().all(|(_, outcome)| *outcome == Outcome::Done));
}

#[tokio::test(start_paused = true)]
async fn a_leader_without_its_quorum_stops_acting() {
    let world = World::settled(reference(), WITNESS).await;
    world.log.cut(WITNESS);
    let cut = Instant::now();
    world.pass(crate::world::LEASE_MS + 1).await;
    let lease_over = Instant::now();
    // It still says `Leader`, and it still hears everybody's reports.
    world.tunnel(ONE, Verdict::Down);
    world.until("another leader moves the route", 5_000, |w| w.target("private-1") == "eni-2").await;
    world.pass(3_000).await;
    let late = world.log.proposed_by(WITNESS).into_iter().filter(|(at, _)| *at >= lease_over);
    assert_eq!(late.count(), 0, "{:?} after the cut", lease_over - cut);
    assert!(world.cloud.calls().iter().all(|called| called.by != WITNESS));
    // It comes back as a follower, and leads again only by an election.
    world.log.mend(WITNESS);
    world.pass(1_000).await;
    assert!(world.look(WITNESS).await.epoch.is_none());
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn an_unformed_node_waits_without_hurry() {
    let world = World::nothing_yet(reference());
    world.pass(1_000).await;
    let steps = world.log.steps(ONE);
    assert!(steps <= 45, "{steps} steps in the first second");
}
