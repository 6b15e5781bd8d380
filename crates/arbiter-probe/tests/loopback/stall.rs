//! A process that stands still.

use crate::support::{Service, prober, tcp, until, until_state};
use arbiter_control::prober::Prober;
use arbiter_core::evidence::Verdict;
use arbiter_core::rules::proves;
use std::sync::mpsc;
use std::time::Duration;

#[tokio::test]
async fn a_process_that_stood_still_accuses_nobody() {
    proves("probe.stall-is-no-evidence");
    let service = Service::answering();
    let prober = prober();
    prober.set_probes((0..10).map(|number| tcp(&format!("probe-{number}"), service.address())).collect());
    for number in 0..10 {
        until_state(&prober, &format!("probe-{number}"), Verdict::Up).await;
    }
    for stall_ms in [150, 400, 1_000] {
        // Blocks the only thread of this runtime, probes in flight or not, much as SIGSTOP would.
        let (_never, nothing) = mpsc::channel::<()>();
        assert!(nothing.recv_timeout(Duration::from_millis(stall_ms)).is_err());
        let sent = prober.counters().sent;
        until(&prober, "probes after the stall", || prober.counters().sent > sent + 50).await;
        assert_eq!(
            *prober.transitions().borrow(),
            10,
            "each came Up once and stayed: {:#?}",
            prober.snapshot()
        );
    }
}
