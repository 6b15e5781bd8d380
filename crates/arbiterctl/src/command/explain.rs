//! `explain ROUTE`: why it is where it is.

use crate::cli::ExplainArgs;
use crate::client::{Admin, Kind};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::ExplainView;
use arbiter_proto::v1;

pub(crate) async fn run(args: &ExplainArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let view = ask(&format!("explain {}", args.route), &args.route, session).await?;
    session.show(&view)?;
    Ok(session.exit_of(&view.answered))
}

/// Asks about one route, on behalf of the command of that name.
pub(crate) async fn ask(
    name: &str,
    route: &str,
    session: &mut Session<'_, '_>,
) -> Result<ExplainView, Failure> {
    let request = v1::ExplainRequest { asking: session.asking(), route: route.to_owned() };
    let send = async |admin: &mut Admin, request| admin.explain(request).await;
    Ok(session.call(name, Kind::Read, request, send).await?.into())
}
