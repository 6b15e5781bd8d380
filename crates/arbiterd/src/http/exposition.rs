//! Prometheus' text format, version 0.0.4: the one that `promtool` checks and every scraper reads.
//!
//! Written by hand: each scrape is one [`arbiter_control::Look`] turned into text, there is no registry to keep, and
//! the maintained client library writes OpenMetrics only, which `promtool check metrics` does not read.

/// What kind of numbers a family holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only goes up while the process lives.
    Counter,
    /// How many values fell where.
    Histogram,
}

/// A text that grows by one family after the other.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    text: String,
}

/// One family: all samples of one name.
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

/// Names and values of labels.
pub(super) type Labels<'a> = &'a [(&'static str, &'a str)];

impl Exposition {
    /// Begins a family. `help` is one line, shown by every tool that lists metrics.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        };
        self.push(&format!("# HELP {name} {}\n# TYPE {name} {kind}\n", escaped(help, false)));
        Family { text: &mut self.text, name }
    }

    /// A gauge without labels; no sample where there is nothing to say.
    pub fn gauge(&mut self, name: &'static str, help: &str, value: impl Into<Option<f64>>) {
        let mut family = self.family(name, Kind::Gauge, help);
        if let Some(value) = value.into() {
            family.sample(&[], value);
        }
    }

    pub fn into_text(self) -> String {
        self.text
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }
}

impl Family<'_> {
    pub fn sample(&mut self, labels: Labels<'_>, value: f64) {
        self.line("", labels, None, value);
    }

    /// A histogram's samples: `buckets` as (upper bound, how many values fell in this one), the last without a bound.
    pub fn histogram(&mut self, labels: Labels<'_>, buckets: &[(Option<f64>, u64)], sum: f64) {
        let mut so_far = 0_u64;
        for (bound, count) in buckets {
            so_far = so_far.saturating_add(*count);
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string());
            self.line("_bucket", labels, Some(&bound), number(so_far));
        }
        self.line("_sum", labels, None, sum);
        self.line("_count", labels, None, number(so_far));
    }

    fn line(&mut self, suffix: &str, labels: Labels<'_>, bound: Option<&str>, value: f64) {
        let le = bound.map(|bound| ("le", bound));
        let labels: Vec<String> = labels
            .iter()
            .copied()
            .chain(le)
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value, true)))
            .collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.text.push_str(&format!("{}{suffix}{labels} {value}\n", self.name));
    }
}

/// A count as the format's only type of number. Exact up to 2^53; no count of ours comes near.
#[expect(clippy::cast_precision_loss, reason = "the format knows floating point only")]
pub(super) const fn number(count: u64) -> f64 {
    count as f64
}

/// A flag as a number.
pub(super) const fn flag(set: bool) -> f64 {
    if set { 1.0 } else { 0.0 }
}

/// In values of labels the quotation mark is escaped too; in help texts it stands for itself.
fn escaped(text: &str, quotes: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '"' if quotes => escaped.push_str("\\\""),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_line_or_a_value_is_escaped() {
        let mut text = Exposition::default();
        let mut family = text.family("a_ratio", Kind::Gauge, "with \"quotes\",\na line and a \\");
        family.sample(&[("path", "x\"} 1\ny\\")], 0.25);
        assert_eq!(
            text.into_text(),
            "# HELP a_ratio with \"quotes\",\\na line and a \\\\\n# TYPE a_ratio gauge\n\
             a_ratio{path=\"x\\\"} 1\\ny\\\\\"} 0.25\n"
        );
    }

    #[test]
    fn buckets_are_written_cumulated_and_end_without_a_bound() {
        let mut text = Exposition::default();
        let mut family = text.family("t_seconds", Kind::Histogram, "h");
        family.histogram(
            &[("stage", "s")],
            &[(Some(0.005), 2), (Some(1.0), 0), (Some(2.5), 1), (None, 4)],
            9.5,
        );
        let text = text.into_text();
        let samples: Vec<_> = text.lines().skip(2).collect();
        assert_eq!(
            samples,
            [
                "t_seconds_bucket{stage=\"s\",le=\"0.005\"} 2",
                "t_seconds_bucket{stage=\"s\",le=\"1\"} 2",
                "t_seconds_bucket{stage=\"s\",le=\"2.5\"} 3",
                "t_seconds_bucket{stage=\"s\",le=\"+Inf\"} 7",
                "t_seconds_sum{stage=\"s\"} 9.5",
                "t_seconds_count{stage=\"s\"} 7",
            ]
        );
    }
}
