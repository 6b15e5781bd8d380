//! One run: the fault, what the packets saw of it, and what was done because of it.

use super::fault::RaceFault;
use super::judge::{self, Deaths, Judgement};
use super::order::{away, flows_to_site};
use super::{RaceOrder, RunResult};
use crate::calllog::CallRecord;
use crate::demo::cluster::{GATEWAYS, Node};
use crate::demo::referee;
use crate::net::exec;
use crate::net::faults::{FaultName, FaultOrder, Zone};
use crate::net::lab::Lab;
use crate::net::meter::StreamOutage;
use crate::net::peers::{self, Peer};
use crate::net::topology::Host;
use crate::seeing::{self, LOOK_EVERY};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A fault that cuts traffic off is felt for at least so long: EC2 alone takes 150 ms for a call. What is shorter is a packet
/// that a busy machine lost.
const OUTAGE_LEAST_MS: u64 = 100;
/// An outage that lasts longer than this is called open.
const LONGEST: Duration = Duration::from_secs(30);
/// How long a cut line stays cut before it is mended: longer than every peer takes to act on it.
const SPLIT_FOR: Duration = Duration::from_secs(8);
/// From then to the crash: longer than masters take to find each other again.
const MENDED_FOR: Duration = Duration::from_secs(6);
/// How long hosts stay off before they boot together.
const OFF_FOR: Duration = Duration::from_secs(1);

/// One peer, one fault.
pub(super) struct Race<'a> {
    pub lab: &'a Lab,
    pub order: RaceOrder,
    pub say: &'a (dyn Fn(&str) + Sync),
}

/// When the fault was made.
struct Made {
    /// By the meter's clock.
    at_us: u64,
    /// By the call log's.
    at_ms: u64,
    deaths: Deaths,
}

impl Race<'_> {
    /// Puts everything in order, makes the fault, looks, measures, judges.
    pub async fn run(&self) -> anyhow::Result<RunResult> {
        self.put_in_order().await?;
        if self.order.fault == RaceFault::LeaderCrash {
            self.lead_from_gateway().await?;
        }
        let mark = self.lab.endpoint.calls().last_seq();
        let began = Instant::now();
        let made = self.make().await?;
        let made_at = Instant::now();
        let look = || Ok(Ok(()));
        seeing::hold(self.order.fault.watched(), look, async || self.lab.check().await).await?;
        while !flows_to_site(self.lab) && made_at.elapsed() < LONGEST {
            sleep(LOOK_EVERY).await;
        }
        let result = self.result(mark, &made).await?;
        let ms = began.elapsed().as_millis();
        (self.say)(&format!("    to the site {} ms, {ms} ms in all", result.to_site_ms));
        Ok(result)
    }

    async fn make(&self) -> anyhow::Result<Made> {
        let mut made = self.now(false);
        if !self.order.faults {
            return Ok(made);
        }
        match self.order.fault {
            RaceFault::TunnelCut => self.kill(&mut made, FaultName::TunnelCut).await?,
            RaceFault::GatewayCrash | RaceFault::LeaderCrash => {
                self.kill(&mut made, FaultName::GatewayCrash).await?;
            }
            RaceFault::GatewayCutOff => self.kill(&mut made, FaultName::GatewayCutOff).await?,
            RaceFault::LineCut => self.fault(FaultName::LineCut).await?,
            RaceFault::SplitHealCrash => {
                self.fault(FaultName::LineCut).await?;
                sleep(SPLIT_FOR).await;
                self.lab.heal().await?;
                sleep(MENDED_FOR).await;
                made = self.now(false);
                self.kill(&mut made, FaultName::GatewayCrash).await?;
            }
            RaceFault::BootTogether => {
                let mut inner = self.lab.lock().await;
                let hosts = [Host::Strongswan1, Host::Strongswan2];
                for host in hosts {
                    self.lab.switch_off(&mut inner, host, false).await?;
                }
                sleep(OFF_FOR).await;
                for host in hosts {
                    self.lab.boot(&mut inner, host).await?;
                }
            }
        }
        Ok(made)
    }

    fn now(&self, dead: bool) -> Made {
        let at_ms = self.lab.endpoint.now_ms();
        let deaths = if dead { Deaths::from([(Node::One, at_ms)]) } else { Deaths::new() };
        Made { at_us: self.lab.meter.now_us(), at_ms, deaths }
    }

    async fn fault(&self, name: FaultName) -> anyhow::Result<()> {
        self.lab.make(FaultOrder { name, zone: Zone::A, percent: 0 }).await
    }

    /// A fault that kills the way over side a; with nobody on guard, the call is made by hand at once.
    async fn kill(&self, made: &mut Made, name: FaultName) -> anyhow::Result<()> {
        *made = self.now(true);
        if self.order.peer != Peer::ByHand {
            return self.fault(name).await;
        }
        let words = peers::call_by_hand(GATEWAYS[0], GATEWAYS[1]);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let (fault, call) = tokio::join!(self.fault(name), exec::run(&words, ""));
        call?;
        fault
    }

    async fn result(&self, mark: u64, made: &Made) -> anyhow::Result<RunResult> {
        let outages = self.lab.meter.since(made.at_us).await;
        let scene = self.lab.look(mark)?;
        let to_site = |it: &&StreamOutage| it.direction.to == Host::OnPremises.name();
        let (there, back): (Vec<_>, Vec<_>) = outages.0.iter().partition(to_site);
        let longest = |streams: &[&StreamOutage]| streams.iter().map(|it| it.outage.longest_ms).max();
        let open = |streams: &[&StreamOutage]| streams.iter().any(|it| it.outage.open);
        let Judgement { wrong_moves, healthy_stopped, writers_at_once } =
            judge::judge(&scene.mutations, &made.deaths);
        let moves = |call: &&CallRecord| call.action == "ReplaceRoute" && call.arrived_ms >= made.at_ms;
        let first = scene.mutations.iter().find(moves);
        let after = |at_ms: u64| at_ms.saturating_sub(made.at_ms);
        let result = RunResult {
            peer: self.order.peer,
            fault: self.order.fault,
            to_site_ms: longest(&there).unwrap_or(0),
            to_site_open: open(&there),
            to_vpc_ms: longest(&back).unwrap_or(0),
            to_vpc_open: open(&back),
            called_after_ms: first.map(|call| after(call.arrived_ms)),
            moved_after_ms: first.and_then(|call| call.applied_ms).map(after),
            wrong_moves,
            healthy_stopped,
            writers_at_once,
            away_at_end: away(&scene),
            calls: scene.mutations.iter().map(referee::line).collect(),
        };
        anyhow::ensure!(
            result.to_site_ms >= OUTAGE_LEAST_MS || !self.order.fault.must_hurt(),
            "the fault was made, and no packet was lost for {OUTAGE_LEAST_MS} ms: nothing was measured"
        );
        Ok(result)
    }
}
