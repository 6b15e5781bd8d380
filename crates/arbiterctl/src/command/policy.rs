//! `policy show|diff|apply|history`: the replicated policy.

use super::deed::Goal;
use super::{file, preview};
use crate::cli::{ApplyArgs, DiffArgs, HistoryArgs, PolicyCommand, PolicyHistoryArgs};
use crate::client::{Admin, Kind};
use crate::difference;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;
use crate::session::{Session, request_id};
use crate::view::{MemberView, PolicyDiffView, PolicyView, StatusView, WrittenView};
use arbiter_core::policy::Policy;
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use std::path::Path;

/// A node takes messages of up to 4 MiB; a large policy has about one.
const FILE_BYTES_MAX: u64 = 3 * 1024 * 1024;

pub(crate) async fn run(command: &PolicyCommand, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    match command {
        PolicyCommand::Show => {
            let view = in_force("policy show", session).await?;
            session.show(&view)?;
            Ok(session.exit_of(&view.answered))
        }
        PolicyCommand::Diff(args) => diff(args, session).await.map_err(as_diff_does),
        PolicyCommand::Apply(args) => apply(args, session).await,
        PolicyCommand::History(args) => history(args, session).await,
    }
}

/// 1 means that they differ, and nothing else.
fn as_diff_does(failure: Failure) -> Failure {
    let exit = if failure.exit == Exit::Failed { Exit::Usage } else { failure.exit };
    Failure { exit, ..failure }
}

async fn diff(args: &DiffArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let file = File::read(&args.file)?;
    let view = file.against(in_force("policy diff", session).await?)?;
    session.show(&view)?;
    Ok(match session.exit_of(&view.answered) {
        // There is a difference: the published code of `diff(1)`.
        Exit::Ok if !view.same => Exit::Failed,
        exit => exit,
    })
}

async fn apply(args: &ApplyArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let (name, version) = ("policy apply", args.version);
    let file = File::read(&args.file)?;
    let view = file.against(in_force(name, session).await?)?;
    let current = view.policy_version;
    // Who asks again because the answer was lost has succeeded; and a version that changes nothing helps nobody.
    let nothing_to_do = view.same && (version == current || version == current.saturating_add(1));
    if !nothing_to_do && let Some(refused) = not_next(version, current) {
        return Err(refused);
    }
    if nothing_to_do {
        session.show(&view)?;
        return Ok(Exit::Ok);
    }
    let operation = Operation::ApplyPolicy(v1::ApplyPolicy { version, toml: file.text });
    if args.dry_run {
        let does = format!("put policy version {version}, of {}, in force", view.file);
        let change = preview::change(operation, session);
        let answer = preview::ask(name, name, does, change, session).await?;
        let exit = preview::exit(&answer);
        session.show(&PolicyDiffView { preview: Some(answer), ..view })?;
        return Ok(exit);
    }
    let reply = session.operate(name, &request_id()?, operation).await?;
    let head = format!("committed at log index {}: policy version {version}, of {}:", reply.index, view.file);
    let changes = view.changes.iter().flat_map(render::change_lines).map(|(_, line)| format!("  {line}"));
    let warnings = view.warnings.iter().flat_map(|warning| warning.lines()).map(str::to_owned);
    let mut view = WrittenView {
        answered: reply.answered.into(),
        command: name.to_owned(),
        index: Some(reply.index),
        says: std::iter::once(head).chain(changes).chain(warnings).collect(),
        ..WrittenView::default()
    };
    if args.wait {
        view.says.push(everywhere(version).wait(name, reply.index, session).await?);
        view.reached = Some(true);
    }
    session.show(&view)?;
    Ok(Exit::Ok)
}

/// Every node that belongs to the cluster has applied it.
fn everywhere(version: u64) -> Goal {
    let lacks = |status: &StatusView, index: u64| {
        let behind = |member: &&MemberView| {
            member.role != "outside"
                && (!member.fresh || member.applied.is_none_or(|applied| applied < index))
        };
        let behind: Vec<&str> =
            status.members.iter().filter(behind).map(|member| member.name.as_str()).collect();
        (!behind.is_empty()).then(|| format!("{} has not said that it applied it", behind.join(", ")))
    };
    Goal {
        lacks: Box::new(lacks),
        says: format!("every node has applied policy version {version}"),
        hint: "`arbiterctl members` shows who is heard, and up to where each has applied the log".to_owned(),
    }
}

/// The nodes would refuse it as well. Here it is said before anything is sent.
fn not_next(version: u64, current: u64) -> Option<Failure> {
    let next = current.saturating_add(1);
    (version != next).then(|| {
        let what = format!(
            "`policy apply --version {version}`: version {current} is in force, so that the next is {next}; \
             nothing was changed"
        );
        Failure::new(Exit::Failed, what)
            .hint("`arbiterctl policy history` shows what came into force meanwhile, and by whom")
            .hint(format!("look at `arbiterctl policy diff FILE` again before you type `--version {next}`"))
    })
}

async fn history(args: &PolicyHistoryArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let all = HistoryArgs { limit: super::history::EVENTS_KEPT, ..HistoryArgs::default() };
    let mut view = super::history::ask(&all, "policy history", session).await?;
    view.keep(args.limit, |event| matches!(event.kind.as_str(), "policy-applied" | "formed"));
    session.show(&view)?;
    Ok(session.exit_of(&view.answered))
}

/// The policy in force.
pub(super) async fn in_force(name: &str, session: &mut Session<'_, '_>) -> Result<PolicyView, Failure> {
    let request = v1::GetPolicyRequest { asking: session.asking() };
    let send = async |admin: &mut Admin, request| admin.get_policy(request).await;
    Ok(session.call(name, Kind::Read, request, send).await?.into())
}

/// A file without errors.
pub(super) struct File {
    name: String,
    text: String,
    policy: Policy,
    warnings: Vec<String>,
}

impl File {
    /// All its errors at once, with line and column, before any node is asked.
    fn read(path: &Path) -> Result<Self, Failure> {
        Self::of(path.display().to_string(), file::text(path, FILE_BYTES_MAX)?)
    }

    /// The same of what stands in a file of that name.
    pub(super) fn of(name: String, text: String) -> Result<Self, Failure> {
        let (policy, warnings) =
            arbiter_config::parse_policy(Path::new(&name), &text).map_err(|refused| {
                Failure::new(Exit::Usage, refused.to_string()).hint("nothing was asked: correct the file")
            })?;
        let warnings = warnings.iter().map(ToString::to_string).collect();
        Ok(Self { name, text, policy, warnings })
    }

    /// What it would change.
    pub(super) fn against(&self, current: PolicyView) -> Result<PolicyDiffView, Failure> {
        if current.policy_version == 0 {
            let what = "no policy is in force: the cluster is not formed yet; nothing was changed";
            return Err(Failure::new(Exit::NoQuorum, what).hint("`arbiterctl status` says what it waits for"));
        }
        let place = format!("policy version {}", current.policy_version);
        let (old, _) = arbiter_config::parse_policy(Path::new(&place), &current.toml).map_err(|refused| {
            let what = format!("the policy in force can't be read by this program:\n{refused}");
            Failure::new(Exit::Failed, what).hint("is `arbiterctl` older than the nodes? Use theirs")
        })?;
        let changes = difference::between(&old, &self.policy);
        Ok(PolicyDiffView {
            answered: current.answered,
            policy_version: current.policy_version,
            file: self.name.clone(),
            same: changes.is_empty(),
            changes,
            warnings: self.warnings.clone(),
            preview: None,
        })
    }
}
