//! A world's print: 128 bits of the hash of all that it holds, written down without gaps.
//!
//! Nodes 1 and 2 are alike (`Ledger::append` sees to it for each log), so a world and its twin, in which they have changed
//! places, are one: the smaller of their two writings counts.

use super::ledger::{Ledger, LogId};
use super::world::{Node, Pending, Stage, World};
use foldhash::quality::FixedState;
use std::hash::{BuildHasher, Hasher};

/// 128 bits: two of 10⁸ worlds share them with a probability below 10⁻²².
pub type Print = [u64; 2];

/// Writes worlds down.
#[derive(Debug, Default)]
pub struct Printer {
    one: Vec<u8>,
    other: Vec<u8>,
}

impl Printer {
    /// The print of a world.
    pub fn print(&mut self, world: &World, ledger: &Ledger) -> Print {
        write(&mut self.one, world, [0, 1, 2], |log| log);
        write(&mut self.other, world, [0, 2, 1], |log| ledger.twin(log));
        let smaller = (&self.one).min(&self.other);
        [0, 1].map(|seed| {
            let mut hasher = FixedState::with_seed(seed).build_hasher();
            hasher.write(smaller);
            hasher.finish()
        })
    }
}

fn write(out: &mut Vec<u8>, world: &World, order: [usize; 3], name: impl Fn(LogId) -> LogId) {
    out.clear();
    for node in order {
        write_node(out, &world.nodes[node], &name);
    }
    write_log(out, name(world.committed));
    for call in world.calls.iter() {
        let marks = call.age << 2 | u8::from(call.landed) << 1 | u8::from(call.again);
        out.extend([call.id.epoch, call.id.number, call.act.place() as u8, call.index, marks]);
    }
    out.extend(world.initiated);
    let [one, two] = world.stopped.map(u8::from);
    out.extend([world.calls.len() as u8, one | two << 1 | u8::from(world.quiet) << 2 | world.named << 3]);
    out.extend([world.term, world.table]);
    out.extend(world.left.counts().map(|(count, _)| count));
}

fn write_node(out: &mut Vec<u8>, node: &Node, name: &impl Fn(LogId) -> LogId) {
    out.extend([node.term << 1 | u8::from(node.leads), node.epoch, node.begin]);
    write_log(out, name(node.log));
    write_log(out, name(node.commit));
    // Their ids are those of what is unsettled in `commit`.
    out.push((node.pending.len() << 4 | node.known.len()) as u8);
    out.extend(node.known.iter().map(|(_, age)| *age));
    for pending in node.pending.iter() {
        out.extend(pending_bytes(pending));
    }
}

fn pending_bytes(pending: &Pending) -> [u8; 6] {
    let stage = match pending.stage {
        Stage::Proposed => 0,
        Stage::Sent => 1,
        Stage::Checked(stalled) => 2 + stalled,
    };
    let wish = &pending.wish;
    let flags = u8::from(pending.halted) << 1 | u8::from(wish.carried);
    [
        wish.id.epoch,
        wish.id.number,
        pending.index,
        (wish.act.place() as u8) << 3 | wish.policy,
        pending.age << 4 | pending.window,
        stage << 2 | flags,
    ]
}

fn write_log(out: &mut Vec<u8>, log: LogId) {
    out.extend(log.0.to_le_bytes());
}
