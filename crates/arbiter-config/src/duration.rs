//! Durations as people write them: `250ms`, `2s`, `10m`, `1h30m`.

use arbiter_core::time::ExactMs;

/// The units, longest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A text is not a duration: what is wrong with it, and what was probably meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {help}")]
pub struct NotADuration {
    message: String,
    help: String,
}

/// Reads a duration in milliseconds as the file has it, so that commands take no second spelling.
///
/// # Errors
/// [`NotADuration`], with the corrected form.
pub fn duration_ms(text: &str) -> Result<u64, NotADuration> {
    // A command line needs no quotation marks around it.
    parse(text).map_err(|bad| NotADuration { message: bad.message, help: bad.help.replace('"', "") })
}

/// What is wrong with a duration, and what was probably meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadDuration {
    pub(crate) message: String,
    pub(crate) help: String,
}

/// Reads a duration in milliseconds: whole numbers with units, each unit once, longest first.
pub(crate) fn parse(text: &str) -> Result<u64, BadDuration> {
    if let Some(ms) = strict(text) {
        return Ok(ms);
    }
    if let Ok(number) = text.trim().parse::<u64>() {
        return Err(without_unit(number));
    }
    let help = guess(text).map_or_else(
        || "write it as in `\"250ms\"`, `\"2s\"`, `\"10m\"`, `\"1h30m\"`".to_owned(),
        |ms| format!("write `\"{}\"`", ExactMs(ms)),
    );
    Err(BadDuration { message: format!("`{text}` is not a duration"), help })
}

/// A bare number: whoever reads it can't know of what.
pub(crate) fn without_unit(number: u64) -> BadDuration {
    BadDuration {
        message: format!("the duration {number} has no unit"),
        help: format!("write `\"{number}ms\"` or `\"{number}s\"`, whichever is meant"),
    }
}

/// A bare fraction: of seconds, most likely.
pub(crate) fn fraction_without_unit(number: &str) -> BadDuration {
    let help = guess(&format!("{number}s")).map_or_else(
        || "write a text with a unit, as in `\"250ms\"`".to_owned(),
        |ms| format!("write `\"{}\"`, if seconds are meant", ExactMs(ms)),
    );
    BadDuration { message: format!("the duration {number} has no unit"), help }
}

fn strict(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut sum_ms = 0_u64;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, tail) = tail.split_at(letters);
        // `find` walks on from the last unit, so that none comes twice or out of order.
        let (_, factor) = units.find(|(name, _)| *name == unit)?;
        sum_ms = sum_ms.checked_add(number.parse::<u64>().ok()?.checked_mul(*factor)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(sum_ms)
}

/// What somebody meant who wrote `1.5 s`, `2 Minutes` or `250 MS`.
fn guess(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "ms" | "msec" | "millis" | "millisecond" | "milliseconds" => 1,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
        "h" | "hr" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.len() > 6 {
        return None;
    }
    let parts = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction_ms = fraction.parse::<u64>().ok()?.checked_mul(factor)? / parts;
    whole.parse::<u64>().ok()?.checked_mul(factor)?.checked_add(fraction_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_have_units() {
        for (text, ms) in [
            ("250ms", 250),
            ("0s", 0),
            ("2s", 2_000),
            ("10m", 600_000),
            ("1h30m", 5_400_000),
            ("1d", 86_400_000),
            ("1m30s500ms", 90_500),
        ] {
            assert_eq!(parse(text), Ok(ms), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_answered_with_one() {
        for (text, help) in [
            ("250", "write `\"250ms\"` or `\"250s\"`, whichever is meant"),
            ("250 ms", "write `\"250ms\"`"),
            ("1.5s", "write `\"1500ms\"`"),
            ("2 Minutes", "write `\"2m\"`"),
            ("0.25 S", "write `\"250ms\"`"),
            ("", "write it as in `\"250ms\"`, `\"2s\"`, `\"10m\"`, `\"1h30m\"`"),
            ("soon", "write it as in `\"250ms\"`, `\"2s\"`, `\"10m\"`, `\"1h30m\"`"),
            ("30m1h", "write it as in `\"250ms\"`, `\"2s\"`, `\"10m\"`, `\"1h30m\"`"),
            ("1s1s", "write it as in `\"250ms\"`, `\"2s\"`, `\"10m\"`, `\"1h30m\"`"),
            ("99999999999999999d", "write it as in `\"250ms\"`, `\"2s\"`, `\"10m\"`, `\"1h30m\"`"),
            ("-1s", "write it as in `\"250ms\"`, `\"2s\"`, `\"10m\"`, `\"1h30m\"`"),
            ("ms", "write it as in `\"250ms\"`, `\"2s\"`, `\"10m\"`, `\"1h30m\"`"),
        ] {
            assert_eq!(parse(text).expect_err(text).help, help, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_exactly_is_read_back(ms: u64) {
            prop_assert_eq!(parse(&ExactMs(ms).to_string()), Ok(ms));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,20}") {
            let _ = parse(&text);
        }
    }
}
