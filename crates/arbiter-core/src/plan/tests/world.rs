//! A small world: two gateways, their tunnels, EC2, and people; it breaks at random, and heals.
//!
//! The cluster plans, proposes, calls; answers get lost, leaders die with calls in the air. What must hold holds at
//! every step; when the last fault has healed, everything comes to rest at home (L1 in miniature).

use crate::command::{Action, Cause, Mode, Operation, Outcome};
use crate::evidence::InstanceState::{Pending, Running, Stopped, Stopping};
use crate::evidence::Verdict::{Down, Up};
use crate::evidence::{Evidence, InstanceState};
use crate::fixture::{Cluster, Dice, dice, eni, no_answer, not_sent, policy, route, tunnel};
use crate::ids::{Epoch, IntentId, Resource};
use crate::policy::Target;
use crate::rules::proves;
use proptest::prelude::*;
use std::collections::BTreeMap;

const STEPS_MS: [u64; 6] = [100, 500, 1_000, 3_000, 10_000, 60_000];

/// Something that is so since a moment.
#[derive(Debug, Clone, Copy)]
struct Since<T> {
    is: T,
    at: u64,
}

impl<T: PartialEq> Since<T> {
    fn becomes(&mut self, is: T, now: u64) {
        if self.is != is {
            *self = Self { is, at: now };
        }
    }
}

#[derive(Debug)]
struct Host {
    instance: Since<InstanceState>,
    /// The guest lives: it forwards, answers pings, and its node reports.
    lives: Since<bool>,
    tunnel: Since<bool>,
    /// Since when its node has been heard without a break.
    heard_at: u64,
}

#[derive(Debug)]
struct World {
    now: u64,
    hosts: [Host; 2],
    routes: [Since<Target>; 2],
    /// Calls that are on their way, when they land, and the epoch whose client still waits for the answer, if one
    /// does.
    flying: Vec<(u64, Action, Option<Epoch>)>,
    /// The newest call that was made on each resource.
    initiated: BTreeMap<Resource, (Epoch, Action)>,
    /// S1 was broken.
    broken: Option<String>,
    /// Whether faults still happen.
    breaks: bool,
}

fn host() -> Host {
    Host {
        instance: Since { is: Running, at: 0 },
        lives: Since { is: true, at: 0 },
        tunnel: Since { is: true, at: 0 },
        heard_at: 0,
    }
}

impl World {
    fn new() -> Self {
        let routes = [1, 2].map(|n| Since { is: eni(n), at: 0 });
        Self {
            now: 3_600_000,
            hosts: [host(), host()],
            routes,
            flying: Vec::new(),
            initiated: BTreeMap::new(),
            broken: None,
            breaks: true,
        }
    }

    fn evidence(&self) -> Evidence {
        let mut evidence = Evidence::healthy(&policy());
        let for_ms = |at: u64| self.now - at;
        for (n, host) in (1..).zip(&self.hosts) {
            let (state, lives) = (if host.lives.is { Up } else { Down }, for_ms(host.lives.at));
            for observer in [1, 2, 3].into_iter().filter(|observer| *observer != n) {
                evidence = evidence.says(observer, &format!("gateway-{n}"), state, lives);
            }
            if host.lives.is {
                let state = if host.tunnel.is { Up } else { Down };
                let since = for_ms(host.tunnel.at).min(lives);
                evidence = evidence.tunnel(n, state, since).says(n, &format!("behind-{n}"), state, since);
                evidence = evidence.heard_for(n, for_ms(host.heard_at));
            } else {
                evidence = evidence.silent(n, lives);
            }
            evidence = evidence.instance(n, host.instance.is, for_ms(host.instance.at));
        }
        for (n, at) in (1..).zip(&self.routes) {
            evidence = evidence.points_to(n, Some(at.is.clone()), for_ms(at.at));
        }
        evidence
    }

    fn land(&mut self, action: &Action) {
        let now = self.now;
        match action {
            Action::SetRoute { route: id, after, .. } => {
                let n = usize::from(*id == route(2));
                self.routes[n].becomes(after.clone(), now);
            }
            Action::Stop { instance, .. } => {
                let host = &mut self.hosts[usize::from(*instance == crate::fixture::instance(2))];
                if matches!(host.instance.is, Running | Pending) {
                    host.instance.becomes(Stopping, now);
                    host.lives.becomes(false, now);
                }
            }
            Action::Start { instance, .. } => {
                let host = &mut self.hosts[usize::from(*instance == crate::fixture::instance(2))];
                if host.instance.is == Stopped {
                    host.instance.becomes(Pending, now);
                }
            }
        }
    }

