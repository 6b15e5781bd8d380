//! Starts that can't work, and one alone.

use crate::cluster::{Cluster, ONE, PATIENCE, Plan, Process, arbiterd, last_words, output};
use arbiter_core::bad_days::bad_day;
use arbiter_lab::iam::IamPolicy;
use rustix::process::Signal;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_errors_of_a_file_are_shown_with_their_places() {
    let cluster = Cluster::prepare(&Plan::default()).await;
    let command = cluster.changed(ONE, |text| {
        text.replacen("drift_grace = \"2s\"", "drift_grace = 2", 1)
            .replacen("paths = [\"tunnel-1\", \"tunnel-2\"]", "paths = [\"tunnel-1\", \"tunel-2\"]", 1)
            .replacen("reconcile_interval", "reconcile_intervall", 1)
    });
    let (code, text) = output(command).await;
    assert_eq!(code, Some(1), "{text}");
    for word in ["drift_grace", "`tunel-2`", "tunnel-2", "reconcile_intervall", "3 errors"] {
        assert!(text.contains(word), "`{word}` in {text}");
    }
    let places = text.lines().filter(|line| line.contains("changed.toml:") && line.contains(": error: "));
    for line in places.clone() {
        let mut place = line[line.find("changed.toml:").unwrap()..].split(':').skip(1);
        assert!(
            place.next().unwrap().parse::<u32>().is_ok() && place.next().unwrap().parse::<u32>().is_ok(),
            "{line}"
        );
    }
    assert_eq!(places.count(), 3, "{text}");
    assert!(!cluster.data_dir(ONE).exists(), "nothing was touched");

    let (code, text) = output(cluster.changed(ONE, |_| "version = = 1".to_owned())).await;
    assert_eq!((code, text.contains("changed.toml:1:")), (Some(1), true), "{text}");
    let mut usage = arbiterd(cluster.folder());
    usage.arg("--nod");
    assert_eq!(output(usage).await.0, Some(2), "usage");
    let mut missing = arbiterd(cluster.folder());
    missing.args(["--config", "/nowhere/cluster.toml", "--node", "witness"]);
    let (code, text) = output(missing).await;
    assert!(code == Some(1) && text.contains("/nowhere/cluster.toml") && text.contains("--config"), "{text}");
    let mut nobody = arbiterd(cluster.folder());
    nobody.arg("--config").arg(cluster.folder().join("cluster.toml")).args(["--node", "witnes"]);
    let (code, text) = output(nobody).await;
    assert!(code == Some(1) && text.contains("`witnes`") && text.contains("`witness`"), "{text}");
}

#[tokio::test]
async fn the_iam_policy_is_printed_without_a_configuration_and_without_a_node() {
    let folder = tempfile::tempdir().unwrap();
    let printed = async |words: &[&str]| {
        let out = arbiterd(folder.path()).arg("iam-policy").args(words).output().await.unwrap();
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    assert_eq!(printed(&[]).await, include_str!("../../../../deploy/iam-policy.json"));
    let observe = IamPolicy::parse(&printed(&["--observe"]).await).unwrap();
    assert_eq!(observe.actions().len(), 4);
    assert!(observe.actions().iter().all(|action| action.starts_with("ec2:Describe")), "{observe:?}");
    // All else does need to know which node it is.
    let (code, text) = output(arbiterd(folder.path())).await;
    assert!(code == Some(2) && text.contains("--node <NAME>"), "{text}");
    let mut recover = arbiterd(folder.path());
    recover.arg("recover");
    let (code, text) = output(recover).await;
    assert!(code == Some(1) && text.contains("--node"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_a_node_from_starting_is_said_with_a_remedy() {
    bad_day("port-in-use");
    let cluster = Cluster::prepare(&Plan::default()).await;
    let taken = tokio::net::TcpListener::bind(cluster.addresses.nodes[ONE.index()]).await.unwrap();
    let (code, text) = output(cluster.command(ONE)).await;
    let says = format!(
        "node strongswan-1 can't start: {} can't be listened on: is arbiterd running already? (`ss -ltnp`): Address \
         already in use (os error 98)",
        taken.local_addr().unwrap()
    );
    assert_eq!((code, last_words(&text)), (Some(1), &*says));
    assert!(!cluster.data_dir(ONE).exists(), "nothing was touched");
    drop(taken);

    let mut command = cluster.command(ONE);
    command.env_remove("AWS_REGION");
    let (code, text) = output(command).await;
    assert!(code == Some(1) && text.contains("AWS_REGION"), "{text}");

    let mut command = cluster.command(ONE);
    command.env("RUST_LOG", "arbiterd=loud");
    let (code, text) = output(command).await;
    assert!(code == Some(1) && text.contains("arbiterd=loud"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_alone_is_up_for_systemd_and_not_ready() {
    let cluster = Cluster::prepare(&Plan::default()).await;
    let path = cluster.folder().join("notify");
    let socket = tokio::net::UnixDatagram::bind(&path).unwrap();
    let mut command = cluster.command(ONE);
    // Without keys: it can't call EC2, says what is missing, and votes and probes all the same.
    command.env("NOTIFY_SOCKET", &path).env_remove("AWS_ACCESS_KEY_ID").args(["--log-format", "json"]);
    let log = cluster.folder().join("alone.log");
    let mut process = Process::start(&mut command, &log);
    let mut said = [0; 64];
    let length =
        tokio::time::timeout(PATIENCE, socket.recv(&mut said)).await.expect("it tells systemd").unwrap();
    assert_eq!(&said[..length], b"READY=1");
    process.signal(Signal::TERM);
    assert!(process.end().await.success());
    let text = std::fs::read_to_string(log).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let messages: Vec<_> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
    assert!(
        messages.contains(&"started") && messages.contains(&"ending") && !messages.contains(&"ready"),
        "{text}"
    );
    let complaint = lines.iter().find(|line| line["level"] == "ERROR").unwrap();
    assert!(complaint["error"].as_str().unwrap().contains("AWS_ACCESS_KEY_ID"), "{complaint}");

    // Also what ends it is one JSON object.
    let taken = tokio::net::TcpListener::bind(cluster.addresses.nodes[ONE.index()]).await.unwrap();
    let mut command = cluster.command(ONE);
    command.args(["--log-format", "json"]);
    let (code, text) = output(command).await;
    assert_eq!(code, Some(1));
    for line in text.lines() {
        let value: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            value["message"].as_str().is_some_and(|message| message.contains("running already"))
                || value["level"] != "ERROR",
            "{line}"
        );
    }
    assert!(text.contains("running already"));
    drop(taken);
}
