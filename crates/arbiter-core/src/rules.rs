//! The catalogue of rules. `scripts/test` fails for a rule that no test names.

/// Every rule: its name, and what it says.
///
/// A test names the rule that it proves by calling [`proves`] first; `tests/` checks that none is missing.
pub const RULES: &[(&str, &str)] = &[];

/// Says which rule a test proves. Panics for a name that is not in the catalogue.
pub fn proves(rule: &str) {
    assert!(RULES.iter().any(|(name, _)| *name == rule), "`{rule}` is not a rule of the catalogue");
}
