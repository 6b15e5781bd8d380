//! The leader is killed in the middle of a failover: while its call to EC2 is under way.
//!
//! Nobody can know then whether that call will take effect. Whoever leads next finds the intent in the log: it may
//! send the same again, and nothing else, until no call of the dead leader can land any more.

use crate::calllog::CallRecord;
use crate::demo::cluster::{GATEWAY_1, GATEWAY_2, Node};
use crate::demo::outcome::Step;
use crate::demo::referee::Aim;
use crate::demo::scene::{self, Not, Scene, wanted};
use crate::demo::show::{Rest, Show, moves};
use crate::demo::steps::tunnel::moved_to_two;
use crate::faults::{Effect, Fault};
use std::time::Duration;

/// The call is held up for so long before it takes effect, in milliseconds: less than a call may last.
const HELD_UP_MS: u64 = 1_200;
/// How often it is tried to meet the leader in its first call.
const TRIES: u8 = 3;
/// How long to look for a second hand, after everything is done: longer than any call may last.
const NO_SECOND_HAND: Duration = Duration::from_secs(3);

pub(super) async fn play(show: &Show<'_>, fault: bool) -> anyhow::Result<()> {
    let stage = show.stage;
    let old = Node::Witness;
    let call = first_call(show, old, fault).await?;
    stage.processes.kill(old).await?;
    let killed_ms = stage.endpoint.now_ms();
    show.say(&format!(
        "{old}, the leader, gets SIGKILL {} ms after its call arrived",
        killed_ms - call.arrived_ms
    ));

    let new = show
        .until("another leads, and private-1 is on strongswan-2 beyond doubt", true, |scene| {
            only_to_two(scene)?;
            let (leader, _) = scene.leaders_view()?;
            wanted(leader != old, || format!("{old} still seems to lead"))?;
            moved_to_two(scene).map(|()| leader)
        })
        .await?;
    let took_ms = stage.endpoint.now_ms().saturating_sub(killed_ms);
    show.say(&format!("{new} leads now; the move is settled {took_ms} ms after the kill"));
    show.hold(NO_SECOND_HAND, |scene| match only_to_two(scene) {
        Ok(()) => Ok(()),
        Err(Not::Yet(wrong) | Not::Ever(wrong)) => Err(wrong),
    })
    .await?;
    let calls = stage.look(show.judged())?.mutations;
    anyhow::ensure!(calls.len() <= 2, "one call of each leader at most, and the log has {}", calls.len());
    show.accept(&calls)?;
    stage.desk.read(Step::LeaderKilled, Some(new)).await?;

    show.say(&format!("{old} is started again, tunnel 1 answers again"));
    stage.processes.start(old)?;
    stage.arrange(|trouble| trouble.mend()).await?;
    show.until("private-1 comes home", true, Scene::is_calm).await?;
    show.judge(&[moves(GATEWAY_1, GATEWAY_1)], Rest::Nothing)?;
    Ok(())
}

/// Tunnel 1 falls silent, and the leader's call for it is under way. On a machine so busy that its commit took longer than the
/// dispatch window the leader has sent nothing, and issued the move anew: then all is mended, and it is tried once more.
async fn first_call(show: &Show<'_>, leader: Node, fault: bool) -> anyhow::Result<CallRecord> {
    let stage = show.stage;
    for tries in 1..=TRIES {
        show.calm_under(leader).await?;
        let mut held_up = None;
        if fault {
            let slow = Effect::Latency { before_ms: HELD_UP_MS, after_ms: 0 };
            held_up = Some(stage.endpoint.faults().set(Fault::on("ReplaceRoute", slow).times(1))?);
            show.say("tunnel 1 falls silent; EC2 will be slow to answer");
            stage.arrange(|trouble| trouble.cut_tunnel(Node::One)).await?;
        }
        let called = show.until("the leader's call arrives at EC2", fault, |scene| {
            let call = scene.mutations.first().ok_or("no call in the log")?;
            let (_, status) = scene.leaders_view()?;
            let route = scene::route(status, GATEWAY_1.route)?;
            wanted(route.committed == GATEWAY_2.tunnel, || "the leader does not tell of it yet".to_owned())?;
            Ok((call.clone(), route.cause.clone()))
        });
        let called = called.await;
        if let Some(id) = held_up {
            stage.endpoint.faults().remove(id);
        }
        let (call, cause) = called?;
        anyhow::ensure!(
            call.caller.as_deref() == Some(leader.access_key()),
            "not the leader called: {call:?}"
        );
        if cause == "failover" {
            return Ok(call);
        }
        show.say(&format!("this call is no first one (rule `{cause}`): try {tries} of {TRIES}"));
        stage.arrange(|trouble| trouble.mend()).await?;
        show.until("private-1 comes home", true, Scene::is_calm).await?;
        show.judge(&[moves(GATEWAY_1, GATEWAY_2), moves(GATEWAY_1, GATEWAY_1)], Rest::Nothing)?;
    }
    anyhow::bail!("the leader's commits take longer than the dispatch window: this machine is too busy")
}

/// Whoever called, called for the same.
fn only_to_two(scene: &Scene) -> Result<(), Not> {
    let wanted = moves(GATEWAY_1, GATEWAY_2);
    match scene.mutations.iter().map(Aim::of).find(|aim| *aim != wanted) {
        Some(other) => Err(Not::Ever(format!("somebody wants something else: {other}"))),
        None => Ok(()),
    }
}
