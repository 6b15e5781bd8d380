//! `restore FILE`: what a backup has and the cluster has not is put in force, step by step.

use super::deed::before;
use super::{backup, policy};
use crate::cli::RestoreArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Session, request_id};
use crate::view::{BackupView, RestoreStepView, RestoreView, WishView};
use arbiter_core::time::{HumanMs, Utc};
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;

/// One thing that is put in force.
struct Step {
    does: String,
    operation: Operation,
}

pub(crate) async fn run(args: &RestoreArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let name = "restore";
    let (file, backup) = (args.file.display().to_string(), backup::read(&args.file)?);
    let policy_file = policy::File::of(format!("{file}, its policy"), backup.toml.clone())?;
    let now = BackupView::of(&before(name, session).await?);
    if now.cluster != backup.cluster && !args.other_cluster {
        let what = format!("{file} is of the cluster `{}`, and this is `{}`", backup.cluster, now.cluster);
        return Err(Failure::new(Exit::Failed, what + "; nothing was changed").hint(
            "`--other-cluster`, if that is meant: routes, tables and gateways would be those of the file",
        ));
    }
    let difference = policy_file.against(policy::in_force(name, session).await?)?;
    let applied = (!difference.same).then(|| difference.policy_version.saturating_add(1));
    let steps = steps(&backup, &now, applied);
    let mut view = RestoreView {
        answered: now.answered.clone(),
        file: file.clone(),
        taken_wall_ms: backup.answered.wall_ms,
        steps: steps.iter().map(|step| RestoreStepView { does: step.does.clone(), index: None }).collect(),
        changes: difference.changes,
        stays: stays(&backup, &now),
        dry_run: args.dry_run,
    };
    if args.dry_run || steps.is_empty() {
        session.show(&view)?;
        return Ok(Exit::Ok);
    }
    if !args.yes {
        let all: Vec<&str> = steps.iter().map(|step| step.does.as_str()).collect();
        let taken = Utc(backup.answered.wall_ms);
        session.confirm(&format!("restore {} from {file}, of {taken}: {}", now.cluster, all.join("; ")))?;
    }
    let count = steps.len();
    for (number, (step, shown)) in steps.into_iter().zip(&mut view.steps).enumerate() {
        // Each step has the whole time: a leader may change between two of them.
        session.renew();
        let done = session.operate(name, &request_id()?, step.operation).await;
        let reply = done.map_err(|failure| {
            let what = format!("step {} of {count} ({}): {}", number + 1, step.does, failure.what);
            // Its own say that nothing was changed, which is not so after the first step.
            let hints = if number == 0 { failure.hints } else { Vec::new() };
            Failure { what, hints, ..failure }.hint(format!(
                "{number} of {count} steps are done; `arbiterctl restore {file}` goes on with the rest"
            ))
        })?;
        shown.index = Some(reply.index);
        view.answered = reply.answered.into();
    }
    session.show(&view)?;
    Ok(Exit::Ok)
}

/// What is in force already is left out. What keeps the cluster from acting comes first: routes may belong elsewhere by the new
/// policy, and nobody wants them moved twice.
fn steps(backup: &BackupView, now: &BackupView, policy_version: Option<u64>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = |does: String, operation| steps.push(Step { does, operation });
    if backup.mode == "observe" && now.mode != "observe" {
        step("observe only".to_owned(), Operation::SetMode(v1::SetMode { observe: true }));
    }
    if let (Some(pause), None) = (&backup.pause, &now.pause)
        && let Some(left) = left(pause.left_ms, backup, now)
    {
        let until =
            left.map_or_else(|| "until `arbiterctl resume`".to_owned(), |ms| format!("for {}", HumanMs(ms)));
        let operation = v1::PauseCluster { reason: pause.reason.clone(), for_ms: left };
        step(format!("pause {until}: {}", pause.reason), Operation::Pause(operation));
    }
    if let Some(version) = policy_version {
        let does = format!("policy version {version}, as version {} was", backup.policy_version);
        step(does, Operation::ApplyPolicy(v1::ApplyPolicy { version, toml: backup.toml.clone() }));
    }
    for drain in &backup.drains {
        if !now.drains.iter().any(|there| there.gateway == drain.gateway) {
            let operation = v1::Drain { gateway: drain.gateway.clone(), reason: drain.reason.clone() };
            step(format!("drain {} ({})", drain.gateway, drain.reason), Operation::Drain(operation));
        }
    }
    for WishView { route, path } in missing(&backup.pins, &now.pins) {
        let operation = v1::Pin { route: route.clone(), path: path.clone() };
        step(format!("pin {route} to {path}"), Operation::Pin(operation));
    }
    for WishView { route, path } in missing(&backup.switchovers, &now.switchovers) {
        let operation = v1::Switchover { route: route.clone(), path: path.clone() };
        step(format!("switch {route} over to {path}"), Operation::Switchover(operation));
    }
    steps
}

fn missing<'a>(wanted: &'a [WishView], there: &'a [WishView]) -> impl Iterator<Item = &'a WishView> {
    wanted.iter().filter(|wish| !there.contains(wish))
}

/// For how long a pause still has to last: for ever, or so long; none if it would have ended meanwhile.
fn left(left_ms: Option<u64>, backup: &BackupView, now: &BackupView) -> Option<Option<u64>> {
    let Some(left) = left_ms else { return Some(None) };
    let since = now.answered.wall_ms.saturating_sub(backup.answered.wall_ms);
    left.checked_sub(since).filter(|left| *left > 0).map(Some)
}

/// What is in force and not in the file: a restore takes nothing back that somebody wanted since.
fn stays(backup: &BackupView, now: &BackupView) -> Vec<String> {
    let mut stays = Vec::new();
    if let (Some(pause), None) = (&now.pause, &backup.pause) {
        stays.push(format!("the pause ({}): `arbiterctl resume`", pause.reason));
    }
    if now.mode == "observe" && backup.mode != "observe" {
        stays.push("the cluster only observes: `arbiterctl mode act`".to_owned());
    }
    let undrained = |gateway: &str| backup.drains.iter().all(|drain| drain.gateway != gateway);
    for drain in now.drains.iter().filter(|drain| undrained(&drain.gateway)) {
        stays.push(format!("{} is drained: `arbiterctl undrain {}`", drain.gateway, drain.gateway));
    }
    let free = |wishes: &[WishView], route: &str| wishes.iter().all(|wish| wish.route != route);
    for WishView { route, path } in now.pins.iter().filter(|wish| free(&backup.pins, &wish.route)) {
        stays.push(format!("{route} is pinned to {path}: `arbiterctl unpin {route}`"));
    }
    for wish in now.switchovers.iter().filter(|wish| free(&backup.switchovers, &wish.route)) {
        stays.push(format!("{} is switched to {}", wish.route, wish.path));
    }
    stays
}
