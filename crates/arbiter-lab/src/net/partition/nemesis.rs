//! Each nemesis: when it comes, and how it comes over somebody.

use super::deeds::{Deed, mend, pair, signal};
use super::ground::{Ground, put};
use super::kinds::Kind;
use super::rolling;
use crate::demo::cluster::{GATEWAYS, Node};
use crate::faults::{Effect, Fault, Silence};
use crate::history::{Line, Nemesis};
use crate::net::cluster::host_of;
use crate::net::faults::{FaultName, FaultOrder, Zone};
use crate::net::machine::Service;
use crate::net::topology::{ENDPOINT_PORT, Host};
use crate::net::{small_disk, wall_clock};
use crate::world::{Destination, ON_PREMISES, Target};
use anyhow::Context;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IteratorRandom, SliceRandom};
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Packets between nodes that are lost under `loss`, of a hundred.
const LOSS_PERCENT: u8 = 33;
/// How much longer EC2 takes when it is slow: beyond what most calls take, within what their callers wait.
const SLOW_MS: u64 = 1_000;
/// How much later EC2 does what it has accepted: after its caller has given up.
const LATE_MS: u64 = 3_000;
/// By how much a clock is set wrong, from and to: around the 50 ms that a leader bears, as people do it, and by hours.
const JUMPS_MS: [(i64, i64); 3] = [(200, 2_000), (2_000, 60_000), (60_000, 3_600_000)];
/// A gateway that was stopped, started and is booting is there again within this.
const ALL_THERE_WITHIN: Duration = Duration::from_secs(20);
/// How often a kind that has had no effect yet comes besides, in each round.
const AGAIN: usize = 2;
/// Between two nemeses.
pub(super) const REST_MS: Range<u64> = 300..4_000;
/// Between two that come over gateways and tunnels of those who have no cluster. They notice within seconds, not tenths, and
/// while a tunnel or a gateway may be down nothing that they do can be called needless.
pub(super) const LONG_REST_MS: Range<u64> = 8_000..20_000;

/// Who may be met.
pub(super) struct Victims {
    /// The nodes, or those that stand in their place.
    pub nodes: Vec<Node>,
    /// What runs on each.
    pub service: Service,
}

/// Lets one nemesis come after the other, until the time is over.
pub(super) async fn rage(
    ground: &Ground<'_>,
    victims: &Victims,
    kinds: &[Kind],
    rest_ms: Range<u64>,
    mut dice: StdRng,
    until: Instant,
) -> anyhow::Result<()> {
    // Every kind comes once before one comes again: a short run has them all as soon as it can.
    let mut bag: Vec<Kind> = Vec::new();
    let mut landed_once: BTreeSet<Kind> = BTreeSet::new();
    while Instant::now() < until && !kinds.is_empty() {
        if bag.is_empty() {
            bag = next_bag(kinds, &landed_once);
            bag.shuffle(&mut dice);
        }
        let Some(kind) = bag.pop() else { continue };
        sleep(Duration::from_millis(dice.gen_range(rest_ms.clone()))).await;
        let from_ms = ground.now_ms();
        let (whom, deed) = strike(ground, victims, kind, &mut dice).await?;
        let (shortest, longest) = kind.lasts();
        sleep(dice.gen_range(shortest..=longest)).await;
        let landed = mend(ground, victims, deed).await?;
        if landed > 0 {
            landed_once.insert(kind);
        }
        let nemesis = Nemesis { name: kind.name(), whom, from_ms, until_ms: ground.now_ms(), landed };
        ground.write(&Line::Nemesis(nemesis))?;
    }
    Ok(())
}

/// All kinds, and those that have had no effect yet three times: a run that ends without having seen one proves nothing of it.
fn next_bag(kinds: &[Kind], landed_once: &BTreeSet<Kind>) -> Vec<Kind> {
    let missed = kinds.iter().filter(|kind| !landed_once.contains(kind));
    let again = if landed_once.is_empty() { 0 } else { AGAIN };
    kinds.iter().chain(missed.flat_map(|kind| std::iter::repeat_n(kind, again))).copied().collect()
}

