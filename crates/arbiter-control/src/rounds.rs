//! Rounds: having every node examined, by the leader, once an hour and when somebody asks.
//!
//! One round at a time, one node after the other, so that the provider's buckets, which all nodes share, fill up in
//! between. Nothing in the loop waits for a round: a failover in the middle of one goes its way, and a round of the
//! leader's own accord does not begin while anything is being done.

use crate::arbiter::Arbiter;
use crate::consensus::Role;
use crate::examiner::Examiner;
use crate::message::AskError;
use crate::tasks::{Event, answer};
use arbiter_core::doctor::{self, Finding};
use arbiter_core::health::{self, Alarm, Code};
use arbiter_core::ids::NodeId;
use arbiter_core::policy::Policy;
use arbiter_core::time::MonoMs;
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// From one round to the next: what it finds changes by people's hands, a few times a day at most.
const EVERY_MS: u64 = 3_600_000;

/// From taking office to the first round: what made this node the leader is over by then.
const FIRST_MS: u64 = 60_000;

/// A round that is due while something is being done is put off by this.
const PUT_OFF_MS: u64 = 60_000;

/// For whom asks within this, the newest round stands. A round takes three of the five tokens of `StartInstances` in a
/// cluster of three; they are back long before.
const STANDS_MS: u64 = 10_000;

/// One node takes a second or two; its own timeouts end it before this.
const NODE_LIMIT: Duration = Duration::from_secs(10);

/// Findings of one node: what is wrong with as many routes as there can be would bury what matters.
const FINDINGS_LIMIT: usize = 200;

/// Who waits for a round: as many as operators' commands.
const WAITING_LIMIT: usize = crate::tasks::OPERATORS_LIMIT;

/// What a round found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// How long ago it ended.
    pub age_ms: u64,
    /// The nodes that were examined, by name.
    pub nodes: Vec<String>,
    /// What was found, most urgent first.
    pub findings: Vec<Finding>,
}

impl Examined {
    /// What only an examination finds, as alarms: the loop sees everything else by itself, and sooner.
    pub(crate) fn alarms(&self) -> impl Iterator<Item = Alarm> + '_ {
        let unseen = self.findings.iter().filter(|finding| finding.alarm.code.is_examined());
        unseen.map(|finding| finding.among(&self.nodes))
    }
}

type Reply = oneshot::Sender<Result<Examined, AskError>>;

/// The rounds of one time in office.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    /// When the next one is due; none out of office.
    due: Option<MonoMs>,
    under_way: bool,
    waiting: Vec<Reply>,
    newest: Option<(MonoMs, Examined)>,
}

impl Rounds {
    pub fn newest(&self, now: MonoMs) -> Option<Examined> {
        let (ended, examined) = self.newest.as_ref()?;
        Some(Examined { age_ms: now.since_ms(*ended), ..examined.clone() })
    }
}

impl Arbiter {
    /// Begins a round that is due.
    pub fn make_rounds(&mut self, now: MonoMs) {
        if self.office.is_none() {
            // What this node found as a leader is the next leader's to find.
            (self.rounds.due, self.rounds.newest) = (None, None);
            return;
        }
        let due = *self.rounds.due.get_or_insert(now.plus_ms(FIRST_MS));
        if now < due || self.rounds.under_way || !self.is_in_office() {
            return;
        }
        if self.something_is_done(now) {
            self.rounds.due = Some(now.plus_ms(PUT_OFF_MS));
        } else {
            self.start_round(now);
        }
    }

    fn something_is_done(&self, now: MonoMs) -> bool {
        let state = &self.state;
        !self.hands.is_empty()
            || !state.unsettled.is_empty()
            || state.slot.is_some()
            || now < self.handing_over_until
    }

    /// For somebody who asks: also in the middle of an outage, which may be why they ask.
    pub fn examine_for(&mut self, reply: Reply) {
        let now = self.now();
        if self.view.role != Role::Leader {
            return answer(reply, Err(AskError::NotLeader { leader: self.view.leader }));
        }
        if self.rounds.waiting.len() >= WAITING_LIMIT {
            let why = format!("{WAITING_LIMIT} others wait for this examination already");
            return answer(reply, Err(AskError::Unavailable(why)));
        }
        match self.rounds.newest(now).filter(|newest| newest.age_ms < STANDS_MS) {
            Some(newest) if !self.rounds.under_way => return answer(reply, Ok(newest)),
            _ => self.rounds.waiting.push(reply),
        }
        if !self.rounds.under_way {
            self.start_round(now);
        }
    }

