//! How a run ended: the line of JSON that `--json` gives.

use super::case::Case;
use super::lossy::Counts;
use crate::net::meter::Outages;
use serde::Serialize;

/// How one case ended.
#[derive(Debug, Clone, Serialize)]
pub(in crate::net) struct CaseOutcome {
    /// Which.
    pub name: &'static str,
    /// All that it promises was seen.
    pub ok: bool,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// What was seen, in order.
    pub seen: Vec<String>,
    /// What was not seen, or was seen and must not be; empty if it is well.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub missing: String,
    /// What was counted in a long watch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// How the packet streams fared from the fault until everything flowed again, or the fault was mended.
    pub outages: Outages,
}

/// How the whole ended.
#[derive(Debug, Clone, Serialize)]
pub(in crate::net) struct RunOutcome {
    /// Every case was well.
    pub ok: bool,
    /// Who did IPsec.
    pub ipsec: &'static str,
    /// The five goals of the reference case.
    pub goals: Vec<CaseOutcome>,
    /// What else can go wrong.
    pub extra: Vec<CaseOutcome>,
}

impl RunOutcome {
    /// Of these cases, of which these were wanted. One that is missing was not seen.
    pub fn of(ipsec: &'static str, wanted: &[Case], outcomes: Vec<CaseOutcome>) -> Self {
        let ok = wanted.iter().all(|case| outcomes.iter().any(|it| it.name == case.name() && it.ok));
        let is_goal = |outcome: &CaseOutcome| Case::GOALS.iter().any(|case| case.name() == outcome.name);
        let (goals, extra) = outcomes.into_iter().partition(is_goal);
        Self { ok: ok && !wanted.is_empty(), ipsec, goals, extra }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(case: Case, ok: bool) -> CaseOutcome {
        let (seen, missing) = (vec!["this".to_owned()], if ok { String::new() } else { "that".to_owned() });
        CaseOutcome { name: case.name(), ok, ms: 7, seen, missing, counts: None, outages: Outages::default() }
    }

    #[test]
    fn it_is_well_only_if_every_wanted_case_was_seen() {
        let wanted = [Case::CloudTunnel, Case::LineCut];
        let of = |outcomes| RunOutcome::of("userland", &wanted, outcomes);
        assert!(of(vec![outcome(Case::CloudTunnel, true), outcome(Case::LineCut, true)]).ok);
        assert!(!of(vec![outcome(Case::CloudTunnel, true), outcome(Case::LineCut, false)]).ok);
        assert!(!of(vec![outcome(Case::CloudTunnel, true)]).ok);
        assert!(!RunOutcome::of("userland", &[], vec![]).ok);
    }

    #[test]
    fn the_line_has_the_promised_shape() {
        let run = RunOutcome::of("kernel", &[Case::LineCut], vec![outcome(Case::LineCut, true)]);
        assert_eq!(
            serde_json::to_string(&run).unwrap(),
            r#"{"ok":true,"ipsec":"kernel","goals":[],"extra":[{"name":"line-cut","ok":true,"ms":7,"seen":["this"],"outages":[]}]}"#
        );
    }
}
