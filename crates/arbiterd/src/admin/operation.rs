//! What operators ask for, as the wire says it: checked before it goes anywhere.

use arbiter_config::Refused;
use arbiter_core::command::{Mode, Operation};
use arbiter_core::ids::{GatewayId, InstanceId, PathId, PolicyVersion, RouteId};
use arbiter_core::policy::Severity;
use arbiter_proto::v1;
use std::path::Path;
use tonic::Status;

/// Request ids and names longer than this, in bytes, are no ids and names.
pub(super) const NAME_LIMIT: usize = 200;

/// A reason longer than this, in bytes, is not read by anybody. The state keeps less of it.
const REASON_LIMIT: usize = 2_000;

/// Names in an answer to somebody who named none of them.
const NAMES_SHOWN: usize = 12;

/// An error's words travel in a header, escaped, and clients take 16 KiB of headers in all.
const WORDS_LIMIT: usize = 4_000;

/// An operator's command in the core's terms.
pub(crate) fn read(operation: Option<v1::operate_request::Operation>) -> Result<Operation, Status> {
    use v1::operate_request::Operation as Wire;
    Ok(match operation {
        Some(Wire::Switchover(v1::Switchover { route, path })) => {
            Operation::Switchover { route: RouteId(name("route", route)?), path: PathId(name("path", path)?) }
        }
        Some(Wire::Pause(v1::PauseCluster { reason, for_ms })) => {
            if for_ms == Some(0) {
                return Err(Status::invalid_argument("a pause of 0 ms ends at once"));
            }
            Operation::Pause { reason: given("a pause", reason)?, for_ms }
        }
        Some(Wire::Resume(_)) => Operation::Resume,
        Some(Wire::SetMode(mode)) => Operation::SetMode(if mode.observe { Mode::Observe } else { Mode::Act }),
        Some(Wire::Drain(v1::Drain { gateway, reason })) => Operation::Drain {
            gateway: GatewayId(name("gateway", gateway)?),
            reason: given("a drain", reason)?,
        },
        Some(Wire::Undrain(undrain)) => {
            Operation::Undrain { gateway: GatewayId(name("gateway", undrain.gateway)?) }
        }
        Some(Wire::Pin(v1::Pin { route, path })) => {
            Operation::Pin { route: RouteId(name("route", route)?), path: PathId(name("path", path)?) }
        }
        Some(Wire::Unpin(unpin)) => Operation::Unpin { route: RouteId(name("route", unpin.route)?) },
        Some(Wire::ReplaceGateway(v1::ReplaceGateway { gateway, instance, interface })) => {
            Operation::ReplaceGateway {
                gateway: GatewayId(name("gateway", gateway)?),
                instance: InstanceId(name("instance", instance)?),
                interface: name("interface", interface)?,
            }
        }
        Some(Wire::RestartGateway(v1::RestartGateway { gateway, reason, force })) => {
            Operation::RestartGateway {
                gateway: GatewayId(name("gateway", gateway)?),
                reason: given("a restart", reason)?,
                force,
            }
        }
        Some(Wire::CancelRestart(cancel)) => {
            Operation::CancelRestart { gateway: GatewayId(name("gateway", cancel.gateway)?) }
        }
        Some(Wire::ApplyPolicy(v1::ApplyPolicy { version, toml })) => {
            let (policy, _) = arbiter_config::parse_policy(Path::new("the policy that was sent"), &toml)
                .map_err(|refused| Status::invalid_argument(words_of(&refused)))?;
            Operation::ApplyPolicy { version: PolicyVersion(version), policy: Box::new(policy) }
        }
        Some(Wire::Readmit(_) | Wire::AddMember(_) | Wire::PromoteMember(_) | Wire::RemoveMember(_)) => {
            return Err(Status::internal("a change of members is no operation of the loop"));
        }
        None => {
            return Err(Status::invalid_argument(
                "no operation, or one that this node's version does not know: upgrade the nodes first; nothing was done",
            ));
        }
    })
}

