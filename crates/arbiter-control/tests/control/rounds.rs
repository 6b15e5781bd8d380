//! The leader has every node examined: once an hour, when somebody asks, and never in the way of a failover.

use crate::world::{EXAMINATION_MS, Examination, ONE, TWO, WITNESS, World, reference};
use arbiter_control::AskError;
use arbiter_core::evidence::Verdict;
use arbiter_core::health::{Alarm, Code};
use std::time::Duration;

const HOUR_MS: u64 = 3_600_000;
/// The first round's time, and some for the loop.
const FIRST_MS: u64 = 60_000 + 3 * EXAMINATION_MS + 3_000;

/// The reference case, settled in; its nodes report every two seconds only, so that an hour is not too many of them.
async fn unhurried() -> World {
    let mut policy = reference();
    policy.timing.report_interval_ms = 2_000;
    policy.timing.report_stale_after_ms = 6_000;
    policy.timing.reconcile_interval_ms = 60_000;
    let world = World::begin(policy, WITNESS);
    world.pass(15_000).await;
    assert_eq!(world.state().assignments.len(), 2, "{}", world.tale());
    world
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("short tests")
}

fn denied() -> Alarm {
    Alarm::new(Code::NotPermitted, "StopInstances", "on i-1: UnauthorizedOperation: no")
}

/// Which of the alarms only an examination finds.
fn examined(alarms: &[Alarm]) -> Vec<&Alarm> {
    alarms.iter().filter(|alarm| alarm.code.is_examined()).collect()
}

