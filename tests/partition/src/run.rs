//! A history, sorted into what is asked of it: requests with their answers, calls in their true order, what each node
//! told, and what was really so at any time.

use anyhow::Context;
use arbiter_lab::history::{Answer, Call, End, Event, GatewayFacts, Invoke, Line, Nemesis, Start, Truth};
use std::collections::BTreeMap;

/// One request with what came of it. One that was never answered is unknown.
#[derive(Debug, Clone)]
pub struct Request {
    /// The question.
    pub asked: Invoke,
    /// When the answer came.
    pub returned_ms: u64,
    /// The answer.
    pub answer: Answer,
}

/// A whole run.
#[derive(Debug, Clone)]
pub struct Run {
    pub start: Start,
    pub end: End,
    /// In the order in which they were asked.
    pub requests: Vec<Request>,
    /// In the order in which EC2 got them.
    pub calls: Vec<Call>,
    /// Of each node, what each entry did.
    pub histories: BTreeMap<String, BTreeMap<u64, Vec<Event>>>,
    pub nemeses: Vec<Nemesis>,
    /// In the order of their times.
    pub truths: Vec<Truth>,
}

impl Run {
    /// Sorts the lines.
    pub fn of(lines: Vec<Line>) -> anyhow::Result<Self> {
        let (mut start, mut end) = (None, None);
        let (mut calls, mut nemeses, mut truths) = (Vec::new(), Vec::new(), Vec::new());
        let mut requests: BTreeMap<u64, Request> = BTreeMap::new();
        let mut histories: BTreeMap<String, BTreeMap<u64, Vec<Event>>> = BTreeMap::new();
        for line in lines {
            match line {
                Line::Start(line) => start = Some(line),
                Line::End(line) => end = Some(line),
                Line::Call(call) => calls.push(call),
                Line::Nemesis(nemesis) => nemeses.push(nemesis),
                Line::Truth(truth) => truths.push(truth),
                Line::Invoke(asked) => {
                    let answer = Answer::Unknown { why: "the history ends before".to_owned() };
                    requests.insert(asked.id, Request { asked, returned_ms: u64::MAX, answer });
                }
                Line::Return(returned) => {
                    let request = requests.get_mut(&returned.id);
                    let request = request.with_context(|| format!("nobody asked {}", returned.id))?;
                    (request.returned_ms, request.answer) = (returned.at_ms, returned.answer);
                }
                Line::Event(event) => {
                    let entries = histories.entry(event.node.clone()).or_default();
                    entries.entry(event.index).or_default().push(event);
                }
            }
        }
        calls.sort_by_key(|call| call.seq);
        Ok(Self {
            start: start.context("it has no beginning")?,
            end: end.context("it has no end")?,
            requests: requests.into_values().collect(),
            calls,
            histories,
            nemeses,
            truths,
        })
    }

    /// Whether Route Arbiter guarded the routes.
    pub fn is_ours(&self) -> bool {
        self.start.who.starts_with("ours")
    }

    /// The gateway that something belongs to.
    pub fn gateway(&self, is_it: impl Fn(&GatewayFacts) -> bool) -> Option<&GatewayFacts> {
        self.start.gateways.iter().find(|gateway| is_it(gateway))
    }

    /// What was so at any time of `from_ms..=to_ms`, the state at the beginning included.
    pub fn truths_within(&self, from_ms: u64, to_ms: u64) -> &[Truth] {
        let first = self.truths.partition_point(|truth| truth.at_ms <= from_ms).saturating_sub(1);
        let last = self.truths.partition_point(|truth| truth.at_ms <= to_ms);
        self.truths.get(first..last).unwrap_or_default()
    }

    /// The first telling of each entry, by whichever node.
    pub fn history(&self) -> BTreeMap<u64, &[Event]> {
        let mut all: BTreeMap<u64, &[Event]> = BTreeMap::new();
        for (index, events) in self.histories.values().flatten() {
            all.entry(*index).or_insert(events);
        }
        all
    }

    /// Whether the log has the cluster paused after this entry.
    pub fn paused_at(&self, index: u64) -> bool {
        let mut paused = false;
        for events in self.history().range(..=index).map(|(_, events)| *events) {
            for event in events {
                match event.event.as_str() {
                    "operated" if event.summary.starts_with("pause") => paused = true,
                    "operated" if event.summary == "resume" => paused = false,
                    "pause-expired" => paused = false,
                    _ => {}
                }
            }
        }
        paused
    }
}
