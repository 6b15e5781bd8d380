//! A thousand routes: what it costs to plan them, to check them, to apply a batch, and to copy the state.

use super::Run;
use crate::reference::{Case, Watched};
use crate::scenario::{Hand, entry, first_path_down, healthy, plan_of};
use crate::sheet::{Sheet, best, median, ms, words};
use anyhow::Context;
use arbiter_core::check;
use arbiter_core::command::{Applied, Command, EntryId, Mode};
use arbiter_core::evidence::Evidence;
use arbiter_core::ids::{ClusterId, Epoch, Incarnation, LogIndex, NodeId, Term};
use arbiter_core::plan::Wish;
use arbiter_core::policy::Policy;
use arbiter_core::state::ClusterState;
use std::hint::black_box;
use std::sync::Arc;
use tokio::time::Instant;

/// Routes of the figures.
pub(crate) const MANY: usize = 1_000;

/// Routes to compare with: the cost must grow with their number, not with its square.
const FEW: usize = 100;

/// The most that one batch takes: EC2's bucket of mutations, as the loop limits it.
pub(crate) const BATCH: usize = 50;

/// What one look at all routes costs.
struct Costs {
    plan_ms: f64,
    check_ms: f64,
    apply_ms: f64,
    copy_ms: f64,
}

pub(crate) fn measure(run: &Run, sheet: &mut Sheet) -> anyhow::Result<()> {
    let (rounds, samples) = if run.quick { (1, 2) } else { (5, 20) };
    let mut many = Vec::new();
    let mut few = Vec::new();
    for _ in 0..rounds {
        many.push(costs(MANY, samples)?);
        few.push(costs(FEW, samples)?);
    }
    let how = format!("best of {rounds} rounds' medians of {samples}");
    let list = |costs: &[Costs], of: fn(&Costs) -> f64| costs.iter().map(of).collect::<Vec<_>>();
    let both = |costs: &Costs| costs.plan_ms + costs.check_ms;
    let sums = list(&many, both);
    sheet.put("routes.plan-and-check", best(&sums), format!("{how}; rounds: {}", words(&sums)));
    sheet.put("routes.plan", best(&list(&many, |costs| costs.plan_ms)), &how);
    sheet.put("routes.check", best(&list(&many, |costs| costs.check_ms)), &how);
    let growth = best(&sums) / best(&list(&few, both));
    sheet.put("routes.growth", growth, format!("{MANY} routes against {FEW}; {how}"));
    sheet.put(
        "routes.apply",
        best(&list(&many, |costs| costs.apply_ms)),
        format!("a batch of {BATCH}; {how}"),
    );
    sheet.put("routes.copy", best(&list(&many, |costs| costs.copy_ms)), &how);
    Ok(())
}

fn costs(routes: usize, samples: usize) -> anyhow::Result<Costs> {
    let policy = Case { routes, ..Case::at_rest(Watched::Icmp) }.config()?.policy;
    let (state, mut hand) = lived(&policy)?;
    let evidence = first_path_down(&policy)?;
    let wishes = plan_of(&state, &evidence).wishes;
    anyhow::ensure!(wishes.len() == routes, "{} of {routes} routes would move", wishes.len());
    let batches: Vec<_> = wishes.chunks(BATCH).collect();
    let first = hand.batch(&state, &evidence, batches.first().context("there are wishes")?);
    let at = after(&state);
    let (mut plans, mut checks, mut applies, mut copies) = (vec![], vec![], vec![], vec![]);
    for _ in 0..samples {
        plans.push(timed(|| black_box(plan_of(&state, &evidence))).0);
        let (took, checked) = timed(|| check_all(&state, &evidence, &batches));
        checked?;
        checks.push(took);
        let (took, mut copy) = timed(|| black_box(ClusterState::clone(&state)));
        copies.push(took);
        let proposal = entry(first.clone());
        let (took, applied) = timed(|| black_box(copy.apply(at, &proposal)));
        all_accepted(&applied)?;
        applies.push(took);
    }
    Ok(Costs {
        plan_ms: median(plans),
        check_ms: median(checks),
        apply_ms: median(applies),
        copy_ms: median(copies),
    })
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = work();
    (ms(start.elapsed()), result)
}

/// What `apply` asks of each intent, over all batches.
fn check_all(state: &ClusterState, evidence: &Evidence, batches: &[&[Wish]]) -> anyhow::Result<()> {
    let mut hand = Hand::new(state.office.epoch);
    let now = state.log_at(crate::scenario::LONG_MS);
    for batch in batches {
        let intents = hand.intents(batch);
        let part = check::evidence_for(state, evidence, intents.iter().map(|intent| &intent.action));
        for intent in &intents {
            check::intent(state, intent, &part, now)
                .map_err(|why| anyhow::anyhow!("a planned move does not pass the check: {why}"))?;
        }
    }
    Ok(())
}

pub(crate) fn all_accepted(applied: &Applied) -> anyhow::Result<()> {
    match applied {
        Applied::Accepted => Ok(()),
        Applied::Intents(answers) if answers.iter().all(|(_, answer)| answer.is_ok()) => Ok(()),
        other => anyhow::bail!("the benchmark's own entry was refused: {other:?}"),
    }
}

/// Where the entry after the last one stands.
fn after(state: &ClusterState) -> EntryId {
    EntryId { index: LogIndex(state.applied.index.0 + 1), ..state.applied }
}

/// Formed an hour ago, all routes adopted at home.
fn lived(policy: &Policy) -> anyhow::Result<(Arc<ClusterState>, Hand)> {
    let mut state = ClusterState::default();
    let leader = policy.nodes.first().context("a policy has nodes")?.id;
    state.applied = EntryId { index: LogIndex(0), term: Term(1), node: leader };
    let apply = |state: &mut ClusterState, command| {
        let at = after(state);
        all_accepted(&state.apply(at, &entry(command)))
    };
    let members =
        policy.nodes.iter().map(|node| (node.id, Incarnation(node.id.0))).collect::<Vec<(NodeId, _)>>();
    let cluster_id = ClusterId::from("bench");
    let (policy_copy, mode) = (Box::new(policy.clone()), Mode::Act);
    apply(&mut state, Command::Form { cluster_id, policy: policy_copy, members, mode })?;
    apply(&mut state, Command::BeginEpoch { node: leader })?;
    let hand = Hand::new(Epoch(state.applied.index.0));
    for adoption in hand.adoptions(&plan_of(&state, &healthy(policy))) {
        apply(&mut state, adoption)?;
    }
    Ok((Arc::new(state), hand))
}
