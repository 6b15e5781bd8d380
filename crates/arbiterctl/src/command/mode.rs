//! `mode observe|act`: whether decisions are carried out.

use super::deed::{Deed, before};
use crate::cli::{Mode, ModeArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;

pub(crate) async fn run(args: &ModeArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let (word, effect, then) = match args.mode {
        Mode::Observe => (
            "observe",
            "nothing is moved or stopped any more (a gateway that was stopped is still started); decisions become \
             advice",
            "`arbiterctl history --would-have` shows what would have been done",
        ),
        Mode::Act => (
            "act",
            "decisions are carried out: routes are taken over where they are, dead gateways are stopped and started",
            "`arbiterctl routes` shows where routes are, `arbiterctl events --follow` what is done",
        ),
    };
    let name = format!("mode {word}");
    let status = before(&name, session).await?;
    let does = if status.mode == word {
        format!("{word}, which the cluster does already: that changes nothing")
    } else {
        let wrong = match (args.mode, status.traffic.wrong.is_empty()) {
            (Mode::Act, false) => format!("; not right now: {}", status.traffic.wrong.join(", ")),
            _ => String::new(),
        };
        let paused = status.pause.map(|pause| format!("; it is paused as well ({})", pause.reason));
        format!("{word}, instead of {}: {effect}{wrong}{}", status.mode, paused.unwrap_or_default())
    };
    let operation = Operation::SetMode(v1::SetMode { observe: args.mode == Mode::Observe });
    Deed { command: "mode", name, does, then: then.to_owned(), operation, goal: None }
        .carry_out(args.doing, session)
        .await
}
