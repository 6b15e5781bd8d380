//! What needs a network of its own: unprivileged ICMP sockets, and a small MTU.
//!
//! The tests start this same program again within a new network namespace, where it may change both. Where
//! that is not permitted, they say so and end.

use crate::permission::without_raw_sockets;
use crate::support::{echo, prober, status, until, until_state};
use arbiter_control::prober::Prober;
use arbiter_core::evidence::Verdict;
use arbiter_core::policy::{Probe, ProbeKind};
use arbiter_core::rules::proves;
use std::process::Command;

const INSIDE: &str = "ARBITER_PROBE_TEST_INSIDE";

/// True inside. Outside it runs `test` inside, and is false.
fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let may = Command::new("unshare").args(["--net", "ip", "link", "set", "lo", "up"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        eprintln!("not tested here: a network namespace needs root, `unshare` and `ip`");
        return false;
    }
    let output = Command::new("unshare")
        .arg("--net")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    false
}

fn run(program: &str, args: &[&str]) {
    assert!(Command::new(program).args(args).status().unwrap().success(), "{program} {args:?}");
}

#[test]
fn unprivileged_sockets_do_and_probes_to_one_host_do_not_collide() {
    if !inside("own_network::unprivileged_sockets_do_and_probes_to_one_host_do_not_collide") {
        return;
    }
    run("ip", &["link", "set", "lo", "up"]);
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
    without_raw_sockets(async || {
        let prober = prober();
        let names: Vec<_> = (0..10).map(|number| format!("probe-{number}")).collect();
        let mut probes: Vec<_> = names.iter().map(|name| echo(name, "127.0.0.1")).collect();
        probes.push(echo("v6", "::1"));
        prober.set_probes(probes);
        until(&prober, "300 sent", || prober.counters().sent > 300).await;
        until_state(&prober, "v6", Verdict::Up).await;
        for name in &names {
            let status = status(&prober, name);
            assert_eq!(status.state, Verdict::Up);
            assert!(status.loss_permille < 200, "{name} {status:?}");
        }
    });
}

#[test]
fn dont_fragment_shows_an_mtu_that_is_too_small() {
    if !inside("own_network::dont_fragment_shows_an_mtu_that_is_too_small") {
        return;
    }
    proves("probe.size-and-df");
    run("ip", &["link", "set", "lo", "mtu", "1400"]);
    run("ip", &["link", "set", "lo", "up"]);
    let sized = |name, size_bytes, dont_fragment| Probe {
        kind: ProbeKind::Icmp { size_bytes, dont_fragment },
        ..echo(name, "127.0.0.1")
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let prober = prober();
        prober.set_probes(vec![
            sized("fits", 1_372, true),
            sized("in-pieces", 1_373, false),
            sized("too-big", 1_373, true),
        ]);
        until_state(&prober, "fits", Verdict::Up).await;
        until_state(&prober, "in-pieces", Verdict::Up).await;
        until_state(&prober, "too-big", Verdict::Down).await;
        assert!(status(&prober, "too-big").last_error.is_some_and(|error| error.contains("too long")));
        run("ip", &["link", "set", "lo", "mtu", "1500"]);
        until_state(&prober, "too-big", Verdict::Up).await;
    });
}
