//! A process that stands still.

use crate::support::{Service, prober, status, tcp, until_state};
use arbiter_control::prober::Prober;
use arbiter_core::evidence::Verdict;
use arbiter_core::policy::Probe;
use arbiter_core::rules::proves;
use std::sync::mpsc;
use std::time::Duration;

#[tokio::test]
async fn a_process_that_keeps_standing_still_accuses_nobody() {
    proves("probe.stall-is-no-evidence");
    let service = Service::silent();
    let prober = prober();
    let probe = Probe { fall: 5, timeout_max_ms: 50, ..tcp("silent", service.address()) };
    prober.set_probes(vec![probe]);
    // Blocks the only thread of this runtime, probes in flight or not, much as SIGSTOP would. In between it runs
    // for less than a window, so what it sees lost never is a window in one piece.
    for _ in 0..15 {
        let (_never, nothing) = mpsc::channel::<()>();
        assert!(nothing.recv_timeout(Duration::from_millis(250)).is_err());
        tokio::time::sleep(Duration::from_millis(120)).await;
        assert_eq!(status(&prober, "silent").state, Verdict::Unknown, "{:#?}", status(&prober, "silent"));
    }
    assert!(prober.counters().sent >= 15, "it did probe meanwhile");
    until_state(&prober, "silent", Verdict::Down).await;
}
