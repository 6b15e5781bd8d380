//! Names: present, typeable, unique; and the provider's ids in the provider's form.

use super::super::Policy;
use super::Findings;
use std::collections::BTreeSet;

/// Long enough for `availability zone + purpose`, short enough for a table's column.
const NAME_CHARS_MAX: usize = 64;

pub(super) fn check(policy: &Policy, findings: &mut Findings) {
    cluster(&policy.cluster, findings);
    let zones = policy.nodes.iter().enumerate().map(|(i, node)| (format!("nodes[{i}].zone"), &node.zone));
    let more = policy.gateways.iter().enumerate().map(|(i, it)| (format!("gateways[{i}].zone"), &it.zone));
    for (place, zone) in zones.chain(more) {
        typeable(findings, &place, "zone", zone);
    }
    named(findings, "nodes", "name", "node", policy.nodes.iter().map(|it| it.name.as_str()));
    named(findings, "gateways", "id", "gateway", policy.gateways.iter().map(|it| it.id.as_str()));
    named(findings, "paths", "id", "path", policy.paths.iter().map(|it| it.id.as_str()));
    named(findings, "routes", "id", "route", policy.routes.iter().map(|it| it.id.as_str()));
    named(findings, "probes", "id", "probe", policy.probes.iter().map(|it| it.id.as_str()));
}

/// The cluster's name is only ever shown, so it may be any line of text.
fn cluster(name: &str, findings: &mut Findings) {
    let place = "cluster";
    if name.trim().is_empty() {
        findings.error(place, "the cluster has no name", "name it for people, as in `vpn`");
    } else if name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        findings.error(
            place,
            format!("the cluster's name is not one line of at most {NAME_CHARS_MAX} characters"),
            format!("write `{}`", shortened(name.chars().filter(|c| !c.is_control()))),
        );
    }
}

/// Checks the names of one kind of thing: each typeable, none twice.
fn named<'a>(
    findings: &mut Findings,
    list: &str,
    field: &str,
    kind: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) {
    let taken: BTreeSet<&str> = names.clone().collect();
    let mut seen = BTreeSet::new();
    for (i, name) in names.enumerate() {
        let place = format!("{list}[{i}].{field}");
        if !typeable(findings, &place, kind, name) {
            continue;
        }
        if !seen.insert(name) {
            let free = (2_u32..).map(|n| format!("{name}-{n}")).find(|free| !taken.contains(free.as_str()));
            findings.error(
                place,
                format!("two {kind}s are named `{name}`"),
                free.map(|free| format!("name this one `{free}`, for example")).unwrap_or_default(),
            );
        }
    }
}

/// Names are typed on command lines and shown in tables: letters, digits, `.`, `_`, `-`.
fn typeable(findings: &mut Findings, place: &str, kind: &str, name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() {
        findings.error(
            place,
            format!("this {kind} has no name"),
            "a name is letters, digits, `.`, `_` and `-`",
        );
        return false;
    }
    if name.chars().all(fits) && name.len() <= NAME_CHARS_MAX && !name.starts_with('-') {
        return true;
    }
    let corrected = shortened(name.trim().chars().map(|c| if fits(c) { c } else { '-' }));
    let corrected = corrected.trim_start_matches('-');
    let help = if corrected.is_empty() { String::new() } else { format!("write `{corrected}`") };
    findings.error(
        place,
        format!(
            "the {kind} name `{}` is not at most {NAME_CHARS_MAX} letters, digits, `.`, `_` and `-`",
            shortened(name.chars())
        ),
        help,
    );
    false
}

fn shortened(text: impl Iterator<Item = char>) -> String {
    text.take(NAME_CHARS_MAX).collect()
}

/// Whether `text` is `prefix` and hexadecimal digits, as the provider's ids are.
///
/// Today's ids have 17 digits, old ones 8, the lab's whatever it likes: the number is not judged.
pub(super) fn is_provider_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|digits| {
        !digits.is_empty()
            && digits.len() <= NAME_CHARS_MAX
            && digits.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
    })
}

/// Checks one id of the provider's against the prefixes that fit its place.
pub(super) fn provider_id(findings: &mut Findings, place: &str, what: &str, text: &str, prefixes: &[&str]) {
    if prefixes.iter().any(|prefix| is_provider_id(text, prefix)) {
        return;
    }
    let lower = text.trim().to_ascii_lowercase();
    let help = if prefixes.iter().any(|prefix| is_provider_id(&lower, prefix)) {
        format!("write `{lower}`")
    } else {
        let forms: Vec<String> = prefixes.iter().map(|prefix| format!("`{prefix}0a1b2c3d`")).collect();
        format!("its form is that of {}", forms.join(" or "))
    };
    let shown = shortened(text.chars());
    findings.error(place, format!("`{shown}` is not the id of {what}"), help);
}
