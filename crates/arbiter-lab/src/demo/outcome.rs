//! The steps by name, and how they ended: what `--skip-fault` takes and `--json` gives.

use crate::iam::Uses;
use serde::Serialize;
use std::collections::BTreeSet;
use std::str::FromStr;

/// A step of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Three processes form a cluster, and bring two routes that are astray home.
    Start,
    /// Tunnel 1 is cut: its route moves.
    TunnelCut,
    /// It is healed: the route comes home.
    TunnelHeal,
    /// Gateway 1 dies together with its node: its route moves.
    GatewayDead,
    /// It is stopped and started, exactly once.
    GatewayRestart,
    /// It is healthy again: its route comes home.
    GatewayHome,
    /// The leader is killed in the middle of a failover: the route still moves, and there is no second hand.
    LeaderKilled,
    /// The line between the gateways is cut: nothing is touched.
    LineCut,
    /// The same cut, and the old way: routes are stolen, and healthy gateways stopped.
    LineCutOld,
}

impl Step {
    /// All, in the order in which they are played.
    pub const ALL: [Self; 9] = [
        Self::Start,
        Self::TunnelCut,
        Self::TunnelHeal,
        Self::GatewayDead,
        Self::GatewayRestart,
        Self::GatewayHome,
        Self::LeaderKilled,
        Self::LineCut,
        Self::LineCutOld,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::TunnelCut => "tunnel-cut",
            Self::TunnelHeal => "tunnel-heal",
            Self::GatewayDead => "gateway-dead",
            Self::GatewayRestart => "gateway-restart",
            Self::GatewayHome => "gateway-home",
            Self::LeaderKilled => "leader-killed",
            Self::LineCut => "line-cut",
            Self::LineCutOld => "line-cut-old",
        }
    }

    /// Whether something is done to the cluster in it, that `--skip-fault` can leave out. The other steps only look
    /// at what follows from the step before.
    pub const fn has_fault(self) -> bool {
        !matches!(self, Self::Start | Self::GatewayRestart | Self::GatewayHome)
    }

    /// What must have been seen before, for this step to make sense.
    pub const fn needs(self) -> &'static [Self] {
        match self {
            Self::Start | Self::LineCutOld => &[],
            Self::TunnelCut | Self::GatewayDead | Self::LeaderKilled | Self::LineCut => &[Self::Start],
            Self::TunnelHeal => &[Self::TunnelCut],
            Self::GatewayRestart => &[Self::GatewayDead],
            Self::GatewayHome => &[Self::GatewayRestart],
        }
    }
}

/// It is no step whose fault can be left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoFault {
    /// No such step.
    #[error("there is no step `{0}`; steps with a fault: {with}", with = with_fault())]
    Unknown(String),
    /// It has none.
    #[error("step `{0}` has no fault of its own, it looks at what follows from the one before; steps with a fault: {with}", with = with_fault())]
    None(&'static str),
}

fn with_fault() -> String {
    let names: Vec<_> = Step::ALL.into_iter().filter(|step| step.has_fault()).map(Step::name).collect();
    names.join(", ")
}

impl FromStr for Step {
    type Err = NoFault;

    /// Reads the name of a step that has a fault.
    fn from_str(text: &str) -> Result<Self, NoFault> {
        let step = Self::ALL.into_iter().find(|step| step.name() == text);
        match step {
            Some(step) if step.has_fault() => Ok(step),
            Some(step) => Err(NoFault::None(step.name())),
            None => Err(NoFault::Unknown(text.to_owned())),
        }
    }
}

/// How one step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepOutcome {
    /// Which.
    pub name: Step,
    /// All that it promises was observed.
    pub ok: bool,
    /// How long it took, in milliseconds.
    pub ms: u64,
}

/// What the nodes did with their permissions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Permissions {
    /// Actions of `deploy/iam-policy.json` that they called, dry runs left out.
    pub used: BTreeSet<String>,
    /// Those that none of them called: the policy allows more than the demo needs.
    pub unused: BTreeSet<String>,
    /// Actions that were refused to one of them: the policy allows less.
    pub refused: BTreeSet<String>,
}

impl Permissions {
    /// Of the policy's actions (with `ec2:`), and what was made of them.
    pub fn of(actions: &BTreeSet<String>, uses: Uses) -> Self {
        let allowed = actions.iter().map(|action| action.trim_start_matches("ec2:").to_owned());
        let unused = allowed.filter(|action| !uses.used.contains(action)).collect();
        Self { used: uses.used, unused, refused: uses.refused }
    }

    /// The policy allows what is needed, and no more.
    pub fn are_right(&self) -> bool {
        !self.used.is_empty() && self.unused.is_empty() && self.refused.is_empty()
    }
}

/// How the whole ended: the last line of `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoOutcome {
    /// Everything was observed.
    pub ok: bool,
    /// Every step, in order.
    pub steps: Vec<StepOutcome>,
    /// What the nodes might do in EC2, and did.
    pub permissions: Permissions,
}

impl DemoOutcome {
    /// Of these steps. One that is missing was not observed.
    pub fn of(steps: Vec<StepOutcome>, permissions: Permissions) -> Self {
        let observed = steps.iter().all(|step| step.ok) && steps.len() == Step::ALL.len();
        Self { ok: observed && permissions.are_right(), steps, permissions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(actions: &[&str]) -> BTreeSet<String> {
        actions.iter().map(|action| (*action).to_owned()).collect()
    }

    /// Of a policy that allows to stop and to start.
    fn permissions(used: &[&str], refused: &[&str]) -> Permissions {
        let uses = Uses { used: set(used), refused: set(refused) };
        Permissions::of(&set(&["ec2:StopInstances", "ec2:StartInstances"]), uses)
    }

    #[test]
    fn the_line_has_the_promised_shape() {
        let steps = vec![StepOutcome { name: Step::TunnelCut, ok: true, ms: 7 }];
        let outcome = DemoOutcome::of(steps, permissions(&["StopInstances"], &[]));
        let line = serde_json::to_string(&outcome).unwrap();
        assert_eq!(
            line,
            r#"{"ok":false,"steps":[{"name":"tunnel-cut","ok":true,"ms":7}],"permissions":{"used":["StopInstances"],"unused":["StartInstances"],"refused":[]}}"#
        );
    }

    #[test]
    fn names_on_the_wire_and_on_the_command_line_are_the_same() {
        for step in Step::ALL {
            assert_eq!(serde_json::to_value(step).unwrap(), step.name());
            match step.name().parse::<Step>() {
                Ok(read) => assert!(read == step && step.has_fault()),
                Err(error) => assert_eq!(error, NoFault::None(step.name())),
            }
        }
        assert!(matches!("tunnel".parse::<Step>(), Err(NoFault::Unknown(_))));
    }

    #[test]
    fn it_is_well_only_if_every_step_was_observed() {
        let both = permissions(&["StopInstances", "StartInstances"], &[]);
        let all = |ok: fn(Step) -> bool, permissions: &Permissions| {
            let steps = Step::ALL.map(|name| StepOutcome { name, ok: ok(name), ms: 1 }).to_vec();
            DemoOutcome::of(steps, permissions.clone()).ok
        };
        assert!(all(|_| true, &both));
        assert!(!all(|step| step != Step::LineCut, &both));
        assert!(!DemoOutcome::of(vec![], both).ok);
        // A policy that allows more than was needed, and one that allows less.
        assert!(!all(|_| true, &permissions(&["StopInstances"], &[])));
        assert!(!all(|_| true, &permissions(&["StopInstances", "StartInstances"], &["ReplaceRoute"])));
        assert!(!all(|_| true, &Permissions::default()));
    }
}
