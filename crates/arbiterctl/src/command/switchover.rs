//! `switchover ROUTE PATH`: shows what would move, asks, commands, and waits if told so.

use super::deed::{Deed, before, lasting, path, route, standstill, there};
use crate::cli::SwitchoverArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::StatusView;
use arbiter_core::evidence::Verdict;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;

pub(crate) async fn run(args: &SwitchoverArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let name = format!("switchover {} {}", args.route, args.path);
    let says = preview(&before(&name, session).await?, args)?;
    let (route, path) = (args.route.clone(), args.path.clone());
    let deed = Deed {
        command: "switchover",
        does: format!("move {says}"),
        then: format!("`arbiterctl explain {route}` shows how far it is"),
        goal: args.wait.then(|| there(&route, &path)),
        operation: Operation::Switchover(v1::Switchover { route, path }),
        name,
    };
    deed.carry_out(args.doing, session).await
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
