//! A durable commit against what the disk itself takes, side by side in one run: a bare `fdatasync`, the store, and
//! three nodes that agree over loopback, all on the same disk and with the same bytes.

use super::Run;
use super::routes::{BATCH, MANY, all_accepted};
use crate::reference::{Case, Watched};
use crate::scenario::{Hand, entry, first_path_down, healthy, plan_of};
use crate::sheet::{Sheet, best, median, ms, words};
use anyhow::Context;
use arbiter_core::command::{Applied, Command};
use arbiter_core::ids::Epoch;
use arbiter_core::state::ClusterState;
use arbiter_raft::disk::Disk;
use arbiter_raft::record::{LOG, put_parts};
use arbiter_raft::store::{Batch, SledStore};
use futures::{StreamExt, TryStreamExt};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

mod nodes;
mod wire;

use nodes::Nodes;
use wire::Echo;

/// How long one commit may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Adoptions under way at once, as the loop has them.
const AT_ONCE: usize = 32;

/// Times of one round, in milliseconds.
#[derive(Debug, Default)]
struct Round {
    bare: Vec<f64>,
    trip: Vec<f64>,
    store: Vec<f64>,
    commit: Vec<f64>,
    bare_batch: Vec<f64>,
    trip_batch: Vec<f64>,
    batch: Vec<f64>,
}

/// The medians of one round.
struct Medians {
    bare: f64,
    trip: f64,
    store: f64,
    cluster: f64,
    commit: f64,
    batch: f64,
    batch_time: f64,
}

impl Round {
    fn medians(self) -> Medians {
        let [bare, trip, store, commit] = [self.bare, self.trip, self.store, self.commit].map(median);
        let [bare_batch, trip_batch, batch] = [self.bare_batch, self.trip_batch, self.batch].map(median);
        Medians {
            bare,
            trip,
            store: store / bare,
            cluster: (commit - trip) / bare,
            commit,
            batch: (batch - trip_batch) / bare_batch,
            batch_time: batch,
        }
    }
}

pub(crate) async fn measure(run: &Run, sheet: &mut Sheet) -> anyhow::Result<()> {
    let (rounds, singles, batches) = if run.quick { (1, 3, 1) } else { (4, 100, 2) };
    let mut bench = Bench::start(run).await?;
    let mut all = Vec::new();
    for _ in 0..rounds {
        all.push(bench.round(singles, batches).await?.medians());
    }
    bench.nodes.end().await;
    let list = |of: fn(&Medians) -> f64| all.iter().map(of).collect::<Vec<_>>();
    let mut put = |id, of: fn(&Medians) -> f64, samples: usize| {
        let values = list(of);
        let how = format!("best of {rounds} rounds' medians of {samples}: {}", words(&values));
        sheet.put(id, best(&values), how);
    };
    put("commit.fdatasync", |it| it.bare, singles);
    put("commit.round-trip", |it| it.trip, singles);
    put("commit.store", |it| it.store, singles);
    put("commit.cluster-time", |it| it.commit, singles);
    put("commit.cluster", |it| it.cluster, singles);
    put("commit.batch", |it| it.batch, batches);
    put("commit.batch-time", |it| it.batch_time, batches);
    Ok(())
}

/// Everything side by side.
struct Bench {
    nodes: Nodes,
    hand: Hand,
    bare: File,
    store: Disk,
    stored: u64,
    echo: Echo,
}

