//! A restart by hand: an operator's request to stop and start a gateway, until it begins, is withdrawn or runs out.
//!
//! It lives in the replicated state, so that a `Stop` by it can be refused on every node where nobody asked for one.
//! Once its `Stop` is accepted the request is used up: what follows is the slot's, as after every other `Stop`.

use super::remediation::slot_in_the_way;
use super::{ClusterState, Event};
use crate::command::{EntryId, Refusal};
use crate::ids::{GatewayId, InstanceId};
use crate::time::{LogMs, UnixMs};
use serde::{Deserialize, Serialize};

/// How long a restart may wait for its guards before it runs out: ten minutes. Routes move within seconds and a frozen one
/// thaws within a minute; whoever asked should still be there when the gateway goes down.
pub const RESTART_WAITS_MS: u64 = 600_000;

/// A restart that an operator asked for and that has not begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// The gateway.
    pub gateway: GatewayId,
    /// Its instance when it was asked for: another one is not meant.
    pub instance: InstanceId,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub by: String,
    /// Also if a route loses its last path that works.
    pub force: bool,
    /// When, by the wall clock, for people.
    pub wall_ms: UnixMs,
    /// When, by log time.
    pub since: LogMs,
    /// When it runs out.
    pub until: LogMs,
}

/// What an operator asks for with a restart.
pub(super) struct Asked<'a> {
    pub gateway: &'a GatewayId,
    pub reason: String,
    pub force: bool,
    pub by: &'a str,
}

impl ClusterState {
    /// The restart by hand that a gateway waits for.
    pub fn restart_of(&self, gateway: &GatewayId) -> Option<&Restart> {
        let instance = &self.policy.gateway(gateway)?.instance;
        let asked = self.overrides.restart.as_ref();
        asked.filter(|asked| asked.gateway == *gateway && asked.instance == *instance)
    }

    /// Records the request. What hangs on evidence is judged when the gateway is to be stopped, and before by the leader.
    pub(super) fn ask_restart(&mut self, wall_ms: UnixMs, asked: Asked<'_>) -> Result<(), Refusal> {
        let refuse = |text: String| Err(Refusal::Other(text));
        let id = asked.gateway;
        let unknown = || Refusal::Unknown { kind: "gateway".to_owned(), name: id.to_string() };
        let gateway = self.policy.gateway(id).ok_or_else(unknown)?;
        if !self.policy.remediation.enabled || !gateway.remediate {
            return refuse(format!("the policy forbids to stop {id}"));
        }
        if let Some(slot) = slot_in_the_way(self) {
            return refuse(format!("{} is being stopped and started: one at a time", slot.gateway));
        }
        if let Some(other) = &self.overrides.restart {
            let (other, by) = (&other.gateway, &other.by);
            return refuse(format!(
                "a restart of {other} is asked for already, by {by}: one at a time; \
                 `arbiterctl gateway restart {other} --cancel` withdraws it"
            ));
        }
        let since = self.log_now();
        self.overrides.restart = Some(Restart {
            gateway: id.clone(),
            instance: gateway.instance.clone(),
            reason: asked.reason,
            by: asked.by.to_owned(),
            force: asked.force,
            wall_ms,
            since,
            until: since.plus_ms(RESTART_WAITS_MS),
        });
        Ok(())
    }

    /// Withdraws a request that has not begun.
    pub(super) fn cancel_restart(&mut self, id: &GatewayId) -> Result<(), Refusal> {
        if self.overrides.restart.take_if(|asked| asked.gateway == *id).is_some() {
            return Ok(());
        }
        let began = self.slot.as_ref().is_some_and(|slot| slot.gateway == *id);
        let why = if began {
            "it has begun: what was stopped is started again"
        } else {
            "nobody asked for one, or it has run out"
        };
        Err(Refusal::Other(format!("no restart of {id} waits that could be withdrawn: {why}")))
    }

    /// Ends a request that has run out.
    pub(super) fn expire_restart(&mut self, at: EntryId, wall_ms: UnixMs) {
        let now = self.log_now();
        if let Some(asked) = self.overrides.restart.take_if(|asked| asked.until <= now) {
            self.remember(
                at,
                wall_ms,
                Event::RestartExpired { gateway: asked.gateway, reason: asked.reason },
            );
        }
    }

    /// A request for an instance that the policy does not have any more is void.
    pub(super) fn forget_restart(&mut self) {
        let asked = self.overrides.restart.as_ref().map(|asked| asked.gateway.clone());
        if asked.is_some_and(|gateway| self.restart_of(&gateway).is_none()) {
            self.overrides.restart = None;
        }
    }
}
