//! Three processes find each other, agree on a leader, and bring two routes that are astray home.

use crate::demo::cluster::{GATEWAY_1, GATEWAY_2, Node};
use crate::demo::outcome::Step;
use crate::demo::referee::Aim;
use crate::demo::scene::Scene;
use crate::demo::show::{Show, moves};

pub(super) async fn play(show: &Show<'_>) -> anyhow::Result<()> {
    show.say("both routes are astray: each points at the other zone's gateway");
    for node in Node::ALL {
        show.stage.processes.start(node)?;
    }
    let formed = show.until("a cluster is formed", true, |scene| {
        let (leader, status) = scene.leaders_view()?;
        Ok((leader, status.cluster_id.clone(), status.epoch))
    });
    let (leader, cluster, epoch) = formed.await?;
    show.say(&format!("cluster {cluster} is formed: {leader} leads, in epoch {epoch}"));
    show.say("a new cluster waits some 3.5 s (longer than any call may last) before its first call");
    show.until("each subnet's route is at its own zone's gateway", true, Scene::is_calm).await?;

    let calls = show.stage.look(show.judged())?.mutations;
    let mut aims: Vec<_> = calls.iter().map(Aim::of).collect();
    // Both may go at once, in either order.
    aims.sort();
    let mut expected = [moves(GATEWAY_1, GATEWAY_1), moves(GATEWAY_2, GATEWAY_2)];
    expected.sort();
    anyhow::ensure!(aims == expected, "two routes were astray, and the log has: {aims:?}");
    show.accept(&calls)?;
    // The witness carries no traffic: when a gateway dies, no leader dies with it.
    show.calm_under(Node::Witness).await?;
    show.stage.desk.read(Step::Start, None).await
}
