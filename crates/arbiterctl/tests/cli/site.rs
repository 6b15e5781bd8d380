//! A cluster on premises, which follows the cloud's: heard, and cut off.

use crate::scenes::{NOW, alarm, healthy};
use arbiter_core::health::Code;
use arbiter_proto::v1::{FollowStatus, FollowingStatus, Hearing, StatusReply};

/// What is called so in the cloud, on premises.
fn renamed(text: &str) -> String {
    text.replace("strongswan-", "router-").replace("witness", "core").replace("cn-north-1", "rack-")
}

fn hearing(node: &str, from: &str, age_ms: Option<u64>) -> Hearing {
    Hearing { node: node.into(), from: from.into(), age_ms }
}

/// The cloud has moved private-1 to the second tunnel; the way back has followed.
pub fn following() -> StatusReply {
    let mut status = healthy();
    (status.cluster, status.leader) = ("site".into(), "core".into());
    status.cluster_id = "c-19e40b77a3c2f5d8".into();
    status.answered.as_mut().unwrap().by = "core".into();
    for gateway in &mut status.gateways {
        (gateway.id, gateway.node) = (renamed(&gateway.id), renamed(&gateway.node));
        gateway.zone = renamed(&gateway.zone);
        (gateway.instance, gateway.interface, gateway.state) =
            (gateway.id.clone(), String::new(), String::new());
    }
    for member in &mut status.members {
        (member.name, member.follows) = (renamed(&member.name), renamed(&member.follows));
        member.zone = renamed(&member.zone);
    }
    for probe in &mut status.probes {
        (probe.id, probe.observer) = (renamed(&probe.id), renamed(&probe.observer));
        probe.subject = renamed(&probe.subject);
    }
    for (n, route) in (1..).zip(&mut status.routes) {
        route.id = format!("to-private-{n}");
        (route.table, route.host) = ("main".into(), "core".into());
        route.destination = format!("172.16.{}.0/24", n + 2);
        (route.desired, route.committed, route.observed) =
            ("tunnel-2".into(), "tunnel-2".into(), "tunnel-2".into());
        (route.observed_target, route.home) = ("10.10.2.100".into(), "tunnel-2".into());
        let index = if n == 1 { 812 } else { 640 };
        route.why = vec![format!(
            "it follows: private-{n} there is on tunnel-2: entry {index} of epoch 633, cluster c-7f3a9b0c51d2e846"
        )];
        for path in &mut route.paths {
            path.gateway = renamed(&path.gateway);
            path.target = format!("10.10.{}.100", &path.id["tunnel-".len()..]);
            path.reasons = path.reasons.iter().map(|reason| renamed(reason)).collect();
        }
        route.follows = Some(FollowStatus {
            route: format!("private-{n}"),
            path: "tunnel-2".into(),
            epoch: 633,
            index,
            stands_for: "tunnel-2".into(),
        });
    }
    status.routes[0].cause = "follow".into();
    status.routes[0].since_wall_ms = NOW - 4_000;
    status.following = Some(FollowingStatus {
        cluster_id: "c-7f3a9b0c51d2e846".into(),
        heard_age_ms: Some(240),
        from: "strongswan-2".into(),
        heard_by: vec![
            hearing("core", "strongswan-2", Some(610)),
            hearing("router-1", "", None),
            hearing("router-2", "strongswan-2", Some(240)),
        ],
    });
    status
}

/// The same, when the cloud was not heard for a while.
pub fn cut_off() -> StatusReply {
    let mut status = following();
    let following = status.following.as_mut().unwrap();
    following.heard_age_ms = Some(42_000);
    following.heard_by = vec![
        hearing("core", "strongswan-2", Some(42_400)),
        hearing("router-1", "", None),
        hearing("router-2", "strongswan-2", Some(42_000)),
    ];
    let detail = "cluster c-7f3a9b0c51d2e846 is not heard for 42s: its last assignments are kept";
    status.alarms = vec![alarm(Code::FollowLost, "site", detail)];
    status
}