    fn passes(&mut self, ms: u64) {
        self.now += ms;
        let now = self.now;
        let landing: Vec<_> = self.flying.extract_if(.., |(at, ..)| *at <= now).collect();
        for (at, action, epoch) in landing {
            let newest = self.initiated.get(&action.resource());
            let newer = newest.filter(|(by, to)| epoch.is_some_and(|of| of < *by) && !to.same_after(&action));
            if let Some((by, to)) = newer {
                self.broken =
                    Some(format!("{action:?} of {epoch:?} lands at {at} after epoch {by} made {to:?}"));
            }
            self.land(&action);
        }
        for host in &mut self.hosts {
            let for_ms = now - host.instance.at;
            match host.instance.is {
                Stopping if for_ms >= 20_000 => host.instance.becomes(Stopped, now),
                Pending if for_ms >= 20_000 => {
                    host.instance.becomes(Running, now);
                    host.lives.becomes(true, now);
                    host.tunnel.becomes(true, now);
                    host.heard_at = now;
                }
                _ => {}
            }
        }
    }

    fn something_happens(&mut self, dice: &mut Dice) {
        let now = self.now;
        let n = dice.below(2);
        let host = &mut self.hosts[n];
        match dice.below(6) {
            0 => host.lives.becomes(false, now),
            1 | 2 => host.tunnel.becomes(!host.tunnel.is, now),
            3 if host.instance.is == Running => {
                host.lives.becomes(true, now);
                host.heard_at = now;
            }
            4 => {
                let target = dice.pick(&[eni(1), eni(2), eni(7)]);
                self.routes[n].becomes(target, now);
            }
            _ => {}
        }
    }

    fn heals(&mut self) {
        self.breaks = false;
        let now = self.now;
        for host in &mut self.hosts {
            host.tunnel.becomes(true, now);
            if host.instance.is == Running {
                host.lives.becomes(true, now);
                host.heard_at = now;
            }
        }
    }

    /// How a call of ours ends for us, and what becomes of it in the world.
    fn call(&mut self, action: &Action, epoch: Epoch, dice: &mut Dice) -> Option<Outcome> {
        let fate = if self.breaks { dice.below(8) } else { 7 };
        if fate != 1 {
            self.initiated.insert(action.resource(), (epoch, action.clone()));
        }
        match fate {
            0 => Some(crate::fixture::failed()),
            1 => Some(not_sent()),
            // The answer is lost; the call lands at once, late, or never.
            2 => {
                self.land(action);
                Some(no_answer())
            }
            3 => {
                self.flying.push((self.now + 3_000, action.clone(), None));
                Some(no_answer())
            }
            4 => Some(no_answer()),
            // The leader dies with the call in the air.
            5 => {
                self.flying.push((self.now + 2_400, action.clone(), Some(epoch)));
                None
            }
            _ => {
                self.land(action);
                Some(Outcome::Done)
            }
        }
    }
}

fn new_leader(cluster: &mut Cluster, dice: &mut Dice) {
    cluster.led_by(dice.pick(&[1, 2, 3]));
    let doubts: BTreeMap<IntentId, u64> = cluster.state.unsettled.keys().map(|id| (*id, 0)).collect();
    cluster.known_for_ms = doubts;
}

fn step(world: &mut World, cluster: &mut Cluster, dice: &mut Dice, ms: u64) {
    world.passes(ms);
    cluster.after(ms);
    if world.breaks && dice.once_in(4) {
        world.something_happens(dice);
    }
    if world.breaks && dice.once_in(25) {
        let operation = dice.operation();
        cluster.asked(operation);
    }
    let evidence = world.evidence();
    let plan = cluster.plan(&evidence);
    cluster.settles(plan.settle.clone());
    cluster.adopts(&evidence);
    if let Some((gateway, ending)) = plan.close {
        let n = if gateway == crate::fixture::gateway(1) { 1 } else { 2 };
        cluster.closes(n, ending, &evidence);
    }
    let observing = cluster.state.overrides.mode == Mode::Observe;
    for wish in plan.wishes.iter().filter(|wish| !observing || matches!(wish.action, Action::Start { .. })) {
        let Ok(id) = cluster.grants(wish, &evidence) else { continue };
        match world.call(&wish.action, cluster.state.office.epoch, dice) {
            Some(outcome) => cluster.ended(id, outcome),
            None => {
                new_leader(cluster, dice);
                break;
            }
        }
    }
    if world.breaks && dice.once_in(12) {
        new_leader(cluster, dice);
    }
}

