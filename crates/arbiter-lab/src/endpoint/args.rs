//! The parameters of a request. Each action takes what it knows; whatever is left is refused.

use super::filter::Filter;
use crate::world::{IdKind, Refusal};
use std::collections::BTreeMap;

/// The parameters that nobody has taken yet.
#[derive(Debug, Clone)]
pub(super) struct Args {
    left: BTreeMap<String, String>,
}

/// Which part of a long list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// At most that many.
    pub most: usize,
    /// Those whose id comes after this one.
    pub after: Option<String>,
    /// The caller asked for pages.
    pub asked: bool,
}

/// What every token of ours begins with, so that a foreign one is known.
const TOKEN: &str = "after.";

impl Page {
    /// The token that leads to what follows the item with this id.
    pub(super) fn token(last_id: &str) -> String {
        format!("{TOKEN}{last_id}")
    }
}

impl Args {
    pub(super) fn new(params: &BTreeMap<String, String>) -> Self {
        Self { left: params.clone() }
    }

    /// A parameter that may be missing.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.left.remove(name)
    }

    /// A parameter that may not. EC2 spells its name with a small first letter in the error.
    pub(super) fn require(&mut self, name: &str) -> Result<String, Refusal> {
        self.take(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Refusal::missing_parameter(&small(name)))
    }

    /// A boolean; false if it is missing.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Refusal> {
        match self.take(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Refusal::invalid_value(format!(
                "Invalid value '{other}' for {}. Expected 'true' or 'false'.",
                small(name)
            ))),
        }
    }

    /// `NAME.1`, `NAME.2`, …
    pub(super) fn list(&mut self, name: &str) -> Result<Vec<String>, Refusal> {
        let mut found: Vec<(u32, String)> = Vec::new();
        for key in self.left.keys() {
            let Some(index) = key.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')) else {
                continue;
            };
            if let Ok(index) = index.parse() {
                found.push((index, key.clone()));
            }
        }
        found.sort();
        Ok(found.into_iter().filter_map(|(_, key)| self.left.remove(&key)).collect())
    }

    /// A list of ids of one kind.
    pub(super) fn ids(&mut self, name: &str, kind: IdKind) -> Result<Vec<String>, Refusal> {
        let ids = self.list(name)?;
        ids.iter().try_for_each(|id| kind.check(id))?;
        Ok(ids)
    }

    /// `Filter.1.Name`, `Filter.1.Value.1`, …; only filters that `known` lists, or of tags.
    pub(super) fn filters(&mut self, known: &[&str]) -> Result<Vec<Filter>, Refusal> {
        let mut filters = Vec::new();
        for index in 1.. {
            let prefix = format!("Filter.{index}");
            let Some(name) = self.take(&format!("{prefix}.Name")) else { break };
            if !known.contains(&name.as_str()) && !name.starts_with("tag:") && name != "tag-key" {
                return Err(Refusal::invalid_value(format!("The filter '{name}' is invalid")));
            }
            let values = self.list(&format!("{prefix}.Value"))?;
            if values.is_empty() {
                return Err(Refusal::invalid_value(format!("The filter '{name}' has no values")));
            }
            filters.push(Filter { name, values });
        }
        Ok(filters)
    }

    /// `MaxResults` (from 5 to `most`) and `NextToken`.
    pub(super) fn page(&mut self, most: usize) -> Result<Page, Refusal> {
        let max_results = self.take("MaxResults");
        let after = match self.take("NextToken").filter(|token| !token.is_empty()) {
            None => None,
            Some(token) => Some(token.strip_prefix(TOKEN).map(str::to_owned).ok_or_else(|| {
                Refusal::new("InvalidNextToken", 400, format!("The token '{token}' is not valid"))
            })?),
        };
        let asked = max_results.is_some() || after.is_some();
        let most = match max_results {
            None => most,
            Some(text) => match text.parse() {
                Ok(given) if (5..=most).contains(&given) => given,
                _ => {
                    return Err(Refusal::invalid_value(format!(
                        "Value ( {text} ) for parameter maxResults is invalid. Expecting a value between 5 and {most}."
                    )));
                }
            },
        };
        Ok(Page { most, after, asked })
    }

    /// Refuses what nobody has taken.
    pub(super) fn done(&self) -> Result<(), Refusal> {
        match self.left.keys().next() {
            Some(name) => Err(Refusal::unknown_parameter(name)),
            None => Ok(()),
        }
    }
}

/// `RouteTableId` → `routeTableId`, as EC2's errors have it.
fn small(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(pairs: &[(&str, &str)]) -> Args {
        Args::new(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn lists_come_in_the_order_of_their_numbers() {
        let mut args = args(&[("Id.10", "c"), ("Id.2", "b"), ("Id.1", "a"), ("Ident.1", "x")]);
        assert_eq!(args.list("Id").unwrap(), ["a", "b", "c"]);
        assert_eq!(args.done().unwrap_err().code, "UnknownParameter");
    }

    #[test]
    fn what_is_missing_or_wrong_is_refused_with_ec2s_code() {
        assert_eq!(
            args(&[]).require("RouteTableId").unwrap_err().message,
            "The request must contain the parameter routeTableId"
        );
        assert_eq!(args(&[("Force", "yes")]).flag("Force").unwrap_err().code, "InvalidParameterValue");
        assert_eq!(args(&[("NextToken", "x")]).page(100).unwrap_err().code, "InvalidNextToken");
        for wrong in ["4", "101", "-1", "many", ""] {
            let refusal = args(&[("MaxResults", wrong)]).page(100).unwrap_err();
            assert_eq!(refusal.code, "InvalidParameterValue", "{wrong}");
        }
        let wrong = [("Filter.1.Name", "nonsense"), ("Filter.1.Value.1", "a")];
        assert_eq!(args(&wrong).filters(&["vpc-id"]).unwrap_err().code, "InvalidParameterValue");
        assert_eq!(
            args(&[("Filter.1.Name", "vpc-id")]).filters(&["vpc-id"]).unwrap_err().code,
            "InvalidParameterValue"
        );
    }

    #[test]
    fn a_token_leads_on() {
        let page = args(&[("NextToken", &Page::token("rtb-1")), ("MaxResults", "5")]).page(100).unwrap();
        assert_eq!(page, Page { most: 5, after: Some("rtb-1".into()), asked: true });
    }
}
