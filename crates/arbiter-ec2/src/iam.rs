//! What IAM must allow a node's role: the policy document, made from [`Api`], so that it allows what is called and no
//! more. `deploy/iam-policy.json` is this text; a test of this module holds it to that, and one of `tests/tidy` holds the
//! calls of this crate's code against the file.

use crate::pace::Api;

/// The tag, and its value, that a route table or an instance must bear to be changed by us.
pub const MANAGED: (&str, &str) = ("route-arbiter", "managed");

/// How much the role is to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All that a node does.
    Act,
    /// Only to look: for a cluster that observes, next to whatever else moves the routes still.
    Observe,
}

/// What an action does to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Looks,
    Changes,
}

/// Without a wildcard: a new action is not permitted by anybody's oversight, but placed here.
fn kind(api: Api) -> Kind {
    match api {
        Api::DescribeRouteTables
        | Api::DescribeInstances
        | Api::DescribeInstanceStatus
        | Api::DescribeNetworkInterfaces => Kind::Looks,
        Api::ReplaceRoute | Api::StopInstances | Api::StartInstances => Kind::Changes,
    }
}

/// The policy document. It names no ARN, so that it serves every partition, region and account.
pub fn policy_document(extent: Extent) -> String {
    // EC2 can't restrict describes to resources.
    let mut statements = vec![statement("Look", Kind::Looks, None)];
    if extent == Extent::Act {
        statements.push(statement("MoveRoutesAndRestartGateways", Kind::Changes, Some(MANAGED)));
    }
    format!("{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n{}\n  ]\n}}\n", statements.join(",\n"))
}

/// One statement. Nothing in it needs to be escaped: all texts are words of ours.
fn statement(sid: &str, of: Kind, only_tagged: Option<(&str, &str)>) -> String {
    let actions: Vec<_> = Api::ALL
        .into_iter()
        .filter(|api| kind(*api) == of)
        .map(|api| format!("        \"ec2:{api}\""))
        .collect();
    let condition = only_tagged.map_or_else(String::new, |(key, value)| {
        format!(
            ",\n      \"Condition\": {{\n        \"StringEquals\": {{\n          \
             \"aws:ResourceTag/{key}\": \"{value}\"\n        }}\n      }}"
        )
    });
    format!(
        "    {{\n      \"Sid\": \"{sid}\",\n      \"Effect\": \"Allow\",\n      \"Action\": [\n{}\n      ],\n      \
         \"Resource\": \"*\"{condition}\n    }}",
        actions.join(",\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbiter_lab::iam::IamPolicy;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn actions(extent: Extent) -> BTreeSet<String> {
        IamPolicy::parse(&policy_document(extent)).unwrap().actions()
    }

    /// Compares with the file, or rewrites it if `UPDATE_GOLDEN` is set.
    #[test]
    fn the_file_in_deploy_is_what_this_code_makes() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/iam-policy.json");
        let made = policy_document(Extent::Act);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &made).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            made,
            "deploy/iam-policy.json differs; if that is meant: UPDATE_GOLDEN=1 cargo test -p arbiter-ec2 --lib"
        );
    }

    #[test]
    fn it_allows_every_action_that_is_called_and_no_other() {
        let all: BTreeSet<_> = Api::ALL.iter().map(|api| format!("ec2:{api}")).collect();
        assert_eq!(all.len(), Api::ALL.len());
        assert_eq!(actions(Extent::Act), all);
    }

    #[test]
    fn who_observes_may_only_describe() {
        let looks = actions(Extent::Observe);
        assert!(looks.iter().all(|action| action.starts_with("ec2:Describe")), "{looks:?}");
        let changes: Vec<_> = actions(Extent::Act).difference(&looks).cloned().collect();
        assert_eq!(changes, ["ec2:ReplaceRoute", "ec2:StartInstances", "ec2:StopInstances"]);
    }
}