impl Bench {
    /// Three nodes that have formed a cluster with a thousand routes, all adopted.
    async fn start(run: &Run) -> anyhow::Result<Self> {
        let routes = if run.quick { 2 * BATCH } else { MANY };
        let policy = Case { routes, ..Case::at_rest(Watched::Icmp) }.config()?.policy;
        let nodes = Nodes::start(&run.scratch, &policy).await?;
        let (at, applied) =
            nodes.leader().propose(entry(Command::BeginEpoch { node: nodes.leader_id() }), TIMEOUT).await?;
        all_accepted(&applied)?;
        let hand = Hand::new(Epoch(at.index.0));
        let adoptions = hand.adoptions(&plan_of(&nodes.state(), &healthy(&policy)));
        anyhow::ensure!(adoptions.len() == routes, "{} of {routes} routes to adopt", adoptions.len());
        let propose = |command| async {
            let (_, applied) = nodes.leader().propose(entry(command), TIMEOUT).await?;
            all_accepted(&applied)
        };
        futures::stream::iter(adoptions)
            .map(propose)
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        let bare = File::create(run.scratch.join("bare")).context("a file can't be made")?;
        let store = Disk::start(Arc::new(SledStore::open(&run.scratch.join("store"))?))?;
        Ok(Self { nodes, hand, bare, store, stored: 0, echo: Echo::start().await? })
    }

    /// Moves routes one by one, each beside a bare `fdatasync` of its bytes, and some in batches.
    async fn round(&mut self, singles: usize, batches: usize) -> anyhow::Result<Round> {
        let mut round = Round::default();
        for _ in 0..batches {
            let (state, command) = self.next(BATCH)?;
            let bytes = bytes_of(&command)?;
            round.bare_batch.push(self.fdatasync(&bytes)?);
            round.trip_batch.push(self.echo.round_trip(&bytes).await?);
            round.batch.push(self.commit(&state, command).await?);
        }
        for _ in 0..singles {
            let (state, command) = self.next(1)?;
            let bytes = bytes_of(&command)?;
            round.bare.push(self.fdatasync(&bytes)?);
            round.trip.push(self.echo.round_trip(&bytes).await?);
            round.store.push(self.write(&bytes).await?);
            round.commit.push(self.commit(&state, command).await?);
        }
        Ok(round)
    }

    /// The next moves that are due, as the leader would propose them.
    fn next(&mut self, count: usize) -> anyhow::Result<(Arc<ClusterState>, Command)> {
        let state = self.nodes.state();
        let mut evidence = first_path_down(&state.policy)?;
        for (route, assignment) in &state.assignments {
            if let Some(facts) = evidence.routes.get_mut(route) {
                facts.target = Some(assignment.target.clone());
            }
        }
        let wishes = plan_of(&state, &evidence).wishes;
        let due =
            wishes.get(..count).with_context(|| format!("only {} routes are left to move", wishes.len()))?;
        let command = self.hand.batch(&state, &evidence, due);
        Ok((state, command))
    }

    /// From the proposal until it is agreed and applied; then the calls end, which is not timed.
    async fn commit(&self, state: &ClusterState, command: Command) -> anyhow::Result<f64> {
        let done = self.hand.done(&command);
        let proposal = entry(command);
        let start = Instant::now();
        let (_, applied) = self.nodes.leader().propose(proposal, TIMEOUT).await?;
        let took = ms(start.elapsed());
        anyhow::ensure!(matches!(applied, Applied::Intents(_)), "{applied:?} at {:?}", state.applied);
        all_accepted(&applied)?;
        let (_, applied) = self.nodes.leader().propose(entry(done), TIMEOUT).await?;
        all_accepted(&applied)?;
        Ok(took)
    }

    fn fdatasync(&mut self, bytes: &[u8]) -> anyhow::Result<f64> {
        let start = Instant::now();
        self.bare.write_all(bytes)?;
        self.bare.sync_data()?;
        Ok(ms(start.elapsed()))
    }

    async fn write(&mut self, bytes: &[u8]) -> anyhow::Result<f64> {
        self.stored += 1;
        let mut batch = Batch::default();
        put_parts(&mut batch, LOG, self.stored, bytes);
        let start = Instant::now();
        self.store.write(batch, true).await?;
        Ok(ms(start.elapsed()))
    }
}

/// As the log has it.
fn bytes_of(command: &Command) -> anyhow::Result<Vec<u8>> {
    Ok(serde_json::to_vec(&entry(command.clone()))?)
}

/// A folder for each node.
fn data_dir(scratch: &Path, id: u64) -> std::path::PathBuf {
    scratch.join(format!("commit-{id}"))
}
