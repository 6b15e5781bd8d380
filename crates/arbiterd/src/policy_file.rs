//! This node's own file against the policy in force: the file only seeds the cluster, and may have been left behind.

use arbiter_control::Look;
use arbiter_core::health::{self, Alarm, Code};
use arbiter_core::policy::Policy;
use arbiter_core::state::ClusterState;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::watch;

/// Differences that are named; more are counted.
const NAMED: usize = 5;

/// The policy that this node's file holds.
#[derive(Debug)]
pub(crate) struct PolicyFile {
    policy: Policy,
}

impl PolicyFile {
    pub const fn new(policy: Policy) -> Self {
        Self { policy }
    }

    /// Adds the alarm to what this node sees, if its file differs.
    pub fn warn_in(&self, look: &mut Look) {
        if let Some(detail) = self.differs_from(&look.state) {
            look.alarms.push(Alarm::new(Code::PolicyDiffers, look.state.policy.node_name(look.me), detail));
            health::sort(&mut look.alarms);
        }
    }

    /// What the file says.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Says so in the log too, once for each version of the policy. Ends with the node.
    pub async fn watch(self: Arc<Self>, mut states: watch::Receiver<Arc<ClusterState>>) {
        let mut compared = None;
        loop {
            let state = Arc::clone(&states.borrow_and_update());
            let version = state.policy_version;
            if state.cluster_id.is_some() && compared != Some(version) {
                compared = Some(version);
                if let Some(detail) = self.differs_from(&state) {
                    tracing::warn!(
                        %version,
                        "the policy in force differs from this node's file, which is not used; {detail}; put the file \
                         in force with `arbiterctl policy apply`, or bring it up to date"
                    );
                }
            }
            drop(state);
            if states.changed().await.is_err() {
                return;
            }
        }
    }

    /// What differs, by name; `None` if nothing does, or nothing is in force yet.
    fn differs_from(&self, state: &ClusterState) -> Option<String> {
        state.cluster_id.as_ref().and_then(|_| self.difference(&state.policy))
    }

    /// What differs from the policy in force, by name.
    pub fn difference(&self, force: &Policy) -> Option<String> {
        let file = &self.policy;
        if file == force {
            return None;
        }
        let mut differences = Vec::new();
        if file.cluster != force.cluster {
            differences.push("the cluster's name".to_owned());
        }
        compare("node", &file.nodes, &force.nodes, |node| &node.name, &mut differences);
        compare("gateway", &file.gateways, &force.gateways, |gateway| &gateway.id.0, &mut differences);
        compare("path", &file.paths, &force.paths, |path| &path.id.0, &mut differences);
        compare("route", &file.routes, &force.routes, |route| &route.id.0, &mut differences);
        compare("probe", &file.probes, &force.probes, |probe| &probe.id.0, &mut differences);
        if file.timing != force.timing {
            differences.push("[timing]".to_owned());
        }
        if file.remediation != force.remediation {
            differences.push("[remediation]".to_owned());
        }
        if differences.is_empty() {
            differences.push("the order".to_owned());
        }
        let more = differences.len().saturating_sub(NAMED);
        differences.truncate(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Some(format!("it differs in {}{more}", differences.join(", ")))
    }
}

/// Names what stands on one side only, or differs.
fn compare<T: PartialEq>(
    kind: &str,
    file: &[T],
    force: &[T],
    name: impl Fn(&T) -> &str,
    differences: &mut Vec<String>,
) {
    let names: BTreeSet<&str> = file.iter().chain(force).map(&name).collect();
    for each in names {
        let find = |items: &'_ [T]| items.iter().position(|item| name(item) == each);
        let difference = match (find(file), find(force)) {
            (Some(_), None) => format!("{kind} {each} (only in the file)"),
            (None, Some(_)) => format!("{kind} {each} (not in the file)"),
            (Some(a), Some(b)) if file.get(a) != force.get(b) => format!("{kind} {each}"),
            _ => continue,
        };
        differences.push(difference);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbiter_core::ids::{ClusterId, PolicyVersion};
    use std::path::Path;

    fn reference() -> Policy {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cluster.example.toml");
        arbiter_config::load(Path::new(file), "witness").expect("the example is valid").config.policy
    }

    fn in_force(policy: Policy) -> ClusterState {
        ClusterState {
            cluster_id: Some(ClusterId::from("c-1")),
            policy: Arc::new(policy),
            policy_version: PolicyVersion(4),
            ..ClusterState::default()
        }
    }

    #[test]
    fn a_file_that_says_what_is_in_force_is_no_alarm_nor_is_one_before_the_forming() {
        let file = PolicyFile::new(reference());
        assert_eq!(file.differs_from(&in_force(reference())), None);
        assert_eq!(file.differs_from(&ClusterState::default()), None);
    }

    #[test]
    fn what_differs_is_named_and_much_of_it_is_counted() {
        let file = PolicyFile::new(reference());
        let mut policy = reference();
        policy.routes.remove(1);
        policy.gateways[0].instance.0.push('x');
        policy.timing.freeze_moves += 1;
        let mut added = policy.probes[0].clone();
        added.id.0.push_str("-b");
        policy.probes.push(added);
        assert_eq!(
            file.differs_from(&in_force(policy.clone())).expect("it differs"),
            "it differs in gateway strongswan-1, route private-2 (only in the file), \
             probe tunnel-1-b (not in the file), [timing]"
        );
        policy.nodes.clear();
        let said = file.differs_from(&in_force(policy)).expect("it differs");
        assert!(said.ends_with(" and 2 more"), "{said}");
        let mut policy = reference();
        policy.paths.reverse();
        let said = file.differs_from(&in_force(policy)).expect("it differs");
        assert_eq!(said, "it differs in the order");
    }
}
