//! What was found, for people and for programs.

use crate::barrier::{self, Untrue};
use crate::planted::Bug;
use crate::record::Recording;
use crate::replay::{Place, Replayed, Scope, replay};
use crate::talk::Claimed;
use serde::Serialize;
use std::collections::BTreeSet;

/// So many violations are enough to show.
const SHOWN: usize = 10;

/// The whole.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub ok: bool,
    /// One process of the parts of `arbiterd` that have to do with the disk, whose log turns over every few entries.
    #[serde(flatten)]
    pub parts: Judged,
    /// Three processes of `arbiterd` as they are.
    pub arbiterd: Judged,
}

/// What was found in one recording.
#[derive(Debug, Serialize)]
pub(crate) struct Judged {
    /// System calls in the recording.
    pub calls: usize,
    /// What nodes said of their disks.
    pub acknowledgements: usize,
    pub kinds: Kinds,
    /// Moments at which the power was cut.
    pub crash_points: usize,
    /// Disks that it may leave, each judged by what was acknowledged then.
    pub images: usize,
    /// How many of them differ; these were opened.
    pub opened: usize,
    /// How many of the images were refused in words, and in which.
    pub refused: usize,
    pub refusals: BTreeSet<String>,
    /// How many changes were unsynced at most.
    pub most_unsynced: usize,
    /// In words.
    pub violations: Vec<String>,
    pub planted: Vec<Planted>,
}

/// How often each kind of word was said.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Kinds {
    pub votes: usize,
    pub entries: usize,
    pub snapshots: usize,
    pub commits: usize,
}

/// What the judgements said of a recording with a bug.
#[derive(Debug, Serialize)]
pub(crate) struct Planted {
    pub name: &'static str,
    /// Whether both found it.
    pub ok: bool,
    /// How many acknowledgements the order of calls refutes.
    pub untrue: usize,
    /// What the first disk has lost.
    pub lost: Option<String>,
}

impl Report {
    pub fn of(parts: Judged, arbiterd: Judged) -> Self {
        Self { ok: parts.holds() && arbiterd.holds(), parts, arbiterd }
    }

    /// For people.
    pub fn text(&self) -> String {
        let Self { ok, parts, arbiterd } = self;
        let verdict = if *ok { "disk: holds" } else { "disk: does NOT hold" };
        format!(
            "three processes of arbiterd:\n{arbiterd}its parts, with a shorter log:\n{parts}{verdict}",
            arbiterd = arbiterd.text(),
            parts = parts.text()
        )
    }
}

impl Judged {
    /// Judges a recording, and then the same with each bug.
    ///
    /// # Errors
    /// A disk can't be made anew.
    pub fn make(recording: &Recording, place: &Place, scope: Scope) -> anyhow::Result<Self> {
        let untrue = untrue_in(recording);
        let replayed = replay(recording, place, scope, SHOWN)?;
        let mut violations: Vec<String> = untrue.iter().take(SHOWN).map(ToString::to_string).collect();
        violations.extend(replayed.lost.iter().map(ToString::to_string));
        let planted = Bug::ALL.into_iter().map(|bug| Planted::make(recording, bug, place, scope));
        let planted = planted.collect::<anyhow::Result<Vec<_>>>()?;
        let Replayed { crash_points, images, opened, refused, refusals, most_unsynced, .. } = replayed;
        Ok(Self {
            calls: recording.events.len(),
            acknowledgements: recording.claims.len(),
            kinds: Kinds::of(recording),
            crash_points,
            images,
            opened,
            refused,
            refusals,
            most_unsynced,
            violations,
            planted,
        })
    }

    /// Nothing can be lost, and enough was looked at to know.
    fn holds(&self) -> bool {
        let Kinds { votes, entries, snapshots, commits } = self.kinds;
        let looked = [votes, entries, snapshots, commits, self.images].iter().all(|count| *count > 0);
        looked && self.violations.is_empty() && self.planted.iter().all(|planted| planted.ok)
    }

    fn text(&self) -> String {
        let Kinds { votes, entries, snapshots, commits } = self.kinds;
        let mut text = format!(
            "  {} acknowledgements in {} system calls: each by a sync that had succeeded, unless said below\n  \
             of these {votes} of votes, {entries} of entries, {snapshots} of snapshots, {commits} of commits\n  \
             {} moments of a power cut, {} disks that it may leave ({} differ; at most {} changes unsynced at once)\n  \
             {} of these disks were refused in words\n",
            self.acknowledgements,
            self.calls,
            self.crash_points,
            self.images,
            self.opened,
            self.most_unsynced,
            self.refused
        );
        for words in &self.refusals {
            text += &format!("    refused: {words}\n");
        }
        for words in &self.violations {
            text += &format!("  VIOLATION: {words}\n");
        }
        for Planted { name, ok, untrue, lost } in &self.planted {
            let found = if *ok { "found" } else { "NOT FOUND" };
            let lost = lost.as_deref().unwrap_or("no disk has lost anything");
            text += &format!("  planted {name}: {found}; {untrue} acknowledgements came too early; {lost}\n");
        }
        text
    }
}

impl Kinds {
    fn of(recording: &Recording) -> Self {
        let mut kinds = Self::default();
        for claim in &recording.claims {
            match claim.what {
                Claimed::Vote(_) => kinds.votes += 1,
                Claimed::Entry(_) => kinds.entries += 1,
                Claimed::Snapshot(_) => kinds.snapshots += 1,
                Claimed::Committed(_) => kinds.commits += 1,
            }
        }
        kinds
    }
}

impl Planted {
    fn make(recording: &Recording, bug: Bug, place: &Place, scope: Scope) -> anyhow::Result<Self> {
        let planted = bug.plant(recording)?;
        let untrue = untrue_in(&planted).len();
        let replayed = replay(&planted, place, scope, 1)?;
        let lost = replayed.lost.first().map(ToString::to_string);
        Ok(Self { name: bug.name(), ok: untrue > 0 && lost.is_some(), untrue, lost })
    }
}

fn untrue_in(recording: &Recording) -> Vec<Untrue> {
    barrier::judge(&recording.events, &recording.claims, &recording.disks)
}
