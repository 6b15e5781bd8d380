//! What holds where the file says nothing: as the reader fills in the smallest file.

use super::asking;
use arbiter_config::render_policy;

/// Defaults that are a rule and no value.
const IN_WORDS: &[(&str, &str, &str)] = &[
    ("[[node]]", "listen", "`address`, if that is an IP address"),
    ("[[path]]", "gateway", "this, or `target`"),
    ("[[path]]", "target", "the gateway's interface"),
    ("[[path]]", "next_hop", "none; required with `[linux]`"),
    ("[[path]]", "dev", "the kernel finds it"),
    ("[[path]]", "observers", "none; required with `target`"),
    ("[[route]]", "host", "none; required with `[linux]`"),
    ("[linux]", "metric", "`10`"),
    ("[[probe]]", "path", "this, or `gateway`"),
    ("[[probe]]", "gateway", "this, or `path`"),
    (
        "[[probe]]",
        "observers",
        "of a path its gateway's node or its own observers; of a gateway all other nodes",
    ),
    ("[[probe]]", "port", "required with `\"tcp\"`"),
    ("[[probe]]", "child", "required with `\"ipsec\"`"),
    ("[[probe]]", "vici", "`\"/run/charon.vici\"`"),
    ("[[probe]]", "source", "as the host routes it"),
    ("[[probe]]", "interface", "as the host routes it"),
    ("[ec2]", "endpoint", "the AWS environment's"),
    ("[ec2]", "region", "the AWS environment's"),
];

pub struct Defaults {
    /// What `policy show` would print of the smallest file.
    rendered: String,
    /// Those that no policy holds: header, key, value.
    local: Vec<(&'static str, &'static str, String)>,
}

impl Defaults {
    pub fn of_the_reader() -> Self {
        let config = asking::least().config;
        let (raft, local) = (config.raft, config.local);
        let ms = |ms: u64| format!("{}", arbiter_core::time::ExactMs(ms));
        let local = vec![
            ("[raft]", "heartbeat_interval", ms(raft.heartbeat_interval_ms)),
            ("[raft]", "election_timeout_min", ms(raft.election_timeout_min_ms)),
            ("[raft]", "election_timeout_max", ms(raft.election_timeout_max_ms)),
            ("[cluster]", "mode", format!("{:?}", config.seed.mode).to_lowercase()),
            ("[[node]]", "data_dir", local.data_dir.display().to_string()),
            ("[log]", "format", format!("{:?}", local.log.format).to_lowercase()),
            ("[log]", "filter", local.log.filter),
        ];
        Self { rendered: render_policy(&config.policy), local }
    }

    /// The default of a key; `None` if it has none.
    pub fn of(&self, header: &str, key: &str) -> Option<String> {
        if let Some((.., words)) = IN_WORDS.iter().find(|(of, name, _)| (*of, *name) == (header, key)) {
            return Some((*words).to_owned());
        }
        if let Some((.., value)) = self.local.iter().find(|(of, name, _)| (*of, *name) == (header, key)) {
            return Some(format!("`\"{value}\"`"));
        }
        // What had to be written in the smallest file is no default.
        if asking::stands_in_least(header, key) {
            return None;
        }
        let mut lines = self.rendered.lines().skip_while(|line| *line != header).skip(1);
        let table = lines.by_ref().take_while(|line| !line.starts_with('['));
        table
            .filter_map(|line| line.split_once(" = "))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| format!("`{value}`"))
    }
}

#[test]
fn defaults_are_values_or_rules_and_what_must_be_written_has_none() {
    let defaults = Defaults::of_the_reader();
    assert_eq!(defaults.of("[timing]", "call_timeout").as_deref(), Some("`\"2s\"`"));
    assert_eq!(defaults.of("[raft]", "heartbeat_interval").as_deref(), Some("`\"150ms\"`"));
    assert_eq!(defaults.of("[[gateway]]", "remediate").as_deref(), Some("`true`"));
    assert_eq!(defaults.of("[[gateway]]", "instance"), None);
    assert_eq!(defaults.of("[[node]]", "http"), None);
}

#[test]
fn rules_in_words_are_of_keys_that_exist() {
    let sections = arbiter_config::accepted_keys();
    for (header, key, _) in IN_WORDS {
        let known = sections.iter().any(|section| section.header == *header && section.keys.contains(key));
        assert!(known, "{header} {key} is not a key any more");
    }
}
