//! `member readmit NODE`: a node whose disk was lost may join again.

use super::deed::{Deed, before, unknown};
use crate::cli::ReadmitArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use arbiter_core::time::HumanMs;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;

pub(crate) async fn run(args: &ReadmitArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let name = format!("member readmit {}", args.node);
    let status = before(&name, session).await?;
    let names = || status.members.iter().map(|member| member.name.as_str());
    let member = status.members.iter().find(|member| member.name == args.node);
    let member = member.ok_or_else(|| unknown("node", &args.node, names()))?;
    let heard = match member.report_age_ms {
        Some(age) if member.fresh => format!("CAUTION, it is heard now ({} ago)", HumanMs(age)),
        Some(age) => format!("it was last heard {} ago", HumanMs(age)),
        None => "it is not heard".to_owned(),
    };
    let node = &member.name;
    let deed = Deed {
        command: "member readmit",
        does: format!(
            "readmit {node} (node {}): {heard}; it may join once with an empty disk, and votes again; only if its old \
             disk is lost for ever: two disks of one node could vote twice",
            member.id
        ),
        then: format!(
            "start arbiterd on {node} with an empty data folder; `arbiterctl members` shows when it is back"
        ),
        operation: Operation::Readmit(v1::Readmit { node: node.clone() }),
        goal: None,
        name,
    };
    deed.carry_out(args.doing, session).await
}
