//! `switchover ROUTE PATH`: shows what would move, asks, commands, and waits if told so.

use super::explain;
use crate::cli::SwitchoverArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Session, request_id};
use crate::view::{ExplainView, WrittenView};
use arbiter_core::evidence::Verdict;
use arbiter_core::time::HumanMs;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;

pub(crate) async fn run(args: &SwitchoverArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let (route, path) = (&args.route, &args.path);
    let name = format!("switchover {route} {path}");
    let before = explain::ask(&name, route, session).await?;
    let says = preview(&before, path)?;
    if !args.yes {
        session.confirm(&format!("move {says}"))?;
    }
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

/// What would be moved, in words. A path that the route doesn't have is refused here, with those that it has.
fn preview(before: &ExplainView, path: &str) -> Result<String, Failure> {
    let route = &before.route;
    let Some(to) = route.paths.iter().find(|known| known.id == path) else {
        let known: Vec<&str> = route.paths.iter().map(|path| path.id.as_str()).collect();
        let what = format!("`{path}` is no path of {}; nothing was changed", route.id);
        let suggestion = arbiter_core::policy::suggestion(path, known.iter().copied());
        return Err(Failure::new(Exit::Failed, what)
            .hint(suggestion)
            .hint(format!("its paths are {}", known.join(", "))));
    };
    let from = route.committed.as_deref().unwrap_or("no path");
    let state = format!("{} for {}", to.verdict, HumanMs(to.for_ms));
    let caution = if to.verdict == Verdict::Up { "" } else { ": it moves once that is Up" };
    Ok(format!(
        "{} ({} in {}) from {from} to {path}, which is {state}{caution}",
        route.id, route.destination, route.table
    ))
}

async fn wait(
    args: &SwitchoverArgs,
    name: &str,
    index: u64,
    session: &mut Session<'_, '_>,
) -> Result<(), Failure> {
    let (route, path) = (&args.route, &args.path);
    let there = |view: &ExplainView| {
        let route = &view.route;
        let seen = [&route.committed, &route.observed].map(Option::as_deref);
        view.answered.linearizable && seen == [Some(path.as_str()); 2]
    };
    loop {
        // While leaders change nobody may answer: that is no reason to give up before the time has run out.
        if explain::ask(name, route, session).await.is_ok_and(|view| there(&view)) {
            return Ok(());
        }
        if !session.next_look().await {
            let within = session.patience();
            let what = format!(
                "`{name}` is committed at log index {index}, but {route} was not seen on {path} within {within}: \
                 it may come yet"
            );
            return Err(Failure::new(Exit::Unknown, what)
                .hint(format!("`arbiterctl explain {route}` says where it is, and why")));
        }
    }
}
