//! Who may do what at the endpoint: an access key stands for a role, and a role for what its IAM policy allows.
//!
//! The demo and the lab give their nodes what `deploy/iam-policy.json` gives them, and nothing to keys that nobody has named.

mod document;

pub use document::{DocumentError, IamPolicy};

use crate::world::Refusal;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a caller may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// All.
    Everything,
    /// Nothing.
    Nothing,
    /// What a policy allows.
    Only(IamPolicy),
}

/// The roles of all callers. Clones share them.
#[derive(Debug, Clone)]
pub struct Roles {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    by_key: BTreeMap<String, Role>,
    /// Of keys that nobody has named.
    others: Role,
    uses: Uses,
}

/// What was made of the roles so far. Bounded: only actions that the endpoint knows are judged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Uses {
    /// Actions that were allowed to callers with a policy, dry runs left out.
    pub used: BTreeSet<String>,
    /// Actions that were refused to callers with a policy, also dry runs.
    pub refused: BTreeSet<String>,
}

/// Something that a call would act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    /// Its id; `*` for calls that act on nothing in particular.
    pub id: String,
    pub tags: BTreeMap<String, String>,
}

impl Default for Roles {
    /// Everybody may do everything.
    fn default() -> Self {
        Self::new(Role::Everything)
    }
}

impl Roles {
    /// Nobody is named yet; `others` is for those who are not.
    pub fn new(others: Role) -> Self {
        let state = State { by_key: BTreeMap::new(), others, uses: Uses::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The callers with these access keys may do what the policy allows, and nobody else anything.
    pub fn of_callers<'a>(access_keys: impl IntoIterator<Item = &'a str>, policy: &IamPolicy) -> Self {
        let roles = Self::new(Role::Nothing);
        for key in access_keys {
            roles.give(key, Role::Only(policy.clone()));
        }
        roles
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the callers with that access key a role, instead of the one that they had.
    pub fn give(&self, access_key: &str, role: Role) {
        self.state().by_key.insert(access_key.to_owned(), role);
    }

    /// What was made of them so far.
    pub fn uses(&self) -> Uses {
        self.state().uses.clone()
    }

    /// Whether a call may be made. All that it would act on must be allowed.
    pub(crate) fn judge(
        &self,
        access_key: &str,
        action: &str,
        dry_run: bool,
        resources: &[Resource],
    ) -> Result<(), Refusal> {
        let State { by_key, others, uses } = &mut *self.state();
        let refused = match by_key.get(access_key).unwrap_or(others) {
            Role::Everything => return Ok(()),
            Role::Nothing => return Err(Refusal::not_allowed(access_key, action, "*")),
            Role::Only(policy) => resources.iter().find(|it| !policy.allows(action, &it.tags)),
        };
        if let Some(resource) = refused {
            uses.refused.insert(action.to_owned());
            return Err(Refusal::not_allowed(access_key, action, &resource.id));
        }
        if !dry_run {
            uses.used.insert(action.to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(id: &str, managed: bool) -> Resource {
        let tag = ("route-arbiter".to_owned(), "managed".to_owned());
        Resource { id: id.to_owned(), tags: managed.then_some(tag).into_iter().collect() }
    }

    #[test]
    fn everything_that_a_call_acts_on_must_be_allowed() {
        let roles = Roles::of_callers(["A"], &IamPolicy::of_nodes().unwrap());
        let judge = |ids: &[Resource]| roles.judge("A", "StopInstances", false, ids).map_err(|it| it.message);
        assert_eq!(judge(&[resource("i-1", true), resource("i-2", true)]), Ok(()));
        let refused = judge(&[resource("i-1", true), resource("i-2", false)]).unwrap_err();
        assert!(refused.contains("ec2:StopInstances on resource: i-2"), "{refused}");
        let all = BTreeSet::from(["StopInstances".to_owned()]);
        assert_eq!(roles.uses(), Uses { used: all.clone(), refused: all });
    }

    #[test]
    fn a_key_that_nobody_has_named_has_the_others_role() {
        let ids = [resource("rtb-1", true)];
        assert!(Roles::default().judge("B", "ReplaceRoute", false, &ids).is_ok());
        let roles = Roles::of_callers(["A"], &IamPolicy::of_nodes().unwrap());
        assert_eq!(roles.judge("B", "ReplaceRoute", false, &ids).unwrap_err().code, "UnauthorizedOperation");
        roles.give("B", Role::Everything);
        assert!(roles.judge("B", "ReplaceRoute", false, &ids).is_ok());
        assert_eq!(roles.uses(), Uses::default(), "of those with a policy");
    }

    #[test]
    fn a_dry_run_uses_nothing_and_is_refused_all_the_same() {
        let roles = Roles::of_callers(["A"], &IamPolicy::of_nodes().unwrap());
        assert!(roles.judge("A", "ReplaceRoute", true, &[resource("rtb-1", true)]).is_ok());
        assert_eq!(roles.uses(), Uses::default());
        assert!(roles.judge("A", "ReplaceRoute", true, &[resource("rtb-1", false)]).is_err());
        assert_eq!(roles.uses().refused.len(), 1);
    }
}
