//! Nodes that may not ping, or have no keys for EC2.

use crate::cluster::{Cluster, ONE, Plan, TWO, WITNESS, has_alarm, without_ping};
use arbiter_core::bad_days::bad_day;
use arbiter_proto::v1;
use rustix::process::{Pid, geteuid};

/// Pings ourselves: whoever may ping at all is answered.
const PING: &str = r#"
[[probe]]
name = "ping-2"
gateway = "strongswan-2"
target = "127.0.0.1"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_keys_says_so_at_the_start_and_votes_all_the_same() {
    bad_day("no-credentials");
    let mut cluster = Cluster::prepare(&Plan::default()).await;
    let mut bare = cluster.command(ONE);
    bare.env_remove("AWS_ACCESS_KEY_ID");
    cluster.start_node(WITNESS);
    cluster.start_by(ONE, bare);
    // Two of three: without its vote there would be no leader.
    cluster.until_status(ONE, "two nodes heard", |status| status.voters_heard == 2).await;
    let log = cluster.log(ONE);
    let says = "ERROR arbiterd::side: EC2 can't be used yet error=no AWS credentials: the credential provider was not \
                enabled: no credentials found in chain. Attempted: Environment: the credential provider was not enabled: \
                environment variable not set Profile: ";
    let line = log.lines().find(|line| line.contains(says)).unwrap_or_else(|| panic!("{log}"));
    let remedy =
        "; give the instance an IAM role, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    assert!(line.contains("Ec2InstanceMetadata: ") && line.ends_with(remedy), "{line}");
}

/// What the kernel says of each thread of a process.
fn threads_of(pid: Pid) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).unwrap();
    threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_keeps_the_right_to_ping_and_no_other_whoever_starts_it() {
    const NET_RAW: u64 = 1 << 13;
    let cluster = Cluster::start(&Plan::default()).await;
    let threads = threads_of(cluster.pid(ONE));
    assert!(threads.len() > 2, "{threads:?}");
    for thread in threads {
        let value = |name: &str| {
            let line = thread.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {thread}")).trim_start_matches(':').trim().to_owned()
        };
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            let has = u64::from_str_radix(&value(set), 16).unwrap();
            assert_eq!(has & !NET_RAW, 0, "{set} in {thread}");
        }
        assert_eq!(value("NoNewPrivs"), "1");
        if geteuid().is_root() {
            assert_eq!(u64::from_str_radix(&value("CapEff"), 16).unwrap(), NET_RAW, "it can ping");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_the_right_to_ping_says_so_and_how_to_grant_it_and_votes_all_the_same() {
    bad_day("no-right-to-ping");
    let mut cluster = Cluster::prepare(&Plan::default()).await;
    let file = cluster.folder().join("cluster.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + PING).unwrap();
    let Some(command) = without_ping(&cluster.command(ONE)).await else {
        eprintln!("not tested here: this user may ping, and the right can't be taken away");
        return;
    };
    cluster.start_node(WITNESS);
    cluster.start_by(ONE, command);
    // Without its vote there would be no leader.
    let broken =
        |status: &v1::StatusReply| has_alarm(status, "probe-broken", "ping-2") && status.voters_heard == 2;
    let status = cluster.until_status(ONE, "two nodes, one of which can't ping", broken).await;
    let says = format!(
        "no permission to send ICMP echo (neither a datagram nor a raw socket): grant it by one of: `setcap \
         cap_net_raw+ep {}`; `AmbientCapabilities=CAP_NET_RAW` in the systemd unit; or `sysctl -w \
         net.ipv4.ping_group_range=\"0 2147483647\"`, which covers IPv6 as well",
        env!("CARGO_BIN_EXE_arbiterd")
    );
    let log = cluster.log(ONE);
    let line = format!(
        "WARN arbiterd::build: a probe can't be sent or received: {says} code=\"probe-broken\" subject=strongswan-1"
    );
    assert!(log.contains(&line), "{log}");
    let alarm = status.alarms.iter().find(|alarm| alarm.code == "probe-broken").unwrap();
    assert_eq!(alarm.detail, format!("from strongswan-1: {says}"));
    // What can't be sent says nothing of its target.
    assert!(!has_alarm(&status, "gateway-down", TWO.name()), "{:?}", status.alarms);
}
