//! EC2's filters: all named filters must hold, each by one of its values; `*` and `?` are wildcards.

use std::collections::BTreeMap;

/// One filter of a describe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    pub name: String,
    pub values: Vec<String>,
}

/// What one item offers to filters: its facts (several of one name are possible) and its tags.
#[derive(Debug, Default)]
pub(super) struct Facts<'a> {
    facts: Vec<(&'static str, String)>,
    tags: Option<&'a BTreeMap<String, String>>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(tags: &'a BTreeMap<String, String>) -> Self {
        Self { facts: Vec::new(), tags: Some(tags) }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.facts.push((name, value.into()));
        self
    }

    pub(super) fn with_all<T: Into<String>>(
        mut self,
        name: &'static str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        self.facts.extend(values.into_iter().map(|value| (name, value.into())));
        self
    }

    /// Whether all filters let the item pass.
    pub(super) fn pass(&self, filters: &[Filter]) -> bool {
        filters.iter().all(|filter| self.passes(filter))
    }

    fn passes(&self, filter: &Filter) -> bool {
        let wanted = |value: &str| filter.values.iter().any(|pattern| matches(pattern, value));
        let mut tags = self.tags.into_iter().flatten();
        if filter.name == "tag-key" {
            return tags.any(|(key, _)| wanted(key));
        }
        if let Some(wanted_key) = filter.name.strip_prefix("tag:") {
            return tags.any(|(key, value)| key == wanted_key && wanted(value));
        }
        self.facts.iter().any(|(name, value)| *name == filter.name && wanted(value))
    }

    #[cfg(test)]
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.facts.iter().map(|(name, _)| *name)
    }
}

/// `*` stands for any text, `?` for one character. Linear in the product of the lengths at worst: only the last
/// star is ever reconsidered.
fn matches(pattern: &str, value: &str) -> bool {
    let (pattern, value): (Vec<char>, Vec<char>) = (pattern.chars().collect(), value.chars().collect());
    let (mut p, mut v) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while v < value.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, v));
                p += 1;
            }
            Some('?') => (p, v) = (p + 1, v + 1),
            Some(c) if *c == value[v] => (p, v) = (p + 1, v + 1),
            _ => {
                let Some((star_p, star_v)) = star else { return false };
                star = Some((star_p, star_v + 1));
                (p, v) = (star_p + 1, star_v + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_a_shell() {
        for (pattern, value, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*b*c", "aXbXbXc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*", "", true),
            ("", "a", false),
            ("**", "a", true),
        ] {
            assert_eq!(matches(pattern, value), expected, "{pattern} {value}");
        }
    }

    #[test]
    fn all_filters_must_hold_each_by_any_value() {
        let tags = BTreeMap::from([("Name".to_owned(), "private-1".to_owned())]);
        let facts = Facts::new(&tags).with("vpc-id", "vpc-1");
        let filter = |name: &str, values: &[&str]| Filter {
            name: name.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        assert!(facts.pass(&[]));
        assert!(facts.pass(&[filter("vpc-id", &["vpc-0", "vpc-1"]), filter("tag:Name", &["private-*"])]));
        assert!(!facts.pass(&[filter("vpc-id", &["vpc-1"]), filter("tag:Name", &["public-*"])]));
        assert!(facts.pass(&[filter("tag-key", &["Name"])]));
        assert!(!facts.pass(&[filter("subnet-id", &["*"])]), "an item without the fact does not pass");
    }
}
