//! One case that is being played: it waits for calm, makes its fault, looks, measures, mends, and judges the calls.

use super::case::Case;
use crate::calllog::{CallRecord, Outcome};
use crate::demo::cluster::{GATEWAYS, Gateway, Node};
use crate::demo::referee::{self, Aim};
use crate::demo::scene::{Not, Scene};
use crate::net::faults::Zone;
use crate::net::lab::Lab;
use crate::net::meter::Outages;
use crate::net::site;
use crate::net::topology::{Host, SIDES};
use crate::seeing::{self, LOOK_EVERY, Patience};
use crate::world::ON_PREMISES;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long something may take that is going to happen. Generous: it ends as soon as it has happened, and a busy machine
/// is no failure. A remediation with a boot, and the tunnel after it, takes some twenty seconds.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long to look for it when the fault was left out: longer than any fault takes to show.
const PATIENCE_WITHOUT_FAULT: Duration = Duration::from_secs(6);
/// How often to say what is waited for.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// Streams flow when nothing was lost for this long.
const FLOWS_FOR: Duration = Duration::from_millis(1_000);
/// How long packets are counted, to see which way they go.
const COUNT_FOR: Duration = Duration::from_secs(1);
/// The way that carries two streams carries at least this many times the packets of the other: of that, only probes.
const CARRIES: u64 = 3;

/// The alarm of a cluster that is still waiting before its first mutation.
const NEW_CLUSTER: &str = "new-cluster";

/// A case under way.
pub(in crate::net) struct Play<'a> {
    pub lab: &'a Lab,
    pub case: Case,
    faults: bool,
    say: &'a (dyn Fn(&str) + Sync),
    seen: Vec<String>,
    outages: Outages,
    /// The newest call before the case began.
    mark: u64,
    /// When the fault was made, by the meter's clock.
    fault_us: u64,
}

impl<'a> Play<'a> {
    pub fn new(lab: &'a Lab, case: Case, faults: bool, say: &'a (dyn Fn(&str) + Sync)) -> Self {
        Self { lab, case, faults, say, seen: Vec::new(), outages: Outages::default(), mark: 0, fault_us: 0 }
    }

    pub fn into_seen(self) -> (Vec<String>, Outages) {
        (self.seen, self.outages)
    }

    /// Notes something that was seen.
    pub fn note(&mut self, text: String) {
        (self.say)(&format!("    {text}"));
        self.seen.push(text);
    }

