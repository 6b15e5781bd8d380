//! `gateway restart GATEWAY`: asks for it, or withdraws what was asked, and follows it to its end if told so.

use super::deed::{Deed, before, gateway, standstill};
use super::drain::{leaves, routes_on};
use super::history;
use crate::cli::{Doing, HistoryArgs, RestartArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Session, request_id};
use crate::view::{EventView, HistoryView, StatusView, WrittenView};
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;

const COMMAND: &str = "gateway restart";

/// What the history calls a request that was withdrawn.
const WITHDRAWN: &str = "withdraw the restart";

pub(crate) async fn run(args: &RestartArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let name = format!("{COMMAND} {}", args.gateway);
    let status = before(&name, session).await?;
    let id = gateway(&status, &args.gateway)?.id.clone();
    let Some(reason) = args.reason.clone().filter(|_| !args.cancel) else {
        return cancel(&status, id, name, args.doing, session).await;
    };
    let does = preview(&status, args, &reason)?;
    let operation =
        Operation::RestartGateway(v1::RestartGateway { gateway: id.clone(), reason, force: args.force });
    if !args.wait {
        let then = format!("`arbiterctl events --follow --subject {id}` shows how far it is");
        let deed = Deed { command: COMMAND, name, does, then, operation, goal: None };
        return deed.carry_out(args.doing, session).await;
    }
    if !args.doing.yes {
        session.confirm(&does)?;
    }
    let reply = session.operate(&name, &request_id()?, operation).await?;
    let end = wait(&id, &name, reply.index, session).await?;
    let view = WrittenView {
        answered: reply.answered.into(),
        command: COMMAND.to_owned(),
        index: Some(reply.index),
        reached: Some(true),
        says: vec![format!("committed at log index {}: {does}", reply.index), end],
        ..WrittenView::default()
    };
    session.show(&view)?;
    Ok(Exit::Ok)
}

async fn cancel(
    status: &StatusView,
    id: String,
    name: String,
    doing: Doing,
    session: &mut Session<'_, '_>,
) -> Result<Exit, Failure> {
    let asked = gateway(status, &id)?.restart.as_ref();
    let whose = asked.map(|asked| format!(" ({}, by {})", asked.reason, asked.by)).unwrap_or_default();
    let deed = Deed {
        command: COMMAND,
        does: format!("withdraw the restart of {id}{whose}: its routes may come home, by the ordinary rules"),
        then: "`arbiterctl routes` shows where routes are".to_owned(),
        operation: Operation::CancelRestart(v1::CancelRestart { gateway: id }),
        goal: None,
        name,
    };
    deed.carry_out(doing, session).await
}

/// What will be done, in words.
fn preview(status: &StatusView, args: &RestartArgs, reason: &str) -> Result<String, Failure> {
    let gateway = gateway(status, &args.gateway)?;
    let id = &gateway.id;
    let moves: Vec<String> = routes_on(status, id).map(|route| leaves(route, id, status)).collect();
    let moves = if moves.is_empty() { "no route is on it".to_owned() } else { moves.join("; ") };
    let force = if args.force { " BY FORCE, also if a route loses its last path that works" } else { "" };
    let leads = match status.leader.as_deref() == Some(gateway.node.as_str()) {
        true => format!("; {} leads: another node takes over when it goes down", gateway.node),
        false => String::new(),
    };
    let drained = match &gateway.drained {
        Some(why) => format!("; it is drained ({why}), and stays so"),
        None => String::new(),
    };
    Ok(format!(
        "restart {id} ({reason}){force}: {moves}; then {} is stopped and started, as soon as the guards allow it, within \
         10m or not at all{drained}{leads}{}",
        gateway.instance,
        standstill(status)
    ))
}

/// How a restart stands, as the history tells.
enum Stand {
    UnderWay,
    Healthy,
    /// It ended otherwise: this is why.
    Ended(String),
}

async fn wait(id: &str, name: &str, index: u64, session: &mut Session<'_, '_>) -> Result<String, Failure> {
    let all = HistoryArgs {
        limit: history::EVENTS_KEPT,
        subject: Some(id.to_owned()),
        after: index,
        ..HistoryArgs::default()
    };
    loop {
        if let Ok(seen) = history::ask(&all, name, session).await {
            match stand(&seen) {
                Stand::Healthy => return Ok(format!("{id} was stopped and started, and is healthy again")),
                Stand::Ended(why) => {
                    let what = format!("`{name}` (log index {index}): {why}");
                    let hint =
                        format!("`arbiterctl history --subject {id} --after {index}` shows what happened");
                    return Err(Failure::new(Exit::Failed, what).hint(hint));
                }
                Stand::UnderWay => {}
            }
        }
        if !session.next_look().await {
            let what = format!(
                "`{name}` (log index {index}): it is not over after {}: it goes on by itself",
                session.patience()
            );
            return Err(Failure::new(Exit::Unknown, what)
                .hint(format!("`arbiterctl status` shows what {id} waits for, `arbiterctl history --subject {id}` what was done"))
                .hint(format!("`arbiterctl gateway restart {id} --cancel` withdraws it, if it has not begun")));
        }
    }
}

fn stand(seen: &HistoryView) -> Stand {
    let is = |kind: &str| seen.events.iter().find(|event| event.kind == kind);
    let stop = seen
        .events
        .iter()
        .find(|event| event.kind == "intended" && event.cause.as_deref() == Some("operator-restart"));
    let Some(stop) = stop else {
        let withdrawn =
            || seen.events.iter().find(|event| event.kind == "operated" && event.summary == WITHDRAWN);
        let ended = is("restart-expired").or_else(withdrawn);
        return ended.map_or(Stand::UnderWay, |event| Stand::Ended(event.summary.clone()));
    };
    let of_stop = |event: &&EventView| event.kind == "ended" && event.intent == stop.intent;
    let failed = seen
        .events
        .iter()
        .find(of_stop)
        .filter(|event| matches!(event.outcome.as_deref(), Some("failed" | "not-sent")));
    match (is("remediation-ended"), failed) {
        (None, _) => Stand::UnderWay,
        // What was never stopped is soon called healthy.
        (Some(_), Some(stop)) => Stand::Ended(stop.summary.clone()),
        (Some(end), None) if end.outcome.as_deref() == Some("healthy") => Stand::Healthy,
        (Some(end), None) => Stand::Ended(end.summary.clone()),
    }
}
