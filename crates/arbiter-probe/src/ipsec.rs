//! Probing by asking strongSwan's daemon, charon, whether it has a child SA with the target.
//!
//! Each question has a connection of its own. On a socket of the same host that costs tens of microseconds, and there is
//! nothing to get out of step: a charon that has started again is met by the next question, and one that answers late
//! answers nobody. How many are open at once is bounded by the probe machine, and each by its patience.

use crate::refusal::{Fate, Refusal};
use crate::vici::{
    CONFIRMED, EVENT, Element, REGISTER, REQUEST, RESPONSE, Unusable, elements, event, packet, receive, value,
};
use arbiter_core::policy::Probe;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};

/// All packets of one answer. An SA takes about a thousand bytes: a gateway with a thousand can still be asked.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How much of charon's own words is passed on.
const WORD_CHARS_MAX: usize = 40;
/// How long a socket is tried before the first probe.
const PREFLIGHT: Duration = Duration::from_secs(1);

/// States in which a child SA carries packets both ways.
///
/// Of the others `CREATED`, `ROUTED`, `INSTALLING` and `RETRYING` come before, `DELETING`, `DELETED` and `DESTROYING`
/// after. `REKEYED` is after, too: it is the old one of a pair, which only takes in what is late, and lingers without
/// anything to send by. Its successor is in the list as `INSTALLED`; where it is not, the tunnel has none.
const CARRYING: [&[u8]; 3] = [b"INSTALLED", b"UPDATING", b"REKEYING"];

/// Whom and what to ask.
#[derive(Debug)]
pub(crate) struct IpsecAim {
    target: IpAddr,
    child: String,
    socket: PathBuf,
    patience: Duration,
}

impl IpsecAim {
    /// The patience ends before the machine's timeout does: a charon that is silent is no evidence about its tunnels, and
    /// must not become a loss.
    pub(crate) fn new(probe: &Probe, child: &str, socket: &str) -> Self {
        let patience_ms = (probe.timeout_max_ms.saturating_mul(4) / 5).max(1);
        Self {
            target: probe.target,
            child: child.to_owned(),
            socket: socket.into(),
            patience: Duration::from_millis(patience_ms),
        }
    }
}

/// charon's socket can't be connected to. Its message says what may be missing.
#[derive(Debug, thiserror::Error)]
#[error(
    "strongSwan can't be asked at {}: {error}. Does it run, is that its vici socket, and may this process's user write to it \
     (`charon.group` in strongswan.conf)?",
    socket.display()
)]
pub struct ViciNotReachable {
    socket: PathBuf,
    error: String,
}

/// Tries whether strongSwan can be asked at that socket at all, so that an examination can say so.
///
/// # Errors
///
/// [`ViciNotReachable`] if nobody listens there, or this process may not connect, or not within a second.
pub async fn vici_preflight(socket: &Path) -> Result<(), ViciNotReachable> {
    let error = match timeout(PREFLIGHT, UnixStream::connect(socket)).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no connection within a second".to_owned(),
    };
    Err(ViciNotReachable { socket: socket.to_owned(), error })
}

/// Asks once.
///
/// That charon has no such SA is a loss. Whatever keeps charon from saying anything is no evidence.
pub(crate) async fn ask(aim: &IpsecAim) -> Fate {
    let started = Instant::now();
    let Ok(found) = timeout(aim.patience, converse(aim)).await else {
        let (socket, patience) = (aim.socket.display(), aim.patience.as_millis());
        return ours(format!("strongSwan at {socket} does not answer within {patience} ms"));
    };
    match found {
        Ok(Found::Carrying) => Fate::answered_after(started.elapsed()),
        Ok(Found::Not(why)) => Fate::Refused(Refusal::Network(why)),
        Err(why) => ours(why),
    }
}

fn ours(why: String) -> Fate {
    Fate::Refused(Refusal::Ours(why))
}

/// What charon says.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// It has a child SA that carries packets.
    Carrying,
    /// It hasn't.
    Not(String),
}

async fn converse(aim: &IpsecAim) -> Result<Found, String> {
    let unreachable =
        |error: std::io::Error| ViciNotReachable { socket: aim.socket.clone(), error: error.to_string() };
    let mut stream =
        UnixStream::connect(&aim.socket).await.map_err(|error| unreachable(error).to_string())?;
    let listed = list(&mut stream, &aim.child).await;
    let unusable =
        |error: Unusable| format!("strongSwan at {} can't be understood: {error}", aim.socket.display());
    let messages = listed.map_err(unusable)?;
    let mut sas = Vec::new();
    for message in &messages {
        sas.extend(child_sas(message, aim.child.as_bytes()).map_err(unusable)?);
    }
    Ok(judge(aim, &sas))
}