#[tokio::test(start_paused = true)]
async fn once_an_hour_the_leader_examines_every_node_and_its_alarms_say_what_was_found() {
    let world = unhurried().await;
    world.ward.set(TWO, Examination::Finds(vec![denied()]));
    world.pass(FIRST_MS).await;
    let visits = world.ward.visits();
    assert_eq!(visits.iter().map(|visit| visit.of).collect::<Vec<_>>(), [ONE, TWO, WITNESS]);
    assert!(visits.iter().all(|visit| visit.by == WITNESS), "{visits:?}");
    let look = world.look(WITNESS).await;
    let alarms = examined(&look.alarms);
    assert_eq!(alarms.len(), 1, "{:?}", look.alarms);
    assert_eq!(alarms[0].code, Code::NotPermitted);
    assert_eq!(alarms[0].detail, "on i-1: UnauthorizedOperation: no; found by strongswan-2");
    assert_eq!(look.examined.expect("it was made").nodes, ["strongswan-1", "strongswan-2", "witness"]);
    assert_eq!(world.look(ONE).await.examined, None, "a follower leaves it to the leader");
    world.ward.set(TWO, Examination::Finds(vec![]));
    world.pass(HOUR_MS).await;
    let visits = world.ward.visits();
    assert_eq!(visits.len(), 6);
    let apart = visits[3].at - visits[0].at;
    assert!((HOUR_MS..HOUR_MS + 1_100).contains(&ms(apart)), "{apart:?}");
    let look = world.look(WITNESS).await;
    assert_eq!(examined(&look.alarms), Vec::<&Alarm>::new(), "what was mended is forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_failover_in_the_middle_of_an_examination_is_as_fast_as_ever() {
    let world = World::settled(reference(), WITNESS).await;
    for node in [ONE, TWO, WITNESS] {
        world.ward.set(node, Examination::NeverEnds);
    }
    world.pass(60_000).await;
    world.until("the first round", 10_000, |w| !w.ward.visits().is_empty()).await;
    world.tunnel(ONE, Verdict::Down);
    let ms = world.until("private-1 moves", 1_000, |w| w.target("private-1") == "eni-2").await;
    assert!(ms <= 100, "{ms} ms");
    world.pass(40_000).await;
    let look = world.look(WITNESS).await;
    let told: Vec<_> =
        examined(&look.alarms).iter().map(|alarm| (alarm.code, alarm.detail.clone())).collect();
    assert_eq!(told, vec![(Code::NotExamined, "no answer within 10 s".to_owned()); 3]);
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_round_that_is_due_waits_until_nothing_is_being_done() {
    let mut world = unhurried().await;
    world.pass(FIRST_MS).await;
    assert_eq!(world.ward.visits().len(), 3);
    // A gateway dies, and is being stopped and started when the hour is over.
    let due = world.ward.visits()[0].at + Duration::from_millis(HOUR_MS);
    tokio::time::sleep_until(due - Duration::from_secs(20)).await;
    world.host_dies(ONE).await;
    tokio::time::sleep_until(due + Duration::from_secs(2)).await;
    assert!(world.state().slot.is_some(), "{}", world.tale());
    assert_eq!(world.ward.visits().len(), 3, "nothing is examined meanwhile");
    world.host_returns(ONE);
    world.pass(50_000).await;
    assert!(world.state().slot.is_none(), "{}", world.tale());
    assert_eq!(world.ward.visits().len(), 3);
    world.pass(20_000).await;
    assert_eq!(world.ward.visits().len(), 6, "but soon after");
}

#[tokio::test(start_paused = true)]
async fn who_asks_is_answered_and_many_who_ask_get_one_round() {
    let world = World::settled(reference(), WITNESS).await;
    world.ward.set(ONE, Examination::Finds(vec![denied()]));
    let (seat, other_seat) = (world.control(WITNESS), world.control(WITNESS));
    let (first, second) = tokio::join!(seat.examine(), other_seat.examine());
    let first = first.expect("the leader examines");
    assert_eq!(Ok(&first), second.as_ref());
    assert_eq!(first.findings.len(), 1, "{first:?}");
    assert_eq!(first.findings[0].said_by, ["strongswan-1"]);
    world.pass(5_000).await;
    let again = world.control(WITNESS).examine().await.expect("the last one stands");
    assert!((5_000..10_000).contains(&again.age_ms), "{}", again.age_ms);
    assert_eq!(world.ward.visits().len(), 3);
    world.pass(6_000).await;
    world.control(WITNESS).examine().await.expect("anew");
    assert_eq!(world.ward.visits().len(), 6);
    let refused = world.control(ONE).examine().await;
    assert_eq!(refused, Err(AskError::NotLeader { leader: Some(WITNESS) }));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_silent_fails_or_breaks_off_is_named_and_keeps_nobody_waiting() {
    let mut world = World::settled(reference(), WITNESS).await;
    world.ward.set(WITNESS, Examination::Panics);
    world.ward.set(TWO, Examination::Fails("its program is older"));
    world.host_dies(ONE).await;
    world.pass(2_000).await;
    let examined = world.control(WITNESS).examine().await.expect("the leader examines");
    let silent: Vec<_> = examined.findings.iter().filter(|it| it.alarm.code == Code::NotExamined).collect();
    let words: Vec<_> = silent.iter().map(|it| (&*it.alarm.subject, &*it.alarm.detail)).collect();
    assert_eq!(
        words,
        [
            ("strongswan-1", "it is not heard"),
            ("strongswan-2", "its program is older"),
            ("witness", "the examination broke off: see the log")
        ]
    );
    assert_eq!(examined.nodes, Vec::<String>::new());
    assert!(examined.findings.iter().any(|it| it.alarm.code == Code::NodeSilent), "{examined:?}");
    assert_eq!(world.ward.visits().iter().filter(|visit| visit.of == ONE).count(), 0, "nobody asks it");
}

#[tokio::test(start_paused = true)]
async fn a_node_with_too_many_findings_says_how_many_are_left_out() {
    let world = World::settled(reference(), WITNESS).await;
    let many = (0..250).map(|n| Alarm::new(Code::Shadowed, format!("private-{n}"), "by 10.10.4.0/24"));
    world.ward.set(ONE, Examination::Finds(many.chain([denied()]).collect()));
    let examined = world.control(WITNESS).examine().await.expect("the leader examines");
    assert_eq!(examined.findings[0].alarm.code, Code::NotPermitted, "the most urgent is kept");
    let left_out = examined.findings.iter().find(|it| it.alarm.code == Code::NotExamined).expect("said");
    assert_eq!(left_out.alarm.detail, "51 more findings are left out");
    assert_eq!(examined.findings.len(), 201);
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_examines_anew_and_the_old_one_forgets() {
    let world = World::settled(reference(), WITNESS).await;
    world.ward.set(ONE, Examination::Finds(vec![denied()]));
    world.pass(FIRST_MS).await;
    assert!(world.look(WITNESS).await.examined.is_some());
    world.log.elect(TWO);
    world.pass(3_000).await;
    assert_eq!(world.look(WITNESS).await.examined, None);
    assert_eq!(world.look(TWO).await.examined, None);
    world.pass(FIRST_MS).await;
    let look = world.look(TWO).await;
    assert_eq!(examined(&look.alarms).len(), 1, "{:?}", look.alarms);
    assert!(world.ward.visits()[3..].iter().all(|visit| visit.by == TWO));
}
