//! Gateway 1 dies together with its node, is stopped and started exactly once, and its route comes home.

use crate::demo::cluster::{GATEWAY_1, GATEWAY_2, Node, probe_of};
use crate::demo::outcome::Step;
use crate::demo::scene::{Not, Scene, wanted};
use crate::demo::show::{Rest, Show, moves, power};
use crate::demo::steps::tunnel::moved_to_two;
use crate::demo::times::{Times, down_since_ms, stages_of};
use crate::world::InstanceState;
use std::time::Duration;

/// How long to see that no second stop comes: longer than a dead gateway is given.
const NO_SECOND_STOP: Duration = Duration::from_secs(4);

pub(super) async fn dies(show: &Show<'_>, fault: bool) -> anyhow::Result<()> {
    show.calm_under(Node::Witness).await?;
    let stage = show.stage;
    let fault_ms = stage.endpoint.now_ms();
    if fault {
        show.say("gateway strongswan-1 dies: its arbiterd gets SIGKILL, its tunnel and lines fall silent");
        stage.kill_host(GATEWAY_1).await?;
    }
    let seen = show.until("private-1 moves to strongswan-2", fault, |scene| {
        moved_to_two(scene)?;
        let call = scene.mutations.first().ok_or("no call in the log")?;
        let stages = stages_of(scene, call).ok_or("the leader has not told its stages yet")?;
        // Both others must say so; the later one counts.
        let downs = Node::One
            .others()
            .map(|other| down_since_ms(stage, scene, other, &probe_of(Node::One, other)))
            .collect::<Option<Vec<_>>>()
            .ok_or("not both of the others say that strongswan-1 is Down")?;
        Times::of(fault_ms, downs.into_iter().max(), call, stages).ok_or("the call has not ended".into())
    });
    let times = seen.await?;
    // The stop may be on its way already.
    show.judge(&[moves(GATEWAY_1, GATEWAY_2)], Rest::ForTheNextStep)?;
    show.say(&times.to_string());
    stage.desk.read(Step::GatewayDead, None).await
}

pub(super) async fn restarts(show: &Show<'_>) -> anyhow::Result<()> {
    show.stage.desk.read(Step::GatewayRestart, None).await?;
    let back = show.until("strongswan-1 is stopped and started, and its node is back", true, |scene| {
        at_most_one_stop(scene)?;
        let instance = scene.world.instances.get(GATEWAY_1.instance).ok_or("its instance is gone")?;
        let state = instance.state;
        wanted(state == InstanceState::Running && instance.boots > 0, || {
            format!("EC2 says {} after {} boots", state.name(), instance.boots)
        })?;
        scene.status(Node::One).map(|_| ())
    });
    back.await?;
    show.judge(&[power("stop"), power("start")], Rest::ForTheNextStep)?;
    show.say("its host has booted, and its arbiterd answers again, on the data that it had");
    Ok(())
}

pub(super) async fn comes_home(show: &Show<'_>) -> anyhow::Result<()> {
    show.until("private-1 comes home, and the restart is closed", true, |scene| {
        at_most_one_stop(scene)?;
        scene.is_calm()
    })
    .await?;
    show.hold(NO_SECOND_STOP, |scene| match at_most_one_stop(scene) {
        Ok(()) => Ok(()),
        Err(Not::Yet(wrong) | Not::Ever(wrong)) => Err(wrong),
    })
    .await?;
    show.judge(&[moves(GATEWAY_1, GATEWAY_1)], Rest::Nothing)?;
    show.stage.desk.read(Step::GatewayHome, None).await
}

fn at_most_one_stop(scene: &Scene) -> Result<(), Not> {
    let stops = scene.mutations.iter().filter(|call| call.action == "StopInstances").count();
    let boots = scene.world.instances.get(GATEWAY_1.instance).map_or(0, |instance| instance.boots);
    if stops > 1 || boots > 1 {
        return Err(Not::Ever(format!("{stops} stops and {boots} boots: more than one")));
    }
    Ok(())
}