/// Its leader, or anybody where there is none.
fn leader(ground: &Ground<'_>, victims: &Victims, dice: &mut StdRng) -> anyhow::Result<Node> {
    let leader = ground.lab.look(ground.lab.endpoint.calls().last_seq())?.leader();
    match leader.filter(|node| victims.nodes.contains(node)) {
        Some(leader) => Ok(leader),
        None => anybody(victims, dice),
    }
}

fn anybody(victims: &Victims, dice: &mut StdRng) -> anyhow::Result<Node> {
    victims.nodes.choose(dice).copied().context("there is nobody to be met")
}

async fn strike(
    ground: &Ground<'_>,
    victims: &Victims,
    kind: Kind,
    dice: &mut StdRng,
) -> anyhow::Result<(String, Deed)> {
    let nodes = &victims.nodes;
    let others = |node: Node| nodes.iter().copied().filter(move |other| *other != node);
    let to_others = |node: Node| others(node).map(move |other| (node, other));
    let from_others = |node: Node| others(node).map(move |other| (other, node));
    match kind {
        Kind::LeaderAlone | Kind::NodeAlone => {
            let node = of_kind(ground, victims, kind == Kind::LeaderAlone, dice)?;
            let cuts = to_others(node).chain(from_others(node)).collect();
            cut(ground, node.to_string(), cuts, None).await
        }
        Kind::Bridge | Kind::OneWay => {
            let one = anybody(victims, dice)?;
            let others: Vec<_> = others(one).collect();
            let other = *others.choose(dice).context("a node has others")?;
            let mut cuts = vec![(one, other)];
            cuts.extend((kind == Kind::Bridge).then_some((other, one)));
            cut(ground, format!("{one}, {other}"), cuts, None).await
        }
        Kind::Halves => {
            let one = leader(ground, victims, dice)?;
            let few: Vec<_> = [one].into_iter().chain(others(one).choose(dice)).collect();
            let is_across = |(a, b): &(Node, Node)| few.contains(a) != few.contains(b);
            let cuts = nodes.iter().copied().flat_map(to_others).filter(is_across).collect();
            let whom: Vec<_> = few.iter().map(ToString::to_string).collect();
            cut(ground, whom.join(", "), cuts, None).await
        }
        Kind::Ring => {
            let mut round = nodes.clone();
            round.shuffle(dice);
            let place = |node: Node| round.iter().position(|it| *it == node).unwrap_or_default();
            let are_apart = |(a, b): &(Node, Node)| {
                let apart = place(*a).abs_diff(place(*b));
                apart > 1 && apart + 1 < round.len()
            };
            let cuts = nodes.iter().copied().flat_map(to_others).filter(are_apart).collect();
            let whom: Vec<_> = round.iter().map(ToString::to_string).collect();
            cut(ground, whom.join(", "), cuts, None).await
        }
        Kind::LeaderMute | Kind::LeaderDeaf => {
            let node = leader(ground, victims, dice)?;
            let mute = kind == Kind::LeaderMute;
            let cuts = if mute { to_others(node).collect() } else { from_others(node).collect() };
            cut(ground, node.to_string(), cuts, None).await
        }
        Kind::Loss => {
            let all = nodes.iter().copied().flat_map(to_others).collect();
            cut(ground, "all".to_owned(), all, Some(LOSS_PERCENT)).await
        }
        Kind::LeaderWithoutEc2 => {
            let node = leader(ground, victims, dice)?;
            without_ec2(ground, node).await
        }
        Kind::LeaderStands | Kind::NodeStands => {
            let node = of_kind(ground, victims, kind == Kind::LeaderStands, dice)?;
            stand_still(ground, victims.service, node).await
        }
        Kind::LeaderKilled | Kind::NodeKilled => {
            let node = of_kind(ground, victims, kind == Kind::LeaderKilled, dice)?;
            kill(ground, victims.service, vec![node]).await
        }
        Kind::RollingRestart => rolling::restart_all(ground, victims).await,
        Kind::ClockJumps => jump(ground, anybody(victims, dice)?, dice),
        Kind::DiskFull => fill(ground, anybody(victims, dice)?).await,
        Kind::DiskLost => lose_disk(ground, anybody(victims, dice)?).await,
        Kind::AllKilled => kill(ground, victims.service, victims.nodes.clone()).await,
        Kind::RepliesLost | Kind::Ec2Slow | Kind::Throttled | Kind::AppliedLate => of_ec2(ground, kind),
        Kind::TunnelCut | Kind::GatewayCrash => {
            let zone = if dice.r#gen() { Zone::A } else { Zone::B };
            of_gateway(ground, kind, zone).await
        }
        Kind::HandOnRoute => {
            let (route, to) = if dice.r#gen() { (0, 1) } else { (1, 0) };
            hand_on_route(ground, route, to)
        }
    }
}

