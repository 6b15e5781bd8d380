//! What each case does and wants to see.

use super::case::Case;
use super::child;
use super::follow;
use super::play::{Play, away, gateways, home, power};
use super::withdraw;
use crate::calllog::{CallRecord, Outcome, Reply};
use crate::demo::referee::{self, Aim};
use crate::demo::scene::{Not, wanted};
use crate::net::faults::Zone;
use crate::net::topology::Host;
use crate::world::InstanceState;
use std::time::Duration;

/// Longer than it takes to judge a gateway or a tunnel, act, and be seen to have acted.
const LONG_ENOUGH: Duration = Duration::from_secs(6);
/// More packets in a second than probes alone make; a stream makes 200.
const FEW: u64 = 80;
/// How much of a stream is lost at most when keys are renewed, in packets of one every 5 ms.
const REKEY_LOSES: u64 = 40;

/// Plays a case.
pub(super) async fn play(play: &mut Play<'_>) -> anyhow::Result<()> {
    play.calm().await?;
    match play.case {
        Case::PrivateHostsReachTheSite => reach(play).await,
        Case::CloudTunnel => both_sides_move(play, Zone::A).await,
        Case::SiteTunnel | Case::SiteRouter => both_sides_move(play, Zone::B).await,
        Case::RemoteDead => both_sides_move(play, Zone::A).await,
        Case::CloudGateway => gateway_dies(play).await,
        Case::MtuBlackHole | Case::IpForwardOff => only_the_cloud_notices(play).await,
        Case::GatewayCutOff => gateway_is_cut_off(play).await,
        Case::ZoneLost => zone_is_lost(play).await,
        Case::LineCut | Case::ArbiterdKilled | Case::WitnessLost => nothing_happens(play).await,
        Case::Loss => some_is_lost(play).await,
        Case::BothTunnels => both_tunnels_die(play).await,
        Case::ChildTerminated => child::is_terminated(play).await,
        Case::Rekey => keys_are_renewed(play).await,
        Case::WayBackFollows => follow::way_back_follows(play).await,
        Case::SiteCutOff => follow::site_is_cut_off(play).await,
        Case::SiteVeto => follow::own_probe_vetoes(play).await,
        Case::RoutesWithdrawn => withdraw::routes_are_withdrawn(play).await,
    }
}

/// Each private subnet's packets go over its own zone, both ways, and nothing is lost.
async fn reach(play: &mut Play<'_>) -> anyhow::Result<()> {
    play.begin();
    let [a, b] = play.count_ways().await?;
    let alike = |one: u64, other: u64| one > FEW && other > FEW && one < 2 * other && other < 2 * one;
    anyhow::ensure!(
        alike(a.to_site, b.to_site) && alike(a.to_vpc, b.to_vpc),
        "the two routers don't carry one subnet each"
    );
    play.nothing_moves(LONG_ENOUGH).await?;
    play.measure().await;
    anyhow::ensure!(play.lost() == 0, "{} packets were lost", play.lost());
    play.judge(&[])
}

/// The fault is made; the zone's route moves, and so does its way back; then everything flows again.
async fn fails_over(play: &mut Play<'_>, zone: Zone) -> anyhow::Result<()> {
    play.break_it().await?;
    all_moves(play, zone).await
}

/// The zone's route moves, and so does its way back; then everything flows again.
pub(super) async fn all_moves(play: &mut Play<'_>, zone: Zone) -> anyhow::Result<()> {
    play.route_moves(zone).await?;
    play.way_moves(zone).await?;
    play.flows(&Host::ALL).await?;
    play.measure().await;
    play.symmetric(zone)
}

/// The zone's route moves, and so does its way back; then everything flows over the other zone; mended, all comes home.
async fn both_sides_move(play: &mut Play<'_>, zone: Zone) -> anyhow::Result<()> {
    fails_over(play, zone).await?;
    play.goes_over_other(zone).await?;
    play.judge(&[away(zone)])?;
    play.mend().await?;
    play.judge(&[away(zone), home(zone)])
}

