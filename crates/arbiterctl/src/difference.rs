//! What differs between two policies, section by section and key by key.
//!
//! Both are written out by [`arbiter_config::render_policy`] first, with every default spelled out: comments, the
//! order of keys and ways of writing a duration make no difference.

use arbiter_core::policy::Policy;
use serde::Serialize;
use std::collections::BTreeMap;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What kind.
    pub change: Kind,
    /// The section, with its name if there are several: `[[route]] private-1`, `[timing]`.
    pub section: String,
    /// The key; `null` where it is the whole section, or the order of sections.
    pub key: Option<String>,
    /// What is in force, as it is written; `null` if nothing is.
    pub from: Option<String>,
    /// What would be; `null` if nothing would.
    pub to: Option<String>,
}

/// What kind of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The section, or the key, is new.
    Added,
    /// The section, or the key, goes.
    Removed,
    /// The key has another value.
    Changed,
    /// Sections of one kind stand in another order.
    Reordered,
}

/// All differences, in the order of the policy in force; what is new comes last.
pub fn between(old: &Policy, new: &Policy) -> Vec<Change> {
    let (old, new) = (sections(old), sections(new));
    let mut changes = Vec::new();
    for section in &old {
        match new.iter().find(|other| other.title == section.title) {
            Some(other) => keys(section, other, &mut changes),
            None => changes.push(whole(Kind::Removed, section)),
        }
    }
    let is_new = |section: &&Section| !old.iter().any(|known| known.title == section.title);
    changes.extend(new.iter().filter(is_new).map(|section| whole(Kind::Added, section)));
    changes.extend(orders(&old, &new));
    changes
}

/// One table of the text.
struct Section {
    header: String,
    title: String,
    /// Key and value as they are written, in the text's order.
    keys: Vec<(String, String)>,
}

fn sections(policy: &Policy) -> Vec<Section> {
    let text = arbiter_config::render_policy(policy);
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            sections.push(Section { header: line.to_owned(), title: line.to_owned(), keys: Vec::new() });
        } else if let (Some((key, value)), Some(section)) = (line.split_once(" = "), sections.last_mut()) {
            if key == "name" && section.header.starts_with("[[") {
                section.title = format!("{} {}", section.header, value.trim_matches('"'));
            }
            section.keys.push((key.to_owned(), value.to_owned()));
        }
    }
    sections
}

fn whole(change: Kind, section: &Section) -> Change {
    let lines: Vec<String> = section.keys.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    let text = Some(lines.join("\n"));
    let (from, to) = if change == Kind::Removed { (text, None) } else { (None, text) };
    Change { change, section: section.title.clone(), key: None, from, to }
}

fn keys(old: &Section, new: &Section, changes: &mut Vec<Change>) {
    let value = |section: &Section, key: &str| {
        section.keys.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    };
    let added = new.keys.iter().filter(|(key, _)| value(old, key).is_none());
    for (key, _) in old.keys.iter().chain(added) {
        let (from, to) = (value(old, key), value(new, key));
        let change = match (&from, &to) {
            _ if from == to => continue,
            (None, _) => Kind::Added,
            (_, None) => Kind::Removed,
            _ => Kind::Changed,
        };
        changes.push(Change { change, section: old.title.clone(), key: Some(key.clone()), from, to });
    }
}

/// Sections that are in both, but in another order.
fn orders(old: &[Section], new: &[Section]) -> Vec<Change> {
    let common = |these: &[Section], those: &[Section]| {
        let mut orders: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for section in these.iter().filter(|one| those.iter().any(|other| other.title == one.title)) {
            let name = section.title.trim_start_matches(section.header.as_str()).trim();
            orders.entry(section.header.clone()).or_default().push(name.to_owned());
        }
        orders
    };
    let (before, after) = (common(old, new), common(new, old));
    let differ = before.into_iter().filter_map(|(header, names)| {
        let other = after.get(&header).filter(|other| **other != names)?;
        let (from, to) = (Some(names.join(", ")), Some(other.join(", ")));
        Some(Change { change: Kind::Reordered, section: header, key: None, from, to })
    });
    differ.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn policy(edit: impl Fn(&str) -> String) -> Policy {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cluster.example.toml");
        let text = edit(&std::fs::read_to_string(&path).unwrap());
        arbiter_config::parse_policy(&path, &text).unwrap().0
    }

    #[test]
    fn a_policy_does_not_differ_from_itself_however_it_is_written() {
        let plain = policy(str::to_owned);
        let without_comments = policy(|text| {
            text.lines().map(|line| line.split(" #").next().unwrap_or_default().to_owned() + "\n").collect()
        });
        assert_eq!(between(&plain, &without_comments), []);
    }

    #[test]
    fn no_difference_means_equal_and_equal_means_no_difference() {
        let plain = policy(str::to_owned);
        let mut others = vec![plain.clone(); 7];
        others[0].routes.swap(0, 1);
        others[1].timing.drift_grace_ms += 1;
        others[2].routes[0].paths.reverse();
        others[3].probes.pop();
        others[4].cluster.push('x');
        others[5].nodes[0].zone.push('x');
        others[6].remediation.enabled = !plain.remediation.enabled;
        for (k, other) in others.iter().enumerate() {
            assert_eq!(between(&plain, other).len(), 1, "{k}: {:?}", between(&plain, other));
            assert_eq!(between(other, &plain).len(), 1, "{k}, the other way");
        }
    }

    #[test]
    fn what_is_new_goes_or_changes_is_told_apart() {
        let plain = policy(str::to_owned);
        let mut other = plain.clone();
        let gone = other.probes.remove(0);
        other.routes[0].importance += 1;
        other.probes[0].source = Some("172.16.1.157".parse().unwrap());
        let changes = between(&plain, &other);
        let kinds: Vec<_> = changes.iter().map(|change| change.change).collect();
        assert_eq!(kinds, [Kind::Changed, Kind::Removed, Kind::Added], "{changes:#?}");
        assert_eq!(changes[0].section, "[[route]] private-1");
        assert_eq!(changes[1].section, format!("[[probe]] {}", gone.id));
        assert_eq!(
            (changes[2].key.as_deref(), changes[2].to.as_deref()),
            (Some("source"), Some("\"172.16.1.157\""))
        );
    }
}
