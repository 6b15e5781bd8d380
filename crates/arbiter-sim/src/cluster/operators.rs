//! Operators: they ask whoever leads, and remember what they were told.

use super::sim::Sim;
use arbiter_control::Answer;
use arbiter_core::command::{Applied, Command, Operation, Proposal, Refusal};
use arbiter_core::ids::NodeId;
use arbiter_core::time::UnixMs;
use std::time::Duration;

/// How long an operator waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a command is asked for again, each time under a request id of its own, before an operator gives up.
const TRIES: usize = 20;

impl Sim {
    /// Asks once. `None`: no answer, so nobody knows.
    pub async fn ask(&self, operation: Operation) -> Option<Answer> {
        let leader = self.leader()?;
        let control = self.net.control(leader)?;
        let number = self.tape.with(|record| record.lines.len());
        let (request, what) = (format!("request-{number}"), format!("{operation:?}"));
        self.tape.say(format!("an operator asks node {leader}: {what}"));
        let asked = control.operate(request, "somebody".to_owned(), operation);
        let answer = tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()?;
        self.tape.say(format!("the answer to {what} is {:?}, quiet: {}", answer.applied, answer.quiet));
        if let (Applied::Accepted, Some(entry)) = (&answer.applied, answer.entry) {
            let told = super::tape::Acknowledged { index: entry.index.0, what };
            self.tape.with(|record| record.acknowledged.push(told));
        }
        Some(answer)
    }

    /// Asks until there is an answer, for some while.
    pub async fn insist(&self, operation: Operation) -> Option<Answer> {
        for _ in 0..TRIES {
            let answer = self.ask(operation.clone()).await;
            // Another leader has taken office meanwhile: that one has not refused anything.
            let overtaken = |answer: &Answer| {
                matches!(answer.applied, Applied::Refused(Refusal::StaleEpoch { .. } | Refusal::ForeignEntry))
            };
            if let Some(answer) = answer.filter(|answer| !overtaken(answer)) {
                return Some(answer);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        None
    }

    /// Pauses, and asks again until the cluster says that it is quiet. True if it did.
    pub async fn pause_until_quiet(&self) -> bool {
        for _ in 0..TRIES {
            let pause = Operation::Pause { reason: "work on the tables".to_owned(), for_ms: None };
            if let Some(answer) = self.ask(pause).await
                && answer.applied == Applied::Accepted
                && answer.quiet
            {
                let now_ms = self.tape.now_ms();
                self.tape.with(|record| record.open_quiet = record.open_quiet.or(Some(now_ms)));
                return true;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        false
    }

    /// Ends whatever was promised of quiet, and then the pause.
    pub async fn resume(&self) {
        self.end_quiet();
        self.insist(Operation::Resume).await;
    }

    /// Nobody relies on quiet any more.
    pub fn end_quiet(&self) {
        let until_ms = self.tape.now_ms();
        self.tape.with(|record| {
            if let Some(from_ms) = record.open_quiet.take() {
                record.quiet.push(super::tape::Quiet { from_ms, until_ms });
            }
        });
    }

    /// Lets a node come back with a new disk. True if that is committed. Who was not answered asks again.
    pub async fn readmit(&self, node: NodeId) -> bool {
        for _ in 0..TRIES {
            let raft = self.leader().filter(|leader| *leader != node).and_then(|leader| self.raft(leader));
            if let Some(raft) = raft {
                let command = Command::Readmit { node, incarnation: None, by: "somebody".to_owned() };
                let proposal = Proposal { wall_ms: UnixMs(0), command };
                if let Ok((_, Applied::Accepted)) = raft.propose(proposal, PATIENCE).await {
                    self.tape.say(format!("node {node} may come back with another disk"));
                    self.net.admitted(node);
                    return true;
                }
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        false
    }
}