fn of_kind(ground: &Ground<'_>, victims: &Victims, leads: bool, dice: &mut StdRng) -> anyhow::Result<Node> {
    if leads { leader(ground, victims, dice) } else { anybody(victims, dice) }
}

/// A table's name that no other has: a nemesis of the nodes and one of their world may be there at the same time.
fn table_name(ground: &Ground<'_>) -> String {
    format!("nemesis_{}", ground.next_request())
}

async fn cut(
    ground: &Ground<'_>,
    whom: String,
    cuts: Vec<(Node, Node)>,
    loss: Option<u8>,
) -> anyhow::Result<(String, Deed)> {
    let table = table_name(ground);
    let verdict = loss.map_or("counter drop".to_owned(), |percent| {
        format!("numgen random mod 100 < {percent} counter drop")
    });
    let lines: String = cuts
        .iter()
        .map(|(from, to)| {
            let [from, to] = [*from, *to].map(|node| host_of(node).address());
            format!("        ip saddr {from} ip daddr {to} {verdict}\n")
        })
        .collect();
    let rules = format!(
        "table inet {table} {{\n    chain cut {{\n        type filter hook prerouting priority -290;\n{lines}    }}\n}}\n"
    );
    ground.change(|truth| match loss {
        Some(percent) => truth.loss_percent = percent,
        None => truth.cuts.extend(cuts.iter().map(pair)),
    })?;
    ground.lab.lock().await.machine(Host::Vpc)?.nft(&rules).await?;
    Ok((whom, Deed::Rules { host: Host::Vpc, table, cuts, lossy: loss.is_some() }))
}

async fn without_ec2(ground: &Ground<'_>, node: Node) -> anyhow::Result<(String, Deed)> {
    let (host, table) = (host_of(node), table_name(ground));
    let rules = format!(
        "table inet {table} {{\n    chain cut {{\n        type filter hook output priority -290;\n        \
         tcp dport {ENDPOINT_PORT} counter drop\n    }}\n}}\n"
    );
    let mut inner = ground.lab.lock().await;
    let Some(machine) = inner.machines.get_mut(&host) else {
        return Ok((node.to_string(), Deed::Done { landed: 0 }));
    };
    machine.nft(&rules).await?;
    Ok((node.to_string(), Deed::Rules { host, table, cuts: Vec::new(), lossy: false }))
}

async fn stand_still(ground: &Ground<'_>, service: Service, node: Node) -> anyhow::Result<(String, Deed)> {
    let mut inner = ground.lab.lock().await;
    let machine = inner.machines.get_mut(&host_of(node));
    let Some(pid) = machine.and_then(|machine| machine.pid_of(service)) else {
        return Ok((node.to_string(), Deed::Done { landed: 0 }));
    };
    ground.change(|truth| put(&mut truth.processes_still, node.name(), true))?;
    signal(pid, rustix::process::Signal::STOP);
    Ok((node.to_string(), Deed::Still { node, pid }))
}

