use crate::command::{Applied, Command, MemberStep, Operation, Refusal};
use crate::fixture::{Cluster, policy_with};
use crate::ids::{Incarnation, NodeId, PolicyVersion};
use crate::state::Place;

fn step(cluster: &mut Cluster, node: u64, step: MemberStep) -> Applied {
    cluster.apply(Command::Member { node: NodeId(node), step, by: "ops".into() })
}

fn gone(node: u64) -> Applied {
    Applied::Refused(Refusal::Removed { node: NodeId(node) })
}

#[test]
fn an_id_that_was_removed_is_used_up_whoever_asks() {
    let mut cluster = Cluster::reference();
    let admit = |node, disk| Command::Admit { node: NodeId(node), incarnation: Incarnation(disk) };
    assert_eq!(step(&mut cluster, 4, MemberStep::Add), Applied::Accepted);
    assert_eq!(cluster.apply(admit(4, 44)), Applied::Accepted);
    assert_eq!(step(&mut cluster, 4, MemberStep::Promote), Applied::Accepted);
    assert_eq!(step(&mut cluster, 4, MemberStep::Remove), Applied::Accepted);
    let leaving = cluster.state.members[&NodeId(4)].clone();
    assert_eq!(leaving.incarnation, Some(Incarnation(44)), "Raft may count it still: it may speak");
    assert_eq!(leaving.place, Place::Leaving);
    for late in [MemberStep::Add, MemberStep::Promote] {
        let Applied::Refused(why) = step(&mut cluster, 4, late) else { panic!("{late:?}") };
        assert!(why.to_string().contains("removal of node 4 is under way"), "{why}");
    }
    assert_eq!(step(&mut cluster, 4, MemberStep::Removed), Applied::Accepted);
    assert_eq!(step(&mut cluster, 4, MemberStep::Removed), Applied::Repeated);
    assert!(cluster.state.was_removed(NodeId(4)) && !cluster.state.remaining().any(|node| node == NodeId(4)));
    for step_again in [MemberStep::Add, MemberStep::Promote, MemberStep::Remove] {
        assert_eq!(step(&mut cluster, 4, step_again), gone(4));
    }
    // Neither its old disk nor a new one, nor by way of a readmission.
    assert_eq!(cluster.apply(admit(4, 44)), gone(4));
    assert_eq!(cluster.apply(admit(4, 45)), gone(4));
    let readmit = Command::Readmit { node: NodeId(4), incarnation: None, by: "ops".into() };
    assert_eq!(cluster.apply(readmit), gone(4));
}

#[test]
fn a_gateways_node_stays_until_its_gateway_has_left_the_policy() {
    let mut cluster = Cluster::reference();
    let Applied::Refused(why) = step(&mut cluster, 1, MemberStep::Remove) else { panic!() };
    assert!(why.to_string().contains("speaks for gateway strongswan-1"), "{why}");
    assert_eq!(cluster.state.members[&NodeId(1)].place, Place::In);
    // The witness carries none. Nor may a gateway be given to a node that has gone.
    assert_eq!(step(&mut cluster, 3, MemberStep::Remove), Applied::Accepted);
    assert_eq!(step(&mut cluster, 3, MemberStep::Removed), Applied::Accepted);
    let policy = policy_with(|policy| {
        policy.gateways[1].node = NodeId(3);
        policy.gateways[1].zone = policy.nodes[2].zone.clone();
        for probe in policy.probes.iter_mut() {
            for observer in probe.observers.iter_mut() {
                *observer = match observer.0 {
                    2 => NodeId(3),
                    3 => NodeId(2),
                    _ => *observer,
                };
            }
        }
    });
    let apply = Operation::ApplyPolicy { version: PolicyVersion(2), policy: Box::new(policy) };
    assert_eq!(cluster.asked(apply), gone(3));
}
