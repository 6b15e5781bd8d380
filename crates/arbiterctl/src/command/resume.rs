//! `resume`: ends a pause.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Session, request_id};
use crate::view::WrittenView;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;

pub(crate) async fn run(session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let operation = Operation::Resume(v1::ResumeCluster {});
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
