//! What all commands share that an operator must confirm: what it will do is said before, and again with its place
//! in the log.

use super::preview;
use crate::cli::Doing;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Session, request_id};
use crate::view::{GatewayView, PathView, RouteView, StatusView, WrittenView};
use arbiter_core::time::HumanMs;
use arbiter_proto::v1::operate_request::Operation;

/// A command, ready to be confirmed and sent.
pub(super) struct Deed {
    /// Which: `drain`.
    pub command: &'static str,
    /// As it was typed: `drain strongswan-1`.
    pub name: String,
    /// What it will do: one line that starts with a verb.
    pub does: String,
    /// What to look at afterwards.
    pub then: String,
    /// What is sent.
    pub operation: Operation,
    /// What is waited for, if that was asked for.
    pub goal: Option<Goal>,
}

/// What has not come yet, in words; `None` once all has. The number is the log index of the command.
pub(super) type Lacks = dyn Fn(&StatusView, u64) -> Option<String>;

/// What a command waits for, as `status` shows it.
pub(super) struct Goal {
    /// What has not come yet.
    pub lacks: Box<Lacks>,
    /// What is said when it has.
    pub says: String,
    /// What shows more.
    pub hint: String,
}

impl Deed {
    /// Asks for a yes unless it was given, sends it, says where it stands, and waits if that was asked for. A dry run
    /// sends nothing but the question what would come of it.
    pub async fn carry_out(self, doing: Doing, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
        if doing.dry_run {
            return preview::operation(self.command, &self.name, self.does, self.operation, session).await;
        }
        if !doing.yes {
            session.confirm(&self.does)?;
        }
        let reply = session.operate(&self.name, &request_id()?, self.operation).await?;
        let mut view = WrittenView {
            answered: reply.answered.into(),
            command: self.command.to_owned(),
            index: Some(reply.index),
            says: vec![format!("committed at log index {}: {}", reply.index, self.does)],
            ..WrittenView::default()
        };
        match self.goal {
            None => view.says.push(self.then),
            Some(goal) => {
                view.says.push(goal.wait(&self.name, reply.index, session).await?);
                view.reached = Some(true);
            }
        }
        session.show(&view)?;
        Ok(Exit::Ok)
    }
}

impl Goal {
    /// Looks until it has come; then says so.
    pub async fn wait(
        self,
        name: &str,
        index: u64,
        session: &mut Session<'_, '_>,
    ) -> Result<String, Failure> {
        let (mut lacks, mut still) = ("nobody could be asked whether it has come".to_owned(), String::new());
        loop {
            // While leaders change nobody may answer: that is no reason to give up before the time has run out.
            if let Ok(status) = before(name, session).await {
                match (self.lacks)(&status, index) {
                    None if status.answered.linearizable => return Ok(self.says),
                    None => lacks = "only a stale view shows that it has come".to_owned(),
                    Some(words) => lacks = words,
                }
                still = standstill(&status);
            }
            if !session.next_look().await {
                let within = session.patience();
                let what = format!(
                    "`{name}` is committed at log index {index}, but not within {within}: {lacks}; it may come \
                     yet{still}"
                );
                return Err(Failure::new(Exit::Unknown, what).hint(self.hint));
            }
        }
    }
}

/// A route is where it was asked to be: committed, and seen in EC2.
pub(super) fn there(id: &str, path: &str) -> Goal {
    let (route_id, to) = (id.to_owned(), path.to_owned());
    let lacks = move |status: &StatusView, _index: u64| {
        let seen = route(status, &route_id).ok()?;
        let on = |path: &Option<String>| path.as_deref() == Some(&*to);
        (!on(&seen.committed) || !on(&seen.observed)).then(|| format!("{route_id} was not seen on {to}"))
    };
    Goal {
        lacks: Box::new(lacks),
        says: format!("{id} is on {path}: committed, and seen in EC2"),
        hint: format!("`arbiterctl explain {id}` says where it is, and why"),
    }
}

/// The state that a command's preview rests on.
pub(super) async fn before(name: &str, session: &mut Session<'_, '_>) -> Result<StatusView, Failure> {
    Ok(StatusView::from(session.status(name).await?))
}

/// What keeps anything from moving now, to be added to what a command will do.
pub(super) fn standstill(status: &StatusView) -> String {
    match &status.pause {
        Some(pause) => {
            format!(
                "; the cluster is paused ({}, by {}): nothing moves until that ends",
                pause.reason, pause.by
            )
        }
        None if status.mode == "observe" => "; the cluster only observes: nothing moves".to_owned(),
        None => String::new(),
    }
}

pub(super) fn route<'a>(status: &'a StatusView, name: &str) -> Result<&'a RouteView, Failure> {
    let found = status.routes.iter().find(|route| route.id == name);
    found.ok_or_else(|| unknown("route", name, status.routes.iter().map(|route| route.id.as_str())))
}

pub(super) fn gateway<'a>(status: &'a StatusView, name: &str) -> Result<&'a GatewayView, Failure> {
    let found = status.gateways.iter().find(|gateway| gateway.id == name);
    found.ok_or_else(|| unknown("gateway", name, status.gateways.iter().map(|gateway| gateway.id.as_str())))
}

/// A path that the route doesn't have is refused here, with those that it has.
pub(super) fn path<'a>(route: &'a RouteView, name: &str) -> Result<&'a PathView, Failure> {
    if let Some(path) = route.paths.iter().find(|path| path.id == name) {
        return Ok(path);
    }
    let known: Vec<&str> = route.paths.iter().map(|path| path.id.as_str()).collect();
    let what = format!("`{name}` is no path of {}; nothing was changed", route.id);
    let suggestion = arbiter_core::policy::suggestion(name, known.iter().copied());
    let all = format!("its paths are {}", known.join(", "));
    Err(Failure::new(Exit::Failed, what).hint(suggestion).hint(all))
}

/// A name that the policy doesn't have, with the nearest that it has.
pub(super) fn unknown<'a>(
    kind: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str, IntoIter: Clone>,
) -> Failure {
    Failure::new(Exit::Failed, format!("there is no {kind} `{name}`; nothing was changed"))
        .hint(arbiter_core::policy::suggestion(name, known))
}

/// `Up for 2h10m`.
pub(super) fn lasting(path: &PathView) -> String {
    format!("{} for {}", path.verdict, HumanMs(path.for_ms))
}
