//! What the reader itself says of a key: a file that is right is given one wrong value, and the answer says which type
//! and bounds would have been right. So the document says what the program does, not what somebody remembers.

use arbiter_config::{ConfigProblem, Loaded, Refused};
use arbiter_core::policy::Severity;
use std::path::Path;

/// The smallest file that is right: of every section only what must be there.
const LEAST: &str = r#"
version = 1
[cluster]
name = "vpn"
[raft]
[[node]]
id = 1
name = "one"
zone = "a"
address = "192.0.2.1:7400"
[[node]]
id = 2
name = "two"
zone = "b"
address = "192.0.2.2:7400"
[[node]]
id = 3
name = "three"
zone = "c"
address = "192.0.2.3:7400"
[[gateway]]
name = "one"
node = "one"
zone = "a"
instance = "i-1"
interface = "eni-1"
[[path]]
name = "first"
gateway = "one"
[[route]]
name = "lan"
table = "rtb-1"
destination = "10.10.0.0/16"
paths = ["first"]
[[probe]]
name = "first"
path = "first"
target = "192.0.2.9"
[[probe]]
name = "one"
gateway = "one"
target = "192.0.2.1"
[timing]
[remediation]
[tls]
ca = "ca.crt"
certificate = "node.crt"
key = "node.key"
[ec2]
[log]
"#;

/// The smallest file of a cluster on premises.
const LEAST_ON_PREMISES: &str = r#"
version = 1
[cluster]
name = "site"
[linux]
[follow]
cluster = "vpn"
nodes = ["192.0.2.8:7400"]
[[node]]
id = 1
name = "one"
zone = "a"
address = "192.0.2.1:7400"
[[node]]
id = 2
name = "two"
zone = "b"
address = "192.0.2.2:7400"
[[node]]
id = 3
name = "three"
zone = "c"
address = "192.0.2.3:7400"
[[gateway]]
name = "one"
node = "one"
zone = "a"
[[path]]
name = "first"
gateway = "one"
next_hop = "192.0.2.1"
[[route]]
name = "vpc"
host = "three"
destination = "172.16.0.0/16"
paths = ["first"]
[[probe]]
name = "first"
path = "first"
target = "192.0.2.9"
[[probe]]
name = "one"
gateway = "one"
target = "192.0.2.1"
"#;

/// What only a cluster on premises has; an empty key stands for the whole section.
const ON_PREMISES: &[(&str, &str)] = &[
    ("[linux]", ""),
    ("[follow]", ""),
    ("[[path]]", "next_hop"),
    ("[[path]]", "dev"),
    ("[[path]]", "follows"),
    ("[[route]]", "host"),
    ("[[route]]", "follows"),
];

/// The file that is asked about a key.
fn least_with(header: &str, key: &str) -> &'static str {
    let of = |(section, name): &(&str, &str)| *section == header && (name.is_empty() || *name == key);
    if ON_PREMISES.iter().any(of) { LEAST_ON_PREMISES } else { LEAST }
}

/// Below and above whatever is allowed, in the order in which they are tried.
const NUMBERS: [&str; 4] = ["0", "65535", "4294967295", "9223372036854775807"];
const DURATIONS: [&str; 2] = ["\"0ms\"", "\"3650d\""];

/// What must stand beside a key, or give way to it, so that the reader looks at it: header, key, other key, its value.
const BESIDE: &[(&str, &str, &str, Option<&str>)] = &[
    ("[[probe]]", "gateway", "path", None),
    ("[[path]]", "target", "gateway", None),
    ("[[probe]]", "port", "kind", Some("\"tcp\"")),
    ("[[probe]]", "child", "kind", Some("\"ipsec\"")),
    ("[[probe]]", "vici", "kind", Some("\"ipsec\"")),
];

/// What is known of one key.
pub struct Answer {
    /// What it holds, in the reader's words.
    pub kind: String,
    /// The words that it may be, where it is one of a few.
    pub words: Vec<String>,
    /// Which values are refused, in the reader's words; empty if all of its kind are taken.
    pub bounds: String,
    /// Whether a file without it is refused.
    pub required: bool,
}

/// Asks about one key of one section.
pub fn about(header: &str, key: &str) -> Answer {
    let expected = said(header, key, Some("1979-05-27"), |problem| {
        Some(problem.message.split_once(" is expected here")?.0.to_owned())
    });
    let mut kind = expected.unwrap_or_else(|| panic!("the reader does not say what `{header} {key}` holds"));
    let mut words = Vec::new();
    if kind == "a list of texts" {
        let named = said(header, key, Some("[\"?\"]"), |problem| reference(&problem.message));
        kind = named.map_or(kind, |named| format!("a list of names of {named}s"));
    }
    if kind == "a text" {
        let wrong =
            said(header, key, Some("\"?\""), |problem| Some((problem.message.clone(), problem.help.clone())));
        let (message, help) = wrong.unwrap_or_default();
        if let Some(named) = reference(&message) {
            kind = format!("the name of a {named}");
        } else if message.starts_with("unknown ") {
            words = offered(help.as_deref());
        } else if let Some(form) = message.strip_prefix("`?` is not ") {
            kind = format!("a text: {form}");
        }
    }
    let refused = |problem: &ConfigProblem| (problem.severity == Severity::Error).then_some(());
    let required = stands_in_least(header, key) && said(header, key, None, refused).is_some();
    Answer { bounds: bounds(header, key, &kind), kind, words, required }
}

