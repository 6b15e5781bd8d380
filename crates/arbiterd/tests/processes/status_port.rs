//! The status ports of real processes: who leads, who is ready, and the same page as everywhere.

use crate::cluster::{ALL, Cluster, Member, ONE, PATIENCE, Plan, TWO, WITNESS};
use arbiter_pki::Validity;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What a node answers to one request: status and body. `None` if nothing answers there.
async fn asked(cluster: &Cluster, member: Member, path: &str) -> Option<(u16, String)> {
    let ask = async {
        let mut stream = TcpStream::connect(cluster.addresses.status_port(member)).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    };
    tokio::time::timeout(PATIENCE, ask).await.expect("an answer, or none")
}

async fn is(cluster: &Cluster, member: Member, path: &str) -> bool {
    asked(cluster, member, path).await.is_some_and(|(status, _)| status == 200)
}

/// The nodes that say that they lead.
async fn leaders(cluster: &Cluster) -> Vec<Member> {
    let mut leaders = Vec::new();
    for member in ALL {
        if is(cluster, member, "/leader").await {
            leaders.push(member);
        }
    }
    leaders
}

/// A number of a node's metrics.
async fn metric(cluster: &Cluster, member: Member, sample: &str) -> Option<f64> {
    let (_, text) = asked(cluster, member, "/metrics").await?;
    let line =
        text.lines().find(|line| line.strip_prefix(sample).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_leads_all_are_ready_and_a_failover_is_counted() {
    let mut cluster = Cluster::start(&Plan { status_ports: true, ..Plan::default() }).await;
    let leader = cluster.until("one leader", async |c| leaders(c).await.first().copied()).await;
    let status = cluster.status(leader, false).await.unwrap();
    assert_eq!(status.leader, leader.name());
    for member in ALL {
        for path in ["/live", "/ready"] {
            let seen = cluster.until(path, async |c| is(c, member, path).await.then_some(())).await;
            assert_eq!(seen, (), "{member} {path}");
        }
        let (_, page) = asked(&cluster, member, "/").await.expect("a page");
        assert!(page.contains("2 of 2 routes right") && !page.contains("STALE"), "{page}");
    }
    let moved = "arbiter_calls_total{action=\"set-route\",outcome=\"done\"}";
    let before = metric(&cluster, leader, moved).await.expect("it is counted from the start");
    cluster.tunnels[ONE.index()].fall_silent().await;
    cluster.until_on(TWO, "private-1", "tunnel-2").await;
    cluster
        .until("the move is counted", async |c| {
            let down = metric(c, leader, "arbiter_path_verdict{path=\"tunnel-1\",verdict=\"down\"}").await?;
            let moves = metric(c, leader, moved).await?;
            let stages = metric(c, leader, "arbiter_failover_stage_seconds_count{stage=\"done\"}").await?;
            ((down, moves, stages) == (1.0, before + 1.0, 1.0)).then_some(())
        })
        .await;
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_majority_nobody_leads_or_is_ready_and_all_that_run_are_alive() {
    let mut cluster = Cluster::start(&Plan { status_ports: true, ..Plan::default() }).await;
    cluster.kill(TWO).await;
    cluster.kill(WITNESS).await;
    cluster
        .until("neither leader nor ready", async |c| {
            (!is(c, ONE, "/leader").await && !is(c, ONE, "/ready").await).then_some(())
        })
        .await;
    assert!(is(&cluster, ONE, "/live").await);
    cluster
        .until("a page that says so", async |c| {
            asked(c, ONE, "/").await?.1.contains("NO QUORUM").then_some(())
        })
        .await;
    assert_eq!(metric(&cluster, ONE, "arbiter_leader").await, Some(0.0));
    cluster.start_node(TWO);
    cluster.until("a leader again", async |c| (leaders(c).await.len() == 1).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_days_that_a_certificate_lasts_are_a_number() {
    let mut cluster = Cluster::prepare(&Plan { tls: true, status_ports: true, ..Plan::default() }).await;
    let renew = |cluster: &Cluster, days| {
        let own = "arbiter://test/node/1".parse().unwrap();
        cluster.pki.as_ref().unwrap().authority.renew(&own, Validity::days(days)).unwrap();
    };
    renew(&cluster, 30);
    cluster.start_node(ONE);
    let days = async |cluster: &mut Cluster| metric(cluster, ONE, "arbiter_certificate_days_left").await;
    let left = cluster.until("the days left", days).await;
    // The day that has begun may not have ended yet.
    assert!([29.0, 30.0].contains(&left), "{left}");
    // It is said in time, and a renewed one counts.
    cluster.until_logged(ONE, "this node's certificate ends soon: renew it").await;
    renew(&cluster, 90);
    let renewed = async |cluster: &mut Cluster| days(cluster).await.filter(|left| *left > 80.0);
    cluster.until("the days of the new one", renewed).await;
}