    /// Waits until everything is as it should be; the witness leads, as it does where nothing has happened for long.
    pub async fn calm(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let leader = self.until("all is well, every route at home", all_is_well).await?;
            if leader == Node::Witness {
                break;
            }
            anyhow::ensure!(
                Instant::now() < deadline,
                "{leader} leads, and can't be brought to hand over to the witness"
            );
            if let Err(error) = self.lab.watch.hand_over(leader, Node::Witness).await {
                (self.say)(&format!("    {error}"));
                sleep(LOOK_EVERY).await;
            }
        }
        self.ways_home().await?;
        self.site_is_calm().await?;
        self.flows(&Host::ALL).await
    }

    /// Makes the case's fault, unless it shall be left out. What is measured and judged begins here.
    pub async fn break_it(&mut self) -> anyhow::Result<()> {
        self.begin();
        if let Some(order) = self.case.fault()
            && self.faults
        {
            self.lab.make(order).await?;
        }
        Ok(())
    }

    /// What is measured and judged begins here.
    pub fn begin(&mut self) {
        self.mark = self.lab.endpoint.calls().last_seq();
        self.fault_us = self.lab.meter.now_us();
    }

    /// Whether what a case does is done, and not left out.
    pub const fn faults(&self) -> bool {
        self.faults
    }

    /// When the case began, by the meter's clock.
    pub const fn fault_us(&self) -> u64 {
        self.fault_us
    }

    fn patience(&self) -> Duration {
        if self.faults { PATIENCE } else { PATIENCE_WITHOUT_FAULT }
    }

    /// Looks again and again until `seen` sees what it wants.
    pub async fn until<T>(
        &self,
        what: &str,
        mut seen: impl FnMut(&Lab, &Scene) -> Result<T, Not>,
    ) -> anyhow::Result<T> {
        let patience = Patience { longest: self.patience(), tell_every: TELL_EVERY };
        let look = || Ok(seen(self.lab, &self.lab.look(self.mark)?));
        let say = |text: &str| (self.say)(&format!("    {text}"));
        seeing::until(what, patience, say, look, async || self.lab.check().await).await
    }

    /// Looks for a while at what must go on holding.
    pub async fn hold(
        &self,
        how_long: Duration,
        mut holds: impl FnMut(&Scene) -> Result<(), String>,
    ) -> anyhow::Result<()> {
        let look = || Ok(holds(&self.lab.look(self.mark)?));
        seeing::hold(how_long, look, async || self.lab.check().await).await
    }

    /// Looks for a while that no call changes anything, and that none has since the case began.
    pub async fn nothing_moves(&mut self, how_long: Duration) -> anyhow::Result<()> {
        self.quiet_since(self.mark, how_long).await
    }

    /// Looks for a while that no further call changes anything.
    pub async fn nothing_more_moves(&mut self, how_long: Duration) -> anyhow::Result<()> {
        self.quiet_since(self.lab.endpoint.calls().last_seq(), how_long).await
    }

    async fn quiet_since(&mut self, seq: u64, how_long: Duration) -> anyhow::Result<()> {
        self.hold(how_long, |scene| match scene.mutations.iter().find(|call| call.seq > seq) {
            Some(call) => Err(format!("nothing should move, but: {}", referee::line(call))),
            None => Ok(()),
        })
        .await?;
        self.note(format!("no call that changes anything in {} s", how_long.as_secs()));
        Ok(())
    }

    /// Waits until the zone's route points at the other zone's gateway.
    pub async fn route_moves(&mut self, zone: Zone) -> anyhow::Result<()> {
        let (from, to) = gateways(zone);
        let what = format!("{} moves to {}", from.route, to.node);
        let why = self
            .until(&what, |_, scene| {
                let there = scene.points_at(from.table).map(|it| it.node);
                if there != Some(to.node) {
                    return Err(format!("its route still points at {}", from.node).into());
                }
                let (_, status) = scene.leaders_view()?;
                let route = crate::demo::scene::route(status, from.route)?;
                if route.committed != to.tunnel {
                    return Err(format!("the leader has agreed on `{}`", route.committed).into());
                }
                Ok(route.why.join("; "))
            })
            .await?;
        let call = self.first_call()?;
        self.note(format!("{what}: {why}"));
        self.note(referee::line(&call));
        Ok(())
    }

    fn first_call(&self) -> anyhow::Result<CallRecord> {
        let calls = self.lab.look(self.mark)?.mutations;
        calls.into_iter().next().ok_or_else(|| anyhow::anyhow!("there is no call in the log"))
    }

    /// Waits until the way back to the zone's private subnet leads over the other zone's router.
    pub async fn way_moves(&mut self, zone: Zone) -> anyhow::Result<()> {
        let home = zone.side();
        let router = |letter: &str| site::router(letter).map_or("nobody", Host::name);
        let what = format!("the way back to {} moves away from {}", home.private_net, home.router);
        let now = self
            .until(&what, |lab, _| match lab.ways.borrow().get(home.private_net) {
                Some(letter) if *letter != home.letter => Ok(router(letter)),
                _ => Err("it has not moved".into()),
            })
            .await?;
        self.note(format!("the way back to {} moves to {now}", home.private_net));
        Ok(())
    }

    /// Waits until both ways back are home.
    pub async fn ways_home(&self) -> anyhow::Result<()> {
        self.until("both ways back are home", |lab, _| {
            if *lab.ways.borrow() == site::at_home() { Ok(()) } else { Err("one is not".into()) }
        })
        .await
    }

    /// Waits until nothing is lost any more between these hosts.
    pub async fn flows(&self, hosts: &[Host]) -> anyhow::Result<()> {
        let among = |name: &str| hosts.iter().any(|host| host.name() == name);
        self.arrive(|from, to| among(from) && among(to)).await
    }

    /// The same of what one of them sends to the other.
    pub async fn flows_one_way(&self, from: Host, to: Host) -> anyhow::Result<()> {
        self.arrive(|sender, receiver| sender == from.name() && receiver == to.name()).await
    }

    async fn arrive(&self, of: impl Fn(&str, &str) -> bool) -> anyhow::Result<()> {
        self.until("all packets arrive", |lab, _| {
            let lately = lab.meter.lately(FLOWS_FOR);
            let streams = lately.0.iter().filter(|it| of(it.direction.from, it.direction.to));
            match streams.into_iter().find(|it| it.outage.lost > 0 || it.outage.sent == 0) {
                Some(it) => Err(format!(
                    "{} of {} from {} to {} are lost",
                    it.outage.lost, it.outage.sent, it.direction.from, it.direction.to
                )
                .into()),
                None => Ok(()),
            }
        })
        .await
    }

    /// Takes down how the streams fared since the fault.
    pub async fn measure(&mut self) {
        self.outages = self.lab.meter.since(self.fault_us).await;
        let streams: Vec<_> = self
            .outages
            .0
            .iter()
            .map(|it| {
                let (direction, outage) = (&it.direction, &it.outage);
                let open = if outage.open { ", and goes on" } else { "" };
                format!(
                    "{} → {}: {} ms, {} of {} lost{open}",
                    direction.from, direction.to, outage.longest_ms, outage.lost, outage.sent
                )
            })
            .collect();
        self.note(format!("longest interruptions: {}", streams.join("; ")));
    }

    /// Packets that were lost in all since the fault, as last measured.
    pub fn lost(&self) -> u64 {
        self.outages.0.iter().map(|stream| stream.outage.lost).sum()
    }

    pub fn measured(&self) -> &Outages {
        &self.outages
    }

    /// Counts for a second which way packets go, each way: by router, after they left the tunnel, before they enter it.
    pub async fn count_ways(&mut self) -> anyhow::Result<[Carried; 2]> {
        let before = self.counters().await?;
        sleep(COUNT_FOR).await;
        let after = self.counters().await?;
        let carried = std::array::from_fn(|i| Carried {
            to_site: after[i].to_site.saturating_sub(before[i].to_site),
            to_vpc: after[i].to_vpc.saturating_sub(before[i].to_vpc),
        });
        let words: Vec<_> = SIDES
            .iter()
            .zip(&carried)
            .map(|(side, it)| {
                format!("{}: {} to the site, {} to the VPC", side.router, it.to_site, it.to_vpc)
            })
            .collect();
        self.note(format!("packets in a second over {}", words.join("; ")));
        Ok(carried)
    }

    async fn counters(&self) -> anyhow::Result<[Carried; 2]> {
        let mut inner = self.lab.lock().await;
        let mut all = [Carried::default(); 2];
        for (counted, side) in all.iter_mut().zip(&SIDES) {
            // A router that is off carries nothing.
            let lan = inner.machines.get(&side.router).and_then(|router| router.packets_sent("lan"));
            counted.to_site = lan.unwrap_or(0);
            counted.to_vpc = inner.machine(Host::Core)?.packets_sent(side.router.name()).unwrap_or(0);
        }
        Ok(all)
    }

    /// Fails unless all four streams go over the other zone's router, both ways.
    pub async fn goes_over_other(&mut self, zone: Zone) -> anyhow::Result<()> {
        let [a, b] = self.count_ways().await?;
        let (dead, alive) = if zone == Zone::A { (a, b) } else { (b, a) };
        anyhow::ensure!(
            alive.to_site > CARRIES * dead.to_site && alive.to_vpc > CARRIES * dead.to_vpc,
            "packets don't go over the other zone's router"
        );
        Ok(())
    }

    /// Mends everything, and waits for calm.
    pub async fn mend(&mut self) -> anyhow::Result<()> {
        self.lab.heal().await?;
        self.calm().await?;
        self.note("mended: every route and every way back is at home, everything flows".to_owned());
        Ok(())
    }

    /// Judges the calls since the case began: these, each accepted, in this order, and one hand at a time.
    pub fn judge(&mut self, expected: &[Aim]) -> anyhow::Result<()> {
        let calls = self.lab.look(self.mark)?.mutations;
        let aims: Vec<_> = calls.iter().map(Aim::of).collect();
        anyhow::ensure!(
            aims == expected,
            "expected these calls: {}; the log has: {}",
            list(expected),
            list(&aims)
        );
        self.judge_hands()
    }

    /// Judges that every call was accepted, and one hand wrote at a time.
    pub fn judge_hands(&mut self) -> anyhow::Result<()> {
        let calls = self.lab.look(self.mark)?.mutations;
        if let Some(call) = calls.iter().find(|call| call.outcome != Outcome::Ok) {
            anyhow::bail!("a call was not accepted: {}", referee::line(call));
        }
        let wrong = referee::second_hands(&self.lab.look(0)?.mutations);
        anyhow::ensure!(wrong.is_empty(), "a second hand: {}", wrong.join("; "));
        self.note(format!("{} calls, one hand at a time", calls.len()));
        Ok(())
    }

    /// The calls since the case began.
    pub fn calls(&self) -> anyhow::Result<Vec<CallRecord>> {
        Ok(self.lab.look(self.mark)?.mutations)
    }

    /// After a case that failed: mends everything, so that the next begins well.
    pub async fn clear_up(&mut self) {
        if self.case.is_of_the_site_cluster() {
            self.switch_home().await;
        }
        if let Err(error) = self.mend().await {
            (self.say)(&format!("    it can't be mended: {error:#}"));
        }
    }
}

