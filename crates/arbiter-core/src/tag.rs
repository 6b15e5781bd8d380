//! The tag that every mutation carries to the provider, so that the provider's own records tell which decision
//! made it.
//!
//! The text is `arbiter/CLUSTER#EPOCH.NUMBER`, as in `arbiter/3f9a61c2#17.3`: a product token as a user agent
//! may contain it, with the intent's id as people read it in the history. Bytes of the cluster's name other
//! than ASCII letters, digits, `-`, `_` and `.` are percent-encoded, so that the token never holds a space or a
//! second `#`.

use crate::ids::{ClusterId, Epoch, IntentId};
use std::fmt;
use std::str::FromStr;

const PRODUCT: &str = "arbiter/";

/// Which cluster's which intent a call belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallTag {
    /// The cluster.
    pub cluster: ClusterId,
    /// The intent; its epoch is in it.
    pub intent: IntentId,
}

/// The text is not a tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a call tag: expected arbiter/CLUSTER#EPOCH.NUMBER, as in `arbiter/3f9a61c2#17.3`")]
pub struct NotACallTag(String);

impl CallTag {
    /// The first tag among the words of a user agent; `None` if it has none.
    pub fn find_in(user_agent: &str) -> Option<Self> {
        user_agent.split_ascii_whitespace().find_map(|word| word.parse().ok())
    }
}

impl fmt::Display for CallTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PRODUCT)?;
        for byte in self.cluster.as_str().bytes() {
            if is_plain(byte) {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        write!(f, "#{}", self.intent)
    }
}

impl FromStr for CallTag {
    type Err = NotACallTag;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| NotACallTag(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<CallTag> {
    let (cluster, intent) = text.strip_prefix(PRODUCT)?.split_once('#')?;
    let (epoch, number) = intent.split_once('.')?;
    Some(CallTag {
        cluster: ClusterId(decode(cluster)?),
        intent: IntentId { epoch: Epoch(decimal(epoch)?), number: decimal(number)? },
    })
}

/// `u64::from_str` also takes `+3`; a tag has one spelling only.
fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'%' {
            let hex = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(is_plain(first).then_some(first)?);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tag(cluster: &str, epoch: u64, number: u64) -> CallTag {
        CallTag { cluster: cluster.into(), intent: IntentId { epoch: Epoch(epoch), number } }
    }

    #[test]
    fn a_tag_reads_as_documented() {
        assert_eq!(tag("3f9a61c2", 17, 3).to_string(), "arbiter/3f9a61c2#17.3");
        assert_eq!(tag("a b#c/d%é", 1, 2).to_string(), "arbiter/a%20b%23c%2Fd%25%C3%A9#1.2");
    }

    #[test]
    fn a_tag_is_found_among_the_words_of_a_user_agent() {
        let agent = "aws-sdk-rust/1.4 os/linux app/route-arbiter arbiter/lab#5.9 api/ec2";
        assert_eq!(CallTag::find_in(agent), Some(tag("lab", 5, 9)));
        assert_eq!(CallTag::find_in("aws-cli/2.15 arbiter/lab/5.9"), None);
    }

    #[test]
    fn other_texts_are_refused() {
        for wrong in ["", "arbiter/", "arbiter/x#1", "arbiter/x#1.", "arbiter/x#+1.2", "arbiter/x#01.2"] {
            assert!(wrong.parse::<CallTag>().is_err(), "{wrong}");
        }
        for wrong in ["arbiter/x y#1.2", "arbiter/%4#1.2", "arbiter/%ff#1.2", "Arbiter/x#1.2"] {
            assert!(wrong.parse::<CallTag>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_tag_survives_text_and_back(cluster in ".*", epoch: u64, number: u64) {
            let tag = tag(&cluster, epoch, number);
            let text = tag.to_string();
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(text.parse(), Ok(tag));
        }
    }
}