/// What must hold at every step.
fn holds(world: &World, cluster: &Cluster) -> Result<(), TestCaseError> {
    for doubt in cluster.state.unsettled.values() {
        let resource = doubt.intent.action.resource();
        for (_, other) in cluster.state.unsettled_on(&resource) {
            prop_assert!(
                doubt.intent.action.same_after(&other.intent.action),
                "two targets in doubt on {resource}"
            );
        }
    }
    prop_assert!(world.broken.is_none(), "{:?}", world.broken);
    let off = world.hosts.iter().filter(|host| host.instance.is != Running).count();
    prop_assert!(off <= 1, "two gateways stopped at once: {:?}", world.hosts);
    Ok(())
}

fn at_rest(world: &World, cluster: &Cluster) -> Result<(), TestCaseError> {
    let plan = cluster.plan(&world.evidence());
    let told = format!("{:#?}\n{:#?}\n{:#?}", plan.alarms, plan.routes, cluster.state.slot);
    prop_assert!(plan.wishes.is_empty() && plan.settle.is_empty(), "still at work: {:#?}", plan.wishes);
    prop_assert!(cluster.state.unsettled.is_empty() && cluster.state.slot.is_none(), "{}", told);
    for n in [1, 2] {
        prop_assert_eq!(cluster.path_of(n), tunnel(n), "{}", &told);
        prop_assert_eq!(&world.routes[usize::try_from(n - 1).unwrap()].is, &eni(n), "{}", &told);
    }
    for host in &world.hosts {
        prop_assert!(host.instance.is == Running && host.lives.is, "left stopped: {:?}", host);
    }
    Ok(())
}

/// Nobody asks for anything any more.
fn operators_leave(cluster: &mut Cluster) {
    for n in [1, 2] {
        cluster.asked(Operation::Unpin { route: route(n) });
        cluster.asked(Operation::Undrain { gateway: crate::fixture::gateway(n) });
        cluster.asked(Operation::CancelRestart { gateway: crate::fixture::gateway(n) });
    }
    cluster.asked(Operation::Resume);
    cluster.asked(Operation::SetMode(Mode::Act));
    // What was switched away is switched home; everything else comes home by itself.
    for n in [1, 2]
        .into_iter()
        .filter(|n| cluster.state.overrides.switchovers.contains_key(&route(*n)))
        .collect::<Vec<_>>()
    {
        cluster.told(Operation::Switchover { route: route(n), path: tunnel(n) });
    }
}

/// The world is worth something only if it comes by every kind of ending.
#[test]
fn the_world_is_a_rough_place() {
    use crate::state::Event;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..15 {
        let mut dice = dice().new_tree(&mut runner).unwrap().current();
        let (mut world, mut cluster) = (World::new(), Cluster::reference());
        for _ in 0..250 {
            let ms = dice.pick(&STEPS_MS);
            step(&mut world, &mut cluster, &mut dice, ms);
        }
        for entry in &cluster.state.history {
            let kind = match &entry.event {
                Event::Intended { action: Action::Stop { .. }, .. } => "stop",
                Event::Intended { action: Action::Start { .. }, .. } => "start",
                Event::Intended { cause, .. } if *cause == Cause::Reissue => "reissue",
                Event::Intended { cause, .. } if *cause == Cause::DriftRepair => "repair",
                Event::Intended { cause, .. } if *cause == Cause::Failback => "failback",
                Event::Intended { .. } => "other",
                Event::Ended { outcome: Outcome::NoAnswer { .. }, .. } => "no-answer",
                Event::Settled { .. } => "settled",
                Event::SlotClosed { .. } => "slot-closed",
                Event::Refused { .. } => "refused",
                _ => continue,
            };
            *seen.entry(kind).or_default() += 1;
        }
    }
    for kind in ["stop", "start", "reissue", "repair", "failback", "no-answer", "settled", "slot-closed"] {
        assert!(seen.get(kind).is_some_and(|n| *n >= 5), "{kind}: {seen:?}");
    }
    assert_eq!(seen.get("refused").copied().unwrap_or(0), 0, "a wish was refused: {seen:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_breaks_it_comes_to_rest_at_home(mut dice in dice()) {
        proves("choose.failback-after");
        proves("slot.next-leader-carries-on");
        proves("takeover.otherwise-settle-and-read");
        let mut world = World::new();
        let mut cluster = Cluster::reference();
        for _ in 0..250 {
            let ms = dice.pick(&STEPS_MS);
            step(&mut world, &mut cluster, &mut dice, ms);
            holds(&world, &cluster)?;
        }
        world.heals();
        operators_leave(&mut cluster);
        for _ in 0..1_000 {
            step(&mut world, &mut cluster, &mut dice, 6_000);
            holds(&world, &cluster)?;
        }
        at_rest(&world, &cluster)?;
    }
}
