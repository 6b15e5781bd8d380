//! Policies and calls as the control loop would make them.

use arbiter_control::provider::{Call, Provider};
use arbiter_core::command::{Action, Outcome};
use arbiter_core::ids::{Epoch, IntentId, LogIndex, NodeId};
use arbiter_core::policy::{DriftAction, Gateway, Path, Policy, Route, Target};
use arbiter_ec2::{Ec2, Settings};
use aws_credential_types::Credentials;
use tokio::time::{Duration, Instant};

/// Generous: what is waited for takes milliseconds, on a busy machine perhaps seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// What all calls of the tests are signed with.
pub const ACCESS_KEY: &str = "AKIATEST";
pub const REGION: &str = "cn-north-1";
pub const ON_PREMISES: &str = "10.10.0.0/16";
/// Long enough that no sound call ever meets it in a test.
pub const LONG_MS: u64 = 20_000;

pub fn settings(url: &str) -> Settings {
    Settings {
        endpoint_url: Some(url.to_owned()),
        region: Some(REGION.to_owned()),
        describe_timeout_ms: LONG_MS,
        ..Settings::default()
    }
}

pub async fn connect(settings: Settings) -> Ec2 {
    let credentials = Credentials::new(ACCESS_KEY, "not a secret", None, None, "test");
    Ec2::connect_as(settings, Some(credentials)).await.unwrap()
}

pub fn gateway(name: &str, instance: &str, interface: &str) -> Gateway {
    Gateway {
        id: name.into(),
        node: NodeId(1),
        zone: "a".to_owned(),
        instance: instance.into(),
        interface: interface.to_owned(),
        remediate: true,
    }
}

pub fn path(name: &str, gateway: Option<&str>, target: Target) -> Path {
    Path { id: name.into(), gateway: gateway.map(Into::into), target, observers: Vec::new(), follows: None }
}

pub fn route(name: &str, table: &str, destination: &str, paths: &[&str]) -> Route {
    Route {
        id: name.into(),
        table: table.to_owned(),
        destination: destination.to_owned(),
        paths: paths.iter().map(|path| (*path).into()).collect(),
        drift: DriftAction::Repair,
        importance: 100,
        host: None,
        follows: None,
    }
}

pub fn interface(id: &str) -> Target {
    Target::Interface(id.to_owned())
}

fn call(number: u64, action: Action, table: &str, destination: &str) -> Call {
    Call {
        cluster: "lab".into(),
        intent: IntentId { epoch: Epoch(17), number },
        entry: LogIndex(18),
        action,
        table: table.to_owned(),
        destination: destination.to_owned(),
    }
}

pub fn set_route(number: u64, table: &str, destination: &str, after: Target) -> Call {
    let action = Action::SetRoute { route: "route".into(), before: None, path: "path".into(), after };
    call(number, action, table, destination)
}

pub fn stop(number: u64, instance: &str, force: bool) -> Call {
    let action = Action::Stop { gateway: "gateway".into(), instance: instance.into(), force };
    call(number, action, "", "")
}

pub fn start(number: u64, instance: &str) -> Call {
    let action = Action::Start { gateway: "gateway".into(), instance: instance.into() };
    call(number, action, "", "")
}

pub async fn mutate(ec2: &Ec2, call: Call) -> Outcome {
    ec2.mutate(&call, LONG_MS).await
}

/// The code and words of a refusal; anything else fails the test.
pub fn refused(outcome: Outcome) -> (String, String) {
    match outcome {
        Outcome::Failed { code, message } => (code, message),
        other => panic!("expected a refusal, got: {other}"),
    }
}

pub fn policy_of(tables: impl IntoIterator<Item = Route>) -> Policy {
    Policy { routes: tables.into_iter().collect(), ..Policy::default() }
}

/// Asks until the answer is `Some`; fails the test when patience ends.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