/// All IKE SAs of charon that have such a child, as messages. It answers without waiting for an IKE SA that is busy at the
/// moment, which then is not in its list: a probe is `Down` only when it has been missing for a whole window, and no
/// thread of charon is ever kept waiting by us.
async fn list(stream: &mut UnixStream, child: &str) -> Result<Vec<Vec<u8>>, Unusable> {
    let mut left = ANSWER_BYTES_MAX;
    stream.write_all(&packet(REGISTER, "list-sa", &[])).await?;
    match receive(stream, &mut left, ANSWER_BYTES_MAX).await? {
        (CONFIRMED, _) => {}
        _ => return Err(Unusable::Garbage),
    }
    let filter = [value("noblock", "yes"), value("child", child)].concat();
    stream.write_all(&packet(REQUEST, "list-sas", &filter)).await?;
    let mut messages = Vec::new();
    loop {
        match receive(stream, &mut left, ANSWER_BYTES_MAX).await? {
            (EVENT, rest) => match event(&rest)? {
                (b"list-sa", message) => messages.push(message.to_vec()),
                _ => return Err(Unusable::Garbage),
            },
            (RESPONSE, rest) => {
                let refused = elements(&rest)?.contains(&Element::Value(b"success", b"no"));
                return if refused { Err(Unusable::Refused) } else { Ok(messages) };
            }
            _ => return Err(Unusable::Garbage),
        }
    }
}

/// A child SA of the name that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ChildSa {
    /// Where its IKE SA leads; none if charon does not say.
    remote: Option<IpAddr>,
    state: Vec<u8>,
}

/// The child SAs of that name in one message: `{IKE SA: {remote-host, child-sas: {CHILD-ID: {name, state}}}}`. Before
/// version 5.2.1 the section itself bears the name.
fn child_sas(message: &[u8], child: &[u8]) -> Result<Vec<ChildSa>, Unusable> {
    let mut found: Vec<ChildSa> = Vec::new();
    let mut sections: Vec<&[u8]> = Vec::new();
    let (mut remote, mut name, mut state, mut of_this_ike) = (None, None, None, 0_usize);
    for element in elements(message)? {
        match element {
            Element::Section(section) => sections.push(section),
            Element::Value(key, value) => match (sections.as_slice(), key) {
                ([_], b"remote-host") => {
                    remote = std::str::from_utf8(value).ok().and_then(|it| it.parse().ok())
                }
                ([_, b"child-sas", _], b"name") => name = Some(value),
                ([_, b"child-sas", _], b"state") => state = Some(value),
                _ => {}
            },
            Element::SectionEnd => {
                match sections.as_slice() {
                    [_, b"child-sas", section] => {
                        let (named, state) =
                            (name.take().unwrap_or(section), state.take().unwrap_or_default());
                        if named == child {
                            found.push(ChildSa { remote: None, state: state.to_vec() });
                        }
                    }
                    [_] => {
                        found.iter_mut().skip(of_this_ike).for_each(|sa| sa.remote = remote);
                        (remote, of_this_ike) = (None, found.len());
                    }
                    _ => {}
                }
                sections.pop();
            }
            Element::List => {}
        }
    }
    Ok(found)
}

fn judge(aim: &IpsecAim, sas: &[ChildSa]) -> Found {
    let IpsecAim { target, child, .. } = aim;
    let (there, elsewhere): (Vec<_>, Vec<_>) = sas.iter().partition(|sa| sa.remote == Some(*target));
    if there.iter().any(|sa| CARRYING.contains(&sa.state.as_slice())) {
        return Found::Carrying;
    }
    Found::Not(match (there.first(), elsewhere.first()) {
        (Some(sa), _) => {
            let state: String = String::from_utf8_lossy(&sa.state).chars().take(WORD_CHARS_MAX).collect();
            format!("strongSwan's child SA {child} with {target} is {state}")
        }
        (None, Some(ChildSa { remote: Some(remote), .. })) => {
            format!("strongSwan has no child SA {child} with {target}, but one with {remote}")
        }
        (None, _) => format!("strongSwan has no child SA {child} with {target}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every message of six bytes that could be types or lengths.
    #[test]
    fn no_bytes_make_it_panic() {
        for number in 0..8_u32.pow(6) {
            let bytes: Vec<u8> = (0..6).map(|place| (number >> (3 * place) & 7).to_le_bytes()[0]).collect();
            let _ = child_sas(&bytes, b"tunnel");
            let _ = event(&bytes);
        }
    }

    /// Two IKE SAs in one message would each keep its own host, and older daemons name the section itself.
    #[test]
    fn each_child_belongs_to_its_own_ike_sa() {
        let message = b"\x01\x01a\x03\x0bremote-host\0\x07192.0.2\x03\x0bremote-host\0\x09192.0.2.1\
            \x01\x09child-sas\x01\x01t\x03\x05state\0\x09INSTALLED\x02\x02\x02\
            \x01\x01b\x01\x09child-sas\x01\x01x\x03\x04name\0\x01t\x02\x01\x01t\x03\x04name\0\x01y\x02\x02\
            \x03\x0bremote-host\0\x09192.0.2.2\x02";
        let sa =
            |remote: [u8; 4], state: &[u8]| ChildSa { remote: Some(remote.into()), state: state.to_vec() };
        let expected = [sa([192, 0, 2, 1], b"INSTALLED"), sa([192, 0, 2, 2], b"")];
        assert_eq!(child_sas(message, b"t").unwrap(), expected);
        assert_eq!(child_sas(message, b"child-sas").unwrap(), []);
    }
}
