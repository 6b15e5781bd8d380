//! What operators do: pause, observe, and what must happen all the same.

use crate::world::{ONE, WITNESS, World, reference};
use arbiter_control::AskError;
use arbiter_core::command::{Action, Applied, Cause, Command, Mode, Operation};
use arbiter_core::evidence::Verdict;
use arbiter_core::health::Code;
use arbiter_core::rules::proves;
use arbiter_core::state::Event;

fn pause(for_ms: Option<u64>) -> Operation {
    Operation::Pause { reason: "work on the routers".to_owned(), for_ms }
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_quiet_only_when_nothing_can_land_any_more() {
    proves("pause.quiet-when-settled");
    proves("intent.paused-or-observing");
    let world = World::settled(reference(), WITNESS).await;
    world.tunnel(ONE, Verdict::Down);
    world.until("a call is under way", 1_000, |w| !w.cloud.calls().is_empty()).await;
    let answer = world.operate(WITNESS, pause(None)).await.expect("the leader answers");
    assert_eq!(answer.applied, Applied::Accepted);
    assert!(!answer.quiet, "a call is under way");
    world.until("it ends", 1_000, |w| w.state().unsettled.is_empty()).await;
    let answer = world.operate(WITNESS, pause(None)).await.expect("the leader answers");
    assert!(answer.quiet);
    assert_eq!(answer.start_to_come, None);
    let calls = world.cloud.calls().len();
    world.tunnel(ONE, Verdict::Up);
    world.tunnel(crate::world::TWO, Verdict::Down);
    world.pass(30_000).await;
    assert_eq!(world.cloud.calls().len(), calls, "nothing is touched after quiet was said");
    assert!(world.look(WITNESS).await.alarms.iter().any(|alarm| alarm.code == Code::Paused));
    world.operate(WITNESS, Operation::Resume).await.expect("the leader answers");
    world.until("the routes leave tunnel 2", 500, |w| w.target("private-2") == "eni-1").await;
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_pause_runs_out_by_an_entry() {
    proves("logtime.expiry-is-an-entry");
    let world = World::settled(reference(), WITNESS).await;
    world.operate(WITNESS, pause(Some(5_000))).await.expect("the leader answers");
    world.tunnel(ONE, Verdict::Down);
    world.pass(4_800).await;
    assert!(world.state().overrides.pause.is_some());
    let entries = world.log.entries().len();
    let ms = world.until("the route moves", 1_000, |w| w.target("private-1") == "eni-2").await;
    assert!(ms < 500, "{ms}");
    assert!(matches!(world.log.entries()[entries].command, Command::Tick { .. }), "an entry ended it");
    assert!(world.state().history.iter().any(|entry| matches!(entry.event, Event::PauseExpired { .. })));
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_follower_names_the_leader() {
    let world = World::settled(reference(), WITNESS).await;
    let answer = world.operate(ONE, pause(None)).await;
    assert_eq!(answer, Err(AskError::NotLeader { leader: Some(WITNESS) }));
}

#[tokio::test(start_paused = true)]
async fn a_command_without_a_quorum_is_unknown_and_too_many_are_turned_away() {
    let world = World::settled(reference(), WITNESS).await;
    world.log.judge(|_, _| Some(crate::world::Fate::Lost));
    let asked = (0..200).map(|_| world.operate(WITNESS, pause(None)));
    let answers = futures::future::join_all(asked).await;
    let unknown = answers.iter().filter(|answer| matches!(answer, Err(AskError::Unknown(_)))).count();
    let turned_away = answers.iter().filter(|answer| matches!(answer, Err(AskError::Unavailable(_)))).count();
    assert_eq!((unknown, turned_away), (64, 136));
    world.log.judge_no_more();
    assert!(world.operate(WITNESS, pause(None)).await.is_ok(), "their places are free again");
}

#[tokio::test(start_paused = true)]
async fn while_observing_decisions_become_advice() {
    proves("intent.paused-or-observing");
    proves("decision.carries-reasons");
    let world = World::settled(reference(), WITNESS).await;
    world.operate(WITNESS, Operation::SetMode(Mode::Observe)).await.expect("the leader answers");
    world.tunnel(ONE, Verdict::Down);
    let advised = |w: &World| -> Vec<_> {
        let advice = |event: &Event| match event.clone() {
            Event::Advised { action, cause, reasons } => Some((action, cause, reasons)),
            _ => None,
        };
        w.state().history.iter().filter_map(|entry| advice(&entry.event)).collect()
    };
    world.until("advice is noted", 1_000, |w| !advised(w).is_empty()).await;
    world.pass(30_000).await;
    let advice = advised(&world);
    assert_eq!(advice.len(), 1, "once, not at every step: {advice:?}");
    assert_eq!(advice[0].1, Cause::Failover);
    assert!(advice[0].2.iter().any(|reason| reason.contains("tunnel-1")), "{advice:?}");
    assert!(world.cloud.calls().is_empty() && world.intended().is_empty());
    assert_eq!(world.path("private-1"), "tunnel-1", "nor does the assignment change");
    world.operate(WITNESS, Operation::SetMode(Mode::Act)).await.expect("the leader answers");
    world.until("it is done now", 1_000, |w| w.target("private-1") == "eni-2").await;
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn advice_whose_note_is_lost_is_noted_again() {
    let world = World::settled(reference(), WITNESS).await;
    world.operate(WITNESS, Operation::SetMode(Mode::Observe)).await.expect("the leader answers");
    let mut first = true;
    world.log.judge(move |_, command| {
        let lost = matches!(command, Command::Note { .. }) && std::mem::take(&mut first);
        lost.then_some(crate::world::Fate::NotLeader)
    });
    world.tunnel(ONE, Verdict::Down);
    let advised = |w: &World| w.state().history.iter().any(|e| matches!(e.event, Event::Advised { .. }));
    world.until("advice is noted", 1_000, advised).await;
}

#[tokio::test(start_paused = true)]
async fn what_we_stopped_is_started_also_while_paused_or_observing() {
    proves("slot.start-waits-for-nothing-else");
    proves("pause.names-open-remediation");
    for operation in [pause(None), Operation::SetMode(Mode::Observe)] {
        let mut world = World::settled(reference(), WITNESS).await;
        world.host_dies(ONE).await;
        world.until("it is stopped", 20_000, |w| !w.instance_calls().is_empty()).await;
        let answer = world.operate(WITNESS, operation.clone()).await.expect("the leader answers");
        assert_eq!(answer.start_to_come, Some("strongswan-1".into()));
        world.until("it is started", 20_000, |w| w.instance_calls().len() == 2).await;
        assert_eq!(world.instance_calls(), ["stop i-1", "start i-1"], "{operation:?}");
        let starts =
            world.intended().into_iter().filter(|(_, action, ..)| matches!(action, Action::Start { .. }));
        assert_eq!(starts.count(), 1);
        world.referee();
    }
}
