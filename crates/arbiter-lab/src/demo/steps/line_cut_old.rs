//! The same cut, and the old way: two machines that watch only each other. With an endpoint of its own, so that
//! nothing of the other steps is in the picture.

use crate::calllog::{CallLog, CallRecord, Outcome};
use crate::demo::cluster::{GATEWAY_1, GATEWAY_2, GATEWAYS, Gateway, Node, gateway_of_interface};
use crate::demo::old_way::Script;
use crate::demo::referee;
use crate::demo::scene::points_at;
use crate::demo::screen::Screen;
use crate::endpoint::{Endpoint, EndpointHandle, EndpointSettings};
use crate::targets::Target;
use crate::world::{InstanceState, ON_PREMISES, What};
use anyhow::Context;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout};

/// How long the scripts run before the cut: several rounds of pings, after which nothing may have been called.
const BEFORE: Duration = Duration::from_secs(1);
/// How long to wait for what the scripts do.
const PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE_WITHOUT_FAULT: Duration = Duration::from_secs(6);
/// How long to watch what becomes of it: longer than a stop and a boot take.
const AFTERMATH: Duration = Duration::from_secs(6);

pub(super) async fn play(screen: &Screen, fault: bool) -> anyhow::Result<()> {
    let mut old = OldWorld::set_up().await?;
    let calls = old.endpoint.calls();
    // A change is followed while waiting, not before: hosts that are stopped stop.
    old.run_for(BEFORE).await?;
    anyhow::ensure!(calls.last_seq() == 0, "the scripts called before anything was broken");
    say(screen, "two scripts ping each other, one on each gateway, and all is well");
    if fault {
        say(screen, "the line between them is cut; both gateways and both tunnels are well");
        old.cut_line().await?;
    }
    let patience = if fault { PATIENCE } else { PATIENCE_WITHOUT_FAULT };
    let seen = timeout(patience, old.run_until(&calls, |calls| harm(calls).is_whole())).await;
    match seen {
        Ok(result) => result?,
        Err(_) => anyhow::bail!(
            "no route was stolen and no healthy gateway stopped within {} s; the log has {} mutating calls",
            patience.as_secs(),
            mutations(&calls).len()
        ),
    }
    old.run_for(AFTERMATH).await?;

    let all = mutations(&calls);
    for call in &all {
        say(screen, &referee::line(call));
    }
    let harm = harm(&all);
    say(
        screen,
        &format!("stolen: {}; stopped although healthy: {}", harm.stolen.join(", "), harm.stopped.join(", ")),
    );
    say(screen, &old.aftermath());
    old.endpoint.shutdown().await;
    Ok(())
}

fn say(screen: &Screen, text: &str) {
    screen.say(&format!("    {text}"));
}

fn mutations(calls: &CallLog) -> Vec<CallRecord> {
    calls.mutations_since(0).calls
}

/// What the scripts did to a VPC in which every gateway was well.
#[derive(Debug, Default, PartialEq, Eq)]
struct Harm {
    /// Routes that were taken from a gateway that served them.
    stolen: Vec<String>,
    /// Gateways that were stopped although they ran and were well.
    stopped: Vec<String>,
}

impl Harm {
    fn is_whole(&self) -> bool {
        !self.stolen.is_empty() && !self.stopped.is_empty()
    }
}

/// Read from the log alone. No host was ever broken in this world, so that whatever ran was well.
fn harm(calls: &[CallRecord]) -> Harm {
    let mut harm = Harm::default();
    for call in calls.iter().filter(|call| call.outcome == Outcome::Ok) {
        let caller = call.caller.as_deref().unwrap_or("nobody");
        for what in &call.changed {
            match what {
                What::Route { table, before: Some(before), after: Some(after), .. } => {
                    let name =
                        |interface: &str| gateway_of_interface(interface).map_or("?", |it| it.node.name());
                    harm.stolen.push(format!(
                        "{table} from {} for {} (by {caller})",
                        name(before),
                        name(after)
                    ));
                }
                What::Instance {
                    instance,
                    before: InstanceState::Running,
                    after: InstanceState::Stopping,
                } => {
                    let gateway = GATEWAYS.into_iter().find(|gateway| gateway.instance == instance);
                    let name = gateway.map_or("?", |gateway| gateway.node.name());
                    harm.stopped.push(format!("{name} (by {caller})"));
                }
                _ => {}
            }
        }
    }
    harm
}

/// Two hosts with a script each, in a VPC of their own.
struct OldWorld {
    endpoint: EndpointHandle,
    changes: tokio::sync::broadcast::Receiver<crate::world::Change>,
    /// What each gateway shows to the other.
    faces: BTreeMap<Node, Target>,
    cut: bool,
    scripts: JoinSet<()>,
    running: BTreeMap<Node, AbortHandle>,
}

