//! One run of one seed: trouble, healing, and then all must become well.

use super::dice::Dice;
use super::held::Hold;
use super::invariants::{self, l1, l2};
use super::nemesis::{NEMESES, Nemesis};
use super::planted::{self, Planted};
use super::policy::{GATEWAYS, Nodes, reference};
use super::sim::Sim;
use super::tape::Violation;
use arbiter_core::command::{Mode, Operation};
use arbiter_core::evidence::InstanceState;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A run that is not over after so much virtual time hangs.
const LIMIT: Duration = Duration::from_secs(3_600);

/// Time for probes and reports to say that all works again.
const PROBES_SEE: Duration = Duration::from_secs(3);

/// How often a run with a planted bug is judged before its end.
const JUDGE_EVERY: Duration = Duration::from_secs(3);

/// No call takes effect later than this.
const LATEST_CALL: Duration = Duration::from_secs(12);

/// How a run looks.
#[derive(Debug, Clone)]
pub struct Shape {
    /// How long the trouble lasts, in virtual seconds.
    pub trouble_s: u64,
    /// How many nodes there are; as many as each seed says, if it is not said.
    pub nodes: Option<Nodes>,
    /// Which trouble; all, if none is named.
    pub nemeses: Vec<&'static str>,
    /// Only the trouble with these numbers begins, each when it did before; all, if nothing is said.
    pub only: Option<BTreeSet<u64>>,
    /// The bug that is planted, if one is: then the run ends as soon as a promise is broken.
    pub planted: Option<&'static Planted>,
}

impl Default for Shape {
    fn default() -> Self {
        Self { trouble_s: 300, nodes: None, nemeses: Vec::new(), only: None, planted: None }
    }
}

impl Shape {
    /// Whether this kind of trouble is asked for.
    pub(super) fn wants(&self, nemesis: &str) -> bool {
        self.nemeses.is_empty() || self.nemeses.contains(&nemesis)
    }

    /// The command that repeats a run of this shape, and shows its timeline.
    pub fn repeat(&self, seed: u64) -> String {
        let what = self.planted.map_or("--seeds 1".to_owned(), |bug| format!("--planted {}", bug.name));
        let mut command = format!("scripts/sim {what} --from {seed} --trouble {} --timeline", self.trouble_s);
        if let Some(nodes) = self.nodes {
            command += &format!(" --nodes {}", nodes.count());
        }
        for name in &self.nemeses {
            command += &format!(" --nemesis {name}");
        }
        if let Some(only) = &self.only {
            let numbers: Vec<String> = only.iter().map(u64::to_string).collect();
            // The first has the number 1.
            let numbers = if numbers.is_empty() { "0".to_owned() } else { numbers.join(",") };
            command += &format!(" --only {numbers}");
        }
        command
    }
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// How many nodes it began with.
    pub nodes: usize,
    /// How long it was, in virtual milliseconds.
    pub virtual_ms: u64,
    /// The trouble that began, each with its number.
    pub troubles: Vec<(u64, &'static str)>,
    /// Faults that had an effect.
    pub landed: BTreeMap<&'static str, u64>,
    /// Accepted intents.
    pub decisions: usize,
    /// Calls that left a node.
    pub calls: usize,
    /// Epochs.
    pub epochs: usize,
    /// Broken promises.
    pub violations: Vec<Violation>,
    /// Two runs with the same number were the same.
    pub digest: u64,
    /// What happened, in order.
    pub timeline: Vec<(u64, String)>,
}

/// Runs one seed.
///
/// # Errors
/// The runtime can't be built.
pub fn run(seed: u64, shape: &Shape) -> std::io::Result<Run> {
    arbiter_raft::runtime::seed(Some(seed));
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    // tokio draws too: which branch of a `select!` is looked at first, who of several waiters wakes first.
    #[cfg(tokio_unstable)]
    builder.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_le_bytes()));
    let runtime = builder.build()?;
    planted::sow(shape.planted);
    let nodes = shape.nodes.unwrap_or_else(|| Nodes::of_seed(seed));
    let run = runtime.block_on(async {
        let sim = Sim::new(seed, reference(nodes));
        halts_after_check(Some(&sim));
        tokio::select! {
            biased;
            () = until_broken(&sim), if shape.planted.is_some() => {}
            ended = tokio::time::timeout(LIMIT, live(&sim, seed, shape)) => {
                if ended.is_err() {
                    sim.tape.violation("L1", format!("the run is not over after {} s", LIMIT.as_secs()));
                }
                invariants::judge(&sim);
            }
        }
        result(&sim, seed)
    });
    halts_after_check(None);
    planted::sow(None);
    arbiter_raft::runtime::seed(None);
    Ok(run)
}

/// Returns as soon as a promise is broken.
async fn until_broken(sim: &Sim) {
    loop {
        tokio::time::sleep(JUDGE_EVERY).await;
        invariants::judge(sim);
        if sim.tape.with(|record| !record.violations.is_empty()) {
            return;
        }
    }
}

