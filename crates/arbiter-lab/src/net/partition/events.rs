//! What each node's history tells, gathered while it is told: an answer has the newest events only.

use super::ground::Ground;
use crate::demo::cluster::Node;
use crate::history::{Event, Line};
use anyhow::Context;
use arbiter_proto::v1::{Asking, HistoryRequest};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

/// Between two questions.
const ASK_EVERY: Duration = Duration::from_millis(500);
const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// The most that a node gives at once.
const MOST: u32 = 1_000;
/// How long nodes may take to catch up in the end.
const LEVEL_WITHIN: Duration = Duration::from_secs(30);

/// How far each node has told.
#[derive(Default)]
pub(super) struct Told(Mutex<BTreeMap<Node, u64>>);

impl Told {
    /// Gathers. Goes on until something fails.
    pub async fn gather(&self, ground: &Ground<'_>) -> anyhow::Result<Infallible> {
        loop {
            for node in ground.lab.settings.nodes {
                self.ask(ground, *node).await?;
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// Gathers the rest: until every node has told what any of them has applied by now.
    pub async fn finish(&self, ground: &Ground<'_>) -> anyhow::Result<()> {
        let deadline = Instant::now() + LEVEL_WITHIN;
        let mut goal = None;
        let mut open = ground.lab.settings.nodes.to_vec();
        while let Some(node) = open.first().copied() {
            let applied = self.ask(ground, node).await?;
            goal = goal.max(applied.filter(|_| goal.is_none()));
            if applied.is_some() && applied >= goal {
                open.remove(0);
                continue;
            }
            anyhow::ensure!(Instant::now() < deadline, "{node} has not told its history up to {goal:?}");
            sleep(ASK_EVERY).await;
        }
        Ok(())
    }

    /// Asks one node; gives how far it has applied, if it answers.
    async fn ask(&self, ground: &Ground<'_>, node: Node) -> anyhow::Result<Option<u64>> {
        let mut client = ground.lab.watch.client(node).with_context(|| format!("there is no {node}"))?;
        let mut told = self.0.lock().await;
        let last = told.entry(node).or_default();
        let asking = Some(Asking { stale: true, forwarded: false });
        let request = HistoryRequest { asking, after: *last, limit: MOST, subject: String::new() };
        let Ok(Ok(reply)) = timeout(ASK_TIMEOUT, client.history(request)).await else { return Ok(None) };
        let reply = reply.into_inner();
        anyhow::ensure!(reply.events.len() < MOST as usize, "{node} has more to tell than it can at once");
        for event in reply.events {
            *last = event.index.max(*last);
            ground.write(&Line::Event(Event {
                node: node.to_string(),
                index: event.index,
                epoch: event.epoch,
                event: event.kind,
                subject: event.subject,
                summary: event.summary,
                cause: event.cause,
                actor: event.actor,
                intent: event.intent,
            }))?;
        }
        Ok(reply.answered.map(|answered| answered.applied))
    }
}
