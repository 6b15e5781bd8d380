//! The keeper: routes are set as soon as they are assigned, and put back when the kernel has lost them.

use crate::fake::{FakeKernel, ours};
use crate::site::{CORE, state};
use arbiter_core::command::Mode;
use arbiter_core::policy::{DriftAction, Policy};
use arbiter_core::rules::proves;
use arbiter_core::state::ClusterState;
use arbiter_linux::{Fence, Hand, keep};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Generous: what is waited for takes milliseconds, or a second.
const PATIENCE: Duration = Duration::from_secs(20);

async fn until(kernel: &FakeKernel, what: &str, table: &[String]) {
    let end = Instant::now() + PATIENCE;
    while kernel.table() != table {
        assert!(Instant::now() < end, "{what}: {:?}", kernel.table());
        sleep(Duration::from_millis(5)).await;
    }
}

struct Kept {
    kernel: Arc<FakeKernel>,
    states: watch::Sender<Arc<ClusterState>>,
    _folder: tempfile::TempDir,
}

fn kept(first: ClusterState) -> Kept {
    let (kernel, folder) = (Arc::new(FakeKernel::default()), tempfile::tempdir().unwrap());
    let hand = Hand::new(CORE, Arc::clone(&kernel) as _, Fence::open(folder.path()).unwrap());
    let (states, receiver) = watch::channel(Arc::new(first));
    tokio::spawn(keep(Arc::new(hand), receiver));
    Kept { kernel, states, _folder: folder }
}

#[tokio::test]
async fn each_assignment_is_set_as_it_comes_and_none_that_was_overtaken() {
    proves("kernel.committed-only");
    proves("kernel.never-older");
    let Kept { kernel, states, _folder } = kept(state(1, 7));
    until(&kernel, "the first", &[ours(1).to_string()]).await;
    states.send_replace(Arc::new(state(2, 9)));
    until(&kernel, "the second", &[ours(2).to_string()]).await;
    kernel.done();
    states.send_replace(Arc::new(state(1, 8)));
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!((kernel.table(), kernel.done()), (vec![ours(2).to_string()], vec![]));
}

#[tokio::test]
async fn what_the_kernel_lost_is_put_back_unless_drift_is_only_reported() {
    proves("kernel.put-back");
    let Kept { kernel, states, _folder } = kept(state(1, 7));
    until(&kernel, "the first", &[ours(1).to_string()]).await;
    kernel.routes.lock().unwrap().clear();
    until(&kernel, "it is put back", &[ours(1).to_string()]).await;
    // Moved by another hand, it is the leader's business.
    *kernel.routes.lock().unwrap() = vec![ours(2)];
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!(kernel.table(), [ours(2).to_string()]);
    let mut reported = state(1, 7);
    let mut policy: Policy = (*reported.policy).clone();
    policy.routes[0].drift = DriftAction::Report;
    reported.policy = Arc::new(policy);
    states.send_replace(Arc::new(reported));
    kernel.routes.lock().unwrap().clear();
    sleep(Duration::from_millis(1_500)).await;
    assert!(kernel.table().is_empty());
}

#[tokio::test]
async fn a_cluster_that_only_observes_sets_nothing() {
    proves("kernel.halts");
    let mut observing = state(1, 7);
    observing.overrides.mode = Mode::Observe;
    let Kept { kernel, states, _folder } = kept(observing);
    sleep(Duration::from_millis(1_500)).await;
    assert!(kernel.done().is_empty());
    states.send_replace(Arc::new(state(1, 8)));
    until(&kernel, "it acts", &[ours(1).to_string()]).await;
}
