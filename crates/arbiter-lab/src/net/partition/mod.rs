//! Partition tests: the cluster's network, processes and world are harmed in every way that has a name here, while operators
//! work; then all is mended. What happened is written down as a [history](crate::history); `tests/partition` judges it.
//!
//! Those whom Route Arbiter replaces can be put in its place, and meet the same.

mod deeds;
mod events;
mod ground;
mod kinds;
mod nemesis;
mod operators;
mod rolling;

pub(super) use kinds::Kind;

use super::lab::Lab;
use super::machine::Service;
use super::peers::Peer;
use super::race::{self, RaceFault, RaceOrder};
use crate::demo::cluster::{GATEWAYS, Node};
use crate::history::{Call, End, GatewayFacts, Line, NodeFacts, Start};
use crate::seeing::LOOK_EVERY;
use events::Told;
use ground::Ground;
use nemesis::{LONG_REST_MS, REST_MS, Victims};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How many operators work at once.
const OPERATORS: usize = 3;
/// After the healing all must be well within this: a remediation with its cooldown and its boot, a freeze, a failback, W, and
/// a busy machine's slowness on top.
const WELL_WITHIN: Duration = Duration::from_secs(120);
/// The same for those who have no cluster: what they leave behind is only looked at.
const PEER_WELL_WITHIN: Duration = Duration::from_secs(20);
/// How long a caller waits for EC2: [`Start::call_timeout_ms`].
const CALL_TIMEOUT_MS: u64 = 2_000;

/// What is to be run.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub who: Peer,
    pub seed: u64,
    pub seconds: u64,
    pub kinds: Vec<Kind>,
    pub history: PathBuf,
}

/// Runs it, and writes the history.
pub(super) async fn perform(lab: &Lab, order: &Order, say: &(dyn Fn(&str) + Sync)) -> anyhow::Result<()> {
    let ours = order.who.pace().is_some();
    race::put_in_order(
        lab,
        RaceOrder { peer: order.who, fault: RaceFault::LineCut, runs: 1, faults: true },
        say,
    )
    .await?;
    let ground = Ground::new(lab, &order.history)?;
    let mark = lab.endpoint.calls().last_seq();
    let kinds: Vec<_> = order
        .kinds
        .iter()
        .copied()
        .filter(|kind| if ours { kind.is_for(lab.settings.nodes.len()) } else { kind.is_for_pairs() })
        .collect();
    let nodes = if ours { lab.settings.nodes.to_vec() } else { Node::GATEWAYS.to_vec() };
    ground.write(&Line::Start(start(order, &kinds, &nodes)))?;
    ground.change(|truth| truth.at_ms = ground.now_ms())?;
    let told = Told::default();
    let run = async {
        say(&format!("    trouble for {} s, seed {}", order.seconds, order.seed));
        trouble(&ground, order, &kinds, nodes, ours).await?;
        lab.heal().await?;
        if ours {
            operators::withdraw(&ground).await?;
        }
        say("    all is mended");
        rest(&ground, ours).await
    };
    let gather = async { if ours { told.gather(&ground).await } else { std::future::pending().await } };
    let end = tokio::select! {
        end = run => end?,
        Err(error) = ground::look_after(&ground) => return Err(error),
        Err(error) = gather => return Err(error),
    };
    if ours {
        told.finish(&ground).await?;
    }
    write_calls(&ground, mark)?;
    match end.well_ms {
        Some(at_ms) => say(&format!("    all was well {} ms later", at_ms.saturating_sub(end.healed_ms))),
        None => say(&format!("    all was NOT well again: {}", end.missing)),
    }
    ground.write(&Line::End(end))?;
    ground.close()
}

fn start(order: &Order, kinds: &[Kind], nodes: &[Node]) -> Start {
    let facts = |it: &crate::demo::cluster::Gateway| GatewayFacts {
        name: it.node.to_string(),
        instance: it.instance.to_owned(),
        interface: it.interface.to_owned(),
        path: it.tunnel.to_owned(),
        route: it.route.to_owned(),
        table: it.table.to_owned(),
    };
    let named = |node: &Node| NodeFacts { name: node.to_string(), caller: node.access_key().to_owned() };
    Start {
        who: order.who.name(),
        seed: order.seed,
        seconds: order.seconds,
        nemeses: kinds.iter().map(|kind| kind.name()).collect(),
        nodes: nodes.iter().map(named).collect(),
        gateways: GATEWAYS.iter().map(facts).collect(),
        call_timeout_ms: CALL_TIMEOUT_MS,
    }
}

/// One who draws never changes what another draws.
fn dice(seed: u64, purpose: u64) -> StdRng {
    StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(purpose))
}

async fn trouble(
    ground: &Ground<'_>,
    order: &Order,
    kinds: &[Kind],
    nodes: Vec<Node>,
    ours: bool,
) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(order.seconds);
    let (world, others): (Vec<_>, Vec<_>) = kinds.iter().copied().partition(|kind| kind.is_of_the_world());
    let service = if ours { Service::Arbiterd } else { Service::Peer };
    let victims = Victims { nodes, service };
    let world_rests_ms = if ours { REST_MS } else { LONG_REST_MS };
    let operators = async {
        if ours {
            let work = |number| operators::work(ground, number, dice(order.seed, 10 + number as u64), until);
            futures::future::try_join_all((1..=OPERATORS).map(work)).await?;
        }
        Ok(())
    };
    tokio::try_join!(
        nemesis::rage(ground, &victims, &others, REST_MS, dice(order.seed, 1), until),
        nemesis::rage(ground, &victims, &world, world_rests_ms, dice(order.seed, 2), until),
        operators,
    )?;
    Ok(())
}

/// Waits until all is well again.
async fn rest(ground: &Ground<'_>, ours: bool) -> anyhow::Result<End> {
    let healed_ms = ground.now_ms();
    let within = if ours { WELL_WITHIN } else { PEER_WELL_WITHIN };
    let deadline = Instant::now() + within;
    loop {
        let scene = ground.lab.look(ground.lab.endpoint.calls().last_seq())?;
        let missing = if ours { scene.is_calm().map(|_| ()) } else { race::is_home(&scene) };
        let end = |well_ms, missing| End { healed_ms, well_ms, missing };
        match missing {
            Ok(()) => return Ok(end(Some(ground.now_ms()), String::new())),
            Err(missing) if Instant::now() >= deadline => return Ok(end(None, missing.words())),
            Err(_) => sleep(LOOK_EVERY).await,
        }
    }
}

fn write_calls(ground: &Ground<'_>, mark: u64) -> anyhow::Result<()> {
    let slice = ground.lab.endpoint.calls().mutations_since(mark);
    anyhow::ensure!(slice.complete, "the call log has lost calls: nothing can be said");
    for record in &slice.calls {
        let late =
            record.replied_ms.zip(record.applied_ms).is_some_and(|(replied, applied)| applied > replied);
        ground.write(&Line::Call(Call::of(record, late)))?;
    }
    Ok(())
}
