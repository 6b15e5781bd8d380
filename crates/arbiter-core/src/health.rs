//! What needs somebody's attention: one list of codes, each with a title, a severity and a remedy.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How urgent an alarm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Urgency {
    /// Good to know.
    Info,
    /// Something is not as it should be; traffic flows.
    Warning,
    /// Traffic is, or may soon be, interrupted.
    Critical,
}

impl Urgency {
    /// All, the least urgent first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Urgency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $urgency:ident, $title:literal, $remedy:literal;)*) => {
        /// What can be wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Code {
            $(#[doc = $title] $variant,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, in one line.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// How urgent it is.
            pub const fn urgency(self) -> Urgency {
                match self { $(Self::$variant => Urgency::$urgency,)* }
            }

            /// What to do.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* }
            }
        }
    };
}

codes! {
    NoBetterPath = "no-better-path", Critical, "a route stays on a path that is Down: no other path is better",
        "check the on-premises router and the line behind it: when both tunnels fail at once, the cause is there";
    PathUnknown = "path-unknown", Warning, "a route is on a path of which nobody knows whether it works",
        "is arbiterd running on its gateway? `systemctl status arbiterd` there";
    PathDown = "path-down", Warning, "a path is Down",
        "`arbiterctl probes` shows which probe, from where, since when";
    GatewayDown = "gateway-down", Warning, "a gateway is Down",
        "it is stopped and started by itself unless the policy or a guard forbids it: `arbiterctl history`";
    ObserversDisagree = "observers-disagree", Info, "a gateway is up, but a node can't reach it",
        "mend the line between the two: security groups, network ACLs, routes; nothing is moved or stopped for it";
    AwayFromHome = "away-from-home", Info, "a route is not on its first path",
        "it comes home by itself; `arbiterctl explain ROUTE` says when, or what it waits for";
    Frozen = "frozen", Critical, "a route has moved too often and is frozen",
        "find out why its paths flap before it thaws: `arbiterctl history`";
    Flapping = "flapping", Warning, "a route keeps failing over",
        "find out why its paths flap: `arbiterctl history`; it comes home later with each time";
    RouteMissing = "route-missing", Critical, "a route does not exist in its table",
        "create it once, pointing at its first path: ReplaceRoute can't";
    RouteUnread = "route-unread", Warning, "a route could not be read yet",
        "does the leader reach the EC2 API, and may it describe route tables?";
    Blackhole = "blackhole", Critical, "EC2 says that a route leads into a black hole",
        "its target is stopped or gone; if it does not move, `arbiterctl explain ROUTE`";
    Shadowed = "shadowed", Warning, "a more specific propagated route silently beats ours",
        "disable its propagation, or make our route as specific";
    Drift = "drift", Warning, "somebody else changed a route of ours",
        "find out who (CloudTrail: ReplaceRoute without our tag); tell Terraform to ignore this route";
    DriftWar = "drift-war", Critical, "somebody keeps changing a route of ours: it is no longer repaired",
        "stop the other hand, then `arbiterctl switchover` or wait ten minutes";
    Unsettled = "unsettled", Info, "a call is under way, or nobody knows yet how it ended",
        "it settles by itself within seconds";
    CallFailed = "call-failed", Critical, "our newest call for a route was refused",
        "read its words in `arbiterctl history`; permissions and ids are the usual cause";
    Remediating = "remediating", Info, "a gateway is being stopped and started",
        "`arbiterctl history` shows how far it is";
    RemediationDue = "remediation-due", Info, "a dead gateway is stopped and started soon",
        "nothing, if it shall be; `arbiterctl pause` prevents it";
    RemediationHeld = "remediation-held", Warning, "a dead gateway is not stopped and started",
        "the reason is given; `arbiterctl gateway replace` if its instance is gone";
    RestartWaits = "restart-waits", Info, "a gateway waits for its restart by hand",
        "the reason is given; `arbiterctl gateway restart NAME --cancel` withdraws it";
    SourceDestCheck = "source-dest-check", Critical, "the source/destination check of a gateway's interface is on",
        "turn it off: the gateway drops what it should forward";
    InterfaceDetached = "interface-detached", Critical, "a gateway's interface is not attached to its instance",
        "attach it, or change the policy";
    FollowLost = "follow-lost", Warning, "the cluster that is followed is not heard",
        "do the nodes reach its nodes' port? Its last assignments are kept; own probes still decide";
    FollowUnmatched = "follow-unmatched", Warning, "a route can't follow: its cluster file and the other's don't fit",
        "correct `follows` of the route or of its paths: `arbiterctl policy apply`";
    RouteConflict = "route-conflict", Critical, "another's kernel route takes traffic from ours",
        "remove it, or give ours another `metric` or `table`: `arbiterctl policy apply`";
    HostUnread = "host-unread", Warning, "the kernel routes of a host can't be read",
        "does arbiterd run there, and do the nodes reach its port?";
    Paused = "paused", Warning, "the cluster is paused: nothing is moved",
        "`arbiterctl resume` when you are done";
    Observing = "observing", Info, "the cluster only observes: nothing is moved",
        "`arbiterctl history` shows what it would have done";
    NewCluster = "new-cluster", Info, "a new cluster waits before its first mutation",
        "nothing: it takes some seconds";
    NodeSilent = "node-silent", Warning, "a node is not heard",
        "is arbiterd running there, and do the nodes reach each other's port?";
    QuorumAtRisk = "quorum-at-risk", Warning, "the next node lost stops all failover",
        "bring the silent node back";
    NoLeader = "no-leader", Critical, "no leader: nothing is decided",
        "a majority of the nodes must run and reach each other";
    ProviderUnreachable = "provider-unreachable", Critical, "the EC2 API can't be reached",
        "check the path to the API: it must not depend on the routes that we move";
    ProviderDenied = "provider-denied", Critical, "EC2 denies a call",
        "grant the action to the instance profile";
    ProviderLacks = "provider-lacks", Critical, "EC2 does not have something that the policy names",
        "correct the id in the policy, or create what is missing";
    ProviderThrottled = "provider-throttled", Warning, "EC2 throttles us",
        "somebody in this account and region calls too much; we wait and keep the order of importance";
    ProbeBroken = "probe-broken", Warning, "a probe can't be sent or received",
        "the probe's own words say why; ICMP needs CAP_NET_RAW or net.ipv4.ping_group_range, `ipsec` charon's vici socket";
    ClocksDiffer = "clocks-differ", Warning, "the wall clocks of two nodes differ",
        "run chrony or the Amazon Time Sync Service; decisions don't depend on it, people do";
    DiskSlow = "disk-slow", Warning, "a node's disk takes seconds to write",
        "look at its volume: queue, credits, what the kernel says (`dmesg`); while it lasts this node leads only if no other can";
    CertificateEnds = "certificate-ends", Warning, "a certificate ends within thirty days",
        "renew it, or have the authority issue it anew; a new file needs no restart";
    CertificateOver = "certificate-over", Critical, "a certificate has ended, or does within three days",
        "renew it now: nobody believes it from its end on; a new file needs no restart";
    PolicyDiffers = "policy-differs", Warning, "a node's file differs from the replicated policy",
        "apply the file with `arbiterctl policy apply`, or bring the file up to date";
    NotPermitted = "not-permitted", Critical, "a node may not do what a failover or a remediation needs",
        "grant the action to the node's role; then `arbiterctl doctor`";
    PermissionUnclear = "permission-unclear", Warning, "whether a node may do what it needs could not be tried",
        "`arbiterctl doctor` again a little later, or read EC2's words";
    DryRunIgnored = "dry-run-ignored", Warning, "the EC2 endpoint ignores dry runs: permissions can't be tried",
        "nothing, if this endpoint is meant; try a switchover";
    InstanceImpaired = "instance-impaired", Warning, "EC2's status checks call a gateway's instance impaired",
        "see its status checks in EC2";
    NoElasticIp = "no-elastic-ip", Warning, "a gateway has no Elastic IP: it is never stopped and started",
        "associate an Elastic IP, or set `remediate = false` for this gateway";
    AutoScalingMember = "auto-scaling-member", Warning,
        "a gateway belongs to an Auto Scaling group: it is never stopped and started",
        "take it out of the group, or set `remediate = false` for this gateway";
    ApiPath = "api-path", Warning, "the EC2 API's address lies in a destination of ours: a failover could cut itself off",
        "give it a way of its own, unless the nodes' subnets have other route tables: an interface endpoint for EC2 in the VPC";
    ZoneMajority = "zone-majority", Warning, "one zone has a majority of the voters: without it all failover ends",
        "put the nodes into three zones";
    RttHigh = "rtt-high", Warning, "a round trip takes too much of the time that is left for it",
        "look for the cause on the way, or lengthen the time in the policy";
    NotExamined = "not-examined", Warning, "a node could not be examined",
        "is arbiterd running there, in this version, and do the nodes reach each other's port?";
}

