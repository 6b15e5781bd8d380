//! What a node answers, as `arbiterctl` shows it: as JSON, and as text on somebody's terminal.

use crate::{Seen, has_words};
use arbiter_proto::v1;
use arbiterctl::Size;
use arbiterctl::render::{self, Readable, live_page};
use arbiterctl::view::{
    DoctorView, ExplainView, HistoryView, LiveView, MembersView, PolicyView, PreviewView, ProbesView,
    RoutesView, StatusView,
};
use prost::Message;

pub(super) const WORDS: &[&str] = &["\x1b[2J", "\n", "\u{9b}", "\u{202e}"];

/// A reply; its first byte says of which kind.
pub fn replies(bytes: &[u8]) -> Seen {
    let Some((kind, message)) = bytes.split_first() else { return Seen::Refused };
    match kind {
        b's' => reply(message, |reply: v1::StatusReply| {
            show(&RoutesView::from(reply.clone()));
            show(&MembersView::from(reply.clone()));
            show(&ProbesView::from(reply.clone()));
            let status = StatusView::from(reply);
            show(&status);
            let live = LiveView::new(status, &HistoryView::from(v1::HistoryReply::default()));
            for (columns, lines) in [(0, 0), (1, 1), (80, 24)] {
                harmless(&live_page(&live, Some(Size { columns, lines })).text(false));
            }
        }),
        b'h' => reply(message, |reply: v1::HistoryReply| show(&HistoryView::from(reply))),
        b'e' => reply(message, |reply: v1::ExplainReply| show(&ExplainView::from(reply))),
        b'd' => reply(message, |reply: v1::DoctorReply| show(&DoctorView::from(reply))),
        b'p' => reply(message, |reply: v1::PreviewReply| show(&PreviewView::from(reply))),
        b'g' => reply(message, |reply: v1::GetPolicyReply| show(&PolicyView::from(reply))),
        _ => Seen::Refused,
    }
}

fn reply<M: Message + Default>(message: &[u8], show: impl FnOnce(M)) -> Seen {
    match M::decode(message) {
        Ok(reply) => {
            show(reply);
            Seen::Taken
        }
        Err(error) => has_words(error),
    }
}

fn show<V: Readable>(view: &V) {
    harmless(&view.page().text(false));
    harmless(&view.wide().text(false));
    let json = render::json(view).unwrap_or_else(|error| panic!("no JSON: {error}"));
    let read = serde_json::from_str::<serde_json::Value>(&json);
    assert!(read.is_ok(), "what is written is not JSON: {json}");
}

/// Names and reasons come from elsewhere. None of them may steer the terminal of whoever looks.
fn harmless(text: &str) {
    let control = text.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(control, None, "a control character reaches the terminal: {text:?}");
}
