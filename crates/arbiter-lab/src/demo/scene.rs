//! What is seen at one moment: the endpoint's world, its call log, and what the nodes say.

use super::cluster::{GATEWAYS, Gateway, Node, gateway_of_interface};
use super::stage::Stage;
use super::watch::View;
use crate::calllog::{CallRecord, Outcome};
use crate::world::{Destination, InstanceState, ON_PREMISES, World};
use arbiter_proto::v1::{ProbeStatus, RouteStatus, StatusReply, Verdict};
use std::collections::BTreeMap;

/// One moment.
#[derive(Debug)]
pub(crate) struct Scene {
    /// The nodes that there are.
    pub nodes: &'static [Node],
    pub world: World,
    pub views: BTreeMap<Node, View>,
    /// The mutating calls since the mark.
    pub mutations: Vec<CallRecord>,
}

/// What is missing, in words; or that something happened that must not, which ends the waiting.
#[derive(Debug)]
pub(crate) enum Not {
    Yet(String),
    Ever(String),
}

impl Not {
    /// What is missing, or wrong.
    pub fn words(self) -> String {
        match self {
            Self::Yet(words) | Self::Ever(words) => words,
        }
    }
}

impl From<String> for Not {
    fn from(missing: String) -> Self {
        Self::Yet(missing)
    }
}

impl From<&str> for Not {
    fn from(missing: &str) -> Self {
        Self::Yet(missing.to_owned())
    }
}

impl Stage {
    /// Looks, with the mutations after the call of that number.
    pub fn look(&self, mark: u64) -> anyhow::Result<Scene> {
        let slice = self.endpoint.calls().mutations_since(mark);
        anyhow::ensure!(slice.complete, "the call log has lost calls: nothing can be said");
        let world = self.endpoint.world().snapshot();
        Ok(Scene { nodes: &Node::ALL, world, views: self.watch.views(), mutations: slice.calls })
    }
}

impl Scene {
    /// The gateway that the table's route points at; none if it points elsewhere.
    pub fn points_at(&self, table: &str) -> Option<Gateway> {
        points_at(&self.world, table)
    }

    /// What the node says, if it says anything.
    pub fn status(&self, node: Node) -> Result<&StatusReply, Not> {
        let view = self.views.get(&node).map(|view| &view.status);
        view.ok_or_else(|| Not::Yet(format!("{node} does not answer")))
    }

    /// The leader in office: one that says so itself, and that the newest term belongs to.
    pub fn leader(&self) -> Option<Node> {
        let newest = self.views.values().map(|view| view.status.term).max()?;
        let leads = |(node, view): &(&Node, &View)| {
            view.status.term == newest && view.status.leader == node.name() && view.status.epoch > 0
        };
        self.views.iter().find(leads).map(|(node, _)| *node)
    }

    /// The leader's own view.
    pub fn leaders_view(&self) -> Result<(Node, &StatusReply), Not> {
        let leader = self.leader().ok_or("no node says that it leads")?;
        Ok((leader, self.status(leader)?))
    }

    /// Fails unless all is well: all nodes under one leader, every probe up, every route at home, in the world and
    /// in the leader's books, nothing in doubt.
    pub fn is_calm(&self) -> Result<Node, Not> {
        let (leader, status) = self.leaders_view()?;
        for node in self.nodes {
            let follows = &self.status(*node)?.leader;
            wanted(follows == leader.name(), || format!("{node} follows `{follows}`, not {leader}"))?;
        }
        for member in &status.members {
            wanted(member.fresh, || format!("{leader} does not hear {}", member.name))?;
        }
        for probe in &status.probes {
            let up = probe.state() == Verdict::Up;
            wanted(up, || format!("{}'s probe {} is {}", probe.observer, probe.id, word(probe.state())))?;
        }
        for gateway in GATEWAYS {
            let state = self.world.instances.get(gateway.instance).map(|instance| instance.state);
            wanted(state == Some(InstanceState::Running), || format!("{} is {state:?}", gateway.node))?;
            let there = self.points_at(gateway.table).map(|it| it.node);
            let route = route(status, gateway.route)?;
            let home = there == Some(gateway.node) && route.committed == route.home && route.right;
            wanted(home, || {
                let of_it = status.alarms.iter().filter(|alarm| alarm.subject == gateway.route);
                let alarms: Vec<_> =
                    of_it.map(|alarm| format!("{}: {}", alarm.title, alarm.detail)).collect();
                let (committed, why) =
                    (&route.committed, route.why.iter().chain(&alarms).map(String::as_str));
                let why: Vec<_> = why.collect();
                format!(
                    "{} is not at home, {leader} has agreed on `{committed}`: {}",
                    gateway.route,
                    why.join("; ")
                )
            })?;
        }
        wanted(status.unsettled.is_empty(), || "an intent has no ending yet".to_owned())?;
        wanted(status.remediating.is_empty(), || format!("{} is being restarted", status.remediating))?;
        let open = self.mutations.iter().any(|call| call.outcome == Outcome::Pending);
        wanted(!open, || "a call is under way".to_owned())?;
        Ok(leader)
    }
}

/// The gateway that the table's route points at; none if it points elsewhere.
pub(crate) fn points_at(world: &World, table: &str) -> Option<Gateway> {
    let destination = Destination::parse(ON_PREMISES).ok()?;
    let route = world.tables.get(table)?.static_route(&destination)?;
    gateway_of_interface(route.target.id())
}

/// A route, as a node tells of it.
pub(crate) fn route<'a>(status: &'a StatusReply, name: &str) -> Result<&'a RouteStatus, Not> {
    let route = status.routes.iter().find(|route| route.id == name);
    route.ok_or_else(|| Not::Yet(format!("there is no route {name}")))
}

/// A probe, as a node tells of it.
pub(crate) fn probe<'a>(status: &'a StatusReply, name: &str) -> Result<&'a ProbeStatus, Not> {
    let probe = status.probes.iter().find(|probe| probe.id == name);
    probe.ok_or_else(|| Not::Yet(format!("there is no probe {name}")))
}

/// `Ok` if it holds, what is missing otherwise.
pub(crate) fn wanted(holds: bool, missing: impl FnOnce() -> String) -> Result<(), Not> {
    if holds { Ok(()) } else { Err(Not::Yet(missing())) }
}

/// A verdict as people read it.
pub(crate) const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Up => "Up",
        Verdict::Unknown => "Unknown",
        Verdict::Down => "Down",
    }
}