/// A name that could be one.
pub(super) fn name(what: &str, name: String) -> Result<String, Status> {
    if name.is_empty() || name.len() > NAME_LIMIT {
        return Err(Status::invalid_argument(format!(
            "the name of the {what} must be given, and no longer than {NAME_LIMIT} bytes"
        )));
    }
    Ok(name)
}

/// A name that the policy doesn't have, and those that it has, as far as they fit into an answer.
pub(super) fn unknown<'a>(what: &str, name: &str, known: impl ExactSizeIterator<Item = &'a str>) -> Status {
    let name: String = name.chars().take(NAME_LIMIT).collect();
    let more = known.len().saturating_sub(NAMES_SHOWN);
    let mut shown: Vec<_> = known.take(NAMES_SHOWN).map(str::to_owned).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    Status::not_found(format!("no {what} `{name}`; the policy has: {}", shown.join(", ")))
}

/// A reason, which must be given: it is shown to everybody.
fn given(what: &str, reason: String) -> Result<String, Status> {
    if reason.trim().is_empty() || reason.len() > REASON_LIMIT {
        return Err(Status::invalid_argument(format!(
            "{what} needs a reason, no longer than {REASON_LIMIT} bytes: it is shown to everybody"
        )));
    }
    Ok(reason)
}

/// All that is wrong with a policy; if that is too much for one answer, as much as fits, and how much more there is.
fn words_of(refused: &Refused) -> String {
    let whole = refused.to_string();
    if whole.len() <= WORDS_LIMIT {
        return whole;
    }
    let errors = refused.problems.iter().filter(|problem| problem.severity == Severity::Error);
    let (mut words, mut shown, mut count) = (String::new(), 0, 0);
    for problem in errors {
        count += 1;
        let problem = format!("{problem}\n\n");
        if shown + 1 == count && words.len() + problem.len() <= WORDS_LIMIT {
            words += &problem;
            shown = count;
        }
    }
    words + &format!("{count} errors, of which these are the first {shown}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That is what an operation of a later version looks like: none of those that are known.
    #[test]
    fn an_operation_of_a_later_version_is_refused() {
        let refused = read(None).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
        assert!(refused.message().contains("upgrade the nodes first; nothing was done"), "{refused}");
    }

    #[test]
    fn what_is_wrong_with_a_policy_fits_into_an_answer() {
        let refused = |count: usize| {
            let wrong: String = (0..count).map(|i| format!("unknown_key_{i} = 1\n")).collect();
            arbiter_config::parse_policy(Path::new("sent"), &wrong).unwrap_err()
        };
        let few = refused(3);
        assert_eq!(words_of(&few), few.to_string());
        let many = refused(1_000);
        let words = words_of(&many);
        assert!(words.len() < WORDS_LIMIT + 100 && many.to_string().len() > 50_000, "{}", words.len());
        assert!(
            words.contains("unknown_key_0") && words.contains("errors, of which these are the first"),
            "{words}"
        );
    }

    #[test]
    fn names_and_reasons_are_bounded() {
        for (text, good) in
            [("", false), ("x", true), (&"x".repeat(NAME_LIMIT), true), (&"x".repeat(NAME_LIMIT + 1), false)]
        {
            assert_eq!(name("route", text.to_owned()).is_ok(), good, "{}", text.len());
        }
        for (text, good) in [(" ", false), ("x", true), (&"x".repeat(REASON_LIMIT + 1), false)] {
            assert_eq!(given("a pause", text.to_owned()).is_ok(), good, "{}", text.len());
        }
    }

    #[test]
    fn a_thousand_names_are_not_all_shown() {
        let names: Vec<_> = (0..1_000).map(|i| format!("route-{i}")).collect();
        let error = unknown("route", &"x".repeat(100_000), names.iter().map(String::as_str));
        assert!(error.message().len() < 1_000 && error.message().contains("and 988 more"), "{error}");
    }
}
