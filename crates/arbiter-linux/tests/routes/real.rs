//! The real kernel, in a network namespace of its own.
//!
//! The tests start this same program again within a new network namespace, as root of a user namespace where they are not
//! root.

use crate::fake::{kernel_route, ours};
use crate::site::{CORE, policy, route, state};
use arbiter_core::rules::proves;
use arbiter_linux::{Fence, Hand, Kernel, Netlink, PROTOCOL, withdraw};
use std::process::{Command, Output};
use std::sync::Arc;

const INSIDE: &str = "ARBITER_LINUX_TEST_INSIDE";

/// For machines that permit no network namespaces: set, these tests are left out.
const WITHOUT: &str = "ARBITER_TEST_WITHOUT_NAMESPACES";

/// A program in a new network namespace.
fn unshared(words: &[&str], more: &[&str]) -> Output {
    // Programs for administrators are not on everybody's path.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let mut program = Command::new("unshare");
    program.args(words).arg("--net").args(more).env(INSIDE, "1").env("PATH", path);
    let program = program.output();
    program.unwrap_or_else(|error| panic!("unshare (Debian: util-linux): {error}"))
}

/// True inside. Outside it runs `test` inside, and is false.
fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if std::env::var_os(WITHOUT).is_some() {
        eprintln!("{WITHOUT} is set: {test} is left out");
        return false;
    }
    let ways: [&[&str]; 2] = [&[], &["--user", "--map-root-user"]];
    let tried = ways.map(|words| (words, unshared(words, &["ip", "link", "set", "lo", "up"])));
    let Some((words, _)) = tried.iter().find(|(_, output)| output.status.success()) else {
        let why = tried.map(|(_, output)| String::from_utf8_lossy(&output.stderr).into_owned()).concat();
        panic!(
            "no network namespace can be made, or `ip` is missing (scripts/lab packages): {why}; or set {WITHOUT}"
        );
    };
    let me = std::env::current_exe().unwrap();
    let output = unshared(words, &[me.to_str().unwrap(), "--exact", test, "--nocapture"]);
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    false
}

fn ip(line: &str) -> String {
    let output = Command::new("ip").args(line.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Interfaces to both routers.
fn cables() {
    for n in [1, 2] {
        ip(&format!("link add lan{n} type veth peer name far{n}"));
        ip(&format!("addr add 10.10.{n}.1/24 dev lan{n}"));
        ip(&format!("link set lan{n} up"));
        ip(&format!("link set far{n} up"));
    }
}

/// The kernel's routes to the first private subnet, in order, without their ends.
fn routes() -> Vec<String> {
    let shown = ip("-4 route show 172.16.3.0/24");
    shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
fn routes_are_set_moved_and_withdrawn_and_others_stay() {
    if !inside("real::routes_are_set_moved_and_withdrawn_and_others_stay") {
        return;
    }
    proves("kernel.others-untouched");
    proves("kernel.withdraw");
    cables();
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let hand = Hand::new(CORE, Arc::new(Netlink), Fence::open(folder.path()).unwrap());
        ip("route add 172.16.3.0/24 via 10.10.1.7 proto static metric 100");
        let by_hand = "172.16.3.0/24 via 10.10.1.7 dev lan1 proto static metric 100";
        let of_ours =
            |n: u8| format!("172.16.3.0/24 via 10.10.{n}.100 dev lan{n} proto {PROTOCOL} metric 10");
        for (entry, n) in [(7, 1), (9, 2), (11, 1)] {
            assert!(hand.carry_out(&state(n, entry), &route(1)).await.unwrap().changed);
            assert_eq!(routes(), [of_ours(n), by_hand.to_owned()], "entry {entry}");
            assert!(!hand.carry_out(&state(n, entry), &route(1)).await.unwrap().changed);
        }
        let shown = hand.show(&policy()).await;
        let found = &shown.routes[&route(1)];
        assert_eq!((found.via, found.dev.as_deref()), (Some([10, 10, 1, 100].into()), Some("lan1")));
        assert_eq!((found.shadowed_by.as_ref(), shown.problems.len()), (None, 0));
        assert_eq!(shown.routes[&route(2)].via, None);
        // One in a table of its own, as another cluster file would have it.
        let elsewhere = arbiter_linux::KernelRoute { table: 1_234, ..ours(2) };
        Netlink.append(&elsewhere).await.unwrap();
        assert_eq!(withdraw(&Netlink).await.unwrap().len(), 2);
        assert_eq!(routes(), [by_hand.to_owned()]);
        assert!(withdraw(&Netlink).await.unwrap().is_empty());
    });
}

#[test]
fn the_kernel_itself_keeps_us_from_anothers_route() {
    if !inside("real::the_kernel_itself_keeps_us_from_anothers_route") {
        return;
    }
    proves("kernel.others-untouched");
    cables();
    run(async {
        ip("route add 172.16.3.0/24 via 10.10.1.100 proto static metric 10");
        let there = routes();
        // Even if nobody had looked first: what is asked of the kernel adds behind, and removes by protocol.
        Netlink.append(&ours(2)).await.unwrap();
        assert_eq!(routes()[0], there[0], "it is added behind");
        Netlink.remove(&ours(2)).await.unwrap();
        assert_eq!(routes(), there);
        Netlink.remove(&ours(1)).await.unwrap();
        assert_eq!(routes(), there, "the same next hop, another's protocol");
        let folder = tempfile::tempdir().unwrap();
        let hand = Hand::new(CORE, Arc::new(Netlink), Fence::open(folder.path()).unwrap());
        let refused = hand.carry_out(&state(2, 9), &route(1)).await.unwrap_err();
        assert_eq!(refused.code(), "Conflict", "{refused}");
        assert_eq!(routes(), there);
    });
}

#[test]
fn the_kernels_refusal_is_said_in_its_words() {
    if !inside("real::the_kernels_refusal_is_said_in_its_words") {
        return;
    }
    proves("kernel.committed-only");
    run(async {
        // No cable is plugged: nobody knows where the next hop is.
        let refused = Netlink.append(&kernel_route(1, 10, PROTOCOL)).await.unwrap_err().to_string();
        let expected =
            "adding 172.16.3.0/24 via 10.10.1.100 proto 90 metric 10 table 254: Network is unreachable";
        assert!(refused.starts_with(expected), "{refused}");
        let named = arbiter_linux::KernelRoute { dev: Some("lan9".to_owned()), ..ours(1) };
        let refused = Netlink.append(&named).await.unwrap_err().to_string();
        assert!(refused.contains("there is no interface `lan9`"), "{refused}");
        assert_eq!(
            Netlink.routes(Some(4_711), None).await.unwrap(),
            [],
            "a table that nobody has written to"
        );
    });
}
