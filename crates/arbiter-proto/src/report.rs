//! Reports between the wire and the core.

use crate::v1;
use arbiter_core::evidence::{Ending, Verdict};
use arbiter_core::follow::{FollowedRoute, Heard};
use arbiter_core::ids::{ClusterId, Epoch, LogIndex, NodeId, PathId, ProbeId, RouteId};
use arbiter_core::policy::FOLLOWING_ROUTES_MAX;
use arbiter_core::report::{Echo, Parcel, Report, ReportedProbe};
use arbiter_core::time::{MonoMs, UnixMs};

/// The version of the parcel that this program writes.
pub const PARCEL_VERSION: u32 = 1;

/// Reports in one parcel at most: validation lets nine nodes through, and a change of members adds a few.
const REPORTS_LIMIT: usize = 32;

/// Probes in one report at most: validation lets 5,000 through.
const PROBES_LIMIT: usize = 5_000;

/// Why a parcel is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadParcel {
    /// Another version.
    #[error(
        "the parcel has version {0}, this program reads version {PARCEL_VERSION}: upgrade the older node"
    )]
    Version(u32),
    /// Another cluster.
    #[error("the parcel is of cluster `{theirs}`, this node is of `{ours}`")]
    Cluster {
        /// Theirs.
        theirs: String,
        /// Ours.
        ours: String,
    },
    /// Something is missing or too long.
    #[error("the parcel is malformed: {0}")]
    Malformed(&'static str),
}

/// Writes a parcel.
pub fn write_parcel(cluster: &ClusterId, parcel: &Parcel) -> v1::Parcel {
    v1::Parcel {
        version: PARCEL_VERSION,
        cluster_id: cluster.0.clone(),
        own: Some(write_report(&parcel.own)),
        relayed: parcel.relayed.iter().map(write_report).collect(),
    }
}

/// Reads a parcel of this cluster.
///
/// # Errors
/// Another version or cluster, or a malformed parcel.
pub fn read_parcel(cluster: &ClusterId, parcel: v1::Parcel) -> Result<Parcel, BadParcel> {
    if parcel.version != PARCEL_VERSION {
        return Err(BadParcel::Version(parcel.version));
    }
    if parcel.cluster_id != cluster.0 {
        return Err(BadParcel::Cluster { theirs: parcel.cluster_id, ours: cluster.0.clone() });
    }
    if parcel.relayed.len() > REPORTS_LIMIT {
        return Err(BadParcel::Malformed("too many relayed reports"));
    }
    let own = parcel.own.ok_or(BadParcel::Malformed("it has no report of its sender"))?;
    let relayed = parcel.relayed.into_iter().map(read_report).collect::<Result<_, _>>()?;
    Ok(Parcel { own: read_report(own)?, relayed })
}

fn write_report(report: &Report) -> v1::Report {
    let echo =
        |(node, echo): (&NodeId, &Echo)| v1::Echo { node: node.0, boot: echo.boot, stamp_ms: echo.stamp.0 };
    let probe = |(id, probe): (&ProbeId, &ReportedProbe)| v1::ReportedProbe {
        id: id.0.clone(),
        state: verdict(probe.state).into(),
        for_ms: probe.for_ms,
        last_rtt_us: probe.last_rtt_us,
        loss_permille: probe.loss_permille,
        error: probe.error.clone(),
        answered_age_ms: probe.answered_age_ms,
    };
    v1::Report {
        node: report.node.0,
        boot: report.boot,
        seq: report.seq,
        stamp_ms: report.stamp.0,
        echoes: report.echoes.iter().map(echo).collect(),
        probes: report.probes.iter().map(probe).collect(),
        ending: ending(report.ending).into(),
        describe_ok_age_ms: report.describe_ok_age_ms,
        provider_unreachable: report.provider_unreachable,
        leader: report.leader.map(|(leader, _)| leader.0),
        leader_heard_ms: report.leader.map_or(0, |(_, heard_ms)| heard_ms),
        handing_over_to: report.handing_over_to.map(|heir| heir.0),
        disk_slow_ms: report.disk_slow_ms,
        rules_supported: report.rules_supported,
        file_differs: report.file_differs,
        wall_ms: report.wall_ms.0,
        applied: report.applied.0,
        heard: report.heard.as_ref().map(write_heard),
    }
}

fn write_heard(heard: &Heard) -> v1::Heard {
    let route = |(route, followed): (&RouteId, &FollowedRoute)| v1::FollowedRoute {
        route: route.0.clone(),
        path: followed.path.0.clone(),
        epoch: followed.epoch.0,
        index: followed.index.0,
    };
    v1::Heard {
        cluster_id: heard.cluster.0.clone(),
        age_ms: heard.age_ms,
        from: heard.from.clone(),
        routes: heard.routes.iter().map(route).collect(),
    }
}

fn read_heard(heard: v1::Heard) -> Result<Heard, BadParcel> {
    if heard.routes.len() > FOLLOWING_ROUTES_MAX {
        return Err(BadParcel::Malformed("a report follows too many routes"));
    }
    let route = |route: v1::FollowedRoute| {
        let (path, epoch, index) = (PathId(route.path), Epoch(route.epoch), LogIndex(route.index));
        (RouteId(route.route), FollowedRoute { path, epoch, index })
    };
    Ok(Heard {
        cluster: ClusterId(heard.cluster_id),
        from: heard.from,
        age_ms: heard.age_ms,
        routes: heard.routes.into_iter().map(route).collect(),
    })
}

