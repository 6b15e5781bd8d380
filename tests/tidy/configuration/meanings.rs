//! Which type a section becomes, and which field a key: there stands what it means.

use super::doc_comments;
use crate::repository;
use std::collections::BTreeMap;

/// The sources whose types the sections become.
const SOURCES: &[&str] = &[
    "crates/arbiter-core/src/command/mod.rs",
    "crates/arbiter-core/src/policy/mod.rs",
    "crates/arbiter-core/src/policy/site.rs",
    "crates/arbiter-core/src/policy/timing.rs",
    "crates/arbiter-config/src/config.rs",
    "crates/arbiter-config/src/sections/mod.rs",
];

/// Section → the types that hold its keys, the first of which says what the section is.
const TYPES: &[(&str, &[&str])] = &[
    ("[cluster]", &["Policy.cluster"]),
    ("[raft]", &["RaftTiming"]),
    ("[[node]]", &["NodePolicy", "LocalConfig"]),
    ("[[gateway]]", &["Gateway"]),
    ("[[path]]", &["Path"]),
    ("[[route]]", &["Route"]),
    ("[[probe]]", &["Probe"]),
    ("[timing]", &["Timing"]),
    ("[remediation]", &["Remediation"]),
    ("[linux]", &["Linux"]),
    ("[follow]", &["FollowConfig"]),
    ("[tls]", &["TlsConfig", "TlsFiles"]),
    ("[ec2]", &["Ec2Config"]),
    ("[log]", &["LogConfig"]),
];

/// Keys that are called otherwise in the code.
const ALIASES: &[(&str, &str, &str)] = &[
    ("", "version", "FORMAT_VERSION"),
    ("[cluster]", "name", "Policy.cluster"),
    ("[cluster]", "mode", "Seed.mode"),
    ("[[node]]", "reach", "LocalConfig.peers"),
    ("[[gateway]]", "name", "Gateway.id"),
    ("[[path]]", "name", "Path.id"),
    ("[[path]]", "next_hop", "Target.NextHop.via"),
    ("[[path]]", "dev", "Target.NextHop.dev"),
    ("[[route]]", "name", "Route.id"),
    ("[[probe]]", "name", "Probe.id"),
    ("[[probe]]", "path", "Subject.Path"),
    ("[[probe]]", "gateway", "Subject.Gateway"),
    ("[[probe]]", "port", "ProbeKind.Tcp.port"),
    ("[[probe]]", "child", "ProbeKind.Ipsec.child"),
    ("[[probe]]", "vici", "ProbeKind.Ipsec.socket"),
    ("[[probe]]", "size", "ProbeKind.Icmp.size_bytes"),
    ("[[probe]]", "dont_fragment", "ProbeKind.Icmp.dont_fragment"),
];

/// Keys that are one of a few words, and the type whose variants these are.
const WORDS: &[(&str, &str, &str)] = &[
    ("[cluster]", "mode", "Mode"),
    ("[[route]]", "drift", "DriftAction"),
    ("[[probe]]", "kind", "ProbeKind"),
    ("[[probe]]", "role", "ProbeRole"),
    ("[log]", "format", "LogFormat"),
];

pub struct Meanings(BTreeMap<String, String>);

impl Meanings {
    pub fn of_the_sources() -> Self {
        let mut all = BTreeMap::new();
        for source in SOURCES {
            let text = std::fs::read_to_string(repository::top().join(source)).expect("a source can be read");
            all.extend(doc_comments::of(&text));
        }
        Self(all)
    }

    /// What a section is.
    pub fn section(&self, header: &str) -> Option<&str> {
        self.0.get(*types(header).first()?).map(String::as_str)
    }

    /// What a key means.
    ///
    /// # Errors
    /// Where its doc comment would have to stand.
    pub fn key(&self, header: &str, key: &str) -> Result<String, String> {
        let alias = ALIASES.iter().find(|(of, name, _)| (*of, *name) == (header, key));
        let places: Vec<String> = match alias {
            Some((.., place)) => vec![(*place).to_owned()],
            None => types(header)
                .iter()
                .flat_map(|holder| [format!("{holder}.{key}"), format!("{holder}.{key}_ms")])
                .collect(),
        };
        let found = places.iter().find_map(|place| self.0.get(place));
        found.map(|doc| doc.replace("_ms`", "`")).ok_or_else(|| match places.as_slice() {
            [] => "its section is not in meanings.rs".to_owned(),
            [place] => format!("`{place}` has no doc comment"),
            [some @ .., last] => {
                format!("neither `{}` nor `{last}` has a doc comment", some.join("`, `"))
            }
        })
    }

    /// What one of the words of a key means.
    pub fn word(&self, header: &str, key: &str, word: &str) -> Option<&str> {
        let (.., holder) = WORDS.iter().find(|(of, name, _)| (*of, *name) == (header, key))?;
        let variants = self.0.iter().filter(|(place, _)| {
            place.strip_prefix(&format!("{holder}.")).is_some_and(|variant| variant.to_lowercase() == word)
        });
        variants.map(|(_, meaning)| meaning.as_str()).next()
    }
}

fn types(header: &str) -> &'static [&'static str] {
    TYPES.iter().find(|(of, _)| *of == header).map_or(&[], |(_, types)| types)
}