    fn start_round(&mut self, now: MonoMs) {
        self.rounds.under_way = true;
        self.rounds.due = Some(now.plus_ms(EVERY_MS));
        let (examiner, policy) = (Arc::clone(&self.parts.examiner), Arc::clone(&self.state.policy));
        let nodes: Vec<_> = policy.nodes.iter().map(|node| (node.id, self.hears(node.id, now))).collect();
        self.tasks.spawn(async move {
            let mut found = Vec::with_capacity(nodes.len());
            for (node, heard) in nodes {
                let alarms = if heard {
                    examine(&*examiner, node, &policy).await
                } else {
                    // Asking it would only take time.
                    Err("it is not heard".to_owned())
                };
                found.push((node, alarms));
            }
            Event::Examined { found }
        });
    }

    fn hears(&self, node: NodeId, now: MonoMs) -> bool {
        let limit_ms = self.policy().timing.report_stale_after_ms;
        node == self.settings.me || self.picture.age_ms(node, now).is_some_and(|age_ms| age_ms <= limit_ms)
    }

    /// Lays together what a round has brought.
    pub fn examined(&mut self, found: Vec<(NodeId, Result<Vec<Alarm>, String>)>) {
        let now = self.now();
        self.rounds.under_way = false;
        let policy = Arc::clone(&self.state.policy);
        let me = policy.node_name(self.settings.me);
        let mut own: Vec<_> = doctor::judge_zones(&policy, &self.view.voters).into_iter().collect();
        for report in self.picture.reports().filter(|report| self.hears(report.node, now)) {
            own.extend(doctor::judge_probe_rtts(&policy, &policy.node_name(report.node), report));
        }
        let (mut nodes, mut said) = (Vec::new(), Vec::new());
        for (node, alarms) in found {
            let name = policy.node_name(node);
            match alarms {
                Ok(mut alarms) => {
                    own.extend(shorten(&name, &mut alarms));
                    nodes.push(name.clone());
                    said.push((name, alarms));
                }
                Err(why) => own.push(Alarm::new(Code::NotExamined, name, why)),
            }
        }
        said.push((me.clone(), own));
        let seen = self.own_look().alarms;
        let examined = Examined { age_ms: 0, nodes, findings: doctor::gather(said, (me, seen)) };
        self.tell(&examined);
        for reply in std::mem::take(&mut self.rounds.waiting) {
            answer(reply, Ok(examined.clone()));
        }
        if self.office.is_some() {
            self.rounds.newest = Some((now, examined));
        }
    }

    /// Says in the log what the last round did not find.
    fn tell(&self, examined: &Examined) {
        let known = self.rounds.newest.as_ref().map(|(_, newest)| &newest.findings);
        let is_known = |finding: &&Finding| known.is_some_and(|known| known.contains(finding));
        tracing::info!(nodes = examined.nodes.len(), findings = examined.findings.len(), "examined");
        for Finding { alarm, said_by } in examined.findings.iter().filter(|finding| !is_known(finding)) {
            tracing::warn!(code = alarm.code.name(), said_by = %said_by.join(", "), "{alarm}");
        }
    }
}

/// Keeps the most urgent of a node's findings, and says how many are left out.
fn shorten(node: &str, alarms: &mut Vec<Alarm>) -> Option<Alarm> {
    health::sort(alarms);
    let left_out = alarms.len().checked_sub(FINDINGS_LIMIT).filter(|left_out| *left_out > 0)?;
    alarms.truncate(FINDINGS_LIMIT);
    let remedy = "mend the others first; then examine again";
    Some(
        Alarm::new(Code::NotExamined, node, format!("{left_out} more findings are left out"))
            .with_remedy(remedy),
    )
}

async fn examine(examiner: &dyn Examiner, node: NodeId, policy: &Policy) -> Result<Vec<Alarm>, String> {
    let examination = AssertUnwindSafe(examiner.examine(node, policy)).catch_unwind();
    match tokio::time::timeout(NODE_LIMIT, examination).await {
        Ok(Ok(result)) => result,
        Ok(Err(_panic)) => Err("the examination broke off: see the log".to_owned()),
        Err(_) => Err(format!("no answer within {} s", NODE_LIMIT.as_secs())),
    }
}
