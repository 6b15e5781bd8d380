//! Tunnel 1 is cut, and healed. Gateway 1 itself is well all the time.

use crate::demo::cluster::{GATEWAY_1, GATEWAY_2, Node};
use crate::demo::outcome::Step;
use crate::demo::scene::{Not, Scene, route, wanted};
use crate::demo::show::{Rest, Show, moves};
use crate::demo::times::{Times, down_since_ms, stages_of};

pub(super) async fn cut(show: &Show<'_>, fault: bool) -> anyhow::Result<()> {
    show.calm_under(Node::Witness).await?;
    let stage = show.stage;
    let fault_ms = stage.endpoint.now_ms();
    if fault {
        show.say("tunnel 1 falls silent, and so does what is behind its router");
        stage.arrange(|trouble| trouble.cut_tunnel(Node::One)).await?;
    }
    let seen = show.until("private-1 moves to strongswan-2", fault, |scene| {
        moved_to_two(scene)?;
        let call = scene.mutations.last().ok_or("no call in the log")?;
        let stages = stages_of(scene, call).ok_or("the leader has not told its stages yet")?;
        let seen_ms = down_since_ms(stage, scene, Node::One, GATEWAY_1.tunnel);
        wanted(seen_ms.is_some(), || "strongswan-1's own probe is not Down".to_owned())?;
        Times::of(fault_ms, seen_ms, call, stages).ok_or("the call has not ended".into())
    });
    let times = seen.await?;
    show.judge(&[moves(GATEWAY_1, GATEWAY_2)], Rest::Nothing)?;
    show.say(&times.to_string());
    stage.desk.read(Step::TunnelCut, None).await
}

pub(super) async fn heal(show: &Show<'_>, fault: bool) -> anyhow::Result<()> {
    let cut = show.stage.look(show.judged())?.points_at(GATEWAY_1.table).map(|it| it.node);
    anyhow::ensure!(cut == Some(Node::Two), "private-1 is not away: there is nothing to come home");
    if fault {
        show.say("tunnel 1 answers again");
        show.stage.arrange(|trouble| trouble.mend()).await?;
    }
    show.until("private-1 comes home", fault, Scene::is_calm).await?;
    show.judge(&[moves(GATEWAY_1, GATEWAY_1)], Rest::Nothing)?;
    show.stage.desk.read(Step::TunnelHeal, None).await
}

/// The route is there in EC2's table, in the leader's books, and nothing is in doubt.
pub(super) fn moved_to_two(scene: &Scene) -> Result<(), Not> {
    let there = scene.points_at(GATEWAY_1.table).map(|it| it.node);
    wanted(there == Some(Node::Two), || "its route still points at strongswan-1".to_owned())?;
    let (leader, status) = scene.leaders_view()?;
    let committed = &route(status, GATEWAY_1.route)?.committed;
    wanted(committed == GATEWAY_2.tunnel, || format!("{leader} has agreed on `{committed}`"))?;
    wanted(status.unsettled.is_empty(), || "its intent has no ending yet".to_owned())
}