/// Packets that went over one router.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::net) struct Carried {
    pub to_site: u64,
    pub to_vpc: u64,
}

/// Also: the cluster is not so new that it waits before its first mutation, in case an older one has a call under way.
fn all_is_well(_: &Lab, scene: &Scene) -> Result<Node, Not> {
    let leader = scene.is_calm()?;
    let new = scene.status(leader)?.alarms.iter().find(|alarm| alarm.code == NEW_CLUSTER);
    new.map_or(Ok(leader), |alarm| Err(format!("{}: {}", alarm.title, alarm.detail).into()))
}

fn list(aims: &[Aim]) -> String {
    let words: Vec<_> = aims.iter().map(ToString::to_string).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// A zone's gateway, and the other's.
pub(super) const fn gateways(zone: Zone) -> (Gateway, Gateway) {
    match zone {
        Zone::A => (GATEWAYS[0], GATEWAYS[1]),
        Zone::B => (GATEWAYS[1], GATEWAYS[0]),
    }
}

/// The call that points a zone's route at the other zone's gateway.
pub(super) fn away(zone: Zone) -> Aim {
    let (from, to) = gateways(zone);
    Aim { resource: format!("{} {ON_PREMISES}", from.table), after: to.interface.to_owned() }
}

/// The call that brings it home.
pub(super) fn home(zone: Zone) -> Aim {
    let (from, _) = gateways(zone);
    Aim { resource: format!("{} {ON_PREMISES}", from.table), after: from.interface.to_owned() }
}

/// The call that stops, or starts, a zone's gateway.
pub(super) fn power(zone: Zone, word: &str) -> Aim {
    Aim { resource: gateways(zone).0.instance.to_owned(), after: word.to_owned() }
}
