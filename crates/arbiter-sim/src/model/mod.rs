//! The small model: every interleaving of a small world, by the rules of acting.
//!
//! Three nodes, their logs with uncommitted tails, elections, restarts in the same term, calls that are slow, lost or
//! late within their window, processes that stall, hosts that are stopped, operators, and stops and starts on old reports.
//! What a log adds up to is what the real `apply` of `arbiter-core` says, guards, `check` and all: it is the code that is
//! explored, not a drawing of it. Only Raft and the habits of the process that acts ([`moves`]) are drawn. A leader of the
//! model tries everything: any act, on evidence that carries it and on evidence that doesn't, in any epoch that it
//! knows. What it may not do is for `apply` to say.
//!
//! Time is in ticks; τ, p and r are one tick each, and W is read from the doubt in the real state ([`bounds`], [`facts`]).
//! All clocks tick alike, but for hosts that a hypervisor stops: that rates differ by a bounded error is what W's further
//! quarter is for, and that is arithmetic (`Timing::takeover_wait_ms`).
//!
//! A search is exhaustive within its bounds. Each clause of the rules ([`clause`]) can be left out, and must then be
//! missed: a promise ([`verdict`]) is broken by a sequence of steps that can be read. A clause that is enforced in more
//! than one place is left out in all of them.
//!
//! # Why less is explored than there is, and nothing lost
//!
//! *Entries that `apply` refuses are not appended.* A refused entry leaves the state as it was, but for the number of the
//! last intent, which only uses up numbers, and makes the log longer. Longer logs keep nodes with shorter ones from being
//! elected; here those may be elected as well.
//!
//! *One world for its twin.* Nodes 1 and 2 do not differ: node 0 leads first, and no evidence depends on who leads. A world
//! in which they have changed places goes on as the first does, with the same names changed. That `apply` treats them
//! alike is not assumed: each log is made together with its twin, and what both add up to is compared
//! (`Ledger::append`). A world is known by the smaller of its own writing and its twin's (`print.rs`).
//!
//! *What can't matter is forgotten* (`World::forget`): two worlds that differ only there have the same steps before them, and
//! the same promises to break. It is decided from what the steps and the verdicts read:
//! - the table is read by nobody but a process that settles by reading back, a habit of one clause;
//! - a call that has landed is read by the process that waits for its answer, and by nobody else;
//! - that a newer call was sent to a target is read when an older intent to another one is sent or lands; an intent can
//!   be sent only by the process that has it pending, so without such an intent or call it says nothing;
//! - with no election to come, a node that does not lead never will; its log and votes decide nothing, and of its
//!   intents those matter that it may still send; a leader of an older term reaches no majority, nor any node of the
//!   newest one, and two of three nodes are in that;
//! - how long the newest leader has known of intents of its own epoch is read only by an epoch after it.
//!
//! A habit that is let in reads more, and keeps what it reads.
//!
//! *Prints, not worlds, are kept*: 128 bits of a hash. That two of 10⁸ worlds share one has a probability below 10⁻²².
//!
//! The steps of a counterexample are played again from the first world, so they are steps of one world, not of twins in
//! turn.

pub mod bounds;
mod catalogue;
pub mod clause;
mod command;
pub mod entry;
pub mod facts;
mod few;
pub mod ledger;
pub mod moves;
mod print;
mod reference;
pub mod report;
pub mod search;
pub mod sound;
pub mod step;
pub mod verdict;
pub mod world;
