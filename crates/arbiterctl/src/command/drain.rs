//! `drain GATEWAY` and `undrain GATEWAY`: traffic is kept off it, and may come back.

use super::deed::{Deed, Goal, before, gateway, standstill};
use crate::cli::{DrainArgs, UndrainArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::{PathView, RouteView, StatusView};
use arbiter_core::evidence::Verdict;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;

pub(crate) async fn drain(args: &DrainArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let name = format!("drain {}", args.gateway);
    let status = before(&name, session).await?;
    let id = &gateway(&status, &args.gateway)?.id;
    let moves: Vec<String> = routes_on(&status, id).map(|route| leaves(route, id, &status)).collect();
    let moves = if moves.is_empty() { "no route is on it".to_owned() } else { moves.join("; ") };
    let deed = Deed {
        command: "drain",
        does: format!(
            "drain {id} ({}): {moves}; until `arbiterctl undrain {id}` it gets no route that has another path Up, \
             and is not stopped{}",
            args.reason,
            standstill(&status)
        ),
        then: "`arbiterctl routes` shows how far it is".to_owned(),
        operation: Operation::Drain(v1::Drain { gateway: id.clone(), reason: args.reason.clone() }),
        goal: args.wait.then(|| empty(id)),
        name,
    };
    deed.carry_out(args.doing, session).await
}

pub(crate) async fn undrain(args: &UndrainArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let name = format!("undrain {}", args.gateway);
    let status = before(&name, session).await?;
    let found = gateway(&status, &args.gateway)?;
    let id = &found.id;
    let does = match &found.drained {
        Some(reason) => {
            let homes = status.routes.iter().filter(|route| !route.at_home && home_is_on(route, id));
            let homes: Vec<&str> = homes.map(|route| route.id.as_str()).collect();
            let homes = match homes.is_empty() {
                true => "no route waits for it".to_owned(),
                false => format!("{} may come home, by the ordinary rules", homes.join(", ")),
            };
            format!("end the drain of {id} ({reason}): {homes}{}", standstill(&status))
        }
        None => format!("end the drain of {id}, which is not drained: that changes nothing"),
    };
    let deed = Deed {
        command: "undrain",
        does,
        then: "`arbiterctl routes` shows where routes are, `arbiterctl explain ROUTE` what one waits for"
            .to_owned(),
        operation: Operation::Undrain(v1::Undrain { gateway: id.clone() }),
        goal: None,
        name,
    };
    deed.carry_out(args.doing, session).await
}

/// No route is committed to the gateway, or seen on it.
fn empty(id: &str) -> Goal {
    let gateway = id.to_owned();
    let lacks = move |status: &StatusView, _index: u64| {
        let over = |route: &&RouteView| {
            let of = |path: &PathView| path.gateway.as_deref() == Some(&*gateway);
            let uses = |path: &PathView| {
                [&route.committed, &route.observed].into_iter().any(|used| used.as_ref() == Some(&path.id))
            };
            route.paths.iter().any(|path| of(path) && uses(path))
        };
        let still: Vec<&str> = status.routes.iter().filter(over).map(|route| route.id.as_str()).collect();
        (!still.is_empty()).then(|| format!("{} still on {gateway}", still.join(", ")))
    };
    Goal {
        lacks: Box::new(lacks),
        says: format!("no route uses {id}: none is committed to it, and none is seen on it in EC2"),
        hint: "`arbiterctl explain ROUTE` says what one waits for".to_owned(),
    }
}

/// Routes whose committed path leads over the gateway.
pub(super) fn routes_on<'a>(status: &'a StatusView, gateway: &str) -> impl Iterator<Item = &'a RouteView> {
    status.routes.iter().filter(move |route| {
        let here = route.paths.iter().find(|path| route.committed.as_ref() == Some(&path.id));
        here.is_some_and(|path| path.gateway.as_deref() == Some(gateway))
    })
}

fn home_is_on(route: &RouteView, gateway: &str) -> bool {
    route.paths.first().is_some_and(|path| path.gateway.as_deref() == Some(gateway))
}

/// Where a route goes when its gateway is drained: as the planner chooses, the best that is Up and not drained.
pub(super) fn leaves(route: &RouteView, gateway: &str, status: &StatusView) -> String {
    let drained = |path: &PathView| {
        let its = |g: &&crate::view::GatewayView| Some(&g.id) == path.gateway.as_ref();
        status.gateways.iter().find(its).is_some_and(|its| its.drained.is_some() || its.restart.is_some())
    };
    let fits = |path: &&PathView| {
        path.gateway.as_deref() != Some(gateway) && path.verdict == Verdict::Up && !drained(path)
    };
    match route.paths.iter().find(fits) {
        Some(to) => format!("{} moves to {}", route.id, to.id),
        None => format!("{} STAYS on it until another of its paths is Up", route.id),
    }
}
