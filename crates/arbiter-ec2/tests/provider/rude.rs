//! The provider against servers that misbehave. A mutation is one request, whatever happens, and what is said of it
//! afterwards is true.

use crate::calls::*;
use crate::rude_server::{Manner, Rude, error, success};
use arbiter_control::provider::{CallKind, Provider, ProviderErrorKind, Scope};
use arbiter_core::command::Outcome;
use arbiter_core::rules::proves;
use arbiter_ec2::{Ec2, Settings};
use std::net::TcpListener;
use tokio::time::{Duration, Instant, timeout};

/// A call's own end in tests that wait for it.
const SHORT_MS: u64 = 300;

/// No short call may take longer than this, on however busy a machine.
const BOUND: Duration = Duration::from_secs(10);

fn move_route() -> arbiter_control::provider::Call {
    set_route(1, "rtb-1", ON_PREMISES, interface("eni-1"))
}

/// Sends one mutation to a server of this manner, then makes sure that nothing else ever comes.
async fn outcome_of(manner: Manner, call: arbiter_control::provider::Call, timeout_ms: u64) -> Outcome {
    let server = Rude::start([manner]).await;
    let ec2 = connect(settings(&server.url)).await;
    let outcome = timeout(BOUND, ec2.mutate(&call, timeout_ms)).await.expect("ended in time");
    assert_one_mutation(&server, &ec2).await;
    outcome
}

/// A describe that is answered comes after everything that the client had still wanted to send.
async fn assert_one_mutation(server: &Rude, ec2: &Ec2) {
    ec2.observe(&policy_of([route("r", "rtb-1", ON_PREMISES, &[])]), Scope::Routes).await.unwrap();
    let mutations: Vec<_> =
        server.arrived().into_iter().filter(|it| !it.action.starts_with("Describe")).collect();
    assert_eq!(mutations.len(), 1, "{mutations:?}");
}

fn is_no_answer(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::NoAnswer { .. })
}

#[tokio::test]
async fn an_acknowledged_mutation_is_done() {
    assert_eq!(
        outcome_of(success("ReplaceRoute", "<return>true</return>"), move_route(), LONG_MS).await,
        Outcome::Done
    );
    assert_eq!(outcome_of(success("StopInstances", ""), stop(1, "i-1", true), LONG_MS).await, Outcome::Done);
    assert_eq!(outcome_of(success("StartInstances", ""), start(1, "i-1"), LONG_MS).await, Outcome::Done);
}

#[tokio::test]
async fn every_way_to_lose_the_answer_is_no_answer_and_one_request() {
    proves("dispatch.one-request");
    let ways = [
        (Manner::Close, LONG_MS),
        (Manner::Reset, LONG_MS),
        (Manner::CloseWithinBody, LONG_MS),
        (Manner::Hang, SHORT_MS),
        (Manner::StopWithinBody, SHORT_MS),
    ];
    for (manner, timeout_ms) in ways {
        for call in [move_route(), stop(1, "i-1", false), start(1, "i-1")] {
            let outcome = outcome_of(manner.clone(), call, timeout_ms).await;
            assert!(is_no_answer(&outcome), "{manner:?}: {outcome}");
        }
    }
}

#[tokio::test]
async fn a_call_ends_at_its_timeout() {
    proves("dispatch.ends-at-timeout");
    for manner in [Manner::Hang, Manner::StopWithinBody] {
        let before = Instant::now();
        outcome_of(manner, move_route(), SHORT_MS).await;
        assert!(before.elapsed() >= Duration::from_millis(SHORT_MS), "it did not give up early");
    }
}

#[tokio::test]
async fn an_error_of_the_server_proves_nothing_and_a_refusal_proves_that_nothing_was_done() {
    for (status, code) in
        [(500, "InternalError"), (503, "Unavailable"), (503, "ServiceUnavailable"), (500, "Surprise")]
    {
        let outcome = outcome_of(error(status, code), move_route(), LONG_MS).await;
        assert!(is_no_answer(&outcome) && outcome.to_string().contains(code), "{outcome}");
    }
    for (status, code) in [
        (503, "RequestLimitExceeded"),
        (403, "UnauthorizedOperation"),
        (400, "InvalidRouteTableID.NotFound"),
        (400, "IncorrectInstanceState"),
    ] {
        let (said, _) = refused(outcome_of(error(status, code), move_route(), LONG_MS).await);
        assert_eq!(said, code);
    }
    let no_room = outcome_of(error(500, "InsufficientInstanceCapacity"), start(1, "i-1"), LONG_MS).await;
    assert_eq!(refused(no_room).0, "InsufficientInstanceCapacity");
}

