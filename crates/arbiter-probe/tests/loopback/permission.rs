//! Without permission for raw sockets.

use crate::support::{echo, prober, status, until, until_state};
use arbiter_control::prober::Prober;
use arbiter_core::evidence::Verdict;
use arbiter_probe::icmp_preflight;
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use std::error::Error;

/// Runs it on a thread (and a runtime of that thread) that has lost CAP_NET_RAW. Capabilities belong to the
/// thread; the other tests keep theirs.
pub fn without_raw_sockets<T: Send + 'static>(test: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(move || {
        let mut sets = capabilities(None).unwrap();
        sets.effective.remove(CapabilitySet::NET_RAW);
        sets.permitted.remove(CapabilitySet::NET_RAW);
        set_capabilities(None, sets).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test())
    });
    thread.join().unwrap()
}

#[test]
fn without_permission_it_is_unknown_and_says_how_to_grant_it() {
    without_raw_sockets(async || {
        let prober = prober();
        prober.set_probes(vec![echo("v4", "127.0.0.1"), echo("v6", "::1")]);
        let Err(error) = icmp_preflight() else {
            // This host permits unprivileged sockets; then they must do.
            until_state(&prober, "v4", Verdict::Up).await;
            until_state(&prober, "v6", Verdict::Up).await;
            return;
        };
        assert!(error.source().is_some());
        until(&prober, "both tried for long enough", || prober.counters().sent > 20).await;
        for name in ["v4", "v6"] {
            let status = status(&prober, name);
            assert_eq!(status.state, Verdict::Unknown, "no permission is no evidence");
            let text = status.last_error.unwrap();
            assert_eq!(text, error.to_string());
            for remedy in
                ["setcap cap_net_raw+ep /", "AmbientCapabilities=CAP_NET_RAW", "net.ipv4.ping_group_range"]
            {
                assert!(text.contains(remedy), "{text}");
            }
        }
    });
}
