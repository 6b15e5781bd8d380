//! What the hand does, and what it never does.

use crate::fake::{FakeKernel, kernel_route, ours};
use crate::site::{CORE, assignment, policy, route, state};
use arbiter_core::command::Mode;
use arbiter_core::ids::{LogIndex, NodeId};
use arbiter_core::rules::proves;
use arbiter_core::state::{ClusterState, Pause};
use arbiter_core::time::{LogMs, UnixMs};
use arbiter_linux::{Fence, Hand, NotSet};
use std::path::Path;
use std::sync::Arc;

fn hand(kernel: &Arc<FakeKernel>, folder: &Path) -> Hand {
    Hand::new(CORE, Arc::clone(kernel) as _, Fence::open(folder).unwrap())
}

#[tokio::test]
async fn the_new_route_is_there_before_the_old_one_goes() {
    proves("kernel.committed-only");
    let (kernel, folder) = (Arc::new(FakeKernel::default()), tempfile::tempdir().unwrap());
    let hand = hand(&kernel, folder.path());
    let set = hand.carry_out(&state(1, 7), &route(1)).await.unwrap();
    assert_eq!((set.path.as_str(), set.entry, set.changed), ("tunnel-1", LogIndex(7), true));
    assert_eq!(kernel.done(), [format!("add {}", ours(1))]);
    assert!(!hand.carry_out(&state(1, 7), &route(1)).await.unwrap().changed, "it stands already");
    hand.carry_out(&state(2, 9), &route(1)).await.unwrap();
    assert_eq!(kernel.done(), [format!("add {}", ours(2)), format!("remove {}", ours(1))]);
    // Only what is assigned, and is on this host.
    assert!(matches!(hand.carry_out(&state(2, 9), &route(2)).await, Err(NotSet::NotHere(_))));
    assert!(matches!(hand.carry_out(&state(2, 9), &route(3)).await, Err(NotSet::NotHere(_))));
    let other = Hand::new(NodeId(1), Arc::clone(&kernel) as _, Fence::open(folder.path()).unwrap());
    assert!(matches!(other.carry_out(&state(2, 9), &route(1)).await, Err(NotSet::NotHere(_))));
    assert!(kernel.done().is_empty());
}

#[tokio::test]
async fn an_older_assignment_is_never_set_again_also_not_after_a_restart() {
    proves("kernel.never-older");
    let (kernel, folder) = (Arc::new(FakeKernel::default()), tempfile::tempdir().unwrap());
    hand(&kernel, folder.path()).carry_out(&state(2, 9), &route(1)).await.unwrap();
    kernel.done();
    // A new process, whose state begins anew from an old snapshot.
    let hand = hand(&kernel, folder.path());
    let refused = hand.carry_out(&state(1, 8), &route(1)).await.unwrap_err();
    assert_eq!(refused, NotSet::Fenced { asked: LogIndex(8), last: LogIndex(9) });
    assert_eq!((refused.code(), kernel.done()), ("Fenced", vec![]));
    // The host has booted: its kernel is empty, and the last one is set again.
    kernel.routes.lock().unwrap().clear();
    assert!(hand.carry_out(&state(2, 9), &route(1)).await.unwrap().changed);
}

#[tokio::test]
async fn what_is_not_on_the_disk_is_not_set() {
    proves("kernel.never-older");
    let (kernel, folder) = (Arc::new(FakeKernel::default()), tempfile::tempdir().unwrap());
    let gone = folder.path().join("gone");
    std::fs::create_dir(&gone).unwrap();
    let hand = hand(&kernel, &gone);
    std::fs::remove_dir(&gone).unwrap();
    let refused = hand.carry_out(&state(1, 7), &route(1)).await.unwrap_err();
    assert_eq!((refused.code(), kernel.done()), ("Fence", vec![]));
    assert!(refused.to_string().contains("kernel-routes.json can't be written"), "{refused}");
}

