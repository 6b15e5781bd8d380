//! What all steps need: calm before, the verdict over the call log after, and the words in between.

use super::cluster::{GATEWAY_1, Gateway, Node};
use super::referee::{self, Aim};
use super::scene::{Not, Scene};
use super::screen::Screen;
use super::stage::Stage;
use crate::calllog::{CallRecord, Outcome};
use crate::seeing::{self, Patience};
use crate::world::ON_PREMISES;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How long something may take that is going to happen. Generous: it ends as soon as it has happened, and a busy
/// machine is no failure.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to look for it when its cause was left out: several times what it takes.
const PATIENCE_WITHOUT_FAULT: Duration = Duration::from_secs(8);
/// How often to say what is waited for.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// A handover that has not shown after this is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(8);

/// What comes after the calls that a step expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing: any further call is one too many.
    Nothing,
    /// The next step judges it.
    ForTheNextStep,
}

/// A demo that is being played.
#[derive(Debug)]
pub(super) struct Show<'a> {
    pub stage: &'a Stage,
    pub screen: &'a Screen,
    /// Up to this call the log has been judged; so no call falls between two steps.
    judged: AtomicU64,
}

impl<'a> Show<'a> {
    pub const fn new(stage: &'a Stage, screen: &'a Screen) -> Self {
        Self { stage, screen, judged: AtomicU64::new(0) }
    }

    /// Says something about the step under way.
    pub fn say(&self, text: &str) {
        self.screen.say(&format!("    {text}"));
    }

    /// The newest call that was judged.
    pub fn judged(&self) -> u64 {
        self.judged.load(Ordering::Relaxed)
    }

    /// After a step that failed: what it left in the log is not held against the next.
    pub fn forget(&self) {
        self.judged.store(self.stage.endpoint.calls().last_seq(), Ordering::Relaxed);
    }

    /// Waits for something that the fault, or nothing but time, brings about.
    pub async fn until<T>(
        &self,
        what: &str,
        fault: bool,
        seen: impl FnMut(&Scene) -> Result<T, Not>,
    ) -> anyhow::Result<T> {
        let patience = if fault { PATIENCE } else { PATIENCE_WITHOUT_FAULT };
        self.until_within(what, patience, seen).await
    }

    /// Looks again and again until `seen` sees what it wants; fails when it never does, with what was missing last.
    async fn until_within<T>(
        &self,
        what: &str,
        patience: Duration,
        mut seen: impl FnMut(&Scene) -> Result<T, Not>,
    ) -> anyhow::Result<T> {
        let patience = Patience { longest: patience, tell_every: TELL_EVERY };
        let look = || Ok(seen(&self.stage.look(self.judged())?));
        seeing::until(what, patience, |text| self.say(text), look, async || self.stage.processes.check())
            .await
    }

    /// Looks for a while at what must go on holding.
    pub async fn hold(
        &self,
        how_long: Duration,
        mut holds: impl FnMut(&Scene) -> Result<(), String>,
    ) -> anyhow::Result<()> {
        let look = || Ok(holds(&self.stage.look(self.judged())?));
        seeing::hold(how_long, look, async || self.stage.processes.check()).await
    }

    /// Waits until all is well, and for `leader` to lead; asks for that as an operator would, as often as it takes.
    pub async fn calm_under(&self, leader: Node) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let leads = self.until("all is well, every route at home", true, Scene::is_calm).await?;
            if leads == leader {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "{leads} leads, and {leader} can't be brought to");
            self.say(&format!("{leads} is asked to hand the leadership over to {leader}"));
            if let Err(error) = self.stage.watch.hand_over(leads, leader).await {
                self.say(&error);
            }
            // Whatever was answered, what counts is what is seen; a third may have been elected meanwhile.
            let settled = self.until_within("the leadership has changed hands", ASK_AGAIN, |scene| {
                let leads_now = scene.is_calm()?;
                if leads_now == leads { Err(format!("{leads} leads").into()) } else { Ok(()) }
            });
            if let Err(error) = settled.await {
                self.say(&format!("{error:#}"));
            }
        }
    }

    /// Judges the log from where the last judgement ended: these calls, each accepted, in this order, and one hand at
    /// a time since the very beginning.
    pub fn judge(&self, expected: &[Aim], rest: Rest) -> anyhow::Result<Vec<CallRecord>> {
        let mut calls = self.stage.look(self.judged())?.mutations;
        if rest == Rest::ForTheNextStep {
            calls.truncate(expected.len());
        }
        let aims: Vec<_> = calls.iter().map(Aim::of).collect();
        anyhow::ensure!(
            aims == expected,
            "expected these calls: {}; the log has: {}",
            list(expected),
            list(&aims)
        );
        self.accept(&calls)?;
        Ok(calls)
    }

    /// Takes these calls as judged: each was accepted, and one hand wrote at a time since the very beginning.
    pub fn accept(&self, calls: &[CallRecord]) -> anyhow::Result<()> {
        for call in calls {
            self.say(&referee::line(call));
            anyhow::ensure!(call.outcome == Outcome::Ok, "a call was not accepted: {}", referee::line(call));
        }
        let wrong = referee::second_hands(&self.stage.look(0)?.mutations);
        anyhow::ensure!(wrong.is_empty(), "a second hand: {}", wrong.join("; "));
        if let Some(last) = calls.last() {
            self.judged.store(last.seq, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn list(aims: &[Aim]) -> String {
    let words: Vec<_> = aims.iter().map(ToString::to_string).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// The call that points a gateway's own route at a gateway.
pub(super) fn moves(route_of: Gateway, to: Gateway) -> Aim {
    Aim { resource: format!("{} {ON_PREMISES}", route_of.table), after: to.interface.to_owned() }
}

/// The call that stops, or starts, gateway 1.
pub(super) fn power(word: &str) -> Aim {
    Aim { resource: GATEWAY_1.instance.to_owned(), after: word.to_owned() }
}
