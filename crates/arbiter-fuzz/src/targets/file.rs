//! `cluster.toml`, as `arbiterd` reads it and as `policy apply` sends it; and the durations in it.

use crate::{Seen, has_words};
use arbiter_core::time::ExactMs;
use std::path::Path;

pub(super) const WORDS: &[&str] = &[
    "[[node]]\n",
    "[[gateway]]\n",
    "[[path]]\n",
    "[[route]]\n",
    "[[probe]]\n",
    "[timing]\n",
    "[linux]\n",
    "[follow]\n",
    "[remediation]\n",
    "name = ",
    "id = ",
    "observers = [",
    "= { a = 1, b = 2 }\n",
    "\"\"\"",
    "'''",
    "\\u0000",
    "\"1d\"",
    "10.10.0.0/16",
    "::/0",
    "pl-",
    "eni-",
    "vgw-",
    "tgw-",
    "0x10",
    "1979-05-27T07:32:00Z",
    "inf",
    "true",
    "unknown = 1\n",
];

pub(super) const UNITS: &[&str] = &["ms", "s", "m", "h", "d", ".", " ", "1h30m", "Minutes"];

/// A file, by the name of every node in it; and what is taken of it, written as `policy show` does.
pub fn file(bytes: &[u8]) -> Seen {
    // Files are read as UTF-8, and so is text on the wire.
    let Ok(text) = std::str::from_utf8(bytes) else { return Seen::Refused };
    let path = Path::new("cluster.toml");
    let (policy, _) = match arbiter_config::parse_policy(path, text) {
        Ok(read) => read,
        Err(refused) => {
            assert!(!refused.problems.is_empty(), "a refusal without a problem");
            if let Err(refused) = arbiter_config::parse(path, text, "witness") {
                assert!(!refused.problems.is_empty(), "a refusal without a problem, for a node");
            }
            return has_words(refused);
        }
    };
    for node in &policy.nodes {
        if let Err(refused) = arbiter_config::parse(path, text, &node.name) {
            assert!(!refused.problems.is_empty(), "a refusal without a problem, for {}", node.name);
            has_words(refused);
        }
    }
    let page = arbiter_config::render_policy(&policy);
    match arbiter_config::parse_policy(path, &page) {
        Ok((again, _)) => assert_eq!(again, policy, "written as\n{page}"),
        Err(refused) => panic!("what was taken is refused when it is written again:\n{page}\n{refused}"),
    }
    Seen::Taken
}

/// A duration, as in the file and on the command line.
pub fn duration(bytes: &[u8]) -> Seen {
    let text = String::from_utf8_lossy(bytes);
    match arbiter_config::duration_ms(&text) {
        Ok(ms) => {
            assert_eq!(arbiter_config::duration_ms(&ExactMs(ms).to_string()), Ok(ms));
            Seen::Taken
        }
        Err(wrong) => has_words(wrong),
    }
}
