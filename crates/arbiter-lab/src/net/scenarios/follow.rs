//! The data centre's own cluster: that it is well, that it follows the cloud's, and when it must not.

use super::play::{Play, away, gateways, home};
use crate::demo::scene::Not;
use crate::net::faults::{FaultName, FaultOrder, Zone};
use crate::net::lab::Lab;
use crate::net::site::SiteSide;
use crate::net::topology::Host;
use arbiter_proto::v1::{RouteStatus, StatusReply, Verdict};
use std::time::Duration;

/// With contact between the sides, both directions of a subnet go over different tunnels for so long at most.
const ASYMMETRIC_MS: u64 = 1_000;
/// Longer than it takes to follow, and to be seen to have.
const LONG_ENOUGH: Duration = Duration::from_secs(5);
/// A followed cluster that was heard within this is heard now.
const HEARD_MS: u64 = 3_000;

/// The alarm of a cluster that does not hear the one that it follows.
const FOLLOW_LOST: &str = "follow-lost";

/// An operator switches over, and back.
pub(super) async fn way_back_follows(play: &mut Play<'_>) -> anyhow::Result<()> {
    let zone = Zone::A;
    play.begin();
    play.switch(zone, true).await?;
    play.route_moves(zone).await?;
    play.way_moves(zone).await?;
    play.flows(&Host::ALL).await?;
    play.measure().await;
    play.symmetric(zone)?;
    play.goes_over_other(zone).await?;
    play.judge(&[away(zone)])?;
    play.switch(zone, false).await?;
    play.calm().await?;
    play.symmetric(zone)?;
    play.note("switched back: every route and every way back is at home, everything flows".to_owned());
    play.judge(&[away(zone), home(zone)])
}

/// What the cloud does is not heard; own probes go on.
pub(super) async fn site_is_cut_off(play: &mut Play<'_>) -> anyhow::Result<()> {
    let zone = Zone::A;
    play.break_it().await?;
    let alarm = play
        .until("the data centre's cluster says that it does not hear the cloud's", |lab, _| {
            let (leader, status) = site_leader(lab)?;
            let alarm = status.alarms.iter().find(|alarm| alarm.code == FOLLOW_LOST);
            alarm.map(|alarm| format!("{leader}: {}", alarm.detail)).ok_or_else(|| "no alarm yet".into())
        })
        .await?;
    play.note(alarm);
    play.switch(zone, true).await?;
    play.route_moves(zone).await?;
    play.way_stays(zone, LONG_ENOUGH).await?;
    play.note(format!("cut off, the way back to {} stays where it was", zone.side().private_net));
    // Its own tunnel fails: for that it needs nobody.
    let other = Zone::B;
    play.lab.make(FaultOrder { name: FaultName::TunnelCut, zone, percent: 0 }).await?;
    play.way_moves(zone).await?;
    play.way_stays(other, LONG_ENOUGH).await?;
    play.measure().await;
    play.judge(&[away(zone)])?;
    play.switch(zone, false).await?;
    play.mend().await?;
    play.judge(&[away(zone), home(zone)])
}

/// The cloud chooses what does not work from here.
pub(super) async fn own_probe_vetoes(play: &mut Play<'_>) -> anyhow::Result<()> {
    // Router-2's own pings get lost; the first zone's route goes over to its tunnel.
    let zone = Zone::A;
    play.break_it().await?;
    play.way_moves(Zone::B).await?;
    play.note("the data centre has left the tunnel that its own probe calls Down".to_owned());
    play.switch(zone, true).await?;
    play.route_moves(zone).await?;
    let why = play
        .until("the data centre's cluster says why it does not follow", |lab, _| {
            let (_, status) = site_leader(lab)?;
            let why = route_to(status, zone)?.why.join("; ");
            if why.contains("does not follow") { Ok(why) } else { Err(format!("it says: {why}").into()) }
        })
        .await?;
    play.note(why);
    play.way_stays(zone, LONG_ENOUGH).await?;
    play.measure().await;
    play.lab.heal().await?;
    play.way_moves(zone).await?;
    play.note("its own probe is Up again, and it follows".to_owned());
    play.judge(&[away(zone)])?;
    play.switch(zone, false).await?;
    play.mend().await?;
    play.judge(&[away(zone), home(zone)])
}