/// As above, and the gateway is stopped and started once: nobody mends it but the cluster.
async fn gateway_dies(play: &mut Play<'_>) -> anyhow::Result<()> {
    let zone = Zone::A;
    fails_over(play, zone).await?;
    let (gateway, _) = gateways(zone);
    play.until("the gateway is stopped and started, and its node is back", |_, scene| {
        let calls = scene.mutations.iter().filter(|call| call.action == "StopInstances").count();
        if calls > 1 {
            return Err(Not::Ever(format!("{calls} stops: more than one")));
        }
        let instance = scene.world.instances.get(gateway.instance).ok_or("its instance is gone")?;
        if instance.state != InstanceState::Running || calls == 0 {
            return Err(format!("EC2 says {} after {calls} stops", instance.state.name()).into());
        }
        scene.status(gateway.node).map(|_| ())
    })
    .await?;
    play.note("the gateway was stopped and started, and its node answers".to_owned());
    play.mend().await?;
    play.judge(&[away(zone), power(zone, "stop"), power(zone, "start"), home(zone)])
}

/// The route moves, and what the zone sends arrives. The routers' own tracking pings the gateway, which answers short pings:
/// where that decides, the way back does not move.
async fn only_the_cloud_notices(play: &mut Play<'_>) -> anyhow::Result<()> {
    let zone = Zone::A;
    play.break_it().await?;
    play.route_moves(zone).await?;
    play.flows_one_way(Host::Private1, Host::OnPremises).await?;
    play.measure().await;
    play.judge(&[away(zone)])?;
    play.mend().await?;
    play.judge(&[away(zone), home(zone)])
}

/// The route moves, and the gateway that is cut off touches nothing, although it could.
async fn gateway_is_cut_off(play: &mut Play<'_>) -> anyhow::Result<()> {
    let zone = Zone::A;
    fails_over(play, zone).await?;
    let (gateway, other) = gateways(zone);
    // It may be stopped and started meanwhile, which does not mend it.
    for call in play.calls()? {
        anyhow::ensure!(
            call.caller.as_deref() != Some(gateway.node.access_key()),
            "the gateway that is cut off acts"
        );
        anyhow::ensure!(call.param("InstanceId.1") != Some(other.instance), "the other gateway is touched");
    }
    play.mend().await?;
    play.judge_hands()
}

/// The route moves; the other zone goes on. The lost gateway may be stopped, which brings it back after the zone is mended.
async fn zone_is_lost(play: &mut Play<'_>) -> anyhow::Result<()> {
    let zone = Zone::A;
    play.break_it().await?;
    play.route_moves(zone).await?;
    let other = [Host::Private2, Host::OnPremises];
    play.flows(&other).await?;
    play.hold(LONG_ENOUGH, |_| Ok(())).await?;
    play.measure().await;
    let lost =
        [(other[0], other[1]), (other[1], other[0])].map(|(from, to)| play.measured().between(from, to));
    for outage in lost {
        let outage = outage.ok_or_else(|| anyhow::anyhow!("a stream is not measured"))?;
        anyhow::ensure!(outage.lost == 0, "{} packets of the other zone were lost", outage.lost);
    }
    let (_, alive) = gateways(zone);
    let touched = play.calls()?.into_iter().any(|call| call.param("InstanceId.1") == Some(alive.instance));
    anyhow::ensure!(!touched, "the gateway that lives was stopped");
    play.mend().await?;
    play.judge_hands()
}

/// Nothing moves, nobody is stopped, nothing is lost.
async fn nothing_happens(play: &mut Play<'_>) -> anyhow::Result<()> {
    play.break_it().await?;
    noticed(play).await?;
    play.nothing_moves(LONG_ENOUGH).await?;
    play.measure().await;
    anyhow::ensure!(play.lost() == 0, "{} packets were lost", play.lost());
    play.mend().await?;
    play.judge(&[])
}

