//! A backup of one cluster, restored into one that was made anew: by the client itself, and by real nodes.

use crate::cluster::{ALL, Cluster, ONE, Plan, TWO, is_linearizable, route_of};
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use arbiterctl::cli::Cli;
use arbiterctl::exit::Exit;
use arbiterctl::{Environment, Terminal};
use clap::Parser;

/// Runs `arbiterctl` against all nodes: how it ended, and all that it said.
async fn arbiterctl(cluster: &Cluster, words: &[&str]) -> (Exit, String) {
    let nodes: Vec<String> = cluster.addresses.nodes.iter().map(ToString::to_string).collect();
    let nodes = nodes.join(",");
    let line = [&["arbiterctl", "--endpoint", &nodes, "--timeout", "30s"], words].concat();
    let cli = Cli::try_parse_from(line).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = {
        let mut terminal = Terminal {
            out: &mut out,
            err: &mut err,
            answers: None,
            redraws: false,
            tty: None,
            colour: false,
            colour_err: false,
        };
        arbiterctl::run(&cli, &Environment::default(), &mut terminal).await
    };
    (exit, String::from_utf8([out, err].concat()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policy_and_overrides_come_back_into_a_cluster_that_was_made_anew() {
    let mut cluster = Cluster::start(&Plan::default()).await;
    let toml = cluster.policy(ONE).await.1.replace("failback_after = \"1s\"", "failback_after = \"1200ms\"");
    cluster.accepted(TWO, Operation::ApplyPolicy(v1::ApplyPolicy { version: 2, toml: toml.clone() })).await;
    let pin = v1::Pin { route: "private-2".to_owned(), path: "tunnel-1".to_owned() };
    cluster.accepted(ONE, Operation::Pin(pin)).await;
    cluster.until_on(ONE, "private-2", "tunnel-1").await;
    let pause = v1::PauseCluster { reason: "router upgrade".to_owned(), for_ms: None };
    cluster.accepted(ONE, Operation::Pause(pause)).await;
    let file = cluster.folder().join("backup.json").display().to_string();
    let (exit, said) = arbiterctl(&cluster, &["backup", &file]).await;
    assert_eq!(exit, Exit::Ok, "{said}");
    assert!(said.contains("test at log index") && said.contains("policy version 2, 2 overrides"), "{said}");
    let old = cluster.status(ONE, true).await.unwrap().cluster_id;

    for member in ALL {
        cluster.kill(member).await;
        std::fs::remove_dir_all(cluster.data_dir(member)).unwrap();
    }
    for member in ALL {
        cluster.start_node(member);
    }
    let anew = |status: &v1::StatusReply| {
        is_linearizable(status) && status.policy_version == 1 && status.voters_heard == 3
    };
    let status = cluster.until_status(ONE, "a new cluster, by the file", anew).await;
    assert_ne!(status.cluster_id, old);

    let (exit, said) = arbiterctl(&cluster, &["restore", &file, "--yes"]).await;
    assert_eq!(exit, Exit::Ok, "{said}");
    let places: Vec<_> =
        ["1. pause until", "2. policy version 2, as version 2 was", "3. pin private-2 to tunnel-1"]
            .map(|step| said.find(step).unwrap_or_else(|| panic!("`{step}` in: {said}")))
            .into();
    assert!(places.is_sorted(), "{said}");
    assert_eq!(cluster.policy(ONE).await, (2, toml));
    let status = cluster.status(TWO, false).await.unwrap();
    assert_eq!(status.pause.as_ref().unwrap().reason, "router upgrade");
    assert_eq!(route_of(&status, "private-2").pinned, "tunnel-1");
    let (exit, said) = arbiterctl(&cluster, &["restore", &file]).await;
    assert!(exit == Exit::Ok && said.contains("nothing was changed"), "{said}");

    cluster.accepted(ONE, Operation::Resume(v1::ResumeCluster {})).await;
    cluster.until_on(ONE, "private-2", "tunnel-1").await;
    let (exit, said) = arbiterctl(&cluster, &["history", "--backup", &file]).await;
    assert!(exit == Exit::Ok && said.contains(&format!("the cluster is formed: {old}")), "{said}");
}
