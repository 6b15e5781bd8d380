//! The majority is lost for good: `arbiterd recover`, and what comes after it.

use crate::cluster::{ALL, Cluster, Member, ONE, Plan, TWO, WITNESS, has_alarm};
use arbiter_core::bad_days::bad_day;
use arbiter_lab::faults::{Effect, Fault, Silence};
use arbiter_lab::world::{INSTANCE_1, INSTANCE_2, InstanceState};
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use std::path::Path;
use std::process::Stdio;
use tokio::process::Command;

/// The phrase while the gateway's instance still runs.
const RUNS: &str = "recover test without strongswan-2 (running) and witness (not in EC2)";
/// The phrase once EC2 shows it stopped.
const STOPPED: &str = "recover test without witness (not in EC2)";

/// W of the test's file: (500 + 1,000 + 100) ms, the clocks' error, a quarter.
const WAIT_MS: u64 = 2_000;

/// Runs `arbiterd recover` on a node's folder: its exit code, and all that it says.
async fn recover(cluster: &Cluster, member: Member, args: &[&str]) -> (Option<i32>, String) {
    let mut command: Command = cluster.command(member);
    command.arg("recover").args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = tokio::time::timeout(crate::cluster::PATIENCE, command.output()).await.unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// Every file below a folder with what is in it.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            all.extend(contents(&path).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else {
            all.push((name, std::fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

fn says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "`{word}` in: {said}");
    }
}