#[tokio::test]
async fn the_disk_has_it_before_the_kernel() {
    proves("kernel.never-older");
    let (kernel, folder) = (Arc::new(FakeKernel::default()), tempfile::tempdir().unwrap());
    *kernel.refuses.lock().unwrap() = Some("Network is unreachable".to_owned());
    let refused = hand(&kernel, folder.path()).carry_out(&state(2, 9), &route(1)).await.unwrap_err();
    assert_eq!(refused.code(), "Kernel");
    assert!(refused.to_string().contains("172.16.3.0/24 via 10.10.2.100"), "{refused}");
    *kernel.refuses.lock().unwrap() = None;
    let refused = hand(&kernel, folder.path()).carry_out(&state(1, 8), &route(1)).await.unwrap_err();
    assert_eq!(refused.code(), "Fenced", "nobody knows how far the kernel had come");
}

#[tokio::test]
async fn anothers_route_is_never_touched_and_is_named() {
    proves("kernel.others-untouched");
    let folder = tempfile::tempdir().unwrap();
    let of_operator = kernel_route(1, 10, 4);
    let kernel = Arc::new(FakeKernel::with(vec![of_operator.clone()]));
    let hand = hand(&kernel, folder.path());
    let refused = hand.carry_out(&state(2, 9), &route(1)).await.unwrap_err();
    assert_eq!((refused.code(), kernel.done()), ("Conflict", vec![]));
    let text = refused.to_string();
    assert!(text.contains(&of_operator.to_string()) && text.contains("`metric`"), "{text}");
    let seen = hand.show(&policy()).await;
    assert_eq!(seen.routes[&route(1)].shadowed_by, Some(of_operator.to_string()));
    // One that is less preferred stands beside ours, as a way for the worst case, and stays.
    let worst = kernel_route(1, 100, 4);
    *kernel.routes.lock().unwrap() = vec![worst.clone()];
    hand.carry_out(&state(2, 9), &route(1)).await.unwrap();
    hand.carry_out(&state(1, 10), &route(1)).await.unwrap();
    assert_eq!(kernel.table(), [worst.to_string(), ours(1).to_string()]);
    assert_eq!(hand.show(&policy()).await.routes[&route(1)].shadowed_by, None);
}

#[tokio::test]
async fn leftovers_of_ours_go_and_those_to_other_networks_stay() {
    proves("kernel.others-untouched");
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = arbiter_linux::KernelRoute { destination: ([172, 16, 9, 0].into(), 24), ..ours(1) };
    let old_metric = kernel_route(1, 7, arbiter_linux::PROTOCOL);
    let kernel = Arc::new(FakeKernel::with(vec![ours(1), old_metric, elsewhere.clone()]));
    hand(&kernel, folder.path()).carry_out(&state(2, 9), &route(1)).await.unwrap();
    assert_eq!(kernel.table(), [elsewhere.to_string(), ours(2).to_string()]);
}

#[tokio::test]
async fn paused_or_observing_nothing_new_is_set_but_the_last_is_put_back() {
    proves("kernel.halts");
    let observes = |state: &mut ClusterState| state.overrides.mode = Mode::Observe;
    let is_paused = |state: &mut ClusterState| {
        let (reason, by) = ("maintenance".to_owned(), "anna".to_owned());
        let pause = Pause { reason, by, wall_ms: UnixMs(0), since: LogMs(0), until: None };
        state.overrides.pause = Some(pause);
    };
    let halts: [&dyn Fn(&mut ClusterState); 2] = [&observes, &is_paused];
    for halt in halts {
        let (kernel, folder) = (Arc::new(FakeKernel::default()), tempfile::tempdir().unwrap());
        let hand = hand(&kernel, folder.path());
        let mut halted = state(1, 7);
        halt(&mut halted);
        let refused = hand.carry_out(&halted, &route(1)).await.unwrap_err();
        assert_eq!((refused.code(), kernel.done()), ("Halted", vec![]));
        hand.carry_out(&state(1, 7), &route(1)).await.unwrap();
        kernel.routes.lock().unwrap().clear();
        hand.carry_out(&halted, &route(1)).await.unwrap();
        assert_eq!(kernel.table(), [ours(1).to_string()]);
        halted.assignments.insert(route(1), assignment(2, 8));
        assert_eq!(hand.carry_out(&halted, &route(1)).await.unwrap_err().code(), "Halted");
    }
}