#[tokio::test]
async fn what_is_not_ec2s_word_is_no_answer() {
    let page = "<html><body>Please log in to the hotel's network</body></html>".to_owned();
    for status in [200, 302, 403, 502] {
        let outcome = outcome_of(Manner::Answer(status, page.clone()), move_route(), LONG_MS).await;
        assert!(is_no_answer(&outcome), "{status}: {outcome}");
    }
    let empty = outcome_of(Manner::Answer(200, String::new()), stop(1, "i-1", false), LONG_MS).await;
    assert!(is_no_answer(&empty), "{empty}");
}

#[tokio::test]
async fn both_routes_names_for_a_missing_route_are_explained() {
    let (code, message) =
        refused(outcome_of(error(400, "InvalidRoute.NotFound"), move_route(), LONG_MS).await);
    assert_eq!(code, "InvalidRoute.NotFound");
    assert!(message.contains("is missing in rtb-1"), "{message}");
}

#[tokio::test]
async fn a_connection_that_never_came_up_means_not_sent() {
    // Nobody listens on a port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ec2 = connect(settings(&format!("http://127.0.0.1:{port}"))).await;
    let outcome = mutate(&ec2, move_route()).await;
    assert!(matches!(outcome, Outcome::NotSent { .. }), "{outcome}");
    let failure = ec2.observe(&policy_of([route("r", "rtb-1", ON_PREMISES, &[])]), Scope::Routes).await;
    let failure = failure.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_str()), (ProviderErrorKind::Unreachable, "ConnectFailed"));
}

#[tokio::test]
async fn a_name_that_nobody_knows_means_not_sent() {
    // RFC 6761 keeps `.invalid` free for ever; it is answered without asking anybody.
    let ec2 = connect(settings("http://ec2.invalid")).await;
    let outcome = mutate(&ec2, move_route()).await;
    assert!(matches!(outcome, Outcome::NotSent { .. }), "{outcome}");
}

