//! Why a figure misses its bound, and up to what that is accepted: `explanations.toml`, read and checked.

use crate::figures;
use serde::Deserialize;

/// The shortest reason, in characters. Less says nothing.
const REASON_LEAST: usize = 40;

/// One figure's excuse.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Explanation {
    pub figure: String,
    /// The figure may be so much, and no more.
    pub up_to: f64,
    pub why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    explanation: Vec<Explanation>,
}

/// Those that the project gives.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn of_the_project() -> anyhow::Result<Vec<Explanation>> {
    read(include_str!("../explanations.toml"))
}

fn read(text: &str) -> anyhow::Result<Vec<Explanation>> {
    let File { explanation: all } =
        toml::from_str(text).map_err(|error| anyhow::anyhow!("explanations.toml: {error}"))?;
    for (at, Explanation { figure, up_to, why }) in all.iter().enumerate() {
        let wrong = |what: String| anyhow::anyhow!("explanations.toml: `{figure}` {what}");
        let known = figures::find(figure).ok_or_else(|| wrong("is no figure".to_owned()))?;
        let bound =
            known.bound.ok_or_else(|| wrong("has no bound, so there is nothing to explain".to_owned()))?;
        if !(up_to.is_finite() && *up_to > bound.at_most) {
            return Err(wrong(format!(
                "may be {} anyway; `up_to` must be more, and a number",
                bound.at_most
            )));
        }
        if why.trim().chars().count() < REASON_LEAST {
            return Err(wrong("has no reason that says anything".to_owned()));
        }
        if all[..at].iter().any(|earlier| earlier.figure == *figure) {
            return Err(wrong("is explained twice".to_owned()));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHY: &str = "the reason is a sentence that somebody else can understand";

    fn entry(figure: &str, up_to: &str, why: &str) -> String {
        format!("[[explanation]]\nfigure = \"{figure}\"\nup_to = {up_to}\nwhy = \"{why}\"\n")
    }

    #[test]
    fn the_projects_own_are_sound() {
        of_the_project().unwrap();
    }

    #[test]
    fn an_explanation_is_bound_to_one_figure_and_to_a_limit() {
        let good = entry("rest.memory", "25.0", WHY);
        assert_eq!(read(&good).unwrap().len(), 1);
        for (bad, says) in [
            (entry("rest.moral", "25.0", WHY), "is no figure"),
            (entry("commit.fdatasync", "25.0", WHY), "nothing to explain"),
            (entry("rest.memory", "20.0", WHY), "must be more"),
            (entry("rest.memory", "inf", WHY), "must be more"),
            (entry("rest.memory", "nan", WHY), "must be more"),
            (entry("rest.memory", "25.0", "noise"), "no reason"),
            (good.clone() + &good, "explained twice"),
            (good + "until = 2030\n", "unknown field"),
        ] {
            let error = read(&bad).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
