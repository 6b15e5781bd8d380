//! Dead gateways that are not simply stopped and started: what would not come back, and stops that hang.

use crate::world::{ONE, TWO, WITNESS, World, reference};
use arbiter_control::provider::InstanceSeen;
use arbiter_core::bad_days::bad_day;
use arbiter_core::evidence::InstanceState;
use arbiter_core::health::Code;
use arbiter_core::rules::proves;

/// What the leader's alarm of this kind says of the first gateway.
async fn said(world: &World, code: Code) -> Option<String> {
    let leader = world.log.leader().expect("somebody leads");
    let alarms = world.look(leader).await.alarms;
    alarms
        .into_iter()
        .find(|alarm| alarm.code == code && alarm.subject == "strongswan-1")
        .map(|alarm| alarm.detail)
}

/// Its instance is made unfit for a stop before its gateway dies; and fit again a while later.
async fn is_left_alone_until_mended(
    spoil: impl FnOnce(&mut InstanceSeen),
    mend: impl FnOnce(&mut InstanceSeen),
    words: &[&str],
) {
    let mut world = World::settled(reference(), WITNESS).await;
    world.cloud.edit_instance("i-1", spoil);
    world.pass(world.policy.timing.reconcile_interval_ms + 500).await;
    world.host_dies(ONE).await;
    world.until("private-1 moves all the same", 1_000, |w| w.target("private-1") == "eni-2").await;
    world.pass(5 * world.policy.remediation.remediate_after_ms).await;
    assert_eq!(world.instance_calls(), Vec::<String>::new(), "{}", world.tale());
    let said = said(&world, Code::RemediationHeld).await.expect("an alarm says why nothing is done");
    for word in words {
        assert!(said.contains(word), "`{word}` in: {said}");
    }
    world.cloud.edit_instance("i-1", mend);
    world.until("once mended, it is stopped", 10_000, |w| w.instance_calls() == ["stop i-1"]).await;
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_member_of_an_auto_scaling_group_is_not_stopped_and_the_alarm_says_what_to_do() {
    bad_day("auto-scaling-member");
    proves("remediate.refused");
    let words = ["Auto Scaling group `gateways`", "detach it", "arbiterctl gateway replace"];
    is_left_alone_until_mended(
        |seen| seen.auto_scaling_group = Some("gateways".to_owned()),
        |seen| seen.auto_scaling_group = None,
        &words,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_without_an_elastic_ip_is_not_stopped_and_the_alarm_says_what_to_do() {
    bad_day("no-elastic-ip");
    proves("remediate.refused");
    let words = ["no Elastic IP", "tunnel would never come back", "associate one"];
    is_left_alone_until_mended(|seen| seen.has_elastic_ip = false, |seen| seen.has_elastic_ip = true, &words)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_hangs_is_forced_also_by_the_next_leader_and_the_gateway_gets_its_start() {
    bad_day("stuck-stop");
    proves("slot.stop-start-healthy");
    proves("slot.next-leader-carries-on");
    for leader_dies in [false, true] {
        let mut world = World::settled(reference(), WITNESS).await;
        world.cloud.hang_stops("i-1");
        world.host_dies(ONE).await;
        world.until("it is stopped", 10_000, |w| w.instance_calls() == ["stop i-1"]).await;
        world.until("EC2 has said so", 1_000, |w| w.state().unsettled.is_empty()).await;
        if leader_dies {
            world.restart(WITNESS);
            world.log.elect(TWO);
        }
        let forced = |w: &World| w.instance_calls().len() == 2;
        let ms = world.until("it is stopped by force", 30_000, forced).await;
        assert!(ms + 1_000 >= world.policy.remediation.force_stop_after_ms, "{ms}");
        world.pass(2_500).await;
        let said = said(&world, Code::RemediationHeld).await.expect("an alarm says that it hangs");
        assert!(said.contains("hangs for 1") && said.contains("by force"), "{said}");
        assert!(world.state().slot.is_some(), "the slot is never abandoned");
        world.until("it runs again", 30_000, |w| w.cloud.instance("i-1") == InstanceState::Running).await;
        assert!(world.state().slot.is_some(), "nor when it runs and is not healthy yet");
        world.pass(1_000).await;
        world.host_returns(ONE);
        world.until("the slot closes", 5_000, |w| w.state().slot.is_none()).await;
        world.until("private-1 comes home", 20_000, |w| w.target("private-1") == "eni-1").await;
        assert_eq!(world.instance_calls(), ["stop i-1", "force i-1", "start i-1"], "{}", world.tale());
        world.referee();
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_even_force_does_not_free_is_repeated_and_alarmed_of_and_ends_well_when_ec2_is_done() {
    bad_day("stuck-stop");
    proves("slot.stop-start-healthy");
    let mut world = World::settled(reference(), WITNESS).await;
    world.cloud.judge(|_, call| {
        let stop = matches!(call.action, arbiter_core::command::Action::Stop { .. });
        stop.then_some(crate::world::CallFate::Hollow)
    });
    world.host_dies(ONE).await;
    world.until("it is stopped", 10_000, |w| w.instance_calls() == ["stop i-1"]).await;
    world.cloud.edit_instance("i-1", |seen| seen.state = InstanceState::Stopping);
    let long_ms = 120_000;
    world.pass(long_ms).await;
    let forced = world.instance_calls().iter().filter(|call| *call == "force i-1").count() as u64;
    let most = long_ms / world.policy.remediation.force_stop_after_ms;
    assert!((most / 2..=most).contains(&forced), "{forced} times within two minutes");
    assert!(world.state().slot.is_some(), "the slot is never abandoned");
    let said = said(&world, Code::RemediationHeld).await.expect("an alarm says that it hangs");
    assert!(said.contains("ask AWS"), "{said}");
    assert_eq!(world.target("private-2"), "eni-2", "the other one carries on");
    world.cloud.edit_instance("i-1", |seen| seen.state = InstanceState::Stopped);
    let started = |w: &World| w.instance_calls().last().is_some_and(|call| call == "start i-1");
    world.until("it gets its start", 10_000, started).await;
    world.referee();
}