#[tokio::test]
async fn tls_that_fails_or_hangs_means_not_sent() {
    // The server speaks no TLS: it waits for the end of a request's head, which a handshake doesn't have.
    let server = Rude::start([]).await;
    let url = server.url.replace("http:", "https:");
    let ec2 = connect(Settings { connect_timeout_ms: SHORT_MS, ..settings(&url) }).await;
    let outcome = timeout(BOUND, mutate(&ec2, move_route())).await.expect("ended in time");
    assert!(matches!(outcome, Outcome::NotSent { .. }), "{outcome}");
    assert_eq!(server.arrived().len(), 0);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_mutation_finds_the_connection_that_the_describes_keep_warm() {
    let server = Rude::start([]).await;
    let ec2 = connect(settings(&server.url)).await;
    ec2.warm_up().await.unwrap();
    assert_eq!(mutate(&ec2, move_route()).await, Outcome::Done);
    assert_eq!(ec2.mutate(&stop(2, "i-1", false), 1_234).await, Outcome::Done);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_warm_connection_that_breaks_under_a_mutation_is_no_answer_and_one_request() {
    // The HTTP client may use another connection for a request that it had not begun to write. Here it had.
    for manner in [Manner::Close, Manner::Reset] {
        for _ in 0..20 {
            let server = Rude::start([success("DescribeRouteTables", ""), manner.clone()]).await;
            let ec2 = connect(settings(&server.url)).await;
            ec2.warm_up().await.unwrap();
            let outcome = mutate(&ec2, move_route()).await;
            assert!(is_no_answer(&outcome), "{manner:?}: {outcome}");
            assert_eq!(server.connections(), 1);
            assert_one_mutation(&server, &ec2).await;
        }
    }
}

#[tokio::test]
async fn a_warm_connection_that_is_closed_before_a_mutation_costs_it_nothing() {
    for _ in 0..20 {
        let server = Rude::start([Manner::AnswerAndClose]).await;
        let ec2 = connect(settings(&server.url)).await;
        ec2.warm_up().await.unwrap();
        let outcome = mutate(&ec2, move_route()).await;
        // Whether the client has seen the end yet is a race that the network decides; to be sent twice is not in it.
        assert!(outcome == Outcome::Done || is_no_answer(&outcome), "{outcome}");
        let sent = server.count("ReplaceRoute");
        assert!(sent <= 1 && (sent == 1 || outcome != Outcome::Done), "{sent} sent: {outcome}");
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_a_describe_nothing() {
    let server = Rude::start([Manner::Close]).await;
    let ec2 = connect(settings(&server.url)).await;
    let policy = policy_of([route("r", "rtb-1", ON_PREMISES, &[])]);
    ec2.observe(&policy, Scope::Routes).await.unwrap();
    assert_eq!(server.count("DescribeRouteTables"), 2);
    let server = Rude::start(vec![Manner::Close; 5]).await;
    let ec2 = connect(settings(&server.url)).await;
    let failure = ec2.observe(&policy, Scope::Routes).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_str()), (ProviderErrorKind::Unreachable, "ConnectionLost"));
    assert_eq!(server.count("DescribeRouteTables"), 2, "one repetition, no more");
}

#[tokio::test]
async fn a_look_ends_at_its_timeout_and_says_what_kind_of_failure_it_was() {
    let cases = [
        (Manner::Hang, ProviderErrorKind::Unreachable, "Timeout"),
        (Manner::StopWithinBody, ProviderErrorKind::Unreachable, "Timeout"),
        (error(503, "RequestLimitExceeded"), ProviderErrorKind::Throttled, "RequestLimitExceeded"),
        (error(403, "UnauthorizedOperation"), ProviderErrorKind::Denied, "UnauthorizedOperation"),
        (error(401, "AuthFailure"), ProviderErrorKind::Denied, "AuthFailure"),
        (error(500, "InternalError"), ProviderErrorKind::Rejected, "InternalError"),
        (Manner::Answer(502, "<html/>".to_owned()), ProviderErrorKind::Rejected, "Http502"),
        (Manner::Answer(200, "<html/>".to_owned()), ProviderErrorKind::Rejected, "Http200"),
    ];
    let policy = policy_of([route("r", "rtb-1", ON_PREMISES, &[])]);
    for (manner, kind, code) in cases {
        let server = Rude::start([manner.clone()]).await;
        let ec2 = connect(Settings { describe_timeout_ms: SHORT_MS, ..settings(&server.url) }).await;
        let looked = timeout(BOUND, ec2.observe(&policy, Scope::Routes)).await.expect("ended in time");
        let failure = looked.unwrap_err();
        assert_eq!((failure.kind, failure.code.as_str()), (kind, code), "{manner:?}: {failure}");
        assert_eq!(failure.operation, "DescribeRouteTables");
        assert_eq!(server.arrived().len(), 1, "what was answered, or timed out, is not asked again");
    }
}

#[tokio::test]
async fn after_a_refusal_for_the_rate_nothing_is_asked_for_a_while() {
    let server = Rude::start([error(503, "RequestLimitExceeded")]).await;
    let ec2 = connect(settings(&server.url)).await;
    let policy = policy_of([route("r", "rtb-1", ON_PREMISES, &[])]);
    ec2.observe(&policy, Scope::Routes).await.unwrap_err();
    let failure = ec2.observe(&policy, Scope::Routes).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_str()), (ProviderErrorKind::Throttled, "Paced"));
    assert_eq!(server.arrived().len(), 1);
    assert_eq!(ec2.allowance(CallKind::Route, 250), 50, "a mutation has its own bucket");
    eventually("the pause to end", async || ec2.observe(&policy, Scope::Routes).await.ok()).await;
}

#[tokio::test]
async fn pages_without_end_are_an_error() {
    let page = success("DescribeRouteTables", "<routeTableSet/><nextToken>again</nextToken>");
    let server = Rude::start(vec![page; 200]).await;
    let ec2 = connect(settings(&server.url)).await;
    let policy = policy_of([route("r", "rtb-1", ON_PREMISES, &[])]);
    let failure = ec2.observe(&policy, Scope::Routes).await.unwrap_err();
    assert_eq!(failure.code, "EndlessPages");
    assert_eq!(server.arrived().len(), 50);
}

#[tokio::test]
async fn the_tag_stands_in_the_user_agent_header_itself() {
    let server = Rude::start([]).await;
    let ec2 = connect(settings(&server.url)).await;
    mutate(&ec2, move_route()).await;
    let agent = server.arrived().remove(0).user_agent;
    assert!(agent.ends_with(" arbiter/lab#17.1"), "{agent}");
    // CloudTrail cuts a user agent at 1 KiB; the tag, at its end, must not be what is cut.
    assert!(agent.len() < 512, "{agent}");
}
