//! An IAM policy document, as it is written in JSON, and what it allows. What we don't understand of one is refused, and
//! not skipped: a condition that is not looked at would allow more than is written.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The condition key that names a tag of the resource.
const RESOURCE_TAG: &str = "aws:ResourceTag/";

/// The policy of the nodes' role, as operators get it.
const OF_NODES: &str = include_str!("../../../../deploy/iam-policy.json");

/// Why a policy document can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// No JSON, or with a part that is not understood.
    #[error("the IAM policy can't be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// An action that the endpoint can't judge.
    #[error(
        "the IAM policy has the action `{0}`: write `ec2:` and a name, or its beginning and `*`, or `*` alone"
    )]
    Action(String),
    /// A condition that the endpoint can't judge.
    #[error("the IAM policy has a condition on `{0}`: only aws:ResourceTag/KEY is understood")]
    Condition(String),
}

/// A policy document that was understood.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct IamPolicy {
    #[serde(rename = "Version")]
    _version: Version,
    statement: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
enum Version {
    #[serde(rename = "2012-10-17")]
    Of2012,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    #[serde(rename = "Sid")]
    _sid: Option<String>,
    #[serde(rename = "Effect")]
    _effect: Effect,
    action: Vec<String>,
    #[serde(rename = "Resource")]
    _resource: Resources,
    #[serde(default)]
    condition: Condition,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
enum Resources {
    #[serde(rename = "*")]
    All,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Condition {
    string_equals: BTreeMap<String, String>,
}

impl IamPolicy {
    /// Reads a document.
    ///
    /// # Errors
    /// It is no JSON, or has something that the endpoint does not know how to judge.
    pub fn parse(json: &str) -> Result<Self, DocumentError> {
        let policy: Self = serde_json::from_str(json)?;
        for statement in &policy.statement {
            for action in &statement.action {
                let name = if action == "*" { Some("*") } else { action.strip_prefix("ec2:") };
                let stem = name.map(|name| name.strip_suffix('*').unwrap_or(name));
                if stem.is_none_or(|stem| !stem.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
                    return Err(DocumentError::Action(action.clone()));
                }
            }
            let foreign = |key: &&String| key.strip_prefix(RESOURCE_TAG).is_none_or(str::is_empty);
            if let Some(key) = statement.condition.string_equals.keys().find(foreign) {
                return Err(DocumentError::Condition(key.clone()));
            }
        }
        Ok(policy)
    }

    /// What `deploy/iam-policy.json` allows the nodes' role.
    ///
    /// # Errors
    /// The file has something that the endpoint does not know how to judge.
    pub fn of_nodes() -> Result<Self, DocumentError> {
        Self::parse(OF_NODES)
    }

    /// The actions as they are written, with `ec2:`.
    pub fn actions(&self) -> BTreeSet<String> {
        self.statement.iter().flat_map(|statement| statement.action.iter().cloned()).collect()
    }

    /// The same without that action, written as it is there.
    #[must_use]
    pub fn without(mut self, action: &str) -> Self {
        for statement in &mut self.statement {
            statement.action.retain(|written| written != action);
        }
        self
    }

    /// Whether one statement allows the action (without `ec2:`) on a resource with these tags. A resource that does not
    /// exist has none.
    pub(super) fn allows(&self, action: &str, tags: &BTreeMap<String, String>) -> bool {
        self.statement.iter().any(|statement| {
            statement.action.iter().any(|pattern| matches(pattern, action))
                && statement.condition.string_equals.iter().all(|(key, value)| {
                    key.strip_prefix(RESOURCE_TAG).is_some_and(|key| tags.get(key) == Some(value))
                })
        })
    }
}

/// IAM does not tell small letters from capitals in the names of actions.
fn matches(pattern: &str, action: &str) -> bool {
    let name = pattern.strip_prefix("ec2:").unwrap_or(pattern);
    match name.strip_suffix('*') {
        Some(beginning) => {
            action.get(..beginning.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(beginning))
        }
        None => action.eq_ignore_ascii_case(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(actions: &str, more: &str) -> String {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": [{actions}], "Resource": "*"{more}}}]}}"#
        )
    }

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_action_is_allowed_by_its_name_or_by_its_beginning() {
        let allows = |pattern: &str, action: &str| {
            IamPolicy::parse(&policy(&format!("\"{pattern}\""), "")).unwrap().allows(action, &tags(&[]))
        };
        for pattern in ["ec2:StopInstances", "ec2:stopinstances", "ec2:Stop*", "ec2:*", "*"] {
            assert!(allows(pattern, "StopInstances"), "{pattern}");
        }
        for pattern in ["ec2:Stop", "ec2:StartInstances", "ec2:StopInstancesNow*", "ec2:"] {
            assert!(!allows(pattern, "StopInstances"), "{pattern}");
        }
    }

    #[test]
    fn a_condition_wants_its_tag_with_its_value() {
        let condition = r#", "Condition": {"StringEquals": {"aws:ResourceTag/route-arbiter": "managed"}}"#;
        let policy = IamPolicy::parse(&policy("\"ec2:ReplaceRoute\"", condition)).unwrap();
        assert!(policy.allows("ReplaceRoute", &tags(&[("Name", "x"), ("route-arbiter", "managed")])));
        for wrong in [&[][..], &[("route-arbiter", "Managed")], &[("Route-Arbiter", "managed")]] {
            assert!(!policy.allows("ReplaceRoute", &tags(wrong)), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_and_not_skipped() {
        for (json, words) in [
            (policy("\"s3:GetObject\"", ""), "`s3:GetObject`"),
            (policy("\"ec2:*Instances\"", ""), "`ec2:*Instances`"),
            (policy("\"ec2:A\"", r#", "NotAction": []"#), "NotAction"),
            (policy("\"ec2:A\"", r#", "Condition": {"StringLike": {}}"#), "StringLike"),
            (
                policy("\"ec2:A\"", r#", "Condition": {"StringEquals": {"ec2:Region": "x"}}"#),
                "a condition on `ec2:Region`",
            ),
            (policy("\"ec2:A\"", "").replace("Allow", "Deny"), "Deny"),
            (
                policy("\"ec2:A\"", "").replace(r#""Resource": "*""#, r#""Resource": "arn:aws:ec2:x""#),
                "arn:aws",
            ),
            (policy("\"ec2:A\"", "").replace("2012-10-17", "2008-10-17"), "2008-10-17"),
            ("{".to_owned(), "can't be read"),
        ] {
            let refused = IamPolicy::parse(&json).unwrap_err().to_string();
            assert!(refused.contains(words), "{json}: {refused}");
        }
    }

    #[test]
    fn an_action_can_be_taken_out() {
        let whole = IamPolicy::of_nodes().unwrap();
        let less = whole.clone().without("ec2:StopInstances");
        let gone: Vec<_> = whole.actions().difference(&less.actions()).cloned().collect();
        assert_eq!(gone, ["ec2:StopInstances"]);
    }
}
