//! `pause`: commands it, and says whether anything that was sent before can still land.

use super::preview;
use crate::cli::PauseArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Session, request_id};
use crate::view::WrittenView;
use arbiter_core::time::HumanMs;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;

pub(crate) async fn run(args: &PauseArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let request = request_id()?;
    let operation = Operation::Pause(v1::PauseCluster { reason: args.reason.clone(), for_ms: args.for_ms });
    if args.dry_run {
        let does = format!("pause {}: {}", end(args), args.reason);
        return preview::operation("pause", "pause", does, operation, session).await;
    }
    let mut reply = session.operate("pause", &request, operation.clone()).await?;
    let index = reply.index;
    while args.wait && !reply.quiet {
        if !session.next_look().await {
            return Err(not_quiet(index, session));
        }
        // Looking costs nothing; sending the request again, to have it called quiet, costs a log entry.
        let Ok(status) = session.status("pause").await else { continue };
        if status.answered.as_ref().is_some_and(|answered| answered.linearizable) && status.pause.is_none() {
            let what = format!("the pause (log index {index}) has been ended meanwhile");
            return Err(Failure::new(Exit::Failed, what).hint("`arbiterctl history --limit 5` shows by whom"));
        }
        if status.unsettled.is_empty()
            && let Ok(again) = session.operate("pause", &request, operation.clone()).await
        {
            reply = again;
        }
    }
    let view = view(args, index, reply);
    session.show(&view)?;
    Ok(Exit::Ok)
}

fn end(args: &PauseArgs) -> String {
    args.for_ms.map_or_else(
        || "until `arbiterctl resume`".to_owned(),
        |ms| format!("for {}, or until `arbiterctl resume`", HumanMs(ms)),
    )
}

fn view(args: &PauseArgs, index: u64, reply: v1::OperateReply) -> WrittenView {
    let end = end(args);
    let mut says = vec![format!("paused {end} (log index {index}): {}", args.reason)];
    if reply.quiet {
        says.push("quiet: nothing that was sent before can still land".to_owned());
    } else {
        says.push("NOT quiet yet: calls that were sent before may still land".to_owned());
        says.push(
            "`arbiterctl status` shows them as UNSETTLED; `pause --wait` waits for their end".to_owned(),
        );
    }
    let start_to_come = Some(reply.start_to_come).filter(|gateway| !gateway.is_empty());
    if let Some(gateway) = &start_to_come {
        says.push(format!("the start of {gateway} will still come: it was stopped, and is not left stopped"));
    }
    WrittenView {
        answered: reply.answered.into(),
        command: "pause".to_owned(),
        index: Some(index),
        reached: args.wait.then_some(reply.quiet),
        quiet: Some(reply.quiet),
        start_to_come,
        says,
    }
}

fn not_quiet(index: u64, session: &Session<'_, '_>) -> Failure {
    let what = format!(
        "paused (log index {index}), but not quiet within {}: calls that were sent before may still land",
        session.patience()
    );
    Failure::new(Exit::Unknown, what).hint("`arbiterctl status` shows them as UNSETTLED; the pause stands")
}
