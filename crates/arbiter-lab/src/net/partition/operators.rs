//! Operators, who work while it rains: each asks for one thing at a time, of any node, and withdraws what he has asked for.

use super::ground::Ground;
use crate::demo::cluster::{GATEWAYS, Node};
use crate::history::{Answer, Asked, Invoke, Line, Return};
use arbiter_proto::v1::operate_request::Operation;
use arbiter_proto::v1::{
    Asking, Drain, OperateRequest, PauseCluster, Pin, Readmit, ResumeCluster, StatusRequest, Switchover,
    Undrain, Unpin,
};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tonic::Code;

/// An operator gives up after this.
const PATIENCE: Duration = Duration::from_secs(5);
/// What he thinks about between two requests.
const THINKS_MS: std::ops::Range<u64> = 100..900;
/// Of a hundred requests so many only read.
const READS_PERCENT: u32 = 60;
/// How long it may take until everything is withdrawn in the end, or a node is let in again.
const INSISTS_FOR: Duration = Duration::from_secs(60);

/// Works until the time is over.
pub(super) async fn work(
    ground: &Ground<'_>,
    number: usize,
    mut dice: StdRng,
    until: Instant,
) -> anyhow::Result<()> {
    let mut owed = None;
    while Instant::now() < until {
        let node = *ground.lab.settings.nodes.choose(&mut dice).unwrap_or(&Node::Witness);
        let asked = if dice.gen_range(0..100) < READS_PERCENT {
            Asked::Read
        } else {
            let (asked, then) = match owed.take() {
                Some(withdrawal) => (withdrawal, None),
                None => something(&mut dice),
            };
            owed = then;
            asked
        };
        ask(ground, &format!("operator-{number}"), node, &asked).await?;
        sleep(Duration::from_millis(dice.gen_range(THINKS_MS))).await;
    }
    Ok(())
}

/// Something to ask for, and what withdraws it.
fn something(dice: &mut StdRng) -> (Asked, Option<Asked>) {
    let [home, other] = if dice.r#gen() { [0, 1] } else { [1, 0] }.map(|i: usize| GATEWAYS[i]);
    let (route, path) = (home.route.to_owned(), other.tunnel.to_owned());
    match dice.gen_range(0..5) {
        0 | 1 => (Asked::Pause, Some(Asked::Resume)),
        2 => (Asked::Pin { route: route.clone(), path }, Some(Asked::Unpin { route })),
        3 => (Asked::Switchover { route, path }, None),
        _ => {
            let gateway = home.node.to_string();
            (Asked::Drain { gateway: gateway.clone() }, Some(Asked::Undrain { gateway }))
        }
    }
}

/// Withdraws whatever may be in force, until each is known to be.
pub(super) async fn withdraw(ground: &Ground<'_>) -> anyhow::Result<()> {
    let mut all = vec![Asked::Resume];
    for gateway in GATEWAYS {
        all.push(Asked::Unpin { route: gateway.route.to_owned() });
        all.push(Asked::Undrain { gateway: gateway.node.to_string() });
        // A switchover holds until its path is Down or somebody switches home.
        all.push(Asked::Switchover { route: gateway.route.to_owned(), path: gateway.tunnel.to_owned() });
    }
    let deadline = Instant::now() + INSISTS_FOR;
    for asked in all {
        insist(ground, &asked, deadline).await?;
    }
    Ok(())
}

/// Lets a node whose disk was lost in again.
pub(super) async fn readmit(ground: &Ground<'_>, node: Node) -> anyhow::Result<()> {
    insist(ground, &Asked::Readmit { node: node.to_string() }, Instant::now() + INSISTS_FOR).await
}

/// Asks one node after the other, until one knows what came of it.
async fn insist(ground: &Ground<'_>, asked: &Asked, deadline: Instant) -> anyhow::Result<()> {
    for node in ground.lab.settings.nodes.iter().copied().cycle() {
        let Answer::Unknown { why } = ask(ground, "operator-0", node, asked).await? else { break };
        anyhow::ensure!(Instant::now() < deadline, "{asked:?} is not answered for {INSISTS_FOR:?}: {why}");
        sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}

/// Asks, and writes down the question before and the answer after.
async fn ask(ground: &Ground<'_>, who: &str, node: Node, asked: &Asked) -> anyhow::Result<Answer> {
    let id = ground.next_request();
    let by = format!("{who}-{id}");
    let invoke =
        Invoke { at_ms: ground.now_ms(), id, by: by.clone(), node: node.to_string(), what: asked.clone() };
    ground.write(&Line::Invoke(invoke))?;
    let answered = timeout(PATIENCE, answer(ground, node, &by, asked)).await;
    let answer = answered.unwrap_or_else(|_| Answer::Unknown { why: "no answer in time".to_owned() });
    ground.write(&Line::Return(Return { at_ms: ground.now_ms(), id, answer: answer.clone() }))?;
    Ok(answer)
}

async fn answer(ground: &Ground<'_>, node: Node, by: &str, asked: &Asked) -> Answer {
    let Some(mut client) = ground.lab.watch.client(node) else {
        return Answer::Refused { why: format!("there is no {node}") };
    };
    let asking = Some(Asking::default());
    let Some(operation) = operation(asked) else {
        return match client.status(StatusRequest { asking }).await {
            Ok(reply) => {
                let status = reply.into_inner();
                let answered = status.answered.unwrap_or_default();
                Answer::Seen {
                    linearizable: answered.linearizable,
                    applied: answered.applied,
                    paused: status.pause.is_some(),
                }
            }
            Err(status) => failed(&status),
        };
    };
    let request = OperateRequest {
        asking,
        request_id: format!("{by}-{}", ground.lab.endpoint.started_wall_ms()),
        by: by.to_owned(),
        operation: Some(operation),
    };
    match client.operate(request).await {
        Ok(reply) => {
            let reply = reply.into_inner();
            if reply.accepted {
                Answer::Accepted { index: reply.index, quiet: reply.quiet }
            } else {
                Answer::Refused { why: reply.refusal }
            }
        }
        Err(status) => failed(&status),
    }
}

/// A broken connection looks like a node that says it has done nothing, so that says nothing.
fn failed(status: &tonic::Status) -> Answer {
    let why = format!("{:?}: {}", status.code(), status.message());
    match status.code() {
        Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition => Answer::Refused { why },
        _ => Answer::Unknown { why },
    }
}

/// None for a reading.
fn operation(asked: &Asked) -> Option<Operation> {
    let reason = || "a partition test".to_owned();
    Some(match asked.clone() {
        Asked::Read => return None,
        Asked::Pause => Operation::Pause(PauseCluster { reason: reason(), for_ms: None }),
        Asked::Resume => Operation::Resume(ResumeCluster {}),
        Asked::Switchover { route, path } => Operation::Switchover(Switchover { route, path }),
        Asked::Pin { route, path } => Operation::Pin(Pin { route, path }),
        Asked::Unpin { route } => Operation::Unpin(Unpin { route }),
        Asked::Drain { gateway } => Operation::Drain(Drain { gateway, reason: reason() }),
        Asked::Undrain { gateway } => Operation::Undrain(Undrain { gateway }),
        Asked::Readmit { node } => Operation::Readmit(Readmit { node }),
    })
}
