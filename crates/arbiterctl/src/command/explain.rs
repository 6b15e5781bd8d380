//! `explain ROUTE`: why it is where it is.

use crate::cli::ExplainArgs;
use crate::client::{Admin, Kind};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::ExplainView;
use arbiter_proto::v1;

pub(crate) async fn run(args: &ExplainArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let name = format!("explain {}", args.route);
    let request = v1::ExplainRequest { asking: session.asking(), route: args.route.clone() };
    let send = async |admin: &mut Admin, request| admin.explain(request).await;
    let view = ExplainView::from(session.call(&name, Kind::Read, request, send).await?);
    session.show(&view)?;
    Ok(session.exit_of(&view.answered))
}
