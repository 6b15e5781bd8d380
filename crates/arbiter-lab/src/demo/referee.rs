//! The referee: what the call log says about who wrote, and whether anybody wrote who had no right to.
//!
//! It knows nothing of how the nodes agree. It sees what EC2 would see: calls, their callers, their tags.

use crate::calllog::{CallRecord, Outcome};
use std::collections::BTreeMap;
use std::fmt;

/// What one call does to what: enough to tell two calls of the same aim from two of different aims.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Aim {
    /// The route table and destination, or the instance.
    pub resource: String,
    /// The route's new target, or `stop` or `start`.
    pub after: String,
}

impl Aim {
    /// The aim of a mutating call; whatever else mutates stands under its own name.
    pub fn of(call: &CallRecord) -> Self {
        let param = |name: &str| call.param(name).unwrap_or("?").to_owned();
        match call.action.as_str() {
            "ReplaceRoute" | "CreateRoute" => Self {
                resource: format!("{} {}", param("RouteTableId"), param("DestinationCidrBlock")),
                after: param("NetworkInterfaceId"),
            },
            "StopInstances" => Self { resource: param("InstanceId.1"), after: "stop".to_owned() },
            "StartInstances" => Self { resource: param("InstanceId.1"), after: "start".to_owned() },
            other => Self { resource: other.to_owned(), after: format!("{:?}", call.params) },
        }
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.resource, self.after)
    }
}

/// A call in one line: when, who, what, by which decision, what became of it.
pub(crate) fn line(call: &CallRecord) -> String {
    let tag =
        call.tag.as_ref().map_or("no tag".to_owned(), |tag| format!("intent {}.{}", tag.epoch, tag.intent));
    let outcome = match &call.outcome {
        Outcome::Pending => "under way".to_owned(),
        Outcome::Ok => "ok".to_owned(),
        Outcome::Refused(code) => format!("refused: {code}"),
        Outcome::NeverArrived => "never arrived".to_owned(),
    };
    let caller = call.caller.as_deref().unwrap_or("nobody");
    format!("{:>7} ms  {caller}  {}  {}  {tag}  {outcome}", call.arrived_ms, call.action, Aim::of(call))
}

/// Everything that is wrong with these mutating calls, in words; nothing if one hand wrote at a time.
///
/// - Each carries the tag of a decision.
/// - An epoch is one leader's time in office: all its calls come from one caller.
/// - Epochs never go back: after a newer leader has written, no older one does. And per resource (S1): after an
///   epoch has initiated a target, no call of an older epoch with another target takes effect either.
pub(crate) fn second_hands(calls: &[CallRecord]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut holders: BTreeMap<u64, &str> = BTreeMap::new();
    let mut newest: Option<(u64, &CallRecord)> = None;
    for call in calls.iter().filter(|call| call.mutating) {
        let Some(tag) = &call.tag else {
            wrong.push(format!("a call without a decision: {}", line(call)));
            continue;
        };
        let caller = call.caller.as_deref().unwrap_or("nobody");
        let holder = *holders.entry(tag.epoch).or_insert(caller);
        if holder != caller {
            wrong.push(format!("epoch {} is {holder}'s, but: {}", tag.epoch, line(call)));
        }
        match newest {
            Some((epoch, by)) if tag.epoch < epoch => {
                wrong.push(format!("a deposed leader writes: {} after {}", line(call), line(by)));
            }
            _ => newest = Some((tag.epoch, call)),
        }
    }
    wrong.extend(late_landings(calls));
    wrong
}

/// Calls that took effect after a newer epoch had initiated another target for the same resource.
fn late_landings(calls: &[CallRecord]) -> Vec<String> {
    let mutating: Vec<_> = calls.iter().filter(|call| call.mutating).collect();
    let mut wrong = Vec::new();
    for (i, old) in mutating.iter().enumerate() {
        let overtaken = mutating[i + 1..].iter().find(|new| {
            let (Some(before), Some(after)) = (&old.tag, &new.tag) else { return false };
            let (was, is) = (Aim::of(old), Aim::of(new));
            after.epoch > before.epoch
                && was.resource == is.resource
                && was.after != is.after
                && old.applied_ms.is_some_and(|landed_ms| landed_ms >= new.arrived_ms)
        });
        if let Some(new) = overtaken {
            wrong.push(format!("an old leader's call landed after {}: {}", line(new), line(old)));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calllog::Tag;
    use crate::calllog::tests::record;

    fn call(at_ms: u64, caller: &str, epoch: u64, target: &str) -> CallRecord {
        let mut call = record("ReplaceRoute", true);
        let params = [
            ("RouteTableId", "rtb-1"),
            ("DestinationCidrBlock", "10.10.0.0/16"),
            ("NetworkInterfaceId", target),
        ];
        call.params = params.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        call.caller = Some(caller.to_owned());
        call.tag = Some(Tag { cluster: "c".to_owned(), epoch, intent: 1 });
        (call.arrived_ms, call.applied_ms) = (at_ms, Some(at_ms + 10));
        call.outcome = Outcome::Ok;
        call
    }

    #[test]
    fn one_writer_after_the_other_is_well() {
        let calls = [
            call(0, "A", 1, "eni-2"),
            call(20, "A", 1, "eni-1"),
            call(40, "B", 5, "eni-2"),
            call(60, "A", 9, "eni-1"),
        ];
        assert_eq!(second_hands(&calls), Vec::<String>::new());
    }

    #[test]
    fn a_deposed_leaders_call_is_a_second_hand() {
        let wrong =
            second_hands(&[call(0, "A", 1, "eni-2"), call(20, "B", 5, "eni-2"), call(40, "A", 1, "eni-1")]);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].starts_with("a deposed leader writes"), "{wrong:?}");
    }

    #[test]
    fn one_epoch_of_two_callers_is_a_second_hand() {
        let wrong = second_hands(&[call(0, "A", 1, "eni-2"), call(20, "B", 1, "eni-2")]);
        assert!(wrong.len() == 1 && wrong[0].contains("is A's"), "{wrong:?}");
    }

    #[test]
    fn a_call_without_a_tag_is_a_second_hand() {
        let stray = CallRecord { tag: None, ..call(0, "A", 1, "eni-2") };
        assert!(second_hands(&[stray])[0].starts_with("a call without a decision"));
    }

    #[test]
    fn a_late_landing_counts_only_with_another_target() {
        let slow = |target| CallRecord { applied_ms: Some(500), ..call(0, "A", 1, target) };
        assert_eq!(second_hands(&[slow("eni-2"), call(20, "B", 5, "eni-2")]).len(), 0, "both want the same");
        let wrong = second_hands(&[slow("eni-1"), call(20, "B", 5, "eni-2")]);
        assert!(wrong.len() == 1 && wrong[0].starts_with("an old leader's call landed"), "{wrong:?}");
    }

    #[test]
    fn describes_are_nobodys_hand() {
        assert_eq!(second_hands(&[record("DescribeRouteTables", false)]), Vec::<String>::new());
    }
}
