//! TCP connect.

use crate::support::{Service, prober, status, tcp, until, until_state};
use arbiter_control::prober::Prober;
use arbiter_core::evidence::Verdict;
use arbiter_core::policy::Probe;
use arbiter_probe::{BoottimeClock, SocketProber};
use std::sync::{Arc, mpsc};
use std::time::Duration;

#[tokio::test]
async fn a_service_that_answers_is_up_and_one_that_falls_silent_comes_back() {
    let (answering, silent) = (Service::answering(), Service::silent());
    let prober = prober();
    let mut transitions = prober.transitions();
    prober.set_probes(vec![tcp("answering", answering.address()), tcp("silent", silent.address())]);
    until_state(&prober, "answering", Verdict::Up).await;
    until_state(&prober, "silent", Verdict::Down).await;
    assert_eq!(status(&prober, "silent").last_error, None, "silence is no error");
    assert!(transitions.has_changed().unwrap());
    assert_eq!(*transitions.borrow_and_update(), 2);
    silent.accept_for_ever();
    until_state(&prober, "silent", Verdict::Up).await;
    until(&prober, "the transition announced", || *transitions.borrow_and_update() == 3).await;
    assert!(status(&prober, "answering").last_rtt_us.is_some());
}

#[tokio::test]
async fn a_refused_connection_is_a_loss_that_says_why() {
    // A port that is bound but does not listen refuses, and nobody else can take it meanwhile.
    let bound = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    bound.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let refusing = bound.local_addr().unwrap().as_socket().unwrap();
    let prober = prober();
    prober.set_probes(vec![tcp("refusing", refusing)]);
    until_state(&prober, "refusing", Verdict::Down).await;
    let error = status(&prober, "refusing").last_error.unwrap();
    assert!(error.contains("refused") && error.contains(&refusing.to_string()), "{error}");
}

#[tokio::test]
async fn a_source_or_an_interface_that_is_gone_is_a_loss() {
    let service = Service::answering();
    let from =
        |name, source: &str| Probe { source: Some(source.parse().unwrap()), ..tcp(name, service.address()) };
    let over =
        |name, interface: &str| Probe { interface: Some(interface.into()), ..tcp(name, service.address()) };
    let prober = prober();
    prober.set_probes(vec![
        from("our-source", "127.0.0.9"),
        from("no-source", "203.0.113.9"),
        over("our-interface", "lo"),
        over("no-interface", "tunnel9"),
    ]);
    until_state(&prober, "our-source", Verdict::Up).await;
    until_state(&prober, "no-source", Verdict::Down).await;
    until_state(&prober, "no-interface", Verdict::Down).await;
    until_state(&prober, "our-interface", Verdict::Up).await;
    assert!(status(&prober, "no-source").last_error.is_some_and(|error| error.contains("assign")));
}

#[tokio::test]
async fn probes_can_be_exchanged_and_the_others_go_on() {
    let service = Service::answering();
    let prober = prober();
    prober.set_probes(vec![tcp("stays", service.address()), tcp("goes", service.address())]);
    until_state(&prober, "stays", Verdict::Up).await;
    let before = status(&prober, "stays");
    prober.set_probes(vec![tcp("stays", service.address()), tcp("comes", service.address())]);
    let names: Vec<_> = prober.snapshot().into_keys().map(|id| id.to_string()).collect();
    assert_eq!(names, ["comes", "stays"]);
    assert_eq!(status(&prober, "stays").since, before.since);
    until_state(&prober, "comes", Verdict::Up).await;
    prober.set_probes(Vec::new());
    assert!(prober.snapshot().is_empty());
    until(&prober, "nothing in flight", || prober.counters().in_flight == 0).await;
}

#[tokio::test]
async fn on_its_own_thread_it_works_while_this_one_is_blocked_and_ends_when_dropped() {
    let service = Service::answering();
    let prober = SocketProber::start_on_own_thread(Arc::new(BoottimeClock)).unwrap();
    prober.set_probes(vec![tcp("service", service.address())]);
    let (_never, nothing) = mpsc::channel::<()>();
    let mut waits = 0;
    while status(&prober, "service").state != Verdict::Up {
        assert!(nothing.recv_timeout(Duration::from_millis(100)).is_err() && waits < 200);
        waits += 1;
    }
    let mut transitions = prober.transitions();
    drop(prober);
    // The sender of transitions goes with the last of the prober.
    while transitions.changed().await.is_ok() {}
}
