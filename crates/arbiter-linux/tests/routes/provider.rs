//! The provider of the control loop: what it sees, and how its calls end.

use crate::fake::{FakeKernel, kernel_route, ours};
use crate::site::{CORE, policy, route, state};
use arbiter_control::provider::{Call, CallKind, Provider, ProviderErrorKind, Scope};
use arbiter_core::command::{Action, Outcome};
use arbiter_core::ids::{ClusterId, Epoch, IntentId, LogIndex, NodeId, RouteId};
use arbiter_core::policy::Target;
use arbiter_core::rules::proves;
use arbiter_core::state::ClusterState;
use arbiter_linux::{CarriedOut, Fence, Hand, Hosts, Linux, Shown, carry_out};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::watch;

/// The core router's host, as the others reach it; or nobody.
struct Line(Option<(Arc<Hand>, watch::Receiver<Arc<ClusterState>>)>);

#[async_trait]
impl Hosts for Line {
    async fn show(&self, _: &ClusterId, host: NodeId) -> Result<Shown, String> {
        let (hand, state) = self.0.as_ref().filter(|_| host == CORE).ok_or("it does not answer")?;
        let state = state.borrow().clone();
        Ok(hand.show(&state.policy).await)
    }

    async fn carry_out(
        &self,
        _: &ClusterId,
        host: NodeId,
        route: &RouteId,
        entry: LogIndex,
    ) -> Result<CarriedOut, String> {
        let (hand, state) = self.0.as_ref().filter(|_| host == CORE).ok_or("it does not answer")?;
        Ok(carry_out(hand, state.clone(), route, entry).await)
    }
}

struct Site {
    kernel: Arc<FakeKernel>,
    /// Of the core router's node.
    states: watch::Sender<Arc<ClusterState>>,
    provider: Linux,
    _folder: tempfile::TempDir,
}

/// The provider of that node; the others are reached or not.
fn site(me: NodeId, reached: bool) -> Site {
    let (kernel, folder) = (Arc::new(FakeKernel::default()), tempfile::tempdir().unwrap());
    let fence = || Fence::open(folder.path()).unwrap();
    let of_core = Arc::new(Hand::new(CORE, Arc::clone(&kernel) as _, fence()));
    let (states, receiver) = watch::channel(Arc::new(state(1, 7)));
    let line = Line(reached.then(|| (of_core, receiver.clone())));
    let own = Arc::new(Hand::new(me, Arc::clone(&kernel) as _, fence()));
    let provider = Linux::new(me, own, Arc::new(line), receiver);
    Site { kernel, states, provider, _folder: folder }
}

fn call(tunnel: u8, entry: u64) -> Call {
    let after = Target::NextHop { via: [10, 10, tunnel, 100].into(), dev: None };
    let path = format!("tunnel-{tunnel}").as_str().into();
    Call {
        cluster: "site-1".into(),
        intent: IntentId { epoch: Epoch(1), number: 1 },
        entry: LogIndex(entry),
        action: Action::SetRoute { route: route(1), before: None, path, after },
        table: String::new(),
        destination: String::new(),
    }
}

#[tokio::test]
async fn a_call_is_carried_out_by_the_routes_own_host() {
    proves("kernel.own-host");
    for me in [CORE, NodeId(1)] {
        let site = site(me, true);
        assert_eq!(site.provider.mutate(&call(1, 7), 1_000).await, Outcome::Done);
        assert_eq!(site.kernel.table(), [ours(1).to_string()]);
        let look = site.provider.observe(&policy(), Scope::All).await.unwrap();
        let seen = |n| look.routes[&route(n)].target.clone();
        assert_eq!(seen(1), Some(Target::NextHop { via: [10, 10, 1, 100].into(), dev: None }));
        assert_eq!(seen(2), Some(Target::nowhere()), "it is not made yet");
    }
}

#[tokio::test]
async fn a_late_call_sets_what_is_committed_and_not_what_it_says() {
    proves("kernel.committed-only");
    let site = site(NodeId(1), true);
    site.states.send_replace(Arc::new(state(2, 9)));
    // Decided at entry 7, and overtaken meanwhile.
    let outcome = site.provider.mutate(&call(1, 7), 1_000).await;
    assert!(matches!(&outcome, Outcome::Failed { code, .. } if code == "Overtaken"), "{outcome}");
    assert_eq!(site.kernel.table(), [ours(2).to_string()]);
}

#[tokio::test]
async fn a_host_that_has_not_come_so_far_is_waited_for() {
    proves("kernel.committed-only");
    let site = site(NodeId(1), true);
    let outcome = site.provider.mutate(&call(2, 8), 100).await;
    assert!(matches!(outcome, Outcome::NoAnswer { .. }), "{outcome}");
    assert!(site.kernel.done().is_empty());
    let later = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        site.states.send_replace(Arc::new(state(2, 8)));
    };
    let call = call(2, 8);
    let (outcome, ()) = tokio::join!(site.provider.mutate(&call, 10_000), later);
    assert_eq!(outcome, Outcome::Done);
}

#[tokio::test]
async fn a_conflict_ends_the_call_in_words() {
    proves("kernel.others-untouched");
    let site = site(CORE, false);
    site.kernel.routes.lock().unwrap().push(kernel_route(1, 10, 4));
    let outcome = site.provider.mutate(&call(1, 7), 1_000).await;
    let Outcome::Failed { code, message } = outcome else { panic!("{outcome}") };
    assert_eq!(code, "Conflict");
    assert!(message.contains("proto 4"), "{message}");
    assert!(site.kernel.done().is_empty());
}

#[tokio::test]
async fn a_host_that_is_not_reached_leaves_a_doubt_and_is_said() {
    let site = site(NodeId(1), false);
    let outcome = site.provider.mutate(&call(1, 7), 1_000).await;
    assert!(matches!(outcome, Outcome::NoAnswer { .. }), "{outcome}");
    let error = site.provider.observe(&policy(), Scope::All).await.unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::Unreachable);
    assert!(error.to_string().contains("node 3") || error.to_string().contains("Show on"), "{error}");
    let stop = Call {
        action: Action::Stop { gateway: "g".into(), instance: "i".into(), force: false },
        ..call(1, 7)
    };
    assert!(matches!(site.provider.mutate(&stop, 1_000).await, Outcome::NotSent { .. }));
    assert_eq!(site.provider.allowance(CallKind::Stop, 250), 0);
    assert!(site.provider.allowance(CallKind::Route, 250) > 0);
}
