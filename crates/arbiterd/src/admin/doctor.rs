//! `Doctor`: the leader has every node examined; where there is none, or if only this node is asked, it examines
//! itself.

use super::{AdminService, forwarded, status, unavailable};
use crate::admin::forward;
use arbiter_control::{AskError, Examined};
use arbiter_core::doctor::{self, Finding};
use arbiter_core::report::Report;
use arbiter_proto::v1;
use tonic::Status;

impl AdminService {
    pub(super) async fn examine(&self, request: v1::DoctorRequest) -> Result<v1::DoctorReply, Status> {
        let asking = request.asking.unwrap_or_default();
        let mut not_asked = None;
        if let Some(leader) = self.elsewhere(&asking) {
            let passed_on = v1::DoctorRequest { asking: forwarded(request.asking), ..request };
            match self.peers.patient_client(leader)?.doctor(passed_on).await {
                Ok(reply) => return Ok(reply.into_inner()),
                Err(error) => not_asked = Some(forward::why(&error)),
            }
        }
        let leads = !asking.stale && self.raft.view().borrow().leads();
        let examined = match if leads { self.control.examine().await } else { not_led() } {
            Ok(examined) => examined,
            Err(AskError::NotLeader { .. }) => self.examine_myself(request.own).await?,
            Err(other) => return Err(unavailable(other)),
        };
        // Only now: whoever led when the examination began may not lead any more.
        let (_, answered) = self.look(&asking, not_asked).await?;
        Ok(v1::DoctorReply {
            answered: Some(answered),
            nodes: examined.nodes,
            age_ms: examined.age_ms,
            findings: examined.findings.iter().map(finding).collect(),
        })
    }

    /// This node alone: what it finds on itself and, unless the leader asks, what its loop sees.
    async fn examine_myself(&self, own: bool) -> Result<Examined, Status> {
        let look = self.control.look().await.map_err(unavailable)?;
        let policy = &look.state.policy;
        let mut found = self.examination.of_this_node(policy).await;
        let mut seen = Vec::new();
        if !own {
            let is_mine = |(report, _): &&(Report, Option<u64>)| report.node == look.me;
            for (report, _) in look.reports.iter().filter(is_mine) {
                found.extend(doctor::judge_probe_rtts(policy, &self.me, report));
            }
            found.extend(doctor::judge_zones(policy, &look.view.voters));
            seen = look.alarms;
        }
        let findings = doctor::gather([(self.me.clone(), found)], (self.me.clone(), seen));
        Ok(Examined { age_ms: 0, nodes: vec![self.me.clone()], findings })
    }
}

const fn not_led() -> Result<Examined, AskError> {
    Err(AskError::NotLeader { leader: None })
}

fn finding(finding: &Finding) -> v1::Finding {
    v1::Finding { alarm: Some(status::alarm(&finding.alarm)), said_by: finding.said_by.clone() }
}