/// What is named, where the reader does not know anything of that name.
fn reference(message: &str) -> Option<&'static str> {
    ["node", "gateway", "path"].into_iter().find(|kind| message == format!("unknown {kind} `?`"))
}

/// The words of `known: …`.
fn offered(help: Option<&str>) -> Vec<String> {
    let listed = help.and_then(|help| help.strip_prefix("known: ")).unwrap_or_default();
    listed.split(", ").filter(|word| !word.is_empty()).map(|word| word.trim_matches('`').to_owned()).collect()
}

fn bounds(header: &str, key: &str, kind: &str) -> String {
    let tried: &[&str] = match kind {
        "a duration" => &DURATIONS,
        "a whole number" => &NUMBERS,
        _ => return String::new(),
    };
    let mut found = Vec::new();
    let mut least = None;
    for value in tried {
        let Some(bound) = said(header, key, Some(value), bound) else { continue };
        least = least.or_else(|| Some(bound.split_once(" to ")?.0.to_owned()));
        // The type's own limit says less than a bound that has been found already.
        if !found.contains(&bound) && (found.is_empty() || !bound.starts_with("0 to ")) {
            found.push(bound);
        }
    }
    // What is within its bounds can still be less than another key wants it to be.
    if let Some(least) = least {
        let value = if kind == "a duration" { format!("\"{least}\"") } else { least };
        found.extend(said(header, key, Some(&value), bound));
    }
    found.join("; ")
}

/// The bound that a problem speaks of.
fn bound(problem: &ConfigProblem) -> Option<String> {
    let (message, help) = (problem.message.as_str(), problem.help.as_deref().unwrap_or_default());
    if let Some((_, range)) = message.split_once(" is not between ") {
        return Some(range.replacen(" and ", " to ", 1));
    }
    if let Some((_, other)) = message.split_once(" is less than ") {
        // "200ms: two report intervals, so that …": what it is says more than what it is at the defaults.
        return Some(format!("not less than {}", other.split_once(": ").map_or(other, |(_, what)| what)));
    }
    if let Some((_, other)) = message.split_once(" is not more than ") {
        return Some(format!("more than {other}"));
    }
    (help.starts_with("at most ") || help.starts_with("from ")).then(|| help.replace('`', ""))
}

/// The first thing that the reader says of a key when it has this value (or is left out) and `wanted` finds something
/// in it.
fn said<T>(
    header: &str,
    key: &str,
    value: Option<&str>,
    wanted: impl Fn(&ConfigProblem) -> Option<T>,
) -> Option<T> {
    let section = header.trim_matches(['[', ']']);
    let name = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
    let problems = problems(&with(header, key, value));
    // What is missing is said of its key, of the key that could stand for it, or of the whole table.
    let about = |problem: &&ConfigProblem| {
        problem.key == name || (value.is_none() && problem.key.starts_with(section))
    };
    problems.iter().filter(about).find_map(wanted)
}

/// [`LEAST`] with another value of a key, or without it, in the first table of that header.
fn with(header: &str, key: &str, value: Option<&str>) -> String {
    let mut lines: Vec<String> = least_with(header, key).lines().map(str::to_owned).collect();
    let beside = BESIDE.iter().filter(|(of, name, ..)| (*of, *name) == (header, key));
    for (key, value) in beside.map(|(.., other, value)| (*other, *value)).chain([(key, value)]) {
        write(&mut lines, header, key, value);
    }
    lines.join("\n")
}

fn write(lines: &mut Vec<String>, header: &str, key: &str, value: Option<&str>) {
    let first =
        lines.iter().position(|line| line == header).expect("the smallest file has every section") + 1;
    let length = lines[first..].iter().take_while(|line| !line.starts_with('[')).count();
    let stands = lines[first..first + length].iter().position(|line| line.starts_with(&format!("{key} = ")));
    if let Some(at) = stands {
        lines.remove(first + at);
    }
    if let Some(value) = value {
        lines.insert(first, format!("{key} = {value}"));
    }
}

/// Whether the smallest file has this key in the first table of that header.
pub fn stands_in_least(header: &str, key: &str) -> bool {
    let lines: Vec<String> = least_with(header, key).lines().map(str::to_owned).collect();
    let mut without = lines.clone();
    write(&mut without, header, key, None);
    without != lines
}

fn read(text: &str) -> Result<Loaded, Refused> {
    arbiter_config::parse(Path::new("cluster.toml"), text, "one")
}

fn problems(text: &str) -> Vec<ConfigProblem> {
    match read(text) {
        Ok(loaded) => loaded.warnings,
        Err(refused) => refused.problems,
    }
}

/// What a node that is told only what must be there makes of the rest.
pub fn least() -> Loaded {
    read(LEAST).unwrap_or_else(|refused| panic!("the smallest file is refused:\n{refused}"))
}

#[test]
fn the_reader_answers_as_the_page_needs_it() {
    least();
    let answer = about("[timing]", "report_stale_after");
    assert_eq!((answer.kind.as_str(), answer.required), ("a duration", false));
    assert!(
        answer.bounds.starts_with("40ms to 10m; not less than two report intervals"),
        "{}",
        answer.bounds
    );
    let answer = about("[[route]]", "drift");
    assert_eq!(answer.words, ["repair", "report"]);
    let answer = about("[[gateway]]", "node");
    assert_eq!((answer.kind.as_str(), answer.required), ("the name of a node", true));
    assert_eq!(about("[[probe]]", "port").bounds, "from 1 to 65535");
    assert!(about("", "version").required);
}
