use super::*;
use arbiter_core::ids::NodeId;
use arbiter_tls::{Identity, Role};
use std::convert::Infallible;
use tokio::sync::Notify;
use tonic::Code;

const STATUS: &str = "/arbiter.v1.Admin/Status";
const OPERATE: &str = "/arbiter.v1.Admin/Operate";
const APPEND: &str = "/arbiter.v1.RaftPeer/AppendEntries";

fn person(name: &str) -> Caller {
    let identity = Identity::person("vpn", Role::Viewer, name);
    Caller { address: None, identity: Some(Arc::new(identity)), node: false, hangup: Hangup::default() }
}

fn node() -> Caller {
    let identity = Some(Arc::new(Identity::node("vpn", NodeId(2))));
    Caller { address: None, identity, node: true, hangup: Hangup::default() }
}

fn at(last: u8, node: bool) -> Caller {
    Caller { address: Some(([10, 0, 0, last], 9).into()), identity: None, node, hangup: Hangup::default() }
}

/// Answers when it is told to.
#[derive(Clone, Default)]
struct Slow(Arc<Notify>);

impl Service<http::Request<Body>> for Slow {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        let told = Arc::clone(&self.0);
        Box::pin(async move {
            told.notified().await;
            Ok(http::Response::new(Body::new(axum::body::Body::from("answered"))))
        })
    }
}

fn request(caller: &Caller, path: &str) -> http::Request<Body> {
    let mut request = http::Request::post(format!("http://node{path}")).body(Body::empty()).unwrap();
    request.extensions_mut().insert(caller.clone());
    request
}

/// The refusal of a call that is refused at once; `None` of one that is under way, which goes on.
fn refusal(service: &mut Limited<Slow>, caller: &Caller, path: &str) -> Option<Status> {
    let mut call = service.call(request(caller, path));
    let polled = futures::FutureExt::now_or_never(&mut call);
    let Some(answer) = polled else {
        tokio::spawn(call);
        return None;
    };
    Status::from_header_map(answer.unwrap().headers())
}

#[tokio::test(start_paused = true)]
async fn each_caller_has_a_pace_and_nodes_have_none() {
    let bounds = Bounds { calls: 1_000, calls_of_all: 10_000, readings: 10_000, ..Bounds::USUAL };
    let mut service = Limits::new(bounds).layer(Slow::default());
    let vera = person("vera");
    let refused = (0..150).filter_map(|_| refusal(&mut service, &vera, STATUS)).collect::<Vec<_>>();
    assert_eq!(refused.len(), 50);
    let first = &refused[0];
    assert_eq!(first.code(), Code::ResourceExhausted);
    assert_eq!(first.message(), "you ask more than 50 times a second; nothing was done. Come again in 20 ms");
    assert_eq!(first.metadata().get("grpc-retry-pushback-ms").unwrap(), "20");
    assert!(refusal(&mut service, &person("anna"), OPERATE).is_none(), "others have their own");
    tokio::time::advance(Duration::from_millis(20)).await;
    assert!(refusal(&mut service, &vera, STATUS).is_none());
    // A flood of strangers who claim to be nodes, and nodes meanwhile.
    let mallory = at(66, false);
    let taken = (0..5_000).filter(|_| refusal(&mut service, &mallory, APPEND).is_none()).count();
    assert_eq!(taken, 1_000);
    assert!((0..5_000).all(|_| refusal(&mut service, &node(), APPEND).is_none()));
    assert!((0..5_000).all(|_| refusal(&mut service, &at(1, true), APPEND).is_none()));
    assert!((0..500).all(|_| refusal(&mut service, &node(), STATUS).is_none()), "what it passes on");
    // All people together.
    let everybody = (0..1_000).filter(|k| refusal(&mut service, &person(&k.to_string()), STATUS).is_none());
    assert!((300..=304).contains(&everybody.count()));
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_on_after_refusals_loses_the_connection() {
    let mut service = Limits::new(Bounds::USUAL).layer(Slow::default());
    let vera = person("vera");
    let over = |caller: &Caller| caller.hangup.is_over();
    while !over(&vera) {
        refusal(&mut service, &vera, STATUS);
    }
    assert_eq!(vera.hangup.refused(), Bounds::USUAL.refusals + 1);
}

#[tokio::test(start_paused = true)]
async fn calls_and_readings_at_once_are_bounded_and_the_commands_of_people_wait_for_no_reading() {
    let bounds = Bounds { calls: 3, calls_of_all: 5, readings: 2, ..Bounds::USUAL };
    let slow = Slow::default();
    let mut service = Limits::new(bounds).layer(slow.clone());
    let (vera, otto, anna) = (person("vera"), person("otto"), person("anna"));
    assert!((0..3).all(|_| refusal(&mut service, &vera, OPERATE).is_none()));
    let words = |status: Option<Status>| status.unwrap().message().to_owned();
    let crowded = words(refusal(&mut service, &vera, OPERATE));
    assert!(
        crowded.contains("3 calls of yours are under way already")
            && crowded.contains("Come again in 1000 ms")
    );
    assert!((0..2).all(|_| refusal(&mut service, &otto, STATUS).is_none()));
    assert!(words(refusal(&mut service, &anna, STATUS)).contains("5 calls are under way already"));
    // A reading that a node passes on waits for room like all others, and is then refused; what changes something is not.
    let passed_on = service.call(request(&node(), STATUS));
    assert!(refusal(&mut service, &node(), OPERATE).is_none());
    let answer = passed_on.await.unwrap();
    let status = Status::from_header_map(answer.headers()).unwrap();
    assert!(status.message().contains("2 readings are under way already"), "{status}");
    // All places come back with the answers.
    slow.0.notify_waiters();
    let deadline = Instant::now() + Duration::from_secs(5);
    while refusal(&mut service, &anna, OPERATE).is_some() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_take_an_answer_loses_place_and_connection() {
    let slow = Slow::default();
    let mut service = Limits::new(Bounds { calls: 1, ..Bounds::USUAL }).layer(slow.clone());
    let vera = person("vera");
    slow.0.notify_one();
    let answer = service.call(request(&vera, OPERATE)).await.unwrap();
    assert!(refusal(&mut service, &vera, OPERATE).is_some(), "the place is held by the answer");
    assert!(!vera.hangup.is_over());
    tokio::time::sleep(Bounds::USUAL.deadline + Duration::from_secs(1)).await;
    assert!(vera.hangup.is_over());
    drop(answer);
    assert!(refusal(&mut service, &vera, OPERATE).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_given_in_pieces_and_whole() {
    let places = Places::new(1, 1);
    let place = places.take(Party::Certified("vera".to_owned())).unwrap();
    let held = Held::new(place, Hangup::default(), Bounds::USUAL.deadline);
    let whole: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
    let body = Body::new(axum::body::Body::from(whole.clone()));
    let mut answer = Box::pin(held.with(body));
    let mut taken = Vec::new();
    loop {
        let frame = std::future::poll_fn(|it| http_body::Body::poll_frame(answer.as_mut(), it)).await;
        let Some(frame) = frame else { break };
        let piece = frame.unwrap().into_data().unwrap();
        assert!(!piece.is_empty() && piece.len() <= 16 * 1024, "{}", piece.len());
        assert!(places.take(Party::Certified("otto".to_owned())).is_err(), "the place is held");
        taken.extend_from_slice(&piece);
    }
    assert_eq!(taken, whole);
    drop(answer);
    assert!(places.take(Party::Certified("otto".to_owned())).is_ok());
}
