//! `handover NODE`: gives it the leadership.

use super::preview;
use crate::cli::HandoverArgs;
use crate::client::{Admin, Kind};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::WrittenView;
use arbiter_proto::v1;
use arbiter_proto::v1::preview_request::Change;

pub(crate) async fn run(args: &HandoverArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let name = format!("handover {}", args.node);
    let request =
        v1::HandOverRequest { asking: session.asking(), to: args.node.clone(), by: session.by().to_owned() };
    if args.dry_run {
        let does = format!("hand the leadership over to {}", args.node);
        let view = preview::ask("handover", &name, does, Change::HandOver(request), session).await?;
        session.show(&view)?;
        return Ok(preview::exit(&view));
    }
    // Sent once: a second one could take the leadership back from whom it has gone to meanwhile.
    let send = async |admin: &mut Admin, request| admin.hand_over(request).await;
    let reply = session.call(&name, Kind::Write, request, send).await?;
    let mut view = WrittenView {
        answered: reply.answered.into(),
        command: "handover".to_owned(),
        says: vec![format!("{} is asked to take the leadership", args.node)],
        ..WrittenView::default()
    };
    if args.wait {
        wait(args, &name, session).await?;
        view.reached = Some(true);
        view.says.push(format!("{} leads", args.node));
    } else {
        view.says.push("`arbiterctl status` shows who leads".to_owned());
    }
    session.show(&view)?;
    Ok(Exit::Ok)
}

async fn wait(args: &HandoverArgs, name: &str, session: &mut Session<'_, '_>) -> Result<(), Failure> {
    loop {
        let leads = |status: &v1::StatusReply| {
            let confirmed = status.answered.as_ref().is_some_and(|answered| answered.linearizable);
            confirmed && status.leader == args.node
        };
        if session.status(name).await.is_ok_and(|status| leads(&status)) {
            return Ok(());
        }
        if !session.next_look().await {
            let what = format!("`{name}`: it was not seen leading within {}: it may yet", session.patience());
            return Err(Failure::new(Exit::Unknown, what).hint("`arbiterctl status` shows who leads"));
        }
    }
}
