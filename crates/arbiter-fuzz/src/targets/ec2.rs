//! EC2's answers: through the SDK, into what the rules read; and what a mutation is said to have come to.

use crate::{Seen, has_words};
use arbiter_control::provider::{Call, Provider, Scope};
use arbiter_core::command::{Action, Outcome};
use arbiter_core::ids::{Epoch, IntentId, LogIndex};
use arbiter_core::policy::Policy;
use arbiter_ec2::{Answers, Ec2};
use std::path::Path;
use std::sync::OnceLock;

pub(super) const WORDS: &[&str] = &[
    "\n%%\nDescribeRouteTables 200\n",
    "\n%%\nReplaceRoute 200\n",
    "\n%%\nStopInstances 400\n",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "&amp;",
    "&#0;",
    "&#x110000;",
    "<!DOCTYPE x [<!ENTITY a \"aa\">]>",
    "<?xml version=\"1.0\"?>",
    " xmlns=\"",
    "</",
    "/>",
    "<item>",
    "</item>",
    "<nextToken>t</nextToken>",
    "<Code>RequestLimitExceeded</Code>",
    "<Code>InternalError</Code>",
    "<Code></Code>",
    " 500\n",
    " 200\n",
    " 302\n",
    " 99\n",
    "<gatewayId>local</gatewayId>",
];

/// Answers, apart by a line of `%%`; the first line of each says to which action it is, and its status.
pub fn ec2(bytes: &[u8]) -> Seen {
    let answers = answers(bytes);
    if answers.is_empty() {
        return Seen::Refused;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.unwrap_or_else(|error| panic!("no runtime: {error}")).block_on(ask(policy(), answers))
}

fn answers(bytes: &[u8]) -> Answers {
    let mut answers = Answers::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.windows(4).position(|window| window == b"\n%%\n");
        let (answer, after) = end.map_or((rest, &[][..]), |end| (&rest[..end], &rest[end + 4..]));
        rest = after;
        let line = answer.iter().position(|byte| *byte == b'\n').unwrap_or(answer.len());
        let head = String::from_utf8_lossy(&answer[..line]).into_owned();
        let Some((action, status)) = head.split_once(' ') else { continue };
        let Ok(status) = status.parse::<u16>() else { continue };
        let body = answer.get(line + 1..).unwrap_or_default().to_vec();
        answers.insert(action.to_owned(), (status, body));
    }
    answers
}

fn policy() -> &'static Policy {
    static POLICY: OnceLock<Policy> = OnceLock::new();
    POLICY.get_or_init(|| {
        let text = include_str!("../../../../cluster.example.toml");
        match arbiter_config::parse_policy(Path::new("cluster.example.toml"), text) {
            Ok((policy, _)) => policy,
            Err(refused) => panic!("the example is refused: {refused}"),
        }
    })
}

async fn ask(policy: &Policy, answers: Answers) -> Seen {
    let mut seen = Seen::Refused;
    let ec2 = Ec2::answering(answers.clone());
    match ec2.observe(policy, Scope::All).await {
        Ok(observed) => {
            seen = Seen::Taken;
            assert!(
                observed.routes.keys().all(|id| policy.route(id).is_some()),
                "a route that nobody asked for"
            );
            assert!(
                observed.instances.keys().all(|id| policy.gateway(id).is_some()),
                "a gateway that nobody asked for"
            );
            for problem in &observed.problems {
                has_words(problem);
            }
        }
        Err(failure) => {
            has_words(failure);
        }
    }
    for (name, call) in calls(policy) {
        let outcome = ec2.mutate(&call, 2_000).await;
        has_words(&outcome);
        // The request has left, whatever came back.
        assert!(!matches!(outcome, Outcome::NotSent { .. }), "{name} was sent, and is said not to have been");
        let Some((status, body)) = answers.get(name) else {
            assert_eq!(outcome, Outcome::Done, "EC2 has answered {name}");
            continue;
        };
        let mark = format!("<{name}Response");
        let says_so = body.windows(mark.len()).any(|window| window == mark.as_bytes());
        if outcome == Outcome::Done {
            assert!((200..300).contains(status) && says_so, "{name}: status {status} is no success of EC2's");
        }
        if matches!(outcome, Outcome::Failed { .. }) {
            assert!(*status >= 300, "{name}: status {status} is no refusal of EC2's");
        }
    }
    seen
}

fn calls(policy: &Policy) -> Vec<(&'static str, Call)> {
    let (Some(route), Some(path), Some(gateway)) =
        (policy.routes.first(), policy.paths.last(), policy.gateways.first())
    else {
        return Vec::new();
    };
    let call = |action| Call {
        cluster: "5f3c".into(),
        intent: IntentId { epoch: Epoch(7), number: 1 },
        entry: LogIndex(9),
        action,
        table: route.table.clone(),
        destination: route.destination.clone(),
    };
    let (after, instance) = (path.target.clone(), gateway.instance.clone());
    let set = Action::SetRoute { route: route.id.clone(), before: None, path: path.id.clone(), after };
    let stop = Action::Stop { gateway: gateway.id.clone(), instance: instance.clone(), force: false };
    let start = Action::Start { gateway: gateway.id.clone(), instance };
    vec![("ReplaceRoute", call(set)), ("StopInstances", call(stop)), ("StartInstances", call(start))]
}
