//! The line between the two gateways is cut, once under each leader. Each of the two sees the other dead; neither is.
//! Nothing may be touched.

use crate::demo::cluster::{GATEWAYS, Node, probe_of};
use crate::demo::outcome::Step;
use crate::demo::referee;
use crate::demo::scene::{Not, Scene, probe, wanted, word};
use crate::demo::show::{Rest, Show};
use arbiter_proto::v1::{StatusReply, Verdict};
use std::time::Duration;

/// How long the cut lasts after both have seen it: longer than it takes to move a route, and longer than a dead gateway
/// is given before it is stopped.
const CUT_LASTS: Duration = Duration::from_secs(5);
/// Describes that the leader makes meanwhile, at least; it reads the tables every second.
const DESCRIBES_LEAST: usize = 2;

pub(super) async fn play(show: &Show<'_>, fault: bool) -> anyhow::Result<()> {
    for leader in Node::ALL {
        show.calm_under(leader).await?;
        under(show, leader, fault).await?;
    }
    show.calm_under(Node::Witness).await?;
    show.judge(&[], Rest::Nothing)?;
    Ok(())
}

async fn under(show: &Show<'_>, leader: Node, fault: bool) -> anyhow::Result<()> {
    let stage = show.stage;
    let mark = stage.endpoint.calls().last_seq();
    let cut_ms = stage.endpoint.now_ms();
    if fault {
        stage.arrange(|trouble| trouble.cut_line(Node::One, Node::Two)).await?;
    }
    let seen = "each gateway's probe of the other is Down, and everybody knows it";
    show.until(seen, fault, |scene| {
        untouched(scene).map_err(Not::Ever)?;
        Node::ALL.into_iter().try_for_each(|node| sees_the_cut(scene.status(node)?))
    })
    .await?;
    let seen_ms = stage.endpoint.now_ms().saturating_sub(cut_ms);
    show.hold(CUT_LASTS, untouched).await?;
    let still =
        show.until("the cut is still seen", fault, |scene| sees_the_cut(scene.status(Node::Witness)?));
    still.await?;
    if leader == Node::Witness {
        stage.desk.read(Step::LineCut, None).await?;
    }

    let calls = stage.endpoint.calls().since(mark);
    anyhow::ensure!(calls.complete, "the call log has lost calls: nothing can be said");
    let describes = calls.calls.iter().filter(|call| !call.mutating);
    let by_leader = describes.filter(|call| call.caller.as_deref() == Some(leader.access_key())).count();
    anyhow::ensure!(
        by_leader >= DESCRIBES_LEAST,
        "{leader} made {by_leader} describes: it may be idle for quite another reason"
    );
    let leads = stage.look(mark)?.leader();
    anyhow::ensure!(leads == Some(leader), "{leader} led when the line was cut, and now: {leads:?}");
    show.judge(&[], Rest::Nothing)?;
    show.say(&format!(
        "leader {leader:<13} line cut; all three know of it after {seen_ms} ms; {} s later: \
         0 mutating calls, {by_leader} describes by the leader",
        CUT_LASTS.as_secs()
    ));
    stage.arrange(|trouble| trouble.mend()).await?;
    show.until("the line is whole again", true, |scene| {
        untouched(scene).map_err(Not::Ever)?;
        scene.is_calm()
    })
    .await?;
    Ok(())
}

/// In this node's picture both gateways say that the other is Down, and both reports are fresh: those that can't come
/// directly come by the witness.
fn sees_the_cut(status: &StatusReply) -> Result<(), Not> {
    let by = status.answered.as_ref().map_or("?", |answered| answered.by.as_str());
    for (observer, other) in [(Node::One, Node::Two), (Node::Two, Node::One)] {
        let probe = probe(status, &probe_of(other, observer))?;
        let state = probe.state();
        wanted(state == Verdict::Down, || {
            let age = probe.report_age_ms.map_or("none".to_owned(), |ms| format!("{ms} ms old"));
            format!("{by} knows {observer}'s probe of {other} as {} (report: {age})", word(state))
        })?;
    }
    let silent = status.members.iter().find(|member| !member.fresh);
    wanted(silent.is_none(), || {
        format!("{by} has no fresh report of {}", silent.map_or("?", |member| member.name.as_str()))
    })
}

/// No call, no route, no instance.
fn untouched(scene: &Scene) -> Result<(), String> {
    if let Some(call) = scene.mutations.first() {
        return Err(format!("a mutating call: {}", referee::line(call)));
    }
    for gateway in GATEWAYS {
        if scene.points_at(gateway.table).map(|it| it.node) != Some(gateway.node) {
            return Err(format!("{} has moved", gateway.route));
        }
        let boots = scene.world.instances.get(gateway.instance).map(|instance| instance.state.name());
        if boots != Some("running") {
            return Err(format!("{} is {boots:?}", gateway.node));
        }
    }
    Ok(())
}