impl OldWorld {
    async fn set_up() -> anyhow::Result<Self> {
        let endpoint = Endpoint::start(EndpointSettings::default()).await?;
        let changes = endpoint.changes();
        let faces = BTreeMap::from([(Node::One, Target::start()?), (Node::Two, Target::start()?)]);
        let mut old =
            Self { endpoint, changes, faces, cut: false, scripts: JoinSet::new(), running: BTreeMap::new() };
        old.boot(GATEWAY_1)?;
        old.boot(GATEWAY_2)?;
        Ok(old)
    }

    fn boot(&mut self, gateway: Gateway) -> anyhow::Result<()> {
        let other = if gateway.node == Node::One { GATEWAY_2 } else { GATEWAY_1 };
        let face = self.faces.get(&other.node).context("each gateway has a face")?;
        let script = Script {
            endpoint: self.endpoint.addr(),
            access_key: format!("AKIDSCRIPT{}", gateway.node.number()),
            other: face.addr(),
            other_instance: other.instance.to_owned(),
            other_table: other.table.to_owned(),
            destination: ON_PREMISES.to_owned(),
            own_interface: gateway.interface.to_owned(),
        };
        if let Some(before) = self.running.insert(gateway.node, self.scripts.spawn(script.run())) {
            before.abort();
        }
        Ok(())
    }

    async fn cut_line(&mut self) -> anyhow::Result<()> {
        self.cut = true;
        let [one, two] = [Node::One, Node::Two].map(|node| self.faces.get(&node));
        let (one, two) = (one.context("a face")?, two.context("a face")?);
        tokio::try_join!(one.set_silent(true), two.set_silent(true))?;
        Ok(())
    }

    async fn run_for(&mut self, how_long: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + how_long;
        loop {
            match tokio::time::timeout_at(end, self.follow_one()).await {
                Ok(followed) => followed?,
                Err(_) => return Ok(()),
            }
        }
    }

    async fn run_until(
        &mut self,
        calls: &CallLog,
        done: impl Fn(&[CallRecord]) -> bool,
    ) -> anyhow::Result<()> {
        let wait = calls.wait_until(|calls| done(&mutations(calls)));
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => return Ok(()),
                followed = self.follow_one() => followed?,
            }
        }
    }

    /// What EC2 does to an instance happens to its host: stopped, its script ends; booted, it runs again.
    async fn follow_one(&mut self) -> anyhow::Result<()> {
        let change = self.changes.recv().await.context("changes of the world were missed")?;
        let What::Instance { instance, after, .. } = change.what else { return Ok(()) };
        let Some(gateway) = GATEWAYS.into_iter().find(|it| it.instance == instance) else { return Ok(()) };
        match after {
            InstanceState::Stopped => {
                if let Some(script) = self.running.remove(&gateway.node) {
                    script.abort();
                }
                if let Some(face) = self.faces.get(&gateway.node) {
                    face.set_silent(true).await?;
                }
            }
            InstanceState::Running => {
                if let Some(face) = self.faces.get(&gateway.node).filter(|_| !self.cut) {
                    face.set_silent(false).await?;
                }
                self.boot(gateway)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What is left, in one line.
    fn aftermath(&self) -> String {
        let world = self.endpoint.world().snapshot();
        let served = GATEWAYS.map(|gateway| {
            let state =
                |node: Gateway| world.instances.get(node.instance).map_or("gone", |it| it.state.name());
            points_at(&world, gateway.table)
                .map_or("nothing".to_owned(), |it| format!("{}, which is {}", it.node, state(it)))
        });
        format!("in the end private-1 leads to {}; private-2 to {}", served[0], served[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_cut_the_old_way_does_nothing_and_with_one_it_does_harm() {
        let mut old = OldWorld::set_up().await.unwrap();
        let calls = old.endpoint.calls();
        old.run_for(BEFORE).await.unwrap();
        assert_eq!(mutations(&calls), []);
        old.cut_line().await.unwrap();
        timeout(PATIENCE, old.run_until(&calls, |calls| harm(calls).is_whole())).await.unwrap().unwrap();
        let harm = harm(&mutations(&calls));
        assert!(harm.stolen[0].starts_with("rtb-") && harm.stopped[0].starts_with("strongswan-"), "{harm:?}");
    }

    #[test]
    fn a_refused_call_does_no_harm() {
        let mut call = crate::calllog::tests::record("StopInstances", true);
        call.outcome = Outcome::Refused("IncorrectInstanceState".to_owned());
        assert_eq!(harm(&[call]), Harm::default());
    }
}
