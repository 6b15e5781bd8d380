//! From intent to call: what is sent, when, once, and how it ends.

use crate::world::{CallFate, Fate, ONE, TWO, WITNESS, World, reference};
use arbiter_core::bad_days::bad_day;
use arbiter_core::command::{Action, Command, Operation, Outcome, Stamp};
use arbiter_core::evidence::Verdict;
use arbiter_core::ids::PolicyVersion;
use arbiter_core::rules::proves;
use arbiter_core::state::Event;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

fn operator(world: &World, operation: Operation) -> Command {
    let stamp = Stamp { epoch: world.epoch(), elapsed_ms: 0 };
    Command::Operator { stamp, request: "from behind".to_owned(), by: "somebody".to_owned(), operation }
}

/// The first so many intents meet this fate, later ones are committed as usual.
fn first_intents(world: &World, count: u64, fate: Fate) {
    let seen = AtomicU64::new(0);
    world.log.judge(move |_, command| {
        let meant = matches!(command, Command::Intents(_)) && seen.fetch_add(1, Ordering::SeqCst) < count;
        meant.then_some(fate)
    });
}

#[tokio::test(start_paused = true)]
async fn what_apply_refuses_is_never_sent() {
    proves("dispatch.accepted-only");
    let world = World::settled(reference(), WITNESS).await;
    // The pause overtakes the intent: it is committed while the intent is on its way.
    first_intents(&world, 1, Fate::Commits { after_ms: 100 });
    world.tunnel(ONE, Verdict::Down);
    world.until("it intends", 1_000, |w| w.log.proposed_by(WITNESS).len() > 4).await;
    world.log.commit(operator(&world, Operation::Pause { reason: "work".to_owned(), for_ms: None }));
    world.pass(5_000).await;
    assert!(world.log.commands().iter().any(|command| matches!(command, Command::Intents(_))));
    assert!(world.cloud.calls().is_empty(), "{}", world.tale());
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn only_the_process_that_proposed_it_sends_it() {
    proves("dispatch.accepted-only");
    let mut world = World::settled(reference(), WITNESS).await;
    first_intents(&world, 1, Fate::Commits { after_ms: 3 });
    world.tunnel(ONE, Verdict::Down);
    world.until("it intends", 1_000, |w| w.log.proposed_by(WITNESS).len() > 4).await;
    // Its process dies before the answer; Raft commits the intent, and finds the restarted process leading.
    world.restart(WITNESS);
    world.until("it is accepted", 1_000, |w| !w.intended().is_empty()).await;
    let orphan = world.intended()[0].0;
    world.until("the route moves in the end", 10_000, |w| w.target("private-1") == "eni-2").await;
    world.until("and the doubt ends", 10_000, |w| w.state().unsettled.is_empty()).await;
    assert!(world.cloud.calls().iter().all(|called| called.call.intent != orphan), "{}", world.tale());
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn what_is_committed_too_late_is_not_sent() {
    proves("dispatch.within-window");
    let world = World::settled(reference(), WITNESS).await;
    let window_ms = world.policy.timing.dispatch_window_ms;
    first_intents(&world, 1, Fate::Commits { after_ms: window_ms + 1 });
    world.tunnel(ONE, Verdict::Down);
    world.until("the route moves in the end", 5_000, |w| w.target("private-1") == "eni-2").await;
    world.pass(500).await;
    let outcomes = world.outcomes();
    assert!(matches!(&outcomes[0].1, Outcome::NotSent { .. }), "{outcomes:?}");
    assert_eq!(outcomes[1].1, Outcome::Done);
    let called: Vec<_> = world.cloud.calls().iter().map(|called| called.call.intent).collect();
    assert_eq!(called, [outcomes[1].0]);
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_leader_halted_past_its_window_says_so_and_decides_anew_on_fresh_reports() {
    bad_day("leader-halted-past-the-window");
    proves("dispatch.within-window");
    proves("report.stalled-leader-waits");
    for heals in [false, true] {
        let world = World::settled(reference(), WITNESS).await;
        let window_ms = world.policy.timing.dispatch_window_ms;
        first_intents(&world, 1, Fate::Commits { after_ms: 100 });
        world.tunnel(ONE, Verdict::Down);
        world.until("it intends", 1_000, |w| w.log.proposed_by(WITNESS).len() > 4).await;
        // Somebody halts its process before it learns that its intent is agreed, and lets it go on too late.
        world.clocks[&WITNESS].stall(window_ms + 1);
        if heals {
            world.tunnel(ONE, Verdict::Up);
        }
        world.until("it is written how it ended", 1_000, |w| !w.outcomes().is_empty()).await;
        let (halted, outcome) = world.outcomes().remove(0);
        let said = outcome.to_string();
        assert!(
            matches!(outcome, Outcome::NotSent { .. }) && said.contains("the window of 500 ms is over"),
            "{said}"
        );
        // It is agreed that the route is on tunnel 2, so it goes there; by an intent of its own.
        world.until("the route moves", 3_000, |w| w.target("private-1") == "eni-2").await;
        assert!(world.cloud.calls().iter().all(|called| called.call.intent != halted), "{}", world.tale());
        if heals {
            world.until("and comes home", 10_000, |w| w.target("private-1") == "eni-1").await;
        }
        world.referee();
    }
}

#[tokio::test(start_paused = true)]
async fn just_within_the_window_it_is_sent() {
    proves("dispatch.within-window");
    let world = World::settled(reference(), WITNESS).await;
    let after_ms = world.policy.timing.dispatch_window_ms - 5;
    first_intents(&world, 1, Fate::Commits { after_ms });
    world.tunnel(ONE, Verdict::Down);
    world.until("the route moves", 2_000, |w| w.target("private-1") == "eni-2").await;
    assert_eq!(world.cloud.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_the_hypervisor_stopped_does_not_send() {
    proves("dispatch.wall-clock-ahead");
    for (stolen_ms, sent) in [(40, true), (60, false)] {
        let world = World::settled(reference(), WITNESS).await;
        first_intents(&world, 1, Fate::Commits { after_ms: 100 });
        world.tunnel(ONE, Verdict::Down);
        world.until("it intends", 1_000, |w| w.log.proposed_by(WITNESS).len() > 4).await;
        world.clocks[&WITNESS].steal(stolen_ms);
        world.until("the call ends", 3_000, |w| !w.outcomes().is_empty()).await;
        let (id, outcome) = world.outcomes().remove(0);
        assert_eq!(matches!(outcome, Outcome::Done), sent, "{stolen_ms} ms stolen: {outcome}");
        assert_eq!(world.cloud.calls().iter().any(|called| called.call.intent == id), sent);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_timeout_whatever_the_provider_does() {
    proves("dispatch.ends-at-timeout");
    proves("ending.no-answer-is-not-failed");
    for fate in [CallFate::Swallowed { applies_after_ms: None }, CallFate::Panics] {
        let world = World::settled(reference(), WITNESS).await;
        let (count, first) = (AtomicU64::new(0), fate.clone());
        world.cloud.judge(move |_, _| (count.fetch_add(1, Ordering::SeqCst) == 0).then(|| first.clone()));
        world.tunnel(ONE, Verdict::Down);
        world.until("it is called", 1_000, |w| !w.cloud.calls().is_empty()).await;
        let timeout_ms = world.policy.timing.call_timeout_ms;
        assert_eq!(world.cloud.calls()[0].timeout_ms, timeout_ms, "the provider is told");
        let ms = world.until("it ends", timeout_ms + 50, |w| !w.outcomes().is_empty()).await;
        let (id, outcome) = world.outcomes().remove(0);
        assert!(matches!(outcome, Outcome::NoAnswer { .. }), "{outcome}");
        if fate != CallFate::Panics {
            assert!(ms >= timeout_ms, "nothing is said of a call that is still under way: {ms}");
        }
        world.until("it is issued again", 5_000, |w| w.target("private-1") == "eni-2").await;
        assert!(world.cloud.calls().iter().filter(|called| called.call.intent == id).count() == 1);
        world.referee();
    }
}

#[tokio::test(start_paused = true)]
async fn an_intent_is_proposed_once_whatever_becomes_of_it() {
    proves("intent.once-per-id");
    for fate in [Fate::Lost, Fate::Unanswered { after_ms: 50 }, Fate::NotLeader] {
        let world = World::settled(reference(), WITNESS).await;
        first_intents(&world, 3, fate);
        world.tunnel(ONE, Verdict::Down);
        world.until("the route moves in the end", 20_000, |w| w.target("private-1") == "eni-2").await;
        world.until("and no doubt is left", 1_000, |w| w.state().unsettled.is_empty()).await;
        let mut ids = Vec::new();
        for (_, command) in world.log.proposed_by(WITNESS) {
            if let Command::Intents(batch) = command {
                ids.extend(batch.intents.into_iter().map(|intent| intent.id));
            }
        }
        assert!(ids.len() >= 4, "{ids:?}");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{fate:?}: {ids:?}");
        // Committed without an answer: it can't have been sent, and it says so.
        let unsent = world.outcomes().iter().filter(|(_, o)| matches!(o, Outcome::NotSent { .. })).count();
        assert_eq!(unsent, if matches!(fate, Fate::Unanswered { .. }) { 3 } else { 0 }, "{}", world.tale());
        assert_eq!(world.cloud.calls().len(), 1);
        world.referee();
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_comes_between_does_not_change_the_call() {
    proves("intent.current-policy");
    proves("dispatch.ends-at-timeout");
    let world = World::settled(reference(), WITNESS).await;
    // Right behind the intent, before anybody has heard of it: the name now stands for another table, and calls
    // may take longer than the W of that intent allows for.
    let mut next = world.policy.clone();
    next.routes[0].table = "rtb-00000bad".to_owned();
    next.timing.call_timeout_ms = 9_000;
    let operation = Operation::ApplyPolicy { version: PolicyVersion(2), policy: Box::new(next) };
    world.log.chase(operator(&world, operation));
    world.tunnel(ONE, Verdict::Down);
    world.until("it is called", 1_000, |w| !w.cloud.calls().is_empty()).await;
    assert_eq!(world.state().policy_version, PolicyVersion(2));
    let first = &world.cloud.calls()[0];
    assert_eq!(first.call.table, world.policy.routes[0].table, "it was intended for this table");
    assert_eq!(first.timeout_ms, world.policy.timing.call_timeout_ms);
    assert!(matches!(&first.call.action, Action::SetRoute { after, .. } if after.to_string() == "eni-2"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_wish_does_not_hold_back_another_one() {
    proves("choose.hold-down-never-delays-failure");
    let world = World::settled(reference(), WITNESS).await;
    world.tunnel(ONE, Verdict::Down);
    world.until("private-1 moves", 1_000, |w| w.target("private-1") == "eni-2").await;
    world.until("its doubt ends", 1_000, |w| w.state().unsettled.is_empty()).await;
    world.tunnel(ONE, Verdict::Up);
    // The way home is refused, by a pause that is over at once; that very moment the other tunnel fails.
    first_intents(&world, 1, Fate::Commits { after_ms: 20 });
    let before = world.log.proposed_by(WITNESS).len();
    world.until("it wants home", 8_000, |w| w.log.proposed_by(WITNESS).len() > before).await;
    let stamp = Stamp { epoch: world.epoch(), elapsed_ms: 0 };
    for (after_ms, operation) in
        [(1, Operation::Pause { reason: "a moment".to_owned(), for_ms: None }), (25, Operation::Resume)]
    {
        world.pass(after_ms).await;
        let (request, by) = (format!("{operation:?}"), "somebody".to_owned());
        world.log.commit(Command::Operator { stamp, request, by, operation });
    }
    let refused = |w: &World| w.state().history.iter().any(|e| matches!(e.event, Event::Refused { .. }));
    assert!(refused(&world), "{}", world.tale());
    world.tunnel(TWO, Verdict::Down);
    let home = |w: &World| w.target("private-1") == "eni-1" && w.target("private-2") == "eni-1";
    let ms = world.until("both leave tunnel 2", 1_500, home).await;
    assert!(ms < 200, "{ms}\n{}", world.tale());
    world.referee();
}
