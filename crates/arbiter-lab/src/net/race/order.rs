//! Between two runs: everything is put in order, and the peer starts anew.

use super::run::Race;
use crate::calllog::CallRecord;
use crate::demo::cluster::{GATEWAYS, Node};
use crate::demo::scene::{Not, Scene};
use crate::net::cluster::host_of;
use crate::net::lab::Lab;
use crate::net::scenarios::{Case, Play};
use crate::net::site;
use crate::net::topology::Host;
use crate::seeing::{self, LOOK_EVERY, Patience};
use crate::world::{Destination, InstanceState, ON_PREMISES, Target};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long it may take until all is in order: tunnels that come up after a boot, on a busy machine.
const PATIENCE: Patience = Patience { longest: Duration::from_secs(90), tell_every: Duration::from_secs(10) };
/// All packets have arrived for so long.
const FLOWS_FOR: Duration = Duration::from_millis(1_000);
/// A peer has settled when its first calls are made and no more came for so long.
const SETTLED: Duration = Duration::from_secs(2);
/// The longest round of any peer: a fault comes at any moment of it.
const ROUND_US: u64 = 6_000_000;

impl Race<'_> {
    /// Everything is mended, every route is at home, the peer has started and settled.
    pub async fn put_in_order(&self) -> anyhow::Result<()> {
        if self.order.peer.pace().is_some() {
            self.lab.heal().await?;
            return Play::new(self.lab, Case::CloudTunnel, true, self.say).calm().await;
        }
        self.lab.with_peer.store(false, Ordering::Relaxed);
        self.power_cycle().await?;
        self.lab.heal().await?;
        self.bring_routes_home()?;
        self.until("everything flows over its own side", |lab, scene| {
            wanted_home(scene)?;
            if *lab.ways.borrow() != site::at_home() {
                return Err("a way back is not at home".into());
            }
            flows(lab)
        })
        .await?;
        let mark = self.lab.endpoint.calls().last_seq();
        self.lab.with_peer.store(true, Ordering::Relaxed);
        let mut inner = self.lab.lock().await;
        for node in Node::GATEWAYS {
            self.lab.start_services(&mut inner, host_of(node)).await?;
        }
        drop(inner);
        self.settles(mark).await?;
        // A peer with a long round shall be met at any moment of it.
        let moment_us = self.lab.meter.now_us() % ROUND_US;
        if self.order.peer.first_calls() > 0 {
            sleep(Duration::from_micros(moment_us)).await;
        }
        Ok(())
    }

    /// Both gateways are switched off and on: nothing of the last run goes on in them.
    async fn power_cycle(&self) -> anyhow::Result<()> {
        let mut inner = self.lab.lock().await;
        for node in Node::GATEWAYS {
            self.lab.switch_off(&mut inner, host_of(node), false).await?;
        }
        drop(inner);
        let world = self.lab.endpoint.world();
        for gateway in GATEWAYS {
            world
                .edit(|world, act| world.set_instance_state(act, gateway.instance, InstanceState::Running))
                .map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        }
        Ok(())
    }

    fn bring_routes_home(&self) -> anyhow::Result<()> {
        let destination =
            Destination::parse(ON_PREMISES).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        for gateway in GATEWAYS {
            let target = Target::Interface(gateway.interface.to_owned());
            self.lab
                .endpoint
                .world()
                .edit(|world, act| world.set_route(act, gateway.table, &destination, Some(target)))
                .map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        }
        Ok(())
    }

    /// Waits until the peer has made its first calls, and no more.
    async fn settles(&self, mark: u64) -> anyhow::Result<()> {
        let mut since = (Instant::now(), 0);
        self.until_of(mark, "the peer has started", |_, scene| {
            let calls = scene.mutations.len();
            if calls != since.1 {
                since = (Instant::now(), calls);
            }
            let open = scene.mutations.iter().any(|call: &CallRecord| !call.is_settled());
            if calls < self.order.peer.first_calls() || open || since.0.elapsed() < SETTLED {
                return Err(format!("it has made {calls} calls").into());
            }
            wanted_home(scene)
        })
        .await
    }

    pub async fn until<T>(
        &self,
        what: &str,
        seen: impl FnMut(&Lab, &Scene) -> Result<T, Not>,
    ) -> anyhow::Result<T> {
        self.until_of(self.lab.endpoint.calls().last_seq(), what, seen).await
    }

    async fn until_of<T>(
        &self,
        mark: u64,
        what: &str,
        mut seen: impl FnMut(&Lab, &Scene) -> Result<T, Not>,
    ) -> anyhow::Result<T> {
        let look = || Ok(seen(self.lab, &self.lab.look(mark)?));
        seeing::until(what, PATIENCE, |text| (self.say)(text), look, async || self.lab.check().await).await
    }

    /// Gives the leadership to the node on the gateway that is going to die.
    pub async fn lead_from_gateway(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE.longest;
        loop {
            let leader = self.until("a node leads", |_, scene| scene.is_calm()).await?;
            if leader == Node::One {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "{leader} can't be brought to hand over");
            if let Err(error) = self.lab.watch.hand_over(leader, Node::One).await {
                (self.say)(&error);
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

pub(super) fn wanted_home(scene: &Scene) -> Result<(), Not> {
    match away(scene) {
        0 => Ok(()),
        away => Err(format!("{away} routes are not at home").into()),
    }
}

/// How many routes are not at home.
pub(super) fn away(scene: &Scene) -> usize {
    GATEWAYS.iter().filter(|it| scene.points_at(it.table).map(|at| at.node) != Some(it.node)).count()
}

fn flows(lab: &Lab) -> Result<(), Not> {
    let lately = lab.meter.lately(FLOWS_FOR);
    let lost = lately.0.iter().find(|it| it.outage.lost > 0 || it.outage.sent == 0);
    match lost {
        Some(it) => Err(format!("packets from {} to {} are lost", it.direction.from, it.direction.to).into()),
        None => Ok(()),
    }
}

/// Whether packets to the data centre flow from both private hosts.
pub(super) fn flows_to_site(lab: &Lab) -> bool {
    let lately = lab.meter.lately(FLOWS_FOR);
    let to_site = lately.0.iter().filter(|it| it.direction.to == Host::OnPremises.name());
    to_site.into_iter().all(|it| it.outage.lost == 0 && it.outage.sent > 0)
}