impl Play<'_> {
    /// An operator switches the zone's route over to the other zone's tunnel in the cloud, or back home; unless what a case
    /// does shall be left out.
    pub async fn switch(&self, zone: Zone, away: bool) -> anyhow::Result<()> {
        if !self.faults() {
            return Ok(());
        }
        let (from, to) = gateways(zone);
        let path = if away { to.tunnel } else { from.tunnel };
        let leader = self.until("a leader in the cloud", |_, scene| Ok(scene.leaders_view()?.0)).await?;
        let request = format!("{}-{}-{}", from.route, path, self.lab.meter.now_us());
        self.lab.watch.switch(leader, from.route, path, request).await.map_err(anyhow::Error::msg)
    }

    /// After a case that failed: whatever was switched over goes home.
    pub async fn switch_home(&self) {
        for zone in [Zone::A, Zone::B] {
            let (gateway, _) = gateways(zone);
            let Ok(leader) =
                self.until("a leader in the cloud", |_, scene| Ok(scene.leaders_view()?.0)).await
            else {
                return;
            };
            let request = format!("home-{}-{}", gateway.route, self.lab.meter.now_us());
            // It says itself what it refuses; what follows is waited for anyhow.
            self.lab.watch.switch(leader, gateway.route, gateway.tunnel, request).await.ok();
        }
    }

    /// Notes for how long the two directions of the zone's subnet differed since the case began; fails if that was too long
    /// for a data centre that follows.
    pub fn symmetric(&mut self, zone: Zone) -> anyhow::Result<()> {
        let net = zone.side().private_net;
        let asymmetry = self.lab.turns.asymmetry(net, self.fault_us(), self.lab.meter.now_us());
        let goes_on = if asymmetry.open { ", and goes on" } else { "" };
        self.note(format!(
            "the two directions of {net} went over different tunnels for {} ms{goes_on}",
            asymmetry.longest_ms
        ));
        let follows = self.lab.settings.site == SiteSide::Cluster;
        anyhow::ensure!(
            !follows || (!asymmetry.open && asymmetry.longest_ms <= ASYMMETRIC_MS),
            "the two directions differed for more than {ASYMMETRIC_MS} ms"
        );
        Ok(())
    }

    /// Looks for a while that the way back to the zone's subnet does not change.
    pub async fn way_stays(&self, zone: Zone, how_long: Duration) -> anyhow::Result<()> {
        let net = zone.side().private_net;
        let before = self.lab.ways.borrow().get(net).copied();
        self.hold(how_long, |_| match self.lab.ways.borrow().get(net).copied() {
            now if now == before => Ok(()),
            now => Err(format!("the way back to {net} should stay on side {before:?}, and is on {now:?}")),
        })
        .await
    }

    /// Waits until the data centre's own cluster, if there is one, is well: three nodes under one leader, every probe up,
    /// the cloud heard by all of them together.
    pub async fn site_is_calm(&self) -> anyhow::Result<()> {
        if self.lab.site_watch.is_none() {
            return Ok(());
        }
        self.until("the data centre's cluster is well", |lab, _| {
            let (leader, status) = site_leader(lab)?;
            if let Some(member) = status.members.iter().find(|member| !member.fresh) {
                return Err(format!("{leader} does not hear {}", member.name).into());
            }
            if let Some(probe) = status.probes.iter().find(|probe| probe.state() != Verdict::Up) {
                return Err(format!("{}'s probe {} is not up", probe.observer, probe.id).into());
            }
            if let Some(route) = status.routes.iter().find(|route| !route.right) {
                return Err(format!("route {} is not right", route.id).into());
            }
            let age_ms = status.following.as_ref().and_then(|following| following.heard_age_ms);
            match age_ms.filter(|age_ms| *age_ms <= HEARD_MS) {
                Some(_) => Ok(()),
                None => Err("it does not hear the cloud's cluster".into()),
            }
        })
        .await
    }
}

/// The leader of the data centre's cluster, and its own view.
fn site_leader(lab: &Lab) -> Result<(Host, StatusReply), Not> {
    let views = lab.site_watch.as_ref().ok_or("there is no such cluster")?.views();
    let newest = views.values().map(|view| view.status.term).max().ok_or("no node of it answers")?;
    let leads = |(host, view): &(&Host, &crate::demo::watch::View)| {
        view.status.term == newest && view.status.leader == host.name() && view.status.epoch > 0
    };
    let (host, view) = views.iter().find(leads).ok_or("no node of it says that it leads")?;
    Ok((*host, view.status.clone()))
}

/// The way back to the zone's subnet, as a status has it.
fn route_to(status: StatusReply, zone: Zone) -> Result<RouteStatus, Not> {
    let net = zone.side().private_net;
    let found = status.routes.into_iter().find(|route| route.destination == net);
    found.ok_or_else(|| Not::Ever(format!("no route of it leads to {net}")))
}
