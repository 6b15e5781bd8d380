//! One ICMP echo.

use crate::clients::{ClientKey, Line, scope_of};
use crate::refusal::{Fate, Refusal, Stage, socket_is_stale};
use std::net::IpAddr;
use std::time::Duration;
use surge_ping::{IcmpPacket, PingSequence, SurgeError};

/// Echo replies by their ICMP type.
const ECHO_REPLY_V4: u8 = 0;
const ECHO_REPLY_V6: u8 = 129;

/// How often an echo is sent again because a redirect came in place of its answer. A redirect arrives *besides*
/// the answer, but surge-ping hands over only the first of the two. The second attempt already goes the new way.
const MAX_REDIRECTS: u32 = 2;

/// Where and how to ask.
#[derive(Debug)]
pub(crate) struct IcmpAim {
    /// Which socket.
    pub(crate) key: ClientKey,
    pub(crate) target: IpAddr,
    pub(crate) payload: Vec<u8>,
}

/// What is the answer to an echo, as far as surge-ping is concerned.
enum Reply {
    Echo,
    /// A router's or the host's error, with its words.
    Error(String),
    /// Neither: a redirect, or something new.
    Other,
}

/// How it ended, and whether its socket is still good.
pub(crate) struct Ended {
    pub(crate) fate: Fate,
    pub(crate) socket_stale: bool,
}

impl Ended {
    pub(crate) fn good(fate: Fate) -> Self {
        Self { fate, socket_stale: false }
    }
}

/// Sends one echo on `line` and waits for its answer at most `listen_ms`.
pub(crate) async fn ping(line: &Line, aim: &IcmpAim, listen_ms: u64) -> Ended {
    let target = aim.target;
    let mut pinger = line.client.pinger(target, line.ident).await;
    pinger.timeout(Duration::from_millis(listen_ms));
    if let Some(scope) = scope_of(target, aim.key.interface.as_deref()) {
        pinger.scope_id(scope);
    }
    for attempt in 0..=MAX_REDIRECTS {
        let sequence = PingSequence(line.sequences.next(target));
        match pinger.ping(sequence, &aim.payload).await {
            Ok((packet, rtt)) => match reply(&packet) {
                Reply::Echo => {
                    return Ended::good(Fate::answered_after(rtt));
                }
                Reply::Error(text) => return Ended::good(Fate::Refused(Refusal::Network(text))),
                Reply::Other if attempt < MAX_REDIRECTS => {}
                Reply::Other => return Ended::good(Fate::Silent),
            },
            Err(SurgeError::Timeout { .. }) => return Ended::good(Fate::Silent),
            Err(SurgeError::IOError(error)) => {
                let refusal = Refusal::from_io(Stage::Send, &format!("send to {target}"), &error);
                return Ended { fate: Fate::Refused(refusal), socket_stale: socket_is_stale(&error) };
            }
            Err(error) => {
                let text = format!("ping {target}: {error}");
                return Ended::good(Fate::Refused(Refusal::Ours(text)));
            }
        }
    }
    Ended::good(Fate::Silent)
}

/// surge-ping hands over every ICMP message that quotes our echo, errors included.
fn reply(packet: &IcmpPacket) -> Reply {
    match packet {
        IcmpPacket::V4(packet) => {
            let (kind, code) = (packet.get_icmp_type().0, packet.get_icmp_code().0);
            sort(kind == ECHO_REPLY_V4, v4_error(kind, code), &packet.get_source().into())
        }
        IcmpPacket::V6(packet) => {
            let (kind, code) = (packet.get_icmpv6_type().0, packet.get_icmpv6_code().0);
            sort(kind == ECHO_REPLY_V6, v6_error(kind, code), &packet.get_source().into())
        }
    }
}

fn sort(is_echo: bool, error: Option<String>, from: &IpAddr) -> Reply {
    match error {
        _ if is_echo => Reply::Echo,
        Some(text) => Reply::Error(format!("{text} (says {from})")),
        None => Reply::Other,
    }
}

fn v4_error(kind: u8, code: u8) -> Option<String> {
    let text = match (kind, code) {
        (3, 0) => "network unreachable".to_owned(),
        (3, 1) => "host unreachable".to_owned(),
        (3, 4) => "too big for the path, and must not be fragmented".to_owned(),
        (3, 9 | 10 | 13) => "administratively prohibited".to_owned(),
        (3, _) => format!("destination unreachable (code {code})"),
        (11, _) => "time to live exceeded: a routing loop?".to_owned(),
        (12, _) => "parameter problem".to_owned(),
        _ => return None,
    };
    Some(text)
}

fn v6_error(kind: u8, code: u8) -> Option<String> {
    let text = match (kind, code) {
        (1, 0) => "network unreachable".to_owned(),
        (1, 1) => "administratively prohibited".to_owned(),
        (1, 3) => "address unreachable".to_owned(),
        (1, _) => format!("destination unreachable (code {code})"),
        (2, _) => "too big for the path".to_owned(),
        (3, _) => "hop limit exceeded: a routing loop?".to_owned(),
        (4, _) => "parameter problem".to_owned(),
        _ => return None,
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_echo_reply_is_an_answer() {
        let from = IpAddr::from([192, 0, 2, 1]);
        assert!(matches!(sort(true, None, &from), Reply::Echo));
        for kind in [3, 11, 12] {
            assert!(matches!(sort(false, v4_error(kind, 1), &from), Reply::Error(_)), "{kind}");
        }
        for kind in [1, 2, 3, 4] {
            assert!(matches!(sort(false, v6_error(kind, 0), &from), Reply::Error(_)), "{kind}");
        }
        // Redirects.
        assert!(matches!(sort(false, v4_error(5, 1), &from), Reply::Other));
        assert!(matches!(sort(false, v6_error(137, 0), &from), Reply::Other));
    }
}
