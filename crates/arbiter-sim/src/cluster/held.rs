//! Processes that stand still: as a whole, or exactly between a commit and what should follow it.

use super::happening::{Happening, Waiting};
use super::net::Net;
use super::tape::Tape;
use arbiter_control::RaftConsensus;
use arbiter_control::consensus::{Consensus, ProposeError, View};
use arbiter_core::command::{Action, Applied, Command, EntryId, Proposal};
use arbiter_core::ids::NodeId;
use arbiter_core::state::ClusterState;
use async_trait::async_trait;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

/// A process's control loop, which gets no CPU while its node is frozen.
pub struct Standing {
    node: NodeId,
    net: Net,
    running: Pin<Box<dyn Future<Output = ()> + Send>>,
    thaw: Option<Pin<Box<Sleep>>>,
}

impl Standing {
    /// Runs this, but for the times at which the node is frozen.
    pub fn new(node: NodeId, net: Net, running: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { node, net, running: Box::pin(running), thaw: None }
    }
}

impl Future for Standing {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        while let Some(until) = self.net.frozen_until(self.node) {
            let thaw = self.thaw.insert(Box::pin(tokio::time::sleep_until(until)));
            if thaw.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
        self.thaw = None;
        self.running.as_mut().poll(context)
    }
}

/// What the next accepted intents meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// The process stands still for so many milliseconds right after the commit, before it learns of it.
    AfterCommit(u64),
    /// The process is killed right after the commit.
    CrashAfterCommit,
    /// The process learns so many milliseconds late of the commit; all else goes on.
    LateAnswer(u64),
    /// The process never learns of the commit.
    AnswerLost,
}

/// Traps that are set. Clones share them.
#[derive(Clone)]
pub struct Hold {
    trap: Arc<Mutex<Option<Trap>>>,
    sprung: Happening,
    accepted: Happening,
    stopping: Happening,
    tape: Tape,
}

impl Hold {
    /// None is set.
    pub fn new(tape: Tape) -> Self {
        Self {
            trap: Arc::default(),
            sprung: Happening::new(),
            accepted: Happening::new(),
            stopping: Happening::new(),
            tape,
        }
    }

    /// Sets one for the next accepted intents of whatever leader, or takes it away.
    pub fn set(&self, trap: Option<Trap>) {
        *self.trap.lock().unwrap_or_else(PoisonError::into_inner) = trap;
    }

    fn take(&self) -> Option<Trap> {
        self.trap.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Tells whose process is to be killed.
    pub fn victims(&self) -> Waiting {
        self.sprung.wait()
    }

    /// Tells whose intents have been committed.
    pub fn accepted(&self) -> Waiting {
        self.accepted.wait()
    }

    /// Tells whose intent to stop a gateway has been committed.
    pub fn stopping(&self) -> Waiting {
        self.stopping.wait()
    }
}

/// Raft behind the loop's trait, with traps.
pub struct HeldConsensus {
    node: NodeId,
    real: Arc<RaftConsensus>,
    hold: Hold,
    net: Net,
}

impl HeldConsensus {
    /// The real one, for this node.
    pub fn new(node: NodeId, real: Arc<RaftConsensus>, hold: Hold, net: Net) -> Self {
        Self { node, real, hold, net }
    }
}

#[async_trait]
impl Consensus for HeldConsensus {
    async fn propose(&self, proposal: Proposal, timeout_ms: u64) -> Result<(EntryId, Applied), ProposeError> {
        let intends = matches!(proposal.command, Command::Intents(_));
        let mut stops = false;
        if let Command::Intents(batch) = &proposal.command {
            stops = batch.intents.iter().any(|intent| matches!(intent.action, Action::Stop { .. }));
            let now_ms = self.hold.tape.now_ms();
            for intent in &batch.intents {
                self.hold.tape.with(|record| record.proposed.insert(intent.id, (now_ms, self.node)));
            }
        }
        if let Command::CloseSlot { gateway, .. } = &proposal.command {
            let now_ms = self.hold.tape.now_ms();
            self.hold.tape.with(|record| record.closing.push((now_ms, gateway.clone())));
        }
        let answer = self.real.propose(proposal, timeout_ms).await;
        let committed = intends && answer.is_ok();
        let trap = committed.then(|| self.hold.take()).flatten();
        if committed {
            self.hold.accepted.happens(self.node);
            if stops {
                self.hold.stopping.happens(self.node);
            }
        }
        match trap {
            Some(Trap::AfterCommit(ms)) => {
                self.hold.tape.landed("pause-before-dispatch");
                self.hold
                    .tape
                    .say(format!("node {} stands still for {ms} ms before it dispatches", self.node));
                self.net.freeze(self.node, Instant::now() + Duration::from_millis(ms));
            }
            Some(Trap::CrashAfterCommit) => {
                self.hold.tape.landed("crash-before-dispatch");
                self.hold.sprung.happens(self.node);
                // The answer reaches nobody.
                return std::future::pending().await;
            }
            Some(Trap::LateAnswer(ms)) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Some(Trap::AnswerLost) => {
                tokio::time::sleep(Duration::from_millis(timeout_ms)).await;
                return Err(ProposeError::Unknown(timeout_ms));
            }
            None => {}
        }
        self.net.thawed(self.node).await;
        answer
    }

    fn state(&self) -> watch::Receiver<Arc<ClusterState>> {
        self.real.state()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.real.changes()
    }

    fn view(&self) -> View {
        self.real.view()
    }

    fn campaign(&self) {
        self.real.campaign();
    }

    async fn hand_over(&self, to: NodeId) -> Result<(), String> {
        self.real.hand_over(to).await
    }
}
