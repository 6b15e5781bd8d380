//! Wall clocks that jump: people are told, and nothing is decided by it.

use crate::world::{ALL, ONE, TWO, WITNESS, World, reference};
use arbiter_core::bad_days::bad_day;
use arbiter_core::command::{Cause, Outcome};
use arbiter_core::evidence::Verdict;
use arbiter_core::health::Code;
use arbiter_core::rules::proves;

const HOUR_MS: i64 = 3_600_000;

/// Whose clock the leader calls wrong, and by what words.
async fn wrong_clocks(world: &World) -> Vec<(String, String)> {
    let alarms = world.look(WITNESS).await.alarms;
    let wrong = alarms.into_iter().filter(|alarm| alarm.code == Code::ClocksDiffer);
    wrong.map(|alarm| (alarm.subject, alarm.detail)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_is_alarmed_of_by_name_and_changes_no_decision() {
    bad_day("clock-jump");
    for (jump_ms, words) in
        [(HOUR_MS, "1h00m ahead of the clock of witness"), (-HOUR_MS, "1h00m behind the clock of witness")]
    {
        let world = World::settled(reference(), WITNESS).await;
        assert_eq!(wrong_clocks(&world).await, []);
        world.clocks[&ONE].jump(jump_ms);
        world.pass(500).await;
        let wrong = wrong_clocks(&world).await;
        let [(whose, how)] = &wrong[..] else { panic!("one clock is wrong: {wrong:?}") };
        assert_eq!(whose, "strongswan-1");
        assert!(how.starts_with(words) || how.starts_with("59m"), "{how}");
        world.pass(20_000).await;
        assert!(world.cloud.calls().is_empty(), "{}", world.tale());
        // It still is believed: what it says of its tunnel counts, and by the same times.
        world.tunnel(ONE, Verdict::Down);
        let ms = world.until("private-1 moves", 1_000, |w| w.target("private-1") == "eni-2").await;
        assert!(ms <= 100, "{ms}");
        world.clocks[&ONE].jump(-jump_ms);
        world.pass(500).await;
        assert_eq!(wrong_clocks(&world).await, []);
        world.referee();
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_own_clock_jumps_names_the_others_and_goes_on_deciding() {
    bad_day("clock-jump");
    proves("dispatch.wall-clock-ahead");
    for jump_ms in [HOUR_MS, -HOUR_MS] {
        let world = World::settled(reference(), WITNESS).await;
        // In the worst moment: between the proposal and its answer. Ahead, it may have been stopped by the
        // hypervisor, and what was agreed is not sent; it is agreed on anew at once.
        world.log.judge(|_, command| {
            let intents = matches!(command, arbiter_core::command::Command::Intents(_));
            intents.then_some(crate::world::Fate::Commits { after_ms: 100 })
        });
        world.tunnel(ONE, Verdict::Down);
        let proposed = world.log.proposed_by(WITNESS).len();
        world.until("it intends", 1_000, |w| w.log.proposed_by(WITNESS).len() > proposed).await;
        world.clocks[&WITNESS].jump(jump_ms);
        world.until("private-1 moves all the same", 2_000, |w| w.target("private-1") == "eni-2").await;
        world.until("no doubt is left", 1_000, |w| w.state().unsettled.is_empty()).await;
        let unsent = world.outcomes().iter().filter(|(_, o)| matches!(o, Outcome::NotSent { .. })).count();
        assert_eq!(unsent, usize::from(jump_ms > 0), "{}", world.tale());
        let wrong: Vec<_> = wrong_clocks(&world).await.into_iter().map(|(whose, _)| whose).collect();
        assert_eq!(wrong, ["strongswan-1", "strongswan-2"], "it can't know that it is its own");
        // Waits, too, are not the wall clock's: home comes after `failback_after`, no earlier and no later.
        world.log.judge_no_more();
        world.tunnel(ONE, Verdict::Up);
        let ms = world.until("private-1 comes home", 20_000, |w| w.target("private-1") == "eni-1").await;
        let after_ms = world.policy.timing.failback_after_ms;
        assert!((after_ms..after_ms + 1_000).contains(&ms), "{ms}");
        assert_eq!(world.intended().last().map(|(_, _, cause, _)| *cause), Some(Cause::Failback));
        assert!(world.log.handovers().is_empty() && world.log.campaigns().is_empty());
        world.referee();
    }
}

#[tokio::test(start_paused = true)]
async fn clocks_that_all_jump_together_say_nothing() {
    let world = World::settled(reference(), WITNESS).await;
    ALL.iter().for_each(|node| world.clocks[node].jump(HOUR_MS));
    world.pass(20_000).await;
    assert_eq!(wrong_clocks(&world).await, []);
    assert!(world.cloud.calls().is_empty(), "{}", world.tale());
    assert_eq!(world.look(TWO).await.view.leader, Some(WITNESS));
}
