//! The standard AWS environment, each case in a process of its own, since a process has only one.

use crate::calls::*;
use crate::imds::Imds;
use crate::rude_server::Rude;
use arbiter_control::provider::{Provider, Scope};
use arbiter_core::command::Outcome;
use arbiter_ec2::{Ec2, Settings};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;

/// Says which case a child process plays; not set in the parent, where the child's test does nothing.
const CASE: &str = "ARBITER_TEST_CASE";

/// Longer than the slowest case, in which the search for metadata gives up by itself.
const CHILD_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs this test program again, with the test below only and nothing of our own AWS environment.
async fn child(case: &str, environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "environment::the_child", "--nocapture"]).kill_on_drop(true);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    let nowhere = [("AWS_CONFIG_FILE", "/dev/null"), ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")];
    command.envs(nowhere).envs(environment.iter().copied()).env(CASE, case);
    let output = tokio::time::timeout(CHILD_TIMEOUT, command.output()).await.unwrap().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let answer =
        text.lines().find_map(|line| line.split_once("ANSWER: ")).map(|(_, answer)| answer.to_owned());
    answer.unwrap_or_else(|| panic!("the child said: {text}\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// Plays one case, and says how it ended.
#[tokio::test]
async fn the_child() {
    let Ok(case) = std::env::var(CASE) else { return };
    let answer = match Ec2::connect(Settings { describe_timeout_ms: 10_000, ..Settings::default() }).await {
        Err(err) => format!("{err}"),
        Ok(ec2) => match case.as_str() {
            "look" => {
                let policy = policy_of([route("r", "rtb-1", ON_PREMISES, &[])]);
                match ec2.observe(&policy, Scope::Routes).await {
                    Ok(_) => format!("seen in {}", ec2.region()),
                    Err(failure) => format!("{:?}: {failure}", failure.kind),
                }
            }
            "warm-up" => ec2.warm_up().await.map_or_else(|err| format!("{err}"), |()| "warm".to_owned()),
            "mutate" => {
                let call = set_route(1, "rtb-1", ON_PREMISES, interface("eni-1"));
                match ec2.mutate(&call, 500).await {
                    Outcome::NotSent { reason } => format!("NotSent {reason}"),
                    other => other.to_string(),
                }
            }
            other => panic!("no such case: {other}"),
        },
    };
    // The reasons of nested errors may span lines; the parent reads one.
    println!("\nANSWER: {}", answer.replace('\n', " "));
}

const KEYS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "AKIATEST"), ("AWS_SECRET_ACCESS_KEY", "not a secret")];
const NO_METADATA: (&str, &str) = ("AWS_EC2_METADATA_DISABLED", "true");

#[tokio::test]
async fn without_a_region_the_error_says_what_to_set() {
    let answer = child("look", &[KEYS[0], KEYS[1], NO_METADATA]).await;
    assert!(answer.contains("no AWS region is set") && answer.contains("AWS_REGION"), "{answer}");
}

#[tokio::test]
async fn without_credentials_every_error_says_so_and_nothing_was_sent() {
    let server = Rude::start([]).await;
    let environment = [NO_METADATA, ("AWS_REGION", REGION), ("AWS_ENDPOINT_URL_EC2", server.url.as_str())];
    let answer = child("warm-up", &environment).await;
    assert!(answer.contains("no AWS credentials") && answer.contains("IAM role"), "{answer}");
    let answer = child("look", &environment).await;
    assert!(answer.starts_with("NoCredentials: DescribeRouteTables: "), "{answer}");
    let answer = child("mutate", &environment).await;
    assert!(answer.starts_with("NotSent "), "{answer}");
    assert_eq!(server.arrived().len(), 0);
}

#[tokio::test]
async fn credentials_that_do_not_come_in_time_mean_not_sent() {
    let server = Rude::start([]).await;
    let imds = Imds::start(REGION, false).await;
    let environment = [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.url.as_str()),
        ("AWS_ENDPOINT_URL_EC2", server.url.as_str()),
    ];
    let answer = child("mutate", &environment).await;
    assert!(answer.starts_with("NotSent "), "{answer}");
    assert_eq!(server.arrived().len(), 0);
}

#[tokio::test]
async fn region_and_credentials_come_from_the_metadata_service() {
    let server = Rude::start([]).await;
    let imds = Imds::start("cn-northwest-1", true).await;
    let environment = [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.url.as_str()),
        ("AWS_ENDPOINT_URL_EC2", server.url.as_str()),
    ];
    assert_eq!(child("look", &environment).await, "seen in cn-northwest-1");
    assert_eq!(server.arrived().len(), 1);
}

#[tokio::test]
async fn both_variables_for_the_endpoint_are_honoured_and_the_services_own_wins() {
    let (ours, other) = (Rude::start([]).await, Rude::start([]).await);
    let base = [KEYS[0], KEYS[1], NO_METADATA, ("AWS_REGION", REGION)];
    let general = [&base[..], &[("AWS_ENDPOINT_URL", ours.url.as_str())]].concat();
    assert_eq!(child("look", &general).await, "seen in cn-north-1");
    assert_eq!(ours.arrived().len(), 1);
    let both =
        [&base[..], &[("AWS_ENDPOINT_URL", other.url.as_str()), ("AWS_ENDPOINT_URL_EC2", ours.url.as_str())]]
            .concat();
    assert_eq!(child("look", &both).await, "seen in cn-north-1");
    assert_eq!((ours.arrived().len(), other.arrived().len()), (2, 0));
}

#[tokio::test]
async fn a_machine_without_certificate_authorities_reaches_endpoints_without_tls() {
    let server = Rude::start([]).await;
    let environment = [
        KEYS[0],
        KEYS[1],
        NO_METADATA,
        ("AWS_REGION", REGION),
        ("AWS_ENDPOINT_URL_EC2", server.url.as_str()),
        ("SSL_CERT_FILE", "/dev/null"),
    ];
    assert_eq!(child("look", &environment).await, "seen in cn-north-1");
}

fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    Path::new(&path).to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_profile_may_hold_everything() {
    let server = Rude::start([]).await;
    let folder = TempDir::new().unwrap();
    let profile = format!("[profile gateway]\nregion = eu-central-1\nendpoint_url = {}\n", server.url);
    let config = write(&folder, "config", &profile);
    let keys = "[gateway]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = not a secret\n";
    let credentials = write(&folder, "credentials", keys);
    let environment = [
        NO_METADATA,
        ("AWS_PROFILE", "gateway"),
        ("AWS_CONFIG_FILE", &config),
        ("AWS_SHARED_CREDENTIALS_FILE", &credentials),
    ];
    assert_eq!(child("look", &environment).await, "seen in eu-central-1");
    assert_eq!(server.arrived().len(), 1);
}
