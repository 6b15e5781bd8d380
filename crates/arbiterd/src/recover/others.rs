//! What can be seen of the nodes that would be left behind.

use crate::side;
use arbiter_config::LocalConfig;
use arbiter_control::provider::{Observation, Provider, Scope};
use arbiter_core::evidence::InstanceState;
use arbiter_core::ids::NodeId;
use arbiter_core::policy::Policy;
use arbiter_raft::recovery::Survivor;
use futures::future::join_all;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a node's port gets to answer: three tries of TCP.
const KNOCK: Duration = Duration::from_secs(4);

/// What EC2 says of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// The state of its gateway's instance.
    Instance(String, InstanceState),
    /// The policy names no instance of it: a witness, or a host on premises.
    Unseen,
    /// EC2 gave no answer: why.
    Unasked(String),
}

/// One node that would be left behind.
#[derive(Debug, Clone)]
pub(super) struct Other {
    /// Its name.
    pub name: String,
    /// What EC2 says of it.
    pub seen: Seen,
    /// Where it was knocked at, and whether somebody answered.
    pub knocked: Option<(String, bool)>,
}

impl Other {
    /// Whether EC2 shows that it can't act.
    fn is_stopped(&self) -> bool {
        matches!(self.seen, Seen::Instance(_, InstanceState::Stopped | InstanceState::Terminated))
    }

    fn answers(&self) -> bool {
        self.knocked.as_ref().is_some_and(|(_, answers)| *answers)
    }

    /// What somebody has to answer for, if EC2 does not.
    pub fn doubt(&self) -> Option<String> {
        let why = match &self.seen {
            _ if self.answers() => "answers".to_owned(),
            _ if self.is_stopped() => return None,
            Seen::Instance(_, state) => state.to_string(),
            Seen::Unseen => "not in EC2".to_owned(),
            Seen::Unasked(_) => "EC2 not asked".to_owned(),
        };
        Some(format!("{} ({why})", self.name))
    }

    /// All that is known of it.
    pub fn words(&self) -> String {
        let seen = match &self.seen {
            Seen::Instance(id, state) => format!("its instance {id} is {state}"),
            Seen::Unseen => "the policy names no instance of it: EC2 can't say whether it runs".to_owned(),
            Seen::Unasked(why) => format!("EC2 could not be asked: {why}"),
        };
        let knocked = match &self.knocked {
            Some((address, true)) => format!("; SOMEBODY ANSWERS at {address}"),
            Some((address, false)) => format!("; nobody answers at {address}"),
            None => String::new(),
        };
        format!("{}: {seen}{knocked}", self.name)
    }
}

/// Looks for all of them.
pub(super) async fn look(local: &LocalConfig, survivor: &Survivor) -> Vec<Other> {
    let policy = &survivor.state.policy;
    let ids = survivor.others();
    let any_instance = ids.iter().any(|id| policy.gateway_of_node(*id).is_some());
    let (seen, knocked) = tokio::join!(
        async {
            if any_instance && policy.linux.is_none() { Some(ask_ec2(local, policy).await) } else { None }
        },
        join_all(ids.iter().map(|id| knock(local, survivor, *id))),
    );
    let of = |id: NodeId| match (policy.gateway_of_node(id), &seen) {
        (Some(gateway), Some(Ok(seen))) => match seen.instances.get(&gateway.id) {
            Some(instance) => Seen::Instance(gateway.instance.0.clone(), instance.state),
            None => Seen::Unasked("its answer lacks the instance".to_owned()),
        },
        (Some(_), Some(Err(why))) => Seen::Unasked(why.clone()),
        _ => Seen::Unseen,
    };
    let other = |(id, knocked): (&NodeId, _)| Other { name: policy.node_name(*id), seen: of(*id), knocked };
    ids.iter().zip(knocked).map(other).collect()
}

async fn ask_ec2(local: &LocalConfig, policy: &Policy) -> Result<Observation, String> {
    let ec2 = side::ec2_of(local).await.map_err(|error| format!("{error:#}"))?;
    ec2.observe(policy, Scope::All).await.map_err(|error| error.to_string())
}

/// Whether anything listens where the node was.
async fn knock(local: &LocalConfig, survivor: &Survivor, id: NodeId) -> Option<(String, bool)> {
    let address = local.peers.get(&id).or_else(|| survivor.addresses.get(&id))?.clone();
    let connected = tokio::time::timeout(KNOCK, TcpStream::connect(&address)).await;
    Some((address, matches!(connected, Ok(Ok(_)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(seen: Seen, answers: bool) -> Option<String> {
        let knocked = Some(("10.0.0.2:7400".to_owned(), answers));
        Other { name: "two".to_owned(), seen, knocked }.doubt()
    }

    #[test]
    fn ec2_answers_only_for_instances_that_it_shows_stopped() {
        use InstanceState::{Absent, Pending, Running, ShuttingDown, Stopped, Stopping, Terminated};
        for state in [Stopped, Terminated] {
            assert_eq!(other(Seen::Instance("i-2".to_owned(), state), false), None, "{state}");
            let doubt = other(Seen::Instance("i-2".to_owned(), state), true);
            assert_eq!(doubt.as_deref(), Some("two (answers)"), "somebody else may have its address");
        }
        for state in [Pending, Running, Stopping, ShuttingDown, Absent] {
            let doubt = other(Seen::Instance("i-2".to_owned(), state), false);
            assert_eq!(doubt, Some(format!("two ({state})")), "not yet, or nobody knows");
        }
        assert_eq!(other(Seen::Unseen, false).as_deref(), Some("two (not in EC2)"));
        assert_eq!(other(Seen::Unasked("denied".to_owned()), false).as_deref(), Some("two (EC2 not asked)"));
    }
}
