//! Holds what was measured against the bounds, and against what is explained.

use crate::explanations::Explanation;
use crate::figures::{FIGURES, Figure};
use crate::results::{Row, Verdict};
use crate::sheet::{Sheet, Value};
use anyhow::Context;
use std::collections::BTreeMap;

/// Bounds in place of those in the catalogue, by the figures' ids: to see a miss on purpose.
pub(crate) type Tightened = BTreeMap<String, f64>;

/// A row for every figure. Of a quick run no figure is judged, unless its bound was given on purpose.
///
/// # Errors
/// A figure was not measured, or its value is no number: then nothing can be said at all.
pub(crate) fn rows(
    sheet: &Sheet,
    explanations: &[Explanation],
    quick: bool,
    tightened: &Tightened,
) -> anyhow::Result<Vec<Row>> {
    let row = |figure: &Figure| {
        let measured = sheet.get(figure.id).with_context(|| format!("`{}` was not measured", figure.id))?;
        let Value { value, how } = measured.clone();
        anyhow::ensure!(value.is_finite() && value >= 0.0, "`{}` is {value}, which is no measure", figure.id);
        Ok(judged(figure, value, how, explanations, quick, tightened))
    };
    FIGURES.iter().map(row).collect()
}

fn judged(
    figure: &Figure,
    value: f64,
    how: String,
    explanations: &[Explanation],
    quick: bool,
    tightened: &Tightened,
) -> Row {
    let tight = tightened.get(figure.id).copied();
    let at_most = tight.or(figure.bound.map(|bound| bound.at_most));
    // What is explained is explained against the catalogue's bound, not against one given on purpose.
    let explanation = explanations.iter().find(|it| it.figure == figure.id).filter(|_| tight.is_none());
    let verdict = match at_most {
        None => Verdict::Published,
        Some(_) if quick && tight.is_none() => Verdict::NotJudged,
        Some(at_most) if value <= at_most => Verdict::Within,
        Some(_) if explanation.is_some_and(|it| value <= it.up_to) => Verdict::Explained,
        Some(_) => Verdict::Missed,
    };
    Row {
        id: figure.id.to_owned(),
        what: figure.what.to_owned(),
        unit: figure.unit.name().to_owned(),
        value,
        how,
        at_most,
        bound_why: figure.bound.map(|bound| bound.why.to_owned()),
        explained_up_to: explanation.map(|it| it.up_to),
        explanation: explanation.map(|it| it.why.trim().to_owned()),
        verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every figure well within its bound, but for one.
    fn sheet(id: &str, value: f64) -> Sheet {
        let mut sheet = Sheet::default();
        for figure in FIGURES {
            sheet.put(figure.id, if figure.id == id { value } else { 0.1 }, "made up");
        }
        sheet
    }

    fn explained(up_to: f64) -> Vec<Explanation> {
        vec![Explanation { figure: "rest.memory".into(), up_to, why: "sled".into() }]
    }

    fn verdict(rows: &[Row]) -> Verdict {
        rows.iter().find(|row| row.id == "rest.memory").unwrap().verdict
    }

    fn judge(value: f64, explanations: &[Explanation]) -> (Verdict, bool) {
        let rows = rows(&sheet("rest.memory", value), explanations, false, &Tightened::new()).unwrap();
        (verdict(&rows), rows.iter().all(|row| row.verdict != Verdict::Missed))
    }

    #[test]
    fn a_miss_without_an_explanation_fails_and_one_within_its_explanation_passes() {
        assert_eq!(judge(20.0, &[]), (Verdict::Within, true));
        assert_eq!(judge(20.1, &[]), (Verdict::Missed, false));
        assert_eq!(judge(20.1, &explained(25.0)), (Verdict::Explained, true));
        assert_eq!(judge(25.0, &explained(25.0)), (Verdict::Explained, true));
        assert_eq!(
            judge(25.1, &explained(25.0)),
            (Verdict::Missed, false),
            "it explains up to 25, not everything"
        );
        assert_eq!(judge(19.0, &explained(25.0)), (Verdict::Within, true));
        let others = vec![Explanation { figure: "rest.cpu".into(), up_to: 99.0, why: "sled".into() }];
        assert_eq!(judge(20.1, &others), (Verdict::Missed, false), "it explains its own figure alone");
    }

    #[test]
    fn a_quick_run_judges_only_what_it_is_told_to() {
        let sheet = sheet("rest.memory", 90.0);
        let rows = |tightened: &Tightened| rows(&sheet, &explained(95.0), true, tightened).unwrap();
        assert_eq!(verdict(&rows(&Tightened::new())), Verdict::NotJudged);
        let tightened = Tightened::from([("rest.memory".to_owned(), 80.0)]);
        assert_eq!(
            verdict(&rows(&tightened)),
            Verdict::Missed,
            "no explanation covers a bound given on purpose"
        );
    }

    #[test]
    fn what_was_not_measured_is_no_success() {
        let error = rows(&Sheet::default(), &[], true, &Tightened::new()).unwrap_err();
        assert!(error.to_string().contains("was not measured"), "{error}");
        let broken = sheet("rest.memory", f64::NAN);
        assert!(rows(&broken, &[], true, &Tightened::new()).is_err());
    }
}