/// Asks until it is accepted: a learner needs its time to join and to catch up.
async fn insist(cluster: &mut Cluster, what: &str, operation: Operation) {
    cluster
        .until(what, async |cluster| {
            let reply = cluster.operate(ONE, operation.clone()).await.ok()?;
            (reply.accepted || reply.refusal.contains("already")).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_survivor_goes_on_alone_the_dead_stay_dead_and_new_nodes_make_three_of_it() {
    bad_day("majority-lost-for-good");
    let mut cluster = Cluster::start(&Plan::default()).await;
    let (code, said) = recover(&cluster, ONE, &["--confirm", RUNS]).await;
    assert_eq!(code, Some(1), "{said}");
    says(&said, &["is in use by another process"]);

    let old = cluster.status(ONE, true).await.unwrap().cluster_id;
    cluster.kill(TWO).await;
    cluster.kill(WITNESS).await;
    cluster.kill(ONE).await;
    let before = contents(&cluster.data_dir(ONE));

    // Only shown; not confirmed; wrongly confirmed.
    let (code, said) = recover(&cluster, ONE, &["--dry-run"]).await;
    assert_eq!(code, Some(0), "{said}");
    says(
        &said,
        &[&old, INSTANCE_2, "is running", "nobody answers", "UNSETTLED nothing", "NEW cluster", RUNS],
    );
    let state = |state| {
        cluster.ec2.world().edit(|world, act| world.set_instance_state(act, INSTANCE_2, state)).unwrap()
    };
    state(InstanceState::Stopped);
    let (_, said) = recover(&cluster, ONE, &["--dry-run"]).await;
    says(&said, &["is stopped", STOPPED]);
    state(InstanceState::Running);
    for args in [&[] as &[&str], &["--confirm", STOPPED]] {
        let (code, said) = recover(&cluster, ONE, args).await;
        assert_eq!(code, Some(3), "{said}");
        says(&said, &[RUNS, "Nothing was changed"]);
    }
    assert!(contents(&cluster.data_dir(ONE)) == before, "not one byte was changed");

    let (code, said) = recover(&cluster, ONE, &["--confirm", RUNS, "--by", "anna"]).await;
    assert_eq!(code, Some(0), "{said}");
    says(&said, &["RECOVERED as the cluster", "before-recovery-"]);
    let (code, said) = recover(&cluster, ONE, &["--confirm", RUNS]).await;
    assert_eq!(code, Some(1), "{said}");
    says(&said, &["only voter", "nothing to recover"]);

    // It serves, as another cluster, and acts.
    let calls = cluster.mutations().len();
    cluster.start_node(ONE);
    let status = cluster.until_status(ONE, "it leads alone", |status| status.voters == 1).await;
    assert_ne!(status.cluster_id, old);
    cluster.tunnels[0].fall_silent().await;
    cluster.until_on(ONE, "private-1", "tunnel-2").await;
    let history = cluster.history(ONE).await.unwrap();
    let recovered = history.iter().find(|event| event.kind == "recovered").unwrap();
    assert_eq!(recovered.actor, "anna");
    says(&recovered.summary, &[&old, &status.cluster_id, "without strongswan-2, witness"]);

    // The dead come back with their old disks. They are a majority of the old cluster.
    cluster.start_node(TWO);
    cluster.start_node(WITNESS);
    for ghost in [TWO, WITNESS] {
        cluster.until_logged(ghost, &format!("was recovered without node {ghost}")).await;
        // By itself: the leader that they had is nobody to pass a question on to.
        let error = cluster.operate(ghost, Operation::Resume(v1::ResumeCluster {})).await.unwrap_err();
        says(error.message(), &[&format!("was recovered without node {ghost}")]);
    }
    cluster.tunnels[0].answer();
    cluster.until_on(ONE, "private-1", "tunnel-1").await;
    let by_ghosts =
        |call: &&arbiter_lab::calllog::CallRecord| call.caller.as_deref() != Some(&ONE.access_key());
    let later = cluster.mutations().split_off(calls);
    assert!(later.len() >= 2 && !later.iter().any(|call| by_ghosts(&call)), "{later:?}");

    // Under their old names and ids, with empty folders.
    for member in [TWO, WITNESS] {
        cluster.kill(member).await;
        std::fs::remove_dir_all(cluster.data_dir(member)).unwrap();
        let (node, id) = (member.name().to_owned(), u64::from(member.number()));
        let address = cluster.addresses.nodes[member.index()].to_string();
        insist(
            &mut cluster,
            "it is added",
            Operation::AddMember(v1::AddMember { node: node.clone(), id, address }),
        )
        .await;
        cluster.start_node(member);
        let promote = Operation::PromoteMember(v1::PromoteMember { node });
        insist(&mut cluster, "it votes", promote).await;
    }
    let well = cluster.until_well().await;
    assert_eq!((well.voters, &well.cluster_id), (3, &status.cluster_id));
    assert!(!has_alarm(&well, "quorum-at-risk", "test"));
    cluster.kill(ONE).await;
    cluster.until_status(TWO, "the new ones decide without it", |status| status.voters_heard == 2).await;
    cluster.start_node(ONE);
    cluster.until_well().await;
    assert!(ALL.iter().all(|member| !cluster.log(*member).contains("panicked")));
    cluster.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dead_leaders_call_stays_in_doubt_and_is_waited_out() {
    let mut cluster = Cluster::start(&Plan::default()).await;
    let lost = Effect::LoseRequest { silence: Silence::Hang };
    let fault = cluster.ec2.faults().set(Fault::on("ReplaceRoute", lost)).unwrap();
    cluster.tunnels[0].fall_silent().await;
    let doubt = cluster
        .until("a call under way, and the survivor knows", async |cluster| {
            cluster.status(ONE, true).await.ok()?.unsettled.pop()
        })
        .await;
    for member in [WITNESS, ONE, TWO] {
        cluster.kill(member).await;
    }
    assert!(cluster.ec2.faults().remove(fault));
    let (code, said) = recover(&cluster, ONE, &["--confirm", RUNS]).await;
    assert_eq!(code, Some(0), "{said}");
    says(&said, &[&format!("UNSETTLED {} on route private-1", doubt.id), "nobody knows how its call ended"]);

    let (began_ms, calls) = (cluster.ec2.now_ms(), cluster.mutations().len());
    cluster.start_node(ONE);
    cluster.until_on(ONE, "private-1", "tunnel-2").await;
    let first = cluster.mutations().split_off(calls).remove(0);
    assert!(first.arrived_ms - began_ms >= WAIT_MS, "{} ms after its start", first.arrived_ms - began_ms);
    let settled = cluster
        .until("the doubt is over", async |cluster| {
            let history = cluster.history(ONE).await.ok()?;
            history.into_iter().find(|event| event.kind == "settled" && event.intent == doubt.id)
        })
        .await;
    assert_ne!(settled.epoch, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_ec2_vouches_for_all_others_nothing_is_typed_and_certificates_stay_good() {
    let mut cluster = Cluster::start(&Plan { tls: true, ..Plan::default() }).await;
    let old = cluster.status(WITNESS, true).await.unwrap().cluster_id;
    for member in ALL {
        cluster.kill(member).await;
    }
    let stopped = InstanceState::Stopped;
    for instance in [INSTANCE_1, INSTANCE_2] {
        let (code, said) = recover(&cluster, WITNESS, &[]).await;
        assert_eq!(code, Some(3), "{instance} still runs: {said}");
        cluster.ec2.world().edit(|world, act| world.set_instance_state(act, instance, stopped)).unwrap();
    }
    let (code, said) = recover(&cluster, WITNESS, &[]).await;
    assert_eq!(code, Some(0), "{said}");
    says(&said, &["RECOVERED as the cluster"]);
    // Asked by an operator's old certificate, and with its own one: both are of the cluster's name.
    cluster.start_node(WITNESS);
    let status = cluster.until_status(WITNESS, "it leads alone", |status| status.voters == 1).await;
    assert_ne!(status.cluster_id, old);
    cluster.accepted(WITNESS, Operation::Resume(v1::ResumeCluster {})).await;
    // A left-behind node's certificate is good, too, and its disk is not.
    cluster.start_node(TWO);
    cluster.until_logged(TWO, "was recovered without node strongswan-2").await;
    let status = cluster.until_status(WITNESS, "it still leads", |_| true).await;
    assert_eq!((status.voters, status.leader.as_str()), (1, WITNESS.name()));
}