impl Code {
    /// The code of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }

    /// Whether only an examination finds it: the control loop sees all the others by itself, and sooner.
    pub const fn is_examined(self) -> bool {
        matches!(
            self,
            Self::NotPermitted
                | Self::PermissionUnclear
                | Self::DryRunIgnored
                | Self::InstanceImpaired
                | Self::NoElasticIp
                | Self::AutoScalingMember
                | Self::ApiPath
                | Self::ZoneMajority
                | Self::RttHigh
                | Self::NotExamined
                // Each node sees its own by itself, and a leader those of others.
                | Self::CertificateEnds
                | Self::CertificateOver
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One thing that needs attention.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Alarm {
    /// What.
    pub code: Code,
    /// Where: a route, path, gateway or node.
    pub subject: String,
    /// The particulars.
    pub detail: String,
    /// What to do, made to measure; the code's own remedy is for all others.
    pub remedy: Option<String>,
}

impl Alarm {
    /// An alarm.
    pub fn new(code: Code, subject: impl ToString, detail: impl Into<String>) -> Self {
        Self { code, subject: subject.to_string(), detail: detail.into(), remedy: None }
    }

    /// The same with a remedy made to measure.
    #[must_use]
    pub fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// What to do.
    pub fn remedy(&self) -> &str {
        self.remedy.as_deref().unwrap_or_else(|| self.code.remedy())
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, subject, detail, .. } = self;
        write!(f, "{}[{code}]: {subject}: {}", code.urgency(), code.title())?;
        if !detail.is_empty() {
            write!(f, " ({detail})")?;
        }
        write!(f, "; {}", self.remedy())
    }
}

/// The most urgent first.
pub fn sort(alarms: &mut [Alarm]) {
    alarms.sort_by(|a, b| (b.code.urgency(), a).cmp(&(a.code.urgency(), b)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_equal_their_wire_form() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        for code in Code::ALL {
            let wire = serde_json::to_string(code).expect("a unit variant");
            assert_eq!(wire, format!("\"{}\"", code.name()));
            assert_eq!(Code::named(code.name()), Some(*code));
            assert!(!code.title().is_empty() && !code.remedy().is_empty());
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        assert_eq!(Code::named("of a newer version"), None);
    }
}
