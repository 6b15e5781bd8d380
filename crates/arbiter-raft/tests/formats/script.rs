//! The log of the fixture: a cluster's life in some fifty entries, with every kind of command in it.
//!
//! It is written through the real `apply`, so that what is meant to be accepted is. Some commands are refused (a second
//! `Form`, rules that everybody has): they stand in the log all the same.

use crate::world::{self, dead, healthy, route, set, start, stop, tunnel};
use arbiter_core::check;
use arbiter_core::command::{
    Action, Applied, Cause, Command, Intent, IntentBatch, MemberStep, Mode, Note, Operation, Outcome,
    Proposal, SlotEnding, Stamp,
};
use arbiter_core::evidence::{Evidence, InstanceState};
use arbiter_core::follow::{FollowedRoute, Preference};
use arbiter_core::ids::{ClusterId, Epoch, Incarnation, IntentId, LogIndex, NodeId, PolicyVersion};
use arbiter_core::policy::Policy;
use arbiter_core::state::ClusterState;
use arbiter_core::time::UnixMs;
use arbiter_raft::types::{Entry, LogId, entry_id};
use openraft::{BasicNode, CommittedLeaderId, EntryPayload, Membership};
use std::collections::{BTreeMap, BTreeSet};

/// How many of the entries are in the snapshot.
pub const IN_SNAPSHOT: usize = 8;

/// The last entry that is purged; those between are in the snapshot and in the log.
pub const PURGED: usize = 5;

struct Script {
    entries: Vec<Entry>,
    state: ClusterState,
    leader: CommittedLeaderId<u64>,
    elapsed_ms: u64,
    intents: u64,
    requests: u64,
}

/// The whole log, from its first entry.
pub fn entries() -> Vec<Entry> {
    let mut script = Script {
        entries: Vec::new(),
        state: ClusterState::default(),
        leader: CommittedLeaderId::new(1, 3),
        elapsed_ms: 0,
        intents: 0,
        requests: 0,
    };
    script.forms();
    assert_eq!(script.entries.len(), IN_SNAPSHOT);
    script.takes_office(2, 3);
    script.members();
    script.operators();
    script.fails_over();
    script.ends_in_doubt();
    script.entries
}

fn disk(n: u64) -> Incarnation {
    Incarnation(1_000 + n)
}

impl Script {
    fn append(&mut self, payload: EntryPayload<arbiter_raft::types::TypeConfig>) -> LogId {
        let log_id = LogId::new(self.leader, self.entries.len() as u64);
        self.entries.push(Entry { log_id, payload });
        log_id
    }

    /// A command, and what becomes of it.
    fn command(&mut self, command: Command) -> Applied {
        let wall_ms = UnixMs(1_790_000_000_000 + 1_000 * self.entries.len() as u64);
        let proposal = Proposal { wall_ms, command };
        let log_id = self.append(EntryPayload::Normal(proposal.clone()));
        self.state.apply(entry_id(&log_id), &proposal)
    }

    #[track_caller]
    fn applies(&mut self, command: Command) {
        let applied = self.command(command);
        assert_eq!(applied, Applied::Accepted);
    }

    #[track_caller]
    fn refuses(&mut self, command: Command) {
        let applied = self.command(command);
        assert!(matches!(applied, Applied::Refused(_)), "{applied:?}");
    }

    fn members_are(&mut self, voters: &[u64], nodes: &[u64]) {
        let nodes: BTreeMap<u64, BasicNode> =
            nodes.iter().map(|id| (*id, BasicNode { addr: format!("127.0.0.{id}:7400") })).collect();
        let voters: BTreeSet<u64> = voters.iter().copied().collect();
        let log_id = self.append(EntryPayload::Membership(Membership::new(vec![voters], nodes)));
        self.state.skip(entry_id(&log_id));
    }

    fn stamp(&self) -> Stamp {
        Stamp { epoch: self.state.office.epoch, elapsed_ms: self.elapsed_ms }
    }

    fn takes_office(&mut self, term: u64, node: u64) {
        self.leader = CommittedLeaderId::new(term, node);
        let log_id = self.append(EntryPayload::Blank);
        self.state.skip(entry_id(&log_id));
        (self.elapsed_ms, self.intents) = (0, 0);
        self.applies(Command::BeginEpoch { node: NodeId(node) });
    }

