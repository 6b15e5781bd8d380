//! `switchover ROUTE PATH`: shows what would move, asks, commands, and waits if told so.

use super::deed::{before, lasting, path, route, standstill};
use crate::cli::SwitchoverArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Session, request_id};
use crate::view::{StatusView, WrittenView};
use arbiter_core::evidence::Verdict;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;

pub(crate) async fn run(args: &SwitchoverArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let name = format!("switchover {} {}", args.route, args.path);
    let says = preview(&before(&name, session).await?, args)?;
    if !args.yes {
        session.confirm(&format!("move {says}"))?;
    }
    let (route, path) = (args.route.clone(), args.path.clone());
    let operation = Operation::Switchover(v1::Switchover { route: route.clone(), path: path.clone() });
    let reply = session.operate(&name, &request_id()?, operation).await?;
    let mut view = WrittenView {
        answered: reply.answered.into(),
        command: "switchover".to_owned(),
        index: Some(reply.index),
        says: vec![format!("committed at log index {}: move {says}", reply.index)],
        ..WrittenView::default()
    };
    if args.wait {
        wait(args, &name, reply.index, session).await?;
        view.reached = Some(true);
        view.says.push(format!("{route} is on {path}: committed, and seen in EC2"));
    } else {
        view.says.push(format!("`arbiterctl explain {route}` shows how far it is"));
    }
    session.show(&view)?;
    Ok(Exit::Ok)
}

/// What would be moved, in words.
fn preview(status: &StatusView, args: &SwitchoverArgs) -> Result<String, Failure> {
    let route = route(status, &args.route)?;
    let to = path(route, &args.path)?;
    let from = route.committed.as_deref().unwrap_or("no path");
    let caution = if to.verdict == Verdict::Up { "" } else { ": it moves once that is Up" };
    Ok(format!(
        "{} ({} in {}) from {from} to {}, which is {}{caution}{}",
        route.id,
        route.destination,
        route.table,
        to.id,
        lasting(to),
        standstill(status)
    ))
}

async fn wait(
    args: &SwitchoverArgs,
    name: &str,
    index: u64,
    session: &mut Session<'_, '_>,
) -> Result<(), Failure> {
    let (id, path) = (&args.route, &args.path);
    let there = |status: &StatusView| {
        let seen = |route: &crate::view::RouteView| {
            [&route.committed, &route.observed].map(Option::as_deref) == [Some(path.as_str()); 2]
        };
        status.answered.linearizable && route(status, id).is_ok_and(seen)
    };
    let mut still = String::new();
    loop {
        // While leaders change nobody may answer: that is no reason to give up before the time has run out.
        if let Ok(status) = before(name, session).await {
            if there(&status) {
                return Ok(());
            }
            still = standstill(&status);
        }
        if !session.next_look().await {
            let within = session.patience();
            let what = format!(
                "`{name}` is committed at log index {index}, but {id} was not seen on {path} within {within}: \
                 it may come yet{still}"
            );
            let hint = format!("`arbiterctl explain {id}` says where it is, and why");
            return Err(Failure::new(Exit::Unknown, what).hint(hint));
        }
    }
}
