//! A thousand targets on one node.

use crate::support::{PATIENCE, echo, icmp_permitted, prober, until};
use arbiter_control::prober::Prober;
use arbiter_core::evidence::Verdict;
use arbiter_core::policy::Probe;
use arbiter_probe::SocketProber;
use std::sync::mpsc;
use std::time::Duration;
use tokio::time::Instant;

const TARGETS: u64 = 1_000;
const INTERVAL_MS: u64 = 200;

#[tokio::test]
async fn a_thousand_targets_five_times_a_second_neither_drift_nor_pile_up() {
    if !icmp_permitted() {
        return;
    }
    let prober = prober();
    let probes = (0..TARGETS).map(|number| {
        let target = format!("127.7.{}.{}", number / 250, number % 250 + 1);
        // Patient, so that a busy machine that is merely slow does not make bursts.
        Probe {
            interval_ms: INTERVAL_MS,
            timeout_min_ms: 400,
            timeout_max_ms: 2_000,
            ..echo(&target, &target)
        }
    });
    prober.set_probes(probes.collect());
    until(&prober, "all Up", || prober.snapshot().values().all(|status| status.state == Verdict::Up)).await;
    // A machine that others keep busy may spoil some of these; what piles up or drifts spoils all of them.
    let deadline = Instant::now() + PATIENCE;
    while let Err(wrong) = fifteen_rounds(&prober).await {
        eprintln!("{wrong}");
        assert!(Instant::now() < deadline, "{wrong}");
    }
}

/// Watches fifteen rounds; says what was wrong with them.
async fn fifteen_rounds(prober: &SocketProber) -> Result<(), String> {
    let (started, before, turned) = (Instant::now(), prober.counters(), *prober.transitions().borrow());
    let mut most_in_flight = 0;
    until(prober, "fifteen rounds", || {
        let now = prober.counters();
        most_in_flight = most_in_flight.max(now.in_flight);
        now.sent - before.sent >= 15 * TARGETS
    })
    .await;
    let slots = started.elapsed().as_millis() as u64 * TARGETS / INTERVAL_MS;
    let sent = prober.counters().sent - before.sent;
    let turns = *prober.transitions().borrow() - turned;
    let seen =
        format!("{sent} sent in {slots} slots, {most_in_flight} in flight at most, {turns} transitions");
    // Slots that a busy machine misses are skipped, so fewer are possible; more would be a volley. Each answers within a
    // fraction of the interval: one in flight for each target would mean that they pile up. Each came Up and stays.
    let steady = sent <= slots + slots / 10 + TARGETS && sent >= slots / 3;
    if steady && most_in_flight < TARGETS as usize * 2 && turns == 0 { Ok(()) } else { Err(seen) }
}

#[tokio::test]
async fn a_thousand_targets_are_up_again_once_a_starved_host_has_recovered() {
    if !icmp_permitted() {
        return;
    }
    let prober = prober();
    let probes = (0..TARGETS).map(|number| {
        let target = format!("127.8.{}.{}", number / 250, number % 250 + 1);
        Probe { interval_ms: INTERVAL_MS, fall: 2, timeout_min_ms: 20, ..echo(&target, &target) }
    });
    prober.set_probes(probes.collect());
    let all =
        |state| move |prober: &SocketProber| prober.snapshot().values().all(|status| status.state == state);
    until(&prober, "all Up", || all(Verdict::Up)(&prober)).await;
    // Others take the processor, for longer than any window: answers wait, and there are more with each turn.
    let none_down =
        |prober: &SocketProber| !prober.snapshot().values().any(|status| status.state == Verdict::Down);
    let hog = |ms| {
        let (_never, nothing) = mpsc::channel::<()>();
        assert!(nothing.recv_timeout(Duration::from_millis(ms)).is_err());
    };
    for _ in 0..100 {
        hog(60);
        tokio::time::sleep(Duration::from_millis(1)).await;
        if !none_down(&prober) {
            break;
        }
    }
    let (recovered, starved) = (all(Verdict::Up), prober.counters());
    until(&prober, "all Up again", || recovered(&prober) && prober.counters().in_flight < TARGETS as usize)
        .await;
    eprintln!("{starved:?} when starved, {:?} now", prober.counters());
}
