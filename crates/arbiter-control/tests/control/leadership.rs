//! Who leads, as the loop asks for it.

use crate::world::{ALL, ONE, TWO, WITNESS, World, reference};
use arbiter_control::AskError;
use arbiter_control::provider::ProviderErrorKind;
use arbiter_core::health::Code;
use arbiter_core::rules::proves;

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_reach_the_provider_hands_over() {
    proves("lead.handover-when-unreachable");
    let world = World::settled(reference(), WITNESS).await;
    world.cloud.refuse(WITNESS, Some(ProviderErrorKind::Unreachable));
    let ms = world.until("it hands over", 20_000, |w| !w.log.handovers().is_empty()).await;
    assert!(ms <= 12_000, "{ms}");
    let (from, to) = world.log.handovers()[0];
    assert_eq!(from, WITNESS);
    world.until("the heir is in office", 1_000, |w| w.state().office.node == to).await;
    // Not back at once, although the witness is well again soon.
    world.cloud.refuse(WITNESS, None);
    world.pass(30_000).await;
    assert_eq!(world.log.handovers().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_disk_is_slow_hands_over_and_everybody_says_whose_it_is() {
    proves("lead.slow-disk-last");
    let world = World::settled(reference(), WITNESS).await;
    world.log.set_disk(WITNESS, Some(3_000));
    world.until("it hands over", 20_000, |w| !w.log.handovers().is_empty()).await;
    let (from, to) = world.log.handovers()[0];
    assert_eq!(from, WITNESS);
    world.until("the heir is in office", 1_000, |w| w.state().office.node == to).await;
    let slow = async |node| {
        let alarms = world.look(node).await.alarms.into_iter();
        let slow = alarms.filter(|alarm| alarm.code == Code::DiskSlow);
        slow.map(|alarm| (alarm.subject, alarm.detail)).collect::<Vec<_>>()
    };
    for node in ALL {
        let whose = ("witness".to_owned(), "the slowest write of late took 3.0s".to_owned());
        assert_eq!(slow(node).await, [whose], "as {node:?} sees it");
    }
    world.log.set_disk(WITNESS, None);
    world.pass(2_000).await;
    for node in ALL {
        assert_eq!(slow(node).await, []);
    }
    assert_eq!(world.log.handovers().len(), 1, "not back at once");
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn throttling_or_a_denial_moves_no_leadership_and_is_not_made_worse() {
    proves("lead.never-for-throttling");
    for kind in [ProviderErrorKind::Throttled, ProviderErrorKind::Denied] {
        let world = World::settled(reference(), WITNESS).await;
        world.cloud.refuse(WITNESS, Some(kind));
        world.pass(world.policy.timing.reconcile_interval_ms).await;
        let looks = world.cloud.looks_of(WITNESS).len();
        world.pass(60_000).await;
        assert!(world.log.handovers().is_empty(), "{kind:?}");
        let looks = world.cloud.looks_of(WITNESS).len() - looks;
        assert!((8..=20).contains(&looks), "{looks} looks within a minute");
        let look = world.look(WITNESS).await;
        let codes = [Code::ProviderThrottled, Code::ProviderDenied];
        assert!(look.alarms.iter().any(|alarm| codes.contains(&alarm.code)), "{:?}", look.alarms);
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_leader_falls_silent_a_majority_elects_and_nobody_else_does() {
    proves("lead.pre-vote");
    proves("lead.witness-first");
    let mut world = World::settled(reference(), ONE).await;
    assert!(world.log.campaigns().is_empty());
    world.kill(ONE);
    world.log.cut(ONE);
    let ms = world.until("another leads", 5_000, |w| w.log.leader().is_some()).await;
    assert_eq!(world.log.leader(), Some(WITNESS));
    assert!(ms < 1_600, "{ms}");
    // Gateway 2 alone hears nobody: it stands for nothing.
    let world = World::settled(reference(), ONE).await;
    world.log.cut(TWO);
    world.post.cut(TWO, ONE);
    world.post.cut(TWO, WITNESS);
    world.pass(30_000).await;
    assert!(world.log.campaigns().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_operator_hands_over_to_a_voter_only() {
    let world = World::settled(reference(), WITNESS).await;
    for wrong in [WITNESS, arbiter_core::ids::NodeId(9)] {
        let answer = world.control(WITNESS).hand_over(wrong).await;
        assert!(
            matches!(&answer, Err(AskError::Refused(why)) if why.contains("not another voter")),
            "{answer:?}"
        );
    }
    let answer = world.control(ONE).hand_over(TWO).await;
    assert_eq!(answer, Err(AskError::NotLeader { leader: Some(WITNESS) }));
    assert_eq!(world.control(WITNESS).hand_over(TWO).await, Ok(()));
    assert_eq!(world.log.leader(), Some(TWO));
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_drops_parcels_and_turns_askers_away_and_recovers() {
    let world = World::settled(reference(), WITNESS).await;
    let control = world.control(WITNESS);
    // Nothing runs between these: the mailbox fills.
    let taken = (0..2_000).filter(|_| control.deliver(arbiter_core::report::Parcel::default())).count();
    assert!((256..2_000).contains(&taken), "{taken}");
    assert!(matches!(control.look().await, Err(AskError::Unavailable(_))));
    world.pass(50).await;
    assert!(control.look().await.is_ok());
    assert!(ALL.iter().all(|id| world.log.steps(*id) > 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_hears_no_leader_and_a_leader_whom_no_quorum_answers_say_so() {
    let world = World::settled(reference(), WITNESS).await;
    let lacks = |look: &arbiter_control::Look| look.alarms.iter().any(|alarm| alarm.code == Code::NoLeader);
    for node in ALL {
        assert!(!lacks(&world.look(node).await), "{node}");
    }
    world.log.cut(ONE);
    world.pass(3_000).await;
    assert!(lacks(&world.look(ONE).await), "it hears nobody, whomever Raft names");
    assert!(!lacks(&world.look(WITNESS).await), "two of three are a quorum");
    world.log.cut(WITNESS);
    world.pass(3_000).await;
    assert!(lacks(&world.look(WITNESS).await), "it goes on naming itself");
}
