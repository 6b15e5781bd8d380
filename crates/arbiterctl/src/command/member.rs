//! `member list|add|promote|remove|replace`: who belongs to the cluster.

use super::deed::{Deed, before, unknown};
use super::members;
use crate::cli::{AddArgs, MemberArgs, MemberCommand};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::{MemberView, StatusView};
use arbiter_core::time::HumanMs;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;

pub(crate) async fn run(command: &MemberCommand, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    match command {
        MemberCommand::List => members::run(session).await,
        MemberCommand::Add(args) => add(args, session).await,
        MemberCommand::Promote(args) => promote(args, session).await,
        MemberCommand::Remove(args) => remove(args, session).await,
        MemberCommand::Replace(args) => replace(args, session).await,
    }
}

async fn add(args: &AddArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let AddArgs { node, id, address, doing } = args;
    let deed = Deed {
        command: "member add",
        name: format!("member add {node}"),
        does: format!(
            "add {node} as node {id} at {address}: a learner, which gets the log and does not vote; the id is never \
             used for another node"
        ),
        then: format!(
            "start arbiterd on {node} with a file that lists all nodes; when `arbiterctl member list` shows that it has \
             caught up: `arbiterctl member promote {node}`"
        ),
        operation: Operation::AddMember(v1::AddMember {
            node: node.clone(),
            id: *id,
            address: address.clone(),
        }),
        goal: None,
    };
    deed.carry_out(*doing, session).await
}

async fn promote(args: &MemberArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let name = format!("member promote {}", args.node);
    let status = before(&name, session).await?;
    let member = member(&status, &args.node)?;
    let lag = member.lag.map(|lag| format!(", and lacks {lag} entries")).unwrap_or_default();
    let (node, id, role) = (&member.name, member.id, &member.role);
    let deed = Deed {
        command: "member promote",
        does: format!(
            "let {node} (node {id}) vote: it is {role} now{lag}; of {} voters {} are needed then",
            status.quorum.voters + 1,
            majority(status.quorum.voters + 1)
        ),
        then: "`arbiterctl status` shows what the next failure would cost".to_owned(),
        operation: Operation::PromoteMember(v1::PromoteMember { node: args.node.clone() }),
        goal: None,
        name,
    };
    deed.carry_out(args.doing, session).await
}

async fn remove(args: &MemberArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let name = format!("member remove {}", args.node);
    let status = before(&name, session).await?;
    let member = member(&status, &args.node)?;
    let left = status.quorum.voters.saturating_sub(u32::from(votes(member)));
    let (node, id, role) = (&member.name, member.id, &member.role);
    let deed = Deed {
        command: "member remove",
        does: format!(
            "remove {node} (node {id}), which is {role} now, for good: its id is never used again; of {left} voters {} \
             are needed then",
            majority(left)
        ),
        then: format!(
            "stop arbiterd on {node}; then `arbiterctl policy apply` a policy that does not name it"
        ),
        operation: Operation::RemoveMember(v1::RemoveMember { node: args.node.clone() }),
        goal: None,
        name,
    };
    deed.carry_out(args.doing, session).await
}

async fn replace(args: &MemberArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let name = format!("member replace {}", args.node);
    let status = before(&name, session).await?;
    let member = member(&status, &args.node)?;
    let heard = match member.report_age_ms {
        Some(age) if member.fresh => format!("CAUTION, it is heard now ({} ago)", HumanMs(age)),
        Some(age) => format!("it was last heard {} ago", HumanMs(age)),
        None => "it is not heard".to_owned(),
    };
    let node = &member.name;
    let deed = Deed {
        command: "member replace",
        does: format!(
            "replace the disk of {node} (node {}): {heard}; it may join once with an empty disk, and votes again; only \
             if its old disk is lost for ever: two disks of one node could vote twice",
            member.id
        ),
        then: format!(
            "start arbiterd on {node} with an empty data folder; `arbiterctl member list` shows when it is back"
        ),
        operation: Operation::Readmit(v1::Readmit { node: node.clone() }),
        goal: None,
        name,
    };
    deed.carry_out(args.doing, session).await
}

/// By its name, or by its id where the policy does not name it.
fn member<'a>(status: &'a StatusView, name: &str) -> Result<&'a MemberView, Failure> {
    let names = || status.members.iter().map(|member| member.name.as_str());
    let is_it = |member: &&MemberView| member.name == name || member.id.to_string() == name;
    status.members.iter().find(is_it).ok_or_else(|| unknown("node", name, names()))
}

fn votes(member: &MemberView) -> bool {
    matches!(member.role.as_str(), "leader" | "follower")
}

const fn majority(voters: u32) -> u32 {
    voters / 2 + 1
}