async fn kill(ground: &Ground<'_>, service: Service, nodes: Vec<Node>) -> anyhow::Result<(String, Deed)> {
    ground.change(|truth| truth.processes_still.extend(nodes.iter().map(ToString::to_string)))?;
    let mut inner = ground.lab.lock().await;
    let mut dead = Vec::new();
    for node in nodes {
        let Some(machine) = inner.machines.get_mut(&host_of(node)) else { continue };
        if machine.runs(service) {
            machine.kill(service).await?;
            dead.push(node);
        }
    }
    let whom: Vec<_> = dead.iter().map(ToString::to_string).collect();
    Ok((whom.join(", "), Deed::Dead { nodes: dead }))
}

/// Sets a clock wrong, ahead or behind.
fn jump(ground: &Ground<'_>, node: Node, dice: &mut StdRng) -> anyhow::Result<(String, Deed)> {
    let (shortest, longest) = *JUMPS_MS.choose(dice).context("a clock jumps somewhere")?;
    let far = dice.gen_range(shortest..=longest);
    let ahead_ms = if dice.r#gen() { far } else { -far };
    wall_clock::set(&ground.lab.folder_of(host_of(node)), ahead_ms)?;
    Ok((format!("{node} {ahead_ms:+} ms"), Deed::Clock { node, ahead_ms }))
}

async fn fill(ground: &Ground<'_>, node: Node) -> anyhow::Result<(String, Deed)> {
    ground.change(|truth| put(&mut truth.processes_still, node.name(), true))?;
    let host = host_of(node);
    ground.lab.lock().await.may_end.insert(host);
    small_disk::fill(&ground.lab.folder_of(host))?;
    Ok((node.to_string(), Deed::Full { node }))
}

async fn lose_disk(ground: &Ground<'_>, node: Node) -> anyhow::Result<(String, Deed)> {
    if !place_with_all_there(ground).await? {
        return Ok((node.to_string(), Deed::Done { landed: 0 }));
    }
    let host = host_of(node);
    ground.change(|truth| put(&mut truth.processes_still, node.name(), true))?;
    let mut inner = ground.lab.lock().await;
    if let Some(machine) = inner.machines.get_mut(&host) {
        machine.kill(Service::Arbiterd).await?;
    }
    small_disk::empty(&ground.lab.folder_of(host))?;
    ground.change(|truth| {
        put(&mut truth.disks_lost, node.name(), true);
        put(&mut truth.processes_still, node.name(), false);
    })?;
    // A host that is off starts its node when it boots.
    if inner.machines.contains_key(&host) {
        ground.lab.start_services(&mut inner, host).await?;
    }
    Ok((node.to_string(), Deed::Lost { node }))
}

