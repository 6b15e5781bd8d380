//! What must hold, in the model's words. Nothing here asks `apply`: what the log says is read entry by entry.

use super::bounds::{CALL, Setting};
use super::entry::End;
use super::entry::{Act, Entry, Kind, Order, Wish};
use super::ledger::Ledger;
use super::world::{Call, World};

/// A promise that is broken, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(pub String);

/// A call is written to the socket.
pub fn initiates(world: &mut World, wish: &Wish, index: u8, ledger: &Ledger) -> Option<Violation> {
    let id = wish.id;
    let broken = |promise: String| Some(Violation(promise));
    let entry = ledger.entry(world.committed, index);
    if !entry.is_some_and(|entry| entry.kind.wishes().any(|it| it == *wish)) {
        return broken(format!("S2: the call of intent {id} is sent, which is not committed"));
    }
    if !wish.carried {
        return broken(format!("S2: the call of intent {id} is sent, and its evidence does not carry it"));
    }
    let is_older = no_older(world, wish.act, index, &format!("the call of intent {id} is sent"));
    if let Some(violation) = is_older.or_else(|| not_quiet(world, wish.act, &format!("{id}"))) {
        return Some(violation);
    }
    if let Some(promise) = by_the_log(world, wish, index, ledger) {
        return broken(promise);
    }
    let newest = &mut world.initiated[wish.act.place()];
    *newest = (*newest).max(index);
    None
}

/// What the log before an intent forbids.
fn by_the_log(world: &World, wish: &Wish, index: u8, ledger: &Ledger) -> Option<String> {
    let setting = world.left.setting;
    let before = || ledger.entries(world.committed).filter(move |(at, ..)| *at < index);
    let any = |is: &dyn Fn(Entry) -> bool| before().any(|(_, entry, _)| is(entry));
    let id = wish.id;
    match wish.act {
        Act::Route(path) => {
            if let Some((_, _, log)) = ledger.entries(world.committed).find(|(at, ..)| *at == index) {
                let facts = ledger.facts(log);
                let stops = facts.doubts.iter().any(|doubt| doubt.act == Act::Stop(path));
                if facts.slot == Some(path) || stops {
                    return Some(format!(
                        "S4: intent {id} sends the route to strongswan-{path}, which is being stopped"
                    ));
                }
            }
            let back = |entry: Entry| entry.kind.does(Act::Route(3 - path));
            (setting == Setting::Freeze && any(&back))
                .then(|| format!("S4: intent {id} moves a route that has made its last move for a while"))
        }
        Act::Stop(gateway) => {
            let stop = |entry: Entry| entry.kind.does(wish.act);
            let close = |entry: Entry| matches!(entry.kind, Kind::Close { gateway: it, .. } if it == gateway);
            let drain = |entry: Entry| matches!(entry.kind, Kind::Operator { order: Order::Drain(it), .. } if it == gateway);
            let started = |entry: Entry| match entry.kind {
                Kind::Outcome { id, end: End::Done, .. } => {
                    any(&|entry| entry.kind.wishes().any(|it| it.id == id && it.act == Act::Start(gateway)))
                }
                _ => false,
            };
            let what = format!("intent {id} stops strongswan-{gateway}");
            if setting == Setting::Budget && any(&stop) {
                return Some(format!("S5: {what} past its budget"));
            }
            if setting == Setting::Cooldown && any(&close) {
                return Some(format!("S5: {what}, whose slot has closed lately"));
            }
            if setting == Setting::BootGrace && any(&started) {
                return Some(format!("S5: {what}, which was started lately"));
            }
            any(&drain).then(|| format!("S5: {what}, which an operator has drained"))
        }
        Act::Start(_) | Act::Other(_) => None,
    }
}

/// A call takes effect.
pub fn lands(world: &mut World, call: &Call, ledger: &Ledger) -> Option<Violation> {
    let within = call.age <= CALL;
    let what = format!("the call of intent {} lands", call.id);
    let is_older = no_older(world, call.act, call.index, &what).filter(|_| within);
    if let Some(violation) = is_older.or_else(|| not_quiet(world, call.act, &format!("{}", call.id))) {
        return Some(violation);
    }
    match call.act {
        Act::Route(path) => world.table = path,
        Act::Other(_) => {}
        Act::Start(gateway) => world.stopped[usize::from(gateway - 1)] = false,
        Act::Stop(gateway) => {
            let other = 3 - gateway;
            if world.stopped[usize::from(other - 1)] {
                return Some(Violation(format!(
                    "S5: strongswan-{gateway} is stopped while strongswan-{other} is"
                )));
            }
            let outside = ledger.facts(world.committed).slot != Some(gateway);
            if outside && world.left.setting != Setting::VeryLateStops {
                return Some(Violation(format!(
                    "S5: a stop of strongswan-{gateway} lands outside of its slot"
                )));
            }
            world.stopped[usize::from(gateway - 1)] = true;
        }
    }
    None
}

/// S1, stronger than it is promised: also within one epoch, an older intent never follows a newer one's other target.
fn no_older(world: &World, act: Act, index: u8, what: &str) -> Option<Violation> {
    let newer = world.initiated[act.contrary()];
    (newer > index).then(|| {
        Violation(format!(
            "S1: {what} ({act}, log index {index}) after a newer one with another target (log index {newer}) was sent"
        ))
    })
}

fn not_quiet(world: &World, act: Act, id: &str) -> Option<Violation> {
    let named = matches!(act, Act::Start(gateway) if gateway == world.named);
    (world.quiet && !named).then(|| {
        Violation(format!("S3: the call of intent {id} ({act}) comes after the pause was called quiet"))
    })
}

/// What must hold at every moment: a gateway that is stopped has its slot, or something unsettled; and if nothing is
/// unsettled, it can be started.
pub fn at_rest(world: &World, ledger: &Ledger) -> Option<Violation> {
    let facts = ledger.facts(world.committed);
    for (place, gateway) in (1..=2).enumerate() {
        let at_work = facts.doubts_instance(gateway) || facts.replaced[place];
        if !world.stopped[place] || at_work {
            continue;
        }
        if !facts.startable[place] {
            return Some(Violation(format!(
                "S5: strongswan-{gateway} is left stopped: `apply` refuses its start"
            )));
        }
        if facts.slot != Some(gateway) && world.left.setting != Setting::VeryLateStops {
            return Some(Violation(format!(
                "S5: strongswan-{gateway} is left stopped, and its slot is closed"
            )));
        }
    }
    None
}
