//! "Did you mean": which known word a wrong one was probably meant to be.

/// Words longer than this are compared no further: the comparison is quadratic in their length.
const COMPARED_CHARS_MAX: usize = 64;
/// More known words than this help nobody.
const LISTED_MAX: usize = 20;

/// The known word that `wrong` is most likely a slip of, if any is near enough to be worth naming.
///
/// Near enough: one slip in each three letters, at least one. Of equals the first wins.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (wrong.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|word| (slips(wrong, word), word))
        .filter(|(slips, word)| *slips <= allowed && *slips < word.chars().count())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, word)| word)
}

/// What to say of a wrong word: the one that was probably meant, or else those there are.
pub fn suggestion<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str, IntoIter: Clone>) -> String {
    let mut known = known.into_iter();
    if let Some(meant) = nearest(wrong, known.clone()) {
        return format!("write `{meant}`");
    }
    let some: Vec<String> = known.by_ref().take(LISTED_MAX).map(|word| format!("`{word}`")).collect();
    match (some.is_empty(), known.next()) {
        (true, _) => "there is none yet".to_owned(),
        (false, None) => format!("known: {}", some.join(", ")),
        (false, Some(_)) => format!("known: {}, …", some.join(", ")),
    }
}

/// How many letters must be put in, left out, replaced or swapped with their neighbour; case doesn't count.
fn slips(from: &str, to: &str) -> usize {
    let letters = |word: &str| -> Vec<char> {
        word.chars().take(COMPARED_CHARS_MAX).flat_map(char::to_lowercase).collect()
    };
    let (from, to) = (letters(from), letters(to));
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(before_last[j - 1] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["interval", "timeout_min", "timeout_max", "fall"];
        for (wrong, meant) in [
            ("intreval", Some("interval")),
            ("Interval", Some("interval")),
            ("timeout_mix", Some("timeout_min")),
            ("fal", Some("fall")),
            ("burst", None),
            ("", None),
        ] {
            assert_eq!(nearest(wrong, known), meant, "{wrong}");
        }
        assert_eq!(nearest("a", ["b"]), None, "one letter replaced is another word, not a slip");
    }

    #[test]
    fn slips_count_letters() {
        for (from, to, count) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("abc", "acb", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(slips(from, to), count, "{from} {to}");
        }
    }
}