    fn after(&mut self, ms: u64) {
        self.elapsed_ms += ms;
        self.applies(Command::Tick { stamp: self.stamp() });
    }

    #[track_caller]
    fn told(&mut self, operation: Operation) {
        self.requests += 1;
        let request = format!("request-{}", self.requests);
        self.applies(Command::Operator { stamp: self.stamp(), request, by: "anna".to_owned(), operation });
    }

    fn intents(&mut self, actions: Vec<(Action, Cause)>, evidence: &Evidence) -> Vec<(IntentId, bool)> {
        let mut intents = Vec::new();
        for (action, cause) in actions {
            self.intents += 1;
            let id = IntentId { epoch: self.state.office.epoch, number: self.intents };
            intents.push(Intent { id, action, cause, reasons: vec!["a reason".to_owned()] });
        }
        let evidence = check::evidence_for(&self.state, evidence, intents.iter().map(|it| &it.action));
        let (stamp, policy_version) = (self.stamp(), self.state.policy_version);
        let batch = IntentBatch { stamp, policy_version, evidence, intents };
        match self.command(Command::Intents(Box::new(batch))) {
            Applied::Intents(answers) => answers.iter().map(|(id, answer)| (*id, answer.is_ok())).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn intends(&mut self, action: Action, cause: Cause, evidence: &Evidence) -> IntentId {
        let (id, accepted) = self.intents(vec![(action, cause)], evidence)[0];
        assert!(accepted, "{id}: {:?}", self.state.history.back());
        id
    }

    fn ended(&mut self, id: IntentId, outcome: Outcome) {
        self.applies(Command::Outcomes { stamp: self.stamp(), outcomes: vec![(id, outcome)] });
    }

    fn policy(&self) -> Policy {
        (*self.state.policy).clone()
    }

    fn form() -> Command {
        Command::Form {
            cluster_id: ClusterId::from("c-1"),
            policy: Box::new(world::policy()),
            members: [1, 2, 3].map(|n| (NodeId(n), disk(n))).to_vec(),
            mode: Mode::Act,
        }
    }

    fn adopts(&mut self) {
        for n in [1, 2] {
            let (stamp, reason) = (self.stamp(), "it is seen there".to_owned());
            self.applies(Command::Adopt { stamp, route: route(n), path: tunnel(n), reason });
        }
    }

    /// What goes into the snapshot.
    fn forms(&mut self) {
        self.members_are(&[1, 2, 3], &[1, 2, 3]);
        let log_id = self.append(EntryPayload::Blank);
        self.state.skip(entry_id(&log_id));
        self.applies(Self::form());
        self.applies(Command::BeginEpoch { node: NodeId(3) });
        self.after(self.state.policy.timing.takeover_wait_ms() + 1);
        self.adopts();
        self.told(Operation::Pause { reason: "maintenance".to_owned(), for_ms: Some(60_000) });
    }

    fn members(&mut self) {
        let by = || "anna".to_owned();
        let step = |n, step| Command::Member { node: NodeId(n), step, by: by() };
        self.refuses(Self::form());
        self.applies(step(4, MemberStep::Add));
        self.members_are(&[1, 2, 3], &[1, 2, 3, 4]);
        self.applies(Command::Admit { node: NodeId(4), incarnation: disk(4) });
        self.applies(step(4, MemberStep::Promote));
        for each in [MemberStep::Add, MemberStep::Remove, MemberStep::Removed] {
            self.applies(step(5, each));
        }
        self.applies(Command::Readmit { node: NodeId(2), incarnation: Some(disk(22)), by: by() });
        self.applies(Command::HandOver { to: NodeId(3), by: by() });
        let (stamp, supported_by) = (self.stamp(), [1, 2, 3, 4].map(NodeId).to_vec());
        self.refuses(Command::RaiseRules { stamp, version: 1, supported_by });
    }

    fn operators(&mut self) {
        let (gateway, reason) = (world::gateway(2), "new kernel".to_owned());
        self.told(Operation::Resume);
        self.told(Operation::SetMode(Mode::Observe));
        let reasons = vec!["a reason".to_owned()];
        let note = Note::Advice { action: set(1, 1, 2), cause: Cause::Failover, reasons };
        self.applies(Command::Note { stamp: self.stamp(), note });
        self.told(Operation::SetMode(Mode::Act));
        // Who acts again takes the routes where they are.
        self.adopts();
        let note = Note::Drift { route: route(2), seen: Some(world::eni(9)) };
        self.applies(Command::Note { stamp: self.stamp(), note });
        self.told(Operation::Drain { gateway: gateway.clone(), reason: reason.clone() });
        self.told(Operation::Undrain { gateway: gateway.clone() });
        self.told(Operation::RestartGateway { gateway: gateway.clone(), reason, force: false });
        self.told(Operation::CancelRestart { gateway: gateway.clone() });
        let version = PolicyVersion(self.state.policy_version.0 + 1);
        self.told(Operation::ApplyPolicy { version, policy: Box::new(world::following()) });
        let (instance, interface) = ("i-00000000000000022".into(), "eni-00000022".to_owned());
        self.told(Operation::ReplaceGateway { gateway, instance, interface });
        // Back to the instance that the rest of the story is about.
        let version = PolicyVersion(self.state.policy_version.0 + 1);
        self.told(Operation::ApplyPolicy { version, policy: Box::new(world::following()) });
        self.told(Operation::Pin { route: route(2), path: tunnel(1) });
        self.told(Operation::Unpin { route: route(2) });
        self.told(Operation::Switchover { route: route(2), path: tunnel(1) });
        self.told(Operation::Switchover { route: route(2), path: tunnel(2) });
        let assigned = FollowedRoute { path: "cloud-1".into(), epoch: Epoch(4), index: LogIndex(40) };
        let (cluster, theirs) = (ClusterId::from("cloud"), "cloud-route-1".into());
        let preference = Preference { cluster, route: theirs, assigned, noted: LogIndex(0) };
        self.applies(Command::Follow { stamp: self.stamp(), preferences: vec![(route(1), preference)] });
    }

    /// A gateway dies; its route moves, it is stopped and started.
    fn fails_over(&mut self) {
        let policy = self.policy();
        self.after(1_000);
        // Of a route that the policy has not.
        let each = world::CAUSES.map(|cause| (set(9, 1, 1), cause));
        assert!(self.intents(each.to_vec(), &healthy(&policy)).iter().all(|(_, accepted)| !accepted));
        let gone = dead(&policy, 1, InstanceState::Running);
        let moved = self.intends(set(1, 1, 2), Cause::Failover, &gone);
        self.ended(moved, Outcome::Done);
        self.after(200_000);
        let stopped = self.intends(stop(1), Cause::Remediate, &gone);
        self.ended(stopped, Outcome::NoAnswer { message: "2000 ms without an answer".to_owned() });
        self.after(200_000);
        let stands = dead(&policy, 1, InstanceState::Stopped);
        for outcome in [
            Outcome::Failed { code: "InternalError".to_owned(), message: "no".to_owned() },
            Outcome::NotSent { reason: "no connection".to_owned() },
            Outcome::Done,
        ] {
            let (started, _) = self.intents(vec![(start(1), Cause::StartOwed)], &stands)[0];
            let outcomes = vec![(started, outcome)];
            self.command(Command::Outcomes { stamp: self.stamp(), outcomes });
            self.after(60_000);
        }
        for ending in [SlotEnding::Failed, SlotEnding::Gone, SlotEnding::Healthy] {
            let (gateway, evidence) = (world::gateway(1), Box::new(healthy(&policy)));
            self.command(Command::CloseSlot { stamp: self.stamp(), gateway, ending, evidence });
        }
        assert_eq!(self.state.slot, None, "the gateway is healthy again");
    }

    /// Two calls of which nobody knows whether they were made: one that is settled, and one that is not.
    fn ends_in_doubt(&mut self) {
        let policy = self.policy();
        let doubt = self.intends(set(2, 2, 1), Cause::Failover, &dead(&policy, 2, InstanceState::Running));
        self.takes_office(4, 2);
        self.elapsed_ms = 30_000;
        self.applies(Command::Settle { stamp: self.stamp(), intents: vec![doubt] });
        let mut gone = dead(&policy, 1, InstanceState::Running);
        gone.routes.get_mut(&route(2)).unwrap().target = Some(world::eni(1));
        self.intends(set(2, 1, 2), Cause::Failover, &gone);
        let reason = "a disk is replaced".to_owned();
        self.told(Operation::Drain { gateway: world::gateway(1), reason: reason.clone() });
        self.told(Operation::Pause { reason, for_ms: None });
    }
}
