//! Which decision made a call: the tag that a caller leaves in its user agent.

use serde::Serialize;

/// Cluster, epoch and intent, as a caller's user agent names them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Tag {
    /// The cluster's id.
    pub cluster: String,
    /// The epoch that made the decision.
    pub epoch: u64,
    /// The number of the intent within its epoch.
    pub intent: u64,
}

impl Tag {
    /// Finds the tag in a user agent: a word `arbiter/CLUSTER/EPOCH/INTENT`, alone or behind `app/` or `md/`.
    /// Since an SDK's application name may not contain a slash, any of `/ # ! ~ | + .` separates as well, and
    /// `EPOCH.INTENT` may be written as people write intent ids.
    pub fn find(user_agent: &str) -> Option<Self> {
        user_agent.split_ascii_whitespace().find_map(Self::of_word)
    }

    fn of_word(word: &str) -> Option<Self> {
        let word = word.strip_prefix("app/").or_else(|| word.strip_prefix("md/")).unwrap_or(word);
        let rest = word.strip_prefix("arbiter")?;
        let separates = |c: char| "/#!~|+.".contains(c);
        let (cluster_and_epoch, intent) = rest.strip_prefix(separates)?.rsplit_once(separates)?;
        let (cluster, epoch) = cluster_and_epoch.rsplit_once(separates)?;
        if cluster.is_empty() {
            return None;
        }
        Some(Self { cluster: cluster.to_owned(), epoch: epoch.parse().ok()?, intent: intent.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_every_form_that_a_caller_may_write() {
        let tag = Some(Tag { cluster: "c0ffee-1".into(), epoch: 17, intent: 3 });
        for agent in [
            "arbiter/c0ffee-1/17/3",
            "arbiter/c0ffee-1/17.3",
            "aws-sdk-rust/1.3 ua/2.1 os/linux app/arbiter!c0ffee-1!17.3",
            "aws-sdk-rust/1.3 app/arbiter.c0ffee-1.17.3 m/E",
            "x md/arbiter#c0ffee-1#17#3",
        ] {
            assert_eq!(Tag::find(agent), tag, "{agent}");
        }
    }

    #[test]
    fn what_is_no_tag_is_none() {
        for agent in
            ["", "curl/8", "arbiter", "arbiter/17/3", "arbiter-ec2/1.2.3", "arbiter/c/x/3", "arbiterd/c/1/2"]
        {
            assert_eq!(Tag::find(agent), None, "{agent}");
        }
    }
}