fn read_report(report: v1::Report) -> Result<Report, BadParcel> {
    if report.probes.len() > PROBES_LIMIT || report.echoes.len() > REPORTS_LIMIT {
        return Err(BadParcel::Malformed("a report is too long"));
    }
    let ending = match report.ending() {
        v1::Ending::None => Ending::None,
        v1::Ending::Process => Ending::Process,
        v1::Ending::Host => Ending::Host,
    };
    let echo = |echo: v1::Echo| (NodeId(echo.node), Echo { boot: echo.boot, stamp: MonoMs(echo.stamp_ms) });
    let probe = |probe: v1::ReportedProbe| {
        let state = match probe.state() {
            v1::Verdict::Unknown => Verdict::Unknown,
            v1::Verdict::Up => Verdict::Up,
            v1::Verdict::Down => Verdict::Down,
        };
        let read = ReportedProbe {
            state,
            for_ms: probe.for_ms,
            last_rtt_us: probe.last_rtt_us,
            loss_permille: probe.loss_permille,
            answered_age_ms: probe.answered_age_ms,
            error: probe.error,
        };
        (ProbeId(probe.id), read)
    };
    Ok(Report {
        node: NodeId(report.node),
        boot: report.boot,
        seq: report.seq,
        stamp: MonoMs(report.stamp_ms),
        echoes: report.echoes.into_iter().map(echo).collect(),
        ending,
        describe_ok_age_ms: report.describe_ok_age_ms,
        provider_unreachable: report.provider_unreachable,
        leader: report.leader.map(|leader| (NodeId(leader), report.leader_heard_ms)),
        handing_over_to: report.handing_over_to.map(NodeId),
        disk_slow_ms: report.disk_slow_ms,
        rules_supported: report.rules_supported,
        file_differs: report.file_differs,
        applied: LogIndex(report.applied),
        wall_ms: UnixMs(report.wall_ms),
        heard: report.heard.map(read_heard).transpose()?,
        probes: report.probes.into_iter().map(probe).collect(),
    })
}

/// A verdict on the wire.
pub const fn verdict(verdict: Verdict) -> v1::Verdict {
    match verdict {
        Verdict::Up => v1::Verdict::Up,
        Verdict::Unknown => v1::Verdict::Unknown,
        Verdict::Down => v1::Verdict::Down,
    }
}

/// An ending on the wire.
pub const fn ending(ending: Ending) -> v1::Ending {
    match ending {
        Ending::None => v1::Ending::None,
        Ending::Process => v1::Ending::Process,
        Ending::Host => v1::Ending::Host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn parcel() -> Parcel {
        let probe = ReportedProbe {
            state: Verdict::Down,
            for_ms: 77,
            last_rtt_us: Some(1_234),
            loss_permille: 10,
            answered_age_ms: Some(90),
            error: Some("no route to host".to_owned()),
        };
        let followed = FollowedRoute { path: "tunnel-1".into(), epoch: Epoch(7), index: LogIndex(9) };
        let routes = BTreeMap::from([("private-1".into(), followed)]);
        let heard = Heard { cluster: "cloud".into(), from: "witness".to_owned(), age_ms: 20, routes };
        let report = Report {
            node: NodeId(2),
            boot: 9,
            seq: 4,
            stamp: MonoMs(1_000),
            echoes: BTreeMap::from([(NodeId(1), Echo { boot: 5, stamp: MonoMs(3) })]),
            probes: BTreeMap::from([("p".into(), probe)]),
            ending: Ending::Host,
            describe_ok_age_ms: Some(12),
            provider_unreachable: true,
            leader: Some((NodeId(3), 40)),
            handing_over_to: Some(NodeId(1)),
            disk_slow_ms: Some(2_500),
            rules_supported: 1,
            file_differs: true,
            applied: LogIndex(42),
            wall_ms: UnixMs(1_700_000_000_000),
            heard: Some(heard),
        };
        Parcel { own: report.clone(), relayed: vec![Report { node: NodeId(3), leader: None, ..report }] }
    }

    #[test]
    fn a_parcel_survives_the_wire() {
        let cluster = ClusterId::from("c");
        assert_eq!(read_parcel(&cluster, write_parcel(&cluster, &parcel())), Ok(parcel()));
    }

    #[test]
    fn what_is_not_of_this_cluster_or_version_is_refused() {
        let cluster = ClusterId::from("c");
        let foreign = write_parcel(&ClusterId::from("other"), &parcel());
        assert!(matches!(read_parcel(&cluster, foreign), Err(BadParcel::Cluster { .. })));
        let newer = v1::Parcel { version: 2, ..write_parcel(&cluster, &parcel()) };
        assert_eq!(read_parcel(&cluster, newer), Err(BadParcel::Version(2)));
        let empty = v1::Parcel { own: None, ..write_parcel(&cluster, &parcel()) };
        assert!(matches!(read_parcel(&cluster, empty), Err(BadParcel::Malformed(_))));
        let mut long = write_parcel(&cluster, &parcel());
        long.relayed = vec![v1::Report::default(); REPORTS_LIMIT + 1];
        assert!(matches!(read_parcel(&cluster, long), Err(BadParcel::Malformed(_))));
    }
}
