//! `pin ROUTE PATH` and `unpin ROUTE`: one path is preferred above all others, and no longer.

use super::deed::{Deed, before, lasting, path, route, standstill, there};
use crate::cli::{PinArgs, UnpinArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use arbiter_core::evidence::Verdict;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;

pub(crate) async fn pin(args: &PinArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let name = format!("pin {} {}", args.route, args.path);
    let status = before(&name, session).await?;
    let route = route(&status, &args.route)?;
    let to = path(route, &args.path)?;
    let effect = match &route.committed {
        Some(here) if *here == to.id => format!("it is there, {}", lasting(to)),
        here => {
            let from = here.as_deref().unwrap_or("no path");
            let caution = if to.verdict == Verdict::Up { "" } else { ": it moves once that is Up" };
            format!("it moves from {from}; {} is {}{caution}", to.id, lasting(to))
        }
    };
    let (id, stands) = (&route.id, standstill(&status));
    let deed = Deed {
        command: "pin",
        does: format!(
            "pin {id} ({} in {}) to {}: {effect}; it still leaves that when it is Down, and comes back, until \
             `arbiterctl unpin {id}`{stands}",
            route.destination, route.table, to.id
        ),
        then: format!("`arbiterctl explain {id}` shows how far it is"),
        operation: Operation::Pin(v1::Pin { route: id.clone(), path: to.id.clone() }),
        goal: args.wait.then(|| there(id, &to.id)),
        name,
    };
    deed.carry_out(args.doing, session).await
}

pub(crate) async fn unpin(args: &UnpinArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let name = format!("unpin {}", args.route);
    let status = before(&name, session).await?;
    let route = route(&status, &args.route)?;
    let pinned = route.pinned.as_ref().map(|path| format!("pinned to {path}"));
    let (id, stands) = (&route.id, standstill(&status));
    let does = match pinned {
        Some(pin) if route.at_home => {
            format!("unpin {id}, {pin}: it stays on {}, its first path{stands}", route.home)
        }
        Some(pin) => {
            format!("unpin {id}, {pin}: it comes home to {} by the ordinary rules{stands}", route.home)
        }
        None => format!("unpin {id}, which is not pinned: that changes nothing"),
    };
    let deed = Deed {
        command: "unpin",
        does,
        then: format!("`arbiterctl explain {id}` shows where it is, and what it waits for"),
        operation: Operation::Unpin(v1::Unpin { route: id.clone() }),
        goal: None,
        name,
    };
    deed.carry_out(args.doing, session).await
}
