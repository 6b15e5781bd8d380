//! Which words a log can hold, and which are in one.

use arbiter_core::command::{Action, Cause, Command, MemberStep, Mode, Note, Operation, Outcome, SlotEnding};
use arbiter_raft::types::Entry;
use openraft::EntryPayload;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;

/// A word and what it is a word for.
pub type Word = (&'static str, String);

/// Every word that there is. Asked of the types themselves, so that none is forgotten.
pub fn all() -> BTreeSet<Word> {
    let kinds = [
        ("command", known::<Command>()),
        ("step", known::<MemberStep>()),
        ("operation", known::<Operation>()),
        ("mode", known::<Mode>()),
        ("action", known::<Action>()),
        ("cause", known::<Cause>()),
        ("outcome", known::<Outcome>()),
        ("ending", known::<SlotEnding>()),
        ("note", known::<Note>()),
    ];
    kinds.into_iter().flat_map(|(kind, words)| words.into_iter().map(move |word| (kind, word))).collect()
}

/// The words of a type: its reader lists them for whoever uses another one.
fn known<T: DeserializeOwned>() -> Vec<String> {
    let error = serde_json::from_str::<T>(r#"{"no-such-word": null}"#).err().unwrap().to_string();
    let (unknown, words) = error.split_once(", expected ").unwrap();
    assert_eq!(unknown, "unknown variant `no-such-word`");
    words.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()
}

/// The words in a log.
pub fn in_log(entries: &[Entry]) -> BTreeSet<Word> {
    let mut found = BTreeSet::new();
    for entry in entries {
        if let EntryPayload::Normal(proposal) = &entry.payload {
            found.insert(word("command", &proposal.command));
            collect(&proposal.command, &mut found);
        }
    }
    found
}

/// What is in a command. Whoever adds a kind decides here what is in it, and in `script.rs` how it comes into the fixture.
fn collect(command: &Command, found: &mut BTreeSet<Word>) {
    match command {
        Command::Form { mode, .. } => found.extend([word("mode", mode)]),
        Command::Member { step, .. } => found.extend([word("step", step)]),
        Command::Intents(batch) => {
            for intent in &batch.intents {
                found.extend([word("action", &intent.action), word("cause", &intent.cause)]);
            }
        }
        Command::Outcomes { outcomes, .. } => {
            found.extend(outcomes.iter().map(|(_, outcome)| word("outcome", outcome)));
        }
        Command::CloseSlot { ending, .. } => found.extend([word("ending", ending)]),
        Command::Note { note, .. } => found.extend([word("note", note)]),
        Command::Operator { operation, .. } => {
            found.extend([word("operation", operation)]);
            if let Operation::SetMode(mode) = operation {
                found.extend([word("mode", mode)]);
            }
        }
        Command::Readmit { .. }
        | Command::HandOver { .. }
        | Command::Admit { .. }
        | Command::BeginEpoch { .. }
        | Command::Settle { .. }
        | Command::Adopt { .. }
        | Command::Follow { .. }
        | Command::Tick { .. }
        | Command::RaiseRules { .. } => {}
    }
}

fn word<T: Serialize>(kind: &'static str, value: &T) -> Word {
    let value = serde_json::to_value(value).unwrap();
    let named = value.as_object().and_then(|fields| fields.keys().next().cloned());
    (kind, named.unwrap_or_else(|| value.as_str().unwrap().to_owned()))
}

#[test]
fn the_types_say_all_their_words() {
    let all = all();
    for word in
        [("command", "form"), ("command", "raise-rules"), ("operation", "set-mode"), ("mode", "observe")]
    {
        assert!(all.contains(&(word.0, word.1.to_owned())), "{word:?}");
    }
    assert_eq!(all.iter().filter(|(kind, _)| *kind == "cause").count(), crate::world::CAUSES.len());
}
