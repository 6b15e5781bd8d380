//! Nodes that hold another policy than the leader: in their file, or because the newest has not reached them yet.

use crate::world::{ONE, WITNESS, World, reference};
use arbiter_core::bad_days::bad_day;
use arbiter_core::command::{Command, Operation, Stamp};
use arbiter_core::evidence::Verdict;
use arbiter_core::health::{Alarm, Code};
use arbiter_core::ids::PolicyVersion;
use arbiter_core::policy::Policy;

/// The leader's alarms of one kind.
async fn alarms(world: &World, code: Code) -> Vec<Alarm> {
    let alarms = world.look(WITNESS).await.alarms;
    alarms.into_iter().filter(|alarm| alarm.code == code).collect()
}

fn apply(world: &World, policy: Policy) {
    let operation = Operation::ApplyPolicy { version: PolicyVersion(2), policy: Box::new(policy) };
    let (request, by) = ("new".to_owned(), "somebody".to_owned());
    let stamp = Stamp { epoch: world.epoch(), elapsed_ms: 0 };
    world.log.commit(Command::Operator { stamp, request, by, operation });
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_file_differs_is_named_by_the_leader_and_decides_nothing_by_it() {
    bad_day("peer-of-another-policy-version");
    let mut world = World::settled(reference(), WITNESS).await;
    assert_eq!(alarms(&world, Code::PolicyDiffers).await, []);
    let mut other = reference();
    other.routes[0].paths.reverse();
    world.files.insert(ONE, other.clone());
    world.restart(ONE);
    world.pass(500).await;
    let said = alarms(&world, Code::PolicyDiffers).await;
    assert!(matches!(&said[..], [alarm] if alarm.subject == "strongswan-1"), "{said:?}");
    // It leads, and thinks nothing of its own file.
    world.log.elect(ONE);
    world.pass(3 * world.policy.timing.failback_after_ms).await;
    assert!(world.cloud.calls().is_empty(), "{}", world.tale());
    // What it says is put in force: it is right, and the others are not.
    apply(&world, other);
    world.pass(500).await;
    let said = alarms(&world, Code::PolicyDiffers).await;
    assert!(matches!(&said[..], [alarm] if alarm.subject == "strongswan-2"), "beside itself: {said:?}");
    world.referee();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_still_reports_by_the_old_version_moves_nothing_by_it() {
    bad_day("peer-of-another-policy-version");
    let world = World::settled(reference(), WITNESS).await;
    // Its log is cut off, its reports are not. The new version asks for another probe of its tunnel.
    world.log.cut(ONE);
    let mut next = reference();
    next.probes
        .iter_mut()
        .filter(|probe| probe.id.as_str() == "tunnel-1")
        .for_each(|it| it.id = "new-1".into());
    apply(&world, next);
    world.tunnel(ONE, Verdict::Down);
    world.pass(world.policy.timing.unknown_grace_ms - 1_000).await;
    assert!(world.cloud.calls().is_empty(), "nobody asks about that probe any more: {}", world.tale());
    let unknown = alarms(&world, Code::PathUnknown).await;
    assert!(matches!(&unknown[..], [alarm] if alarm.subject == "private-1"), "{unknown:?}");
    // The new version reaches it, and its new probe says that all is well.
    world.log.mend(ONE);
    world.pass(5_000).await;
    assert_eq!(alarms(&world, Code::PathUnknown).await, []);
    assert!(world.cloud.calls().is_empty(), "{}", world.tale());
}
