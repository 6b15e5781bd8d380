//! ICMP echo.

use crate::support::{echo, icmp_permitted, prober, status, until, until_state};
use arbiter_control::prober::Prober;
use arbiter_core::evidence::Verdict;
use arbiter_core::policy::{Probe, ProbeKind};
use arbiter_core::rules::proves;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::Read;
use std::time::Duration;

#[tokio::test]
async fn hosts_that_answer_are_up_over_both_families() {
    if !icmp_permitted() {
        return;
    }
    let prober = prober();
    prober.set_probes(vec![
        echo("v4", "127.0.0.1"),
        echo("v6", "::1"),
        Probe { source: Some([127, 0, 0, 8].into()), ..echo("source", "127.0.0.2") },
        Probe { interface: Some("lo".into()), ..echo("interface", "127.0.0.3") },
    ]);
    for name in ["v4", "v6", "source", "interface"] {
        until_state(&prober, name, Verdict::Up).await;
        let status = status(&prober, name);
        assert!(status.last_rtt_us.is_some() && status.last_answer.is_some() && status.last_error.is_none());
    }
}

#[tokio::test]
async fn probes_to_one_host_do_not_take_each_others_answers() {
    if !icmp_permitted() {
        return;
    }
    let prober = prober();
    let names: Vec<_> = (0..20).map(|number| format!("probe-{number}")).collect();
    prober.set_probes(names.iter().map(|name| echo(name, "127.0.0.1")).collect());
    until(&prober, "400 sent", || prober.counters().sent > 400).await;
    for name in &names {
        let status = status(&prober, name);
        assert_eq!(status.state, Verdict::Up);
        // A host that is busy may be slow now and then; a collision would lose every second one.
        assert!(status.loss_permille < 200, "{name} {status:?}");
    }
}

#[tokio::test]
async fn an_address_that_the_network_refuses_is_down_and_says_why() {
    if !icmp_permitted() {
        return;
    }
    let prober = prober();
    // A broadcast address without leave to broadcast; a source that is not ours; a tunnel that is not there.
    prober.set_probes(vec![
        echo("broadcast", "255.255.255.255"),
        Probe { source: Some([203, 0, 113, 9].into()), ..echo("source", "127.0.0.1") },
        Probe { interface: Some("tunnel9".into()), ..echo("interface", "127.0.0.1") },
    ]);
    for name in ["broadcast", "source", "interface"] {
        until_state(&prober, name, Verdict::Down).await;
        assert!(status(&prober, name).last_error.is_some(), "{name}");
    }
}

#[tokio::test]
async fn size_and_dont_fragment_are_on_the_wire() {
    proves("probe.size-and-df");
    // Only a raw socket sees what is on the wire.
    let Ok(mut wire) = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)) else {
        eprintln!("not tested here: no permission for a raw socket");
        return;
    };
    wire.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let aims = [("127.0.0.41", 100, false), ("127.0.0.42", 1_372, true)];
    let prober = prober();
    let probes = aims.map(|(target, size_bytes, dont_fragment)| Probe {
        kind: ProbeKind::Icmp { size_bytes, dont_fragment },
        ..echo(target, target)
    });
    prober.set_probes(probes.into());
    for (target, size_bytes, dont_fragment) in aims {
        until_state(&prober, target, Verdict::Up).await;
        let target: std::net::Ipv4Addr = target.parse().unwrap();
        let mut packet = [0; 2_048];
        let mut seen = None;
        until(&prober, "the request on the wire", || {
            let length = wire.read(&mut packet).unwrap_or(0);
            let is_ours = length >= 28 && packet[16..20] == target.octets() && packet[20] == 8;
            seen = is_ours.then_some((length, packet[6] & 0x40 != 0));
            is_ours
        })
        .await;
        // IP header 20, ICMP header 8.
        assert_eq!(seen, Some((28 + usize::from(size_bytes), dont_fragment)), "{target}");
    }
}
