//! What must hold of every run, judged at its end from EC2's call log and the nodes' histories.

use super::{ALL, Cluster};
use arbiter_lab::calllog::CallRecord;
use arbiter_proto::v1;
use std::collections::BTreeMap;

impl Cluster {
    /// S1, S2, S5's one exception and S6 over the whole run. All three nodes must run.
    pub async fn judge(&mut self) {
        let history = self
            .until("the same history on all nodes", async |cluster| {
                let mut histories = Vec::new();
                for member in ALL {
                    histories.push(cluster.history(member).await.ok()?);
                }
                let first = histories.pop()?;
                (!first.is_empty() && histories.iter().all(|other| *other == first)).then_some(first)
            })
            .await;
        let calls = self.mutations();
        assert_eq!(second_hands(&calls), Vec::<String>::new(), "S1");
        assert_eq!(without_intent(&calls, &history), Vec::<String>::new(), "S2");
        assert_eq!(unasked_stops(&history), Vec::<String>::new(), "S5");
    }
}

/// S1: per resource, after an epoch has initiated a target, no older epoch initiates another.
fn second_hands(calls: &[CallRecord]) -> Vec<String> {
    let mut newest: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let mut found = Vec::new();
    for call in calls {
        let Some(tag) = &call.tag else {
            found.push(format!("call {} bears no tag", call.seq));
            continue;
        };
        let (resource, target) = (resource(call), target(call));
        match newest.get(&resource) {
            Some((epoch, other)) if *epoch > tag.epoch && *other != target => found.push(format!(
                "call {}: epoch {} sets {resource} to {target} after epoch {epoch} set it to {other}",
                call.seq, tag.epoch
            )),
            Some((epoch, _)) if *epoch > tag.epoch => {}
            _ => drop(newest.insert(resource, (tag.epoch, target))),
        }
    }
    found
}

/// S2: every call is a committed intent's, with the target that the intent names.
fn without_intent(calls: &[CallRecord], history: &[v1::Event]) -> Vec<String> {
    let intended = |call: &&CallRecord| {
        let id = call.tag.as_ref().map(|tag| format!("{}.{}", tag.epoch, tag.intent));
        history.iter().any(|event| {
            event.kind == "intended"
                && Some(&event.intent) == id.as_ref()
                && event.summary.contains(named(call))
                && !event.evidence_json.is_empty()
        })
    };
    calls
        .iter()
        .filter(|call| !intended(call))
        .map(|call| format!("{:?} {:?}", call.tag, call.params))
        .collect()
}

/// S5: a gateway that can be seen is stopped only because an operator asked for it; each request is good for one stop.
fn unasked_stops(history: &[v1::Event]) -> Vec<String> {
    let (mut asked, mut found) = (BTreeMap::new(), Vec::new());
    for event in history {
        let requests: &mut usize = asked.entry(event.subject.clone()).or_default();
        match event.kind.as_str() {
            "operated" if event.summary.starts_with("restart") => *requests += 1,
            "operated" if event.summary == "withdraw the restart" => *requests = 0,
            "restart-expired" => *requests = 0,
            "intended" if event.cause == "operator-restart" => match requests.checked_sub(1) {
                Some(left) => *requests = left,
                None => found.push(format!("{}: {}", event.intent, event.summary)),
            },
            _ => {}
        }
    }
    found
}

fn resource(call: &CallRecord) -> String {
    let ids = ["RouteTableId", "InstanceId.1"];
    ids.iter().find_map(|name| call.param(name)).unwrap_or(&call.action).to_owned()
}

fn target(call: &CallRecord) -> String {
    call.param("NetworkInterfaceId").unwrap_or(&call.action).to_owned()
}

/// What the words of its intent must name.
fn named(call: &CallRecord) -> &str {
    let names = ["NetworkInterfaceId", "InstanceId.1"];
    names.iter().find_map(|name| call.param(name)).unwrap_or(&call.action)
}

/// The referee itself must be able to whistle.
#[tokio::test]
async fn s1_and_s2_are_seen_to_be_broken() {
    use super::Plan;
    let cluster = Cluster::prepare(&Plan::default()).await;
    let call = async |epoch: u64, target: &str| {
        let url = cluster.ec2.addr();
        let body = format!(
            "Action=ReplaceRoute&Version=2016-11-15&RouteTableId=rtb-468f5222&DestinationCidrBlock=10.10.0.0%2F16&NetworkInterfaceId={target}"
        );
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {url}\r\nauthorization: AWS4-HMAC-SHA256 Credential=AKIDNODE1/20260101/cn-north-1/ec2/\
             aws4_request, SignedHeaders=host, Signature=0\r\nuser-agent: test arbiter/c0ffee#{epoch}.1\r\ncontent-type: \
             application/x-www-form-urlencoded\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = tokio::net::TcpStream::connect(url).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    call(7, "eni-2d75e606").await;
    call(9, "eni-23fbd87a").await;
    call(7, "eni-23fbd87a").await;
    assert_eq!(second_hands(&cluster.mutations()), Vec::<String>::new());
    call(7, "eni-2d75e606").await;
    assert_eq!(second_hands(&cluster.mutations()).len(), 1);
    assert_eq!(without_intent(&cluster.mutations(), &[]).len(), 4);
}

#[test]
fn a_stop_that_nobody_asked_for_is_seen() {
    let event = |kind: &str, summary: &str, cause: &str| v1::Event {
        kind: kind.to_owned(),
        subject: "strongswan-1".to_owned(),
        summary: summary.to_owned(),
        cause: cause.to_owned(),
        ..v1::Event::default()
    };
    let stop = event("intended", "stop strongswan-1 (i-1)", "operator-restart");
    let ask = event("operated", "restart: why", "");
    assert!(unasked_stops(&[ask.clone(), stop.clone()]).is_empty());
    assert_eq!(unasked_stops(std::slice::from_ref(&stop)).len(), 1);
    assert_eq!(unasked_stops(&[ask.clone(), stop.clone(), stop.clone()]).len(), 1);
    let withdrawn = event("operated", "withdraw the restart", "");
    assert_eq!(unasked_stops(&[ask, withdrawn, stop]).len(), 1);
}
