//! What the code calls of EC2, and what the IAM policy allows: the same. `arbiter-ec2` makes the policy from its list of
//! actions; a call that goes around that list would have neither a permission nor a token of its pace.
//!
//! Read from the source text: the SDK has a method for each action, in small letters (`replace_route` for `ReplaceRoute`),
//! which takes nothing and gives a request to be filled. Every word of that shape is taken for one that stands behind a
//! client, or that begins as EC2's actions do.

use crate::repository::{self, TextFile};
use crate::rust_text::{line_of, mask};
use std::collections::BTreeSet;

/// The code that may speak with EC2, and the policy that it needs.
const CRATE: &str = "crates/arbiter-ec2/src/";
const POLICY: &str = "deploy/iam-policy.json";

/// How the names of EC2's actions begin.
const VERBS: &str = "accept allocate apply assign associate attach authorize bundle cancel confirm copy create \
    deallocate delete deprovision deregister describe detach disable disassociate enable export get import list lock \
    modify monitor move provision purchase reboot register reject release replace report request reset restore revoke run \
    search send start stop terminate unassign unlock unmonitor update withdraw";

/// Methods of other things that begin as EC2's actions do: of timeouts, and of a request on its way.
const OTHERS: [&str; 2] = ["disable_read_timeout", "request_mut"];

/// `replace_route` → `ReplaceRoute`.
fn action(method: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    method.split('_').filter(|part| !part.is_empty()).map(word).collect()
}

/// The calls of a file: action and line. Tests of the crate call nothing of the real EC2 and are read all the same.
fn calls(text: &str) -> Vec<(String, usize)> {
    let code = mask(text).code;
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut found = Vec::new();
    for (open, _) in code.match_indices('(') {
        let rest = code[open + 1..].trim_start();
        let before = code[..open].trim_end();
        let start = before.bytes().rposition(|byte| !is_word(byte)).map_or(0, |at| at + 1);
        let (receiver, method) = (before[..start].trim_end(), &before[start..]);
        if !rest.starts_with(')') || method.is_empty() {
            continue;
        }
        // `client.x()`, `client().x()`, `Client::x(&client)` is not a shape that the SDK offers without arguments.
        let Some(receiver) = receiver.strip_suffix('.') else { continue };
        let receiver = receiver.trim_end().trim_end_matches("()");
        let of_client = receiver.to_lowercase().ends_with("client");
        let (verb, more) = method.split_once('_').unwrap_or((method, ""));
        let like_an_action = !more.is_empty() && VERBS.split_whitespace().any(|it| it == verb);
        if of_client || (like_an_action && !OTHERS.contains(&method)) {
            found.push((action(method), line_of(&code, start)));
        }
    }
    // A request that is built by itself, and sent through a client later.
    for (at, path) in code.match_indices("operation::") {
        let name: String =
            code[at + path.len()..].bytes().take_while(|byte| is_word(*byte)).map(char::from).collect();
        if name.contains('_') {
            found.push((action(&name), line_of(&code, at)));
        }
    }
    found
}

/// The actions of the policy, without `ec2:`.
fn allowed(policy: &str) -> BTreeSet<String> {
    let policy: serde_json::Value = serde_json::from_str(policy).expect("the policy is JSON");
    let statements = policy["Statement"].as_array().expect("the policy has statements");
    let actions =
        statements.iter().flat_map(|statement| statement["Action"].as_array().into_iter().flatten());
    let name = |action: &serde_json::Value| action.as_str()?.strip_prefix("ec2:").map(str::to_owned);
    actions.map(|action| name(action).expect("an action of EC2")).collect()
}

fn findings(files: &[TextFile], policy: &str) -> Vec<String> {
    let allowed = allowed(policy);
    let mut called = BTreeSet::new();
    let mut findings = Vec::new();
    for file in files {
        if file.path.starts_with(CRATE) {
            for (action, line) in calls(&file.text) {
                if !allowed.contains(&action) {
                    findings.push(format!(
                        "{}:{line}: {action} is called, and not among `Api::ALL`, from which {POLICY} is made",
                        file.path
                    ));
                }
                called.insert(action);
            }
        } else if file.path.ends_with(".rs")
            && file.path.contains("/src/")
            && mask(&file.text).code.contains("aws_sdk_ec2")
        {
            findings.push(format!("{} speaks with EC2 past `arbiter-ec2`", file.path));
        }
    }
    let unused = allowed.difference(&called);
    findings.extend(unused.map(|action| format!("{POLICY} allows {action}, which nothing calls")));
    findings
}

#[test]
fn the_code_calls_what_the_policy_allows_and_nothing_else() {
    let files = repository::text_files();
    let policy = files.iter().find(|file| file.path == POLICY).expect("the policy is there");
    crate::none("calls of EC2", &findings(&files, &policy.text));
}

#[test]
fn a_call_around_the_list_and_an_action_that_nobody_calls_are_found() {
    let policy = r#"{"Statement": [{"Action": ["ec2:ReplaceRoute"]}, {"Action": ["ec2:StopInstances"]}]}"#;
    let file = |path: &str, text: &str| TextFile { path: path.into(), text: text.into(), executable: false };
    let found = |text: &str| findings(&[file("crates/arbiter-ec2/src/x.rs", text)], policy);
    let sound = "fn f(&self) { self.client.replace_route().x(1); self.client\n    .stop_instances().send() }";
    assert_eq!(found(sound), Vec::<String>::new());
    for (planted, action) in [
        ("self.client.create_route().send()", "CreateRoute"),
        ("self\n.client\n.create_route()\n.send()", "CreateRoute"),
        ("let it = &self.client; it.terminate_instances().send()", "TerminateInstances"),
        ("self.client().delete_route ( )", "DeleteRoute"),
        ("other_client.nonsense()", "Nonsense"),
        ("use aws_sdk_ec2::operation::run_instances::RunInstancesInput;", "RunInstances"),
    ] {
        let said = found(&format!("{sound}\n{planted}"));
        assert_eq!(said.len(), 1, "{planted}: {said:?}");
        assert!(said[0].starts_with("crates/arbiter-ec2/src/x.rs:"), "{said:?}");
        assert!(said[0].contains(&format!(": {action} is called")), "{said:?}");
    }
    // Neither words nor methods of other things.
    assert_eq!(
        found(&format!("{sound} // client.create_route()\n\"client.create_route()\"; x.start(); y.send()")),
        [""; 0]
    );
    let unused = found("self.client.replace_route()");
    assert_eq!(unused, ["deploy/iam-policy.json allows StopInstances, which nothing calls"]);
    let elsewhere = [
        file("crates/arbiter-ec2/src/x.rs", sound),
        file("crates/arbiterd/src/y.rs", "use aws_sdk_ec2::Client;"),
    ];
    assert_eq!(findings(&elsewhere, policy), ["crates/arbiterd/src/y.rs speaks with EC2 past `arbiter-ec2`"]);
}
