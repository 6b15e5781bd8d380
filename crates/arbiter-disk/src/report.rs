//! What was found, for people and for programs.

use crate::barrier::{self, Untrue};
use crate::planted::Bug;
use crate::record::Recording;
use crate::replay::{Replayed, Scope, replay};
use serde::Serialize;
use std::collections::BTreeSet;

/// So many violations are enough to show.
const SHOWN: usize = 10;

/// The whole.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub ok: bool,
    /// System calls in the recording.
    pub calls: usize,
    /// What nodes said of their disks: votes, entries, snapshots, commits.
    pub acknowledgements: usize,
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
    /// Judges a recording, and then the same with each bug.
    ///
    /// # Errors
    /// A disk can't be made anew.
    pub fn make(recording: &Recording, stride: usize) -> anyhow::Result<Self> {
        let untrue = untrue_in(recording);
        let replayed = replay(recording, Scope { stride, enough: SHOWN })?;
        let mut violations: Vec<String> = untrue.iter().take(SHOWN).map(ToString::to_string).collect();
        violations.extend(replayed.lost.iter().map(ToString::to_string));
        let planted = Bug::ALL.into_iter().map(|bug| Planted::make(recording, bug, stride));
        let planted = planted.collect::<anyhow::Result<Vec<_>>>()?;
        let ok = violations.is_empty() && replayed.images > 0 && planted.iter().all(|planted| planted.ok);
        let Replayed { crash_points, images, opened, refused, refusals, most_unsynced, .. } = replayed;
        let (calls, acknowledgements) = (recording.events.len(), recording.claims.len());
        Ok(Self {
            ok,
            calls,
            acknowledgements,
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

    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} acknowledgements in {} system calls: each by a sync that had succeeded, unless said below\n\
             {} moments of a power cut, {} disks that it may leave ({} differ; at most {} changes unsynced at once)\n\
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
            text += &format!("  refused: {words}\n");
        }
        for words in &self.violations {
            text += &format!("  VIOLATION: {words}\n");
        }
        for Planted { name, ok, untrue, lost } in &self.planted {
            let found = if *ok { "found" } else { "NOT FOUND" };
            let lost = lost.as_deref().unwrap_or("no disk has lost anything");
            text += &format!("planted {name}: {found}; {untrue} acknowledgements came too early; {lost}\n");
        }
        text += if self.ok { "disk: holds" } else { "disk: does NOT hold" };
        text
    }
}

impl Planted {
    fn make(recording: &Recording, bug: Bug, stride: usize) -> anyhow::Result<Self> {
        let planted = bug.plant(recording)?;
        let untrue = untrue_in(&planted).len();
        let replayed = replay(&planted, Scope { stride, enough: 1 })?;
        let lost = replayed.lost.first().map(ToString::to_string);
        Ok(Self { name: bug.name(), ok: untrue > 0 && lost.is_some(), untrue, lost })
    }
}

fn untrue_in(recording: &Recording) -> Vec<Untrue> {
    barrier::judge(&recording.events, &recording.claims, &recording.folders)
}