/// Waits until no gateway is off or about to be, and takes the place of the one that is gone. False if that does not come.
pub(super) async fn place_with_all_there(ground: &Ground<'_>) -> anyhow::Result<bool> {
    let deadline = Instant::now() + ALL_THERE_WITHIN;
    while Instant::now() < deadline {
        if ground.take_the_place() {
            let scene = ground.lab.look(ground.lab.endpoint.calls().last_seq())?;
            let no_slot = scene.leaders_view().is_ok_and(|(_, status)| status.remediating.is_empty());
            let hosts = GATEWAYS.map(|gateway| host_of(gateway.node));
            if no_slot && hosts.iter().all(|host| ground.lab.is_powered(*host)) {
                return Ok(true);
            }
            ground.leave_the_place();
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(false)
}

fn of_ec2(ground: &Ground<'_>, kind: Kind) -> anyhow::Result<(String, Deed)> {
    let (actions, effect): (&[&str], _) = match kind {
        Kind::RepliesLost => (&["mutating"], Effect::LoseReply { silence: Silence::Hang }),
        Kind::AppliedLate => (&["mutating"], Effect::ApplyLate { delay_ms: LATE_MS }),
        Kind::Throttled => (&["*"], Effect::Throttle),
        _ => (&["*"], Effect::Latency { before_ms: SLOW_MS, after_ms: 0 }),
    };
    let faults = ground.lab.endpoint.faults();
    let ids: Result<Vec<_>, _> =
        actions.iter().map(|action| faults.set(Fault::on(action, effect.clone()))).collect();
    Ok(("EC2".to_owned(), Deed::Ec2 { faults: ids? }))
}

async fn of_gateway(ground: &Ground<'_>, kind: Kind, zone: Zone) -> anyhow::Result<(String, Deed)> {
    let gateway = zone.side().gateway;
    let node = GATEWAYS.into_iter().map(|it| it.node).find(|node| host_of(*node) == gateway);
    let node = node.context("a side has a gateway")?;
    if kind == Kind::TunnelCut {
        ground.change(|truth| put(&mut truth.tunnels_silent, node.name(), true))?;
        let table = table_name(ground);
        let at = zone.side().router;
        let line = |way: &str| {
            format!(
                "        {way} \"{at}\" udp dport {{ 500, 4500 }} counter drop\n        {way} \"{at}\" ip protocol esp counter drop\n"
            )
        };
        let chain = |hook: &str, lines: String| {
            format!("    chain {hook} {{\n        type filter hook {hook} priority -290;\n{lines}    }}\n")
        };
        let chains = chain("prerouting", line("iifname")) + &chain("postrouting", line("oifname"));
        let rules = format!("table inet {table} {{\n{chains}}}\n");
        ground.lab.lock().await.machine(Host::Internet)?.nft(&rules).await?;
        return Ok((
            node.to_string(),
            Deed::Rules { host: Host::Internet, table, cuts: Vec::new(), lossy: false },
        ));
    }
    if !ground.take_the_place() {
        return Ok((node.to_string(), Deed::Done { landed: 0 }));
    }
    ground.change(|truth| put(&mut truth.hosts_off, node.name(), true))?;
    let on = ground.lab.lock().await.machines.contains_key(&gateway);
    if !on {
        ground.leave_the_place();
        return Ok((node.to_string(), Deed::Done { landed: 0 }));
    }
    ground.lab.make(FaultOrder { name: FaultName::GatewayCrash, zone, percent: 0 }).await?;
    Ok((node.to_string(), Deed::Off { node }))
}

fn hand_on_route(ground: &Ground<'_>, route: usize, to: usize) -> anyhow::Result<(String, Deed)> {
    let (Some(route), Some(to)) = (GATEWAYS.get(route), GATEWAYS.get(to)) else {
        anyhow::bail!("there are two gateways")
    };
    let destination = Destination::parse(ON_PREMISES).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
    let target = Some(Target::Interface(to.interface.to_owned()));
    let moved = ground
        .lab
        .endpoint
        .world()
        .edit(|world, act| world.set_route(act, route.table, &destination, target));
    moved.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
    Ok((route.route.to_owned(), Deed::Done { landed: 1 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_had_no_effect_comes_oftener() {
        let kinds = [Kind::DiskFull, Kind::RepliesLost, Kind::Loss];
        assert_eq!(next_bag(&kinds, &BTreeSet::new()), kinds, "at first each comes once");
        let bag = next_bag(&kinds, &BTreeSet::from([Kind::Loss]));
        let times = |kind| bag.iter().filter(|drawn| **drawn == kind).count();
        assert_eq!(kinds.map(times), [1 + AGAIN, 1 + AGAIN, 1]);
        assert_eq!(next_bag(&kinds, &BTreeSet::from(kinds)), kinds, "in the end each comes once");
    }
}