/// Processes may stand still between their last check and their call, for as long as is allowed for. Only a build that
/// can be made to do wrong can be stopped there.
#[cfg(feature = "planted")]
fn halts_after_check(sim: Option<&Arc<Sim>>) {
    let halt = |sim: Arc<Sim>| -> arbiter_control::planted::AfterCheck {
        std::rc::Rc::new(move |node| {
            let sim = Arc::clone(&sim);
            Box::pin(async move {
                let allowed_ms = sim.policy.timing.stall_allowance_ms;
                sim.cloud.halt_after_check(node, allowed_ms).await;
            })
        })
    };
    arbiter_control::planted::halt_after_check(sim.map(|sim| halt(Arc::clone(sim))));
}

#[cfg(not(feature = "planted"))]
fn halts_after_check(_: Option<&Arc<Sim>>) {}

fn result(sim: &Sim, seed: u64) -> Run {
    let digest = sim.tape.digest();
    let virtual_ms = sim.tape.now_ms();
    sim.tape.with(|record| Run {
        seed,
        nodes: sim.policy.nodes.len(),
        virtual_ms,
        troubles: record.troubles.clone(),
        landed: record.landed.clone(),
        decisions: record.accepted.len(),
        calls: record.calls.len(),
        epochs: record.epochs(),
        violations: record.violations.clone(),
        digest,
        timeline: std::mem::take(&mut record.lines),
    })
}

async fn live(sim: &Arc<Sim>, seed: u64, shape: &Shape) {
    let supervisor = sim.begin();
    let executioner = tokio::spawn(kill_the_trapped(Arc::clone(sim), sim.hold.clone()));
    if l1::examine(sim).await {
        trouble(sim, seed, shape).await;
        heal(sim).await;
        if l1::examine(sim).await {
            let gateway = Dice::new(seed, 6).pick(&GATEWAYS).unwrap_or(GATEWAYS[0]);
            l2::examine(sim, gateway).await;
            l1::examine(sim).await;
        }
    }
    executioner.abort();
    supervisor.abort();
}

async fn kill_the_trapped(sim: Arc<Sim>, hold: Hold) {
    let mut victims = hold.victims();
    loop {
        let node = victims.next().await;
        sim.crash(node, 0, Duration::from_millis(500));
    }
}

async fn trouble(sim: &Arc<Sim>, seed: u64, shape: &Shape) {
    let mut dice = Dice::new(seed, 4);
    let nodes = sim.policy.nodes.len() as u64;
    let wanted = |nemesis: &&Nemesis| shape.wants(nemesis.name) && nemesis.suits(nodes);
    let wanted: Vec<Nemesis> = NEMESES.iter().filter(wanted).copied().collect();
    let until = Instant::now() + Duration::from_secs(shape.trouble_s);
    let mut running = tokio::task::JoinSet::new();
    let mut number = 0;
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(dice.between(300, 5_000))).await;
        while running.try_join_next().is_some() {}
        let Some(nemesis) = dice.pick(&wanted) else { break };
        number += 1;
        // A few at once: more would leave a cluster that only stands still. Which ones is drawn in any case, so that
        // the others stay what they are when some are left out.
        let begins = shape.only.as_ref().map_or(running.len() < 3, |only| only.contains(&number));
        if begins {
            sim.tape.say(format!("trouble {number}: {}", nemesis.name));
            sim.tape.with(|record| record.troubles.push((number, nemesis.name)));
            running.spawn(nemesis.run(Arc::clone(sim), Dice::new(seed, 1_000_000 + number)));
        }
    }
    running.shutdown().await;
}

/// Everything that was broken from outside works again, and operators take back what they have set.
async fn heal(sim: &Sim) {
    sim.tape.say("everything heals".to_owned());
    sim.net.heal();
    sim.cloud.heal();
    sim.truth.heal();
    sim.hold.set(None);
    for node in sim.nodes() {
        sim.net.freeze(node, Instant::now());
        if let Some(disk) = sim.disk(node) {
            disk.set_sync_latency(Duration::ZERO);
            disk.spare();
        }
    }
    for node in GATEWAYS {
        let running = sim
            .policy
            .gateway_of_node(node)
            .is_some_and(|gateway| sim.cloud.instance(&gateway.instance) == InstanceState::Running);
        if running {
            sim.host_returns(node);
        }
    }
    let waiting = sim.net.waiting_for_admission();
    if !waiting.is_empty() || sim.some_disk_waits() {
        // A lost disk and a stopped host are two nodes less of three, and with another host three of five: nobody is
        // left to agree on a start. What EC2 has still to carry out comes first.
        tokio::time::sleep(LATEST_CALL).await;
        for gateway in &sim.policy.gateways {
            sim.cloud.start_by_hand(&gateway.instance).await;
        }
    }
    for node in waiting {
        sim.readmit(node).await;
    }
    sim.settle_members().await;
    sim.resume().await;
    sim.insist(Operation::SetMode(Mode::Act)).await;
    // What works again must have been seen to work, or a switchover is refused.
    tokio::time::sleep(PROBES_SEE).await;
    for gateway in &sim.policy.gateways {
        sim.insist(Operation::Undrain { gateway: gateway.id.clone() }).await;
        sim.insist(Operation::CancelRestart { gateway: gateway.id.clone() }).await;
    }
    for route in &sim.policy.routes {
        sim.insist(Operation::Unpin { route: route.id.clone() }).await;
        if let Some(home) = route.paths.first().cloned() {
            sim.insist(Operation::Switchover { route: route.id.clone(), path: home }).await;
        }
    }
}
