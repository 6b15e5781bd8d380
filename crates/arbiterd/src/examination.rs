//! Examining nodes: this one by trying, another one by asking it.

use crate::admin::forward::{self, Peers};
use crate::policy_file::PolicyFile;
use crate::side::Side;
use crate::trust::Trust;
use arbiter_control::examiner::Examiner;
use arbiter_core::health::{Alarm, Code};
use arbiter_core::ids::NodeId;
use arbiter_core::policy::{Policy, Probe, ProbeKind};
use arbiter_probe::{icmp_preflight, vici_preflight};
use arbiter_proto::v1;
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// What this node found within this time is not looked for again, whoever asks: each time takes one of the five tokens
/// of `StartInstances`, of which two come back in a second.
const STANDS: Duration = Duration::from_secs(5);

/// How this node examines itself, and asks the others to.
pub(crate) struct Examination {
    me: NodeId,
    side: Arc<Side>,
    peers: Peers,
    file: Arc<PolicyFile>,
    trust: Trust,
    /// The newest, and when it was made. Held while one is being made, so that there is never a second one.
    newest: Mutex<Option<Found>>,
}

/// What this node found on itself.
struct Found {
    at: Instant,
    policy: Policy,
    alarms: Vec<Alarm>,
}

impl Examination {
    pub fn new(me: NodeId, side: Arc<Side>, peers: Peers, file: Arc<PolicyFile>, trust: Trust) -> Self {
        Self { me, side, peers, file, trust, newest: Mutex::new(None) }
    }

    /// What this node finds on itself: for the policy in force or, before there is one, for its own file's.
    pub async fn of_this_node(&self, in_force: &Policy) -> Vec<Alarm> {
        let policy = if in_force.nodes.is_empty() { self.file.policy() } else { in_force };
        let mut newest = self.newest.lock().await;
        if let Some(found) = newest.as_ref().filter(|it| it.at.elapsed() < STANDS && it.policy == *policy) {
            return found.alarms.clone();
        }
        let mut alarms = self.side.preflight(self.me, policy).await;
        alarms.extend(no_icmp(self.me, policy));
        alarms.extend(no_vici(self.me, policy).await);
        let differs = |detail| Alarm::new(Code::PolicyDiffers, policy.node_name(self.me), detail);
        alarms.extend(self.file.difference(policy).map(differs));
        alarms.extend(self.trust.alarms(&policy.node_name(self.me)));
        *newest = Some(Found { at: Instant::now(), policy: policy.clone(), alarms: alarms.clone() });
        alarms
    }

    async fn of_another(&self, node: NodeId) -> Result<Vec<Alarm>, String> {
        let asking = Some(v1::Asking { stale: true, forwarded: true });
        let request = v1::DoctorRequest { asking, own: true };
        let mut client = self.peers.patient_client(node).map_err(|status| status.message().to_owned())?;
        let reply = client.doctor(request).await.map_err(|status| forward::words(&status))?;
        Ok(reply.into_inner().findings.into_iter().filter_map(|finding| finding.alarm).map(read).collect())
    }
}

#[async_trait]
impl Examiner for Examination {
    async fn examine(&self, node: NodeId, policy: &Policy) -> Result<Vec<Alarm>, String> {
        if node == self.me { Ok(self.of_this_node(policy).await) } else { self.of_another(node).await }
    }
}

/// Whether this node has pings to send, and may not.
fn no_icmp(me: NodeId, policy: &Policy) -> Option<Alarm> {
    let pings = |probe: &Probe| probe.observers.contains(&me) && matches!(probe.kind, ProbeKind::Icmp { .. });
    let refused = policy.probes.iter().any(pings).then(icmp_preflight)?.err()?;
    Some(Alarm::new(Code::ProbeBroken, policy.node_name(me), refused.to_string()))
}

/// Which of the daemons that this node's probes ask can't be asked.
async fn no_vici(me: NodeId, policy: &Policy) -> Vec<Alarm> {
    let of_ours = policy.probes.iter().filter(|probe| probe.observers.contains(&me));
    let sockets: BTreeSet<&str> = of_ours
        .filter_map(|probe| match &probe.kind {
            ProbeKind::Ipsec { socket, .. } => Some(socket.as_str()),
            ProbeKind::Icmp { .. } | ProbeKind::Tcp { .. } | ProbeKind::Forwarding => None,
        })
        .collect();
    let mut alarms = Vec::new();
    for socket in sockets {
        if let Err(error) = vici_preflight(Path::new(socket)).await {
            alarms.push(Alarm::new(Code::ProbeBroken, policy.node_name(me), error.to_string()));
        }
    }
    alarms
}

/// An alarm as another node found it.
fn read(wire: v1::Alarm) -> Alarm {
    let Some(code) = Code::named(&wire.code) else {
        // A newer program's: its own words are all that there is.
        let detail = format!("{}: {} ({})", wire.code, wire.title, wire.detail);
        return Alarm::new(Code::NotExamined, wire.subject, detail).with_remedy(wire.remedy);
    };
    let alarm = Alarm::new(code, wire.subject, wire.detail);
    if wire.remedy == code.remedy() { alarm } else { alarm.with_remedy(wire.remedy) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(code: &str, remedy: &str) -> v1::Alarm {
        v1::Alarm {
            code: code.to_owned(),
            urgency: "warning".to_owned(),
            title: "its title".to_owned(),
            subject: "StopInstances".to_owned(),
            detail: "on i-1".to_owned(),
            remedy: remedy.to_owned(),
        }
    }

    #[test]
    fn what_another_node_found_is_the_same_as_if_found_here() {
        let own = Alarm::new(Code::NotPermitted, "StopInstances", "on i-1");
        assert_eq!(read(wire("not-permitted", Code::NotPermitted.remedy())), own);
        assert_eq!(read(wire("not-permitted", "allow it")), own.with_remedy("allow it"));
    }

    #[test]
    fn a_newer_programs_finding_is_shown_in_its_own_words() {
        let newer = read(wire("of-tomorrow", "do this"));
        assert_eq!((newer.code, newer.remedy()), (Code::NotExamined, "do this"));
        assert_eq!(newer.detail, "of-tomorrow: its title (on i-1)");
    }
}
