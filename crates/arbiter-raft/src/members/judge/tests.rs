//! Each refusal by itself.

use super::*;
use crate::view::{RaftView, Role, Standing};
use arbiter_core::ids::{Incarnation, LogIndex, Term};
use arbiter_core::state::Member;
use std::collections::BTreeMap;

fn ids<const N: usize>(ids: [u64; N]) -> BTreeSet<NodeId> {
    ids.map(NodeId).into()
}

/// Node 1 leads 2 and 3; 4 is a learner.
fn view() -> RaftView {
    RaftView {
        id: NodeId(1),
        incarnation: Incarnation(11),
        standing: Standing::Member,
        term: Term(1),
        role: Role::Leader,
        leader: Some(NodeId(1)),
        last_log: LogIndex(500),
        committed: LogIndex(500),
        applied: LogIndex(500),
        snapshot: LogIndex(0),
        voters: ids([1, 2, 3]),
        learners: ids([4]),
        addresses: BTreeMap::new(),
        joint: false,
        millis_since_quorum_ack: None,
        lag: BTreeMap::from([(NodeId(2), Some(0)), (NodeId(3), Some(0)), (NodeId(4), Some(7))]),
        fatal: None,
    }
}

fn state() -> ClusterState {
    let mut state = ClusterState::default();
    for node in 1..=4 {
        state.members.insert(NodeId(node), Member::with(Incarnation(node * 11)));
    }
    state.members.insert(NodeId(9), Member { incarnation: None, place: Place::Removed });
    state
}

fn judged(
    view: &RaftView,
    state: &ClusterState,
    heard: BTreeSet<NodeId>,
    node: u64,
    step: MemberStep,
) -> String {
    let facts = Facts { view, state, heard, caught_up: 200 };
    facts.judge(NodeId(node), step).map_or_else(|error| error.to_string(), |()| "yes".to_owned())
}

#[test]
fn what_is_whole_may_change() {
    let all = || ids([2, 3, 4]);
    for (node, step) in
        [(5, MemberStep::Add), (4, MemberStep::Promote), (4, MemberStep::Remove), (3, MemberStep::Remove)]
    {
        assert_eq!(judged(&view(), &state(), all(), node, step), "yes", "{node} {step:?}");
    }
    // A learner that is dead may go; a removal that was left halfway may be completed.
    assert_eq!(judged(&view(), &state(), ids([2, 3]), 4, MemberStep::Remove), "yes");
    let mut halfway = state();
    halfway.members.insert(NodeId(5), Member { incarnation: Some(Incarnation(5)), place: Place::Leaving });
    assert_eq!(judged(&view(), &halfway, all(), 5, MemberStep::Remove), "yes");
    // Of three, one that is dead may go: the two others are a majority of two.
    assert_eq!(judged(&view(), &state(), ids([2]), 3, MemberStep::Remove), "yes");
}

#[test]
fn each_refusal_says_why() {
    let all = || ids([2, 3, 4]);
    let refused = |node, step| judged(&view(), &state(), all(), node, step);
    assert_eq!(refused(2, MemberStep::Add), "node 2 is a member already, and votes");
    assert_eq!(refused(4, MemberStep::Add), "node 4 is a member already, as a learner");
    assert_eq!(refused(2, MemberStep::Promote), "node 2 is a member already, and votes");
    assert_eq!(refused(5, MemberStep::Promote), "node 5 is no member of the cluster");
    assert_eq!(refused(5, MemberStep::Remove), "node 5 is no member of the cluster");
    for step in [MemberStep::Add, MemberStep::Promote, MemberStep::Remove] {
        assert!(refused(9, step).contains("its id is never used again"), "{}", refused(9, step));
    }
    assert!(refused(1, MemberStep::Remove).contains("hand the leadership over first"));
}

#[test]
fn a_learner_must_have_joined_caught_up_and_be_heard() {
    let mut unborn = state();
    unborn.members.insert(NodeId(4), Member::default());
    let said = judged(&view(), &unborn, ids([2, 3]), 4, MemberStep::Promote);
    assert!(said.contains("has not joined yet"), "{said}");
    for (lag, words) in
        [(Some(201), "it lacks 201 entries, 200 are allowed"), (None, "nobody knows yet how far")]
    {
        let mut view = view();
        view.lag.insert(NodeId(4), lag);
        let said = judged(&view, &state(), ids([2, 3, 4]), 4, MemberStep::Promote);
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(
        judged(&view(), &state(), ids([2, 3]), 4, MemberStep::Promote),
        "node 4 is not heard by the leader"
    );
}

#[test]
fn a_change_that_would_lose_the_quorum_is_refused_and_names_who_is_silent() {
    // 3 is dead: without 2 nobody could commit anything.
    let said = judged(&view(), &state(), ids([2, 4]), 2, MemberStep::Remove);
    assert_eq!(said, "the quorum would be lost: of 2 voters 2 are needed then, and not heard are node 3");
    // With 2 voters of which one is dead there is no quorum to begin with; a third voter would not repair that.
    let mut two = view();
    two.voters = ids([1, 2, 3]);
    let said = judged(&two, &state(), ids([4]), 4, MemberStep::Promote);
    assert!(said.contains("of 4 voters 3 are needed then, and not heard are node 2, node 3"), "{said}");
    let mut alone = view();
    alone.voters = ids([1]);
    assert_eq!(judged(&alone, &state(), ids([4]), 1, MemberStep::Remove), "node 1 is the only voter");
}

#[test]
fn while_a_change_is_halfway_there_is_no_other() {
    let mut joint = view();
    joint.joint = true;
    for (node, step) in [(5, MemberStep::Add), (4, MemberStep::Promote), (3, MemberStep::Remove)] {
        assert!(judged(&joint, &state(), ids([2, 3, 4]), node, step).contains("one at a time"));
    }
}