/// Waits until the nodes say that something is wrong: or the case would show nothing.
async fn noticed(play: &mut Play<'_>) -> anyhow::Result<()> {
    let what = play
        .until("the nodes notice it", |_, scene| {
            let (leader, status) = scene.leaders_view()?;
            let silent: Vec<_> = status
                .members
                .iter()
                .filter(|member| !member.fresh)
                .map(|member| member.name.clone())
                .collect();
            if !silent.is_empty() {
                return Ok(format!("{leader} does not hear {}", silent.join(", ")));
            }
            let down = status.probes.iter().find(|probe| probe.state() != arbiter_proto::v1::Verdict::Up);
            down.map(|probe| format!("{}'s probe {} is down", probe.observer, probe.id))
                .ok_or_else(|| "all looks well".into())
        })
        .await?;
    play.note(what);
    Ok(())
}

/// Some packets are lost, and that alone.
async fn some_is_lost(play: &mut Play<'_>) -> anyhow::Result<()> {
    play.break_it().await?;
    play.nothing_moves(LONG_ENOUGH).await?;
    play.measure().await;
    anyhow::ensure!(play.lost() > 0, "no packet was lost");
    play.mend().await?;
    play.judge(&[])
}

/// There is an alarm for each route, and then nothing moves. Before, each route may move once: tunnels that die in the same
/// moment are not found Down in the same moment, and until the second is, the first one's route has somewhere to go.
async fn both_tunnels_die(play: &mut Play<'_>) -> anyhow::Result<()> {
    play.break_it().await?;
    let alarms = play
        .until("there is an alarm for each route, and no call under way or to come", |_, scene| {
            let (_, status) = scene.leaders_view()?;
            let of = |zone| {
                let (gateway, _) = gateways(zone);
                status.alarms.iter().find(|alarm| alarm.subject == gateway.route).ok_or("a route has none")
            };
            let (a, b) = (of(Zone::A)?, of(Zone::B)?);
            let ended = |call: &CallRecord| call.outcome != Outcome::Pending && call.reply != Reply::Pending;
            wanted(scene.mutations.iter().all(ended), || "a call is under way".to_owned())?;
            wanted(status.unsettled.is_empty(), || "a call is agreed on, and will be sent".to_owned())?;
            Ok([a, b].map(|alarm| {
                format!("alarm {} ({}): {}: {}", alarm.code, alarm.urgency, alarm.subject, alarm.title)
            }))
        })
        .await?;
    alarms.into_iter().for_each(|alarm| play.note(alarm));
    for call in play.calls()? {
        play.note(format!("before the second was found Down: {}", referee::line(&call)));
        let aim = Aim::of(&call);
        anyhow::ensure!([away(Zone::A), away(Zone::B)].contains(&aim), "that is no move to the other tunnel");
    }
    let moved = play.calls()?.len();
    anyhow::ensure!(moved <= 1, "{moved} moves, and there was one tunnel to go to at most");
    play.nothing_more_moves(LONG_ENOUGH).await?;
    play.measure().await;
    let streams = &play.measured().0;
    anyhow::ensure!(streams.iter().all(|stream| stream.outage.open), "packets still pass");
    play.mend().await?;
    play.judge_hands()
}

/// New keys for the tunnel and for what it carries, while packets flow.
async fn keys_are_renewed(play: &mut Play<'_>) -> anyhow::Result<()> {
    play.begin();
    for what in ["--child", "--ike"] {
        let said = {
            let mut inner = play.lab.lock().await;
            let gateway = inner.machine(Host::Strongswan1)?;
            gateway.run(&["swanctl", "--rekey", what, "tunnel"], "").await?
        };
        play.note(format!("swanctl --rekey {what} tunnel: {}", said.trim()));
        play.nothing_moves(Duration::from_secs(3)).await?;
    }
    play.measure().await;
    anyhow::ensure!(play.lost() <= REKEY_LOSES, "{} packets were lost", play.lost());
    play.judge(&[])
}
