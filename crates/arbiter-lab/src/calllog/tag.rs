//! Which decision made a call: the tag that a caller leaves in its user agent.

use arbiter_core::tag::CallTag;
use serde::Serialize;

/// Cluster, epoch and intent, as a caller's user agent names them. The spelling is [`CallTag`]'s; this is how the
/// log writes it down.
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
    /// The first tag in a user agent; none if it has none that can be read.
    pub fn find(user_agent: &str) -> Option<Self> {
        let CallTag { cluster, intent } = CallTag::find_in(user_agent)?;
        Some(Self { cluster: cluster.0, epoch: intent.epoch.0, intent: intent.number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_as_the_provider_writes_it() {
        let agent = "aws-sdk-rust/1.4 os/linux app/route-arbiter arbiter/c0ffee-1#17.3";
        assert_eq!(Tag::find(agent), Some(Tag { cluster: "c0ffee-1".into(), epoch: 17, intent: 3 }));
        assert_eq!(Tag::find("curl/8 app/route-arbiter"), None);
    }
}
