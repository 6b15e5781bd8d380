//! `resume`: ends a pause.

use super::preview;
use crate::cli::ResumeArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Session, request_id};
use crate::view::WrittenView;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;

pub(crate) async fn run(args: &ResumeArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let operation = Operation::Resume(v1::ResumeCluster {});
    if args.dry_run {
        let does = "resume: the cluster acts again".to_owned();
        return preview::operation("resume", "resume", does, operation, session).await;
    }
    let reply = session.operate("resume", &request_id()?, operation).await?;
    let view = WrittenView {
        answered: reply.answered.into(),
        command: "resume".to_owned(),
        index: Some(reply.index),
        says: vec![format!("resumed (log index {}): the cluster acts again", reply.index)],
        ..WrittenView::default()
    };
    session.show(&view)?;
    Ok(Exit::Ok)
}
