//! What all commands share that an operator must confirm: what it will do is said before, and again with its place
//! in the log.

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
}

impl Deed {
    /// Asks for a yes unless it was given, sends it, and says where it stands.
    pub async fn carry_out(self, yes: bool, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
        if !yes {
            session.confirm(&self.does)?;
        }
        let reply = session.operate(&self.name, &request_id()?, self.operation).await?;
        let view = WrittenView {
            answered: reply.answered.into(),
            command: self.command.to_owned(),
            index: Some(reply.index),
            says: vec![format!("committed at log index {}: {}", reply.index, self.does), self.then],
            ..WrittenView::default()
        };
        session.show(&view)?;
        Ok(Exit::Ok)
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
