//! Lines of styled text.

use std::fmt::Write;

/// The width of the labels at the start of lines.
const LABEL_WIDTH: usize = 11;

/// What stands where a line was cut.
const CUT: &str = "…";

/// What stands where lines were cut.
const CUT_LINES: &str = "… there is more: make the window higher";

/// How a text stands out. Without colour it is the words that tell: no meaning is in the style alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Not at all.
    Plain,
    /// As it should be.
    Good,
    /// To be looked at.
    Warn,
    /// To be acted upon.
    Bad,
    /// Labels and headings.
    Strong,
    /// Of no weight.
    Faint,
}

impl Style {
    const fn escape(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Good => Some("\x1b[32m"),
            Self::Warn => Some("\x1b[33m"),
            Self::Bad => Some("\x1b[1;31m"),
            Self::Strong => Some("\x1b[1m"),
            Self::Faint => Some("\x1b[2m"),
        }
    }
}

/// Reasons and EC2's words come from elsewhere: control characters in them must not reach the terminal.
pub fn printable(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    for c in raw.chars() {
        if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
    }
    text
}

/// A piece of text of one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    style: Style,
    text: String,
}

impl Span {
    pub(super) fn new(style: Style, text: impl Into<String>) -> Self {
        Self { style, text: printable(&text.into()) }
    }

    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::new(Style::Plain, text)
    }

    /// In characters.
    pub(super) fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// A page for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    lines: Vec<Vec<Span>>,
}

impl Page {
    /// A line of spans, one after the other.
    pub(super) fn line(&mut self, spans: impl IntoIterator<Item = Span>) {
        self.lines.push(spans.into_iter().collect());
    }

    /// A line that starts with a label, which may be empty to go on with the one above.
    pub(super) fn field(&mut self, label: &str, spans: impl IntoIterator<Item = Span>) {
        let label = Span::new(Style::Strong, format!("{label:LABEL_WIDTH$}"));
        self.line(std::iter::once(label).chain(spans));
    }

    /// A heading of its own line.
    pub(super) fn heading(&mut self, text: &str) {
        self.line([Span::new(Style::Strong, text)]);
    }

    /// An empty line.
    pub(super) fn blank(&mut self) {
        self.lines.push(Vec::new());
    }

    /// How many lines it has.
    pub(super) fn height(&self) -> usize {
        self.lines.len()
    }

    /// What is wider or higher than a screen is cut, and a mark says so.
    pub(super) fn cut(&mut self, columns: usize, lines: usize) {
        if self.lines.len() > lines {
            self.lines.truncate(lines.saturating_sub(1));
            self.line([Span::new(Style::Faint, CUT_LINES)]);
        }
        for line in &mut self.lines {
            cut_line(line, columns);
        }
    }

    /// The text, with or without colour. No line ends in spaces.
    pub fn text(&self, colour: bool) -> String {
        let mut text = String::new();
        for line in &self.lines {
            for (k, span) in line.iter().enumerate() {
                let rest_is_empty = line[k + 1..].iter().all(|span| span.text.trim_end().is_empty());
                let shown = if rest_is_empty { span.text.trim_end() } else { &span.text };
                match span.style.escape().filter(|_| colour && !shown.trim().is_empty()) {
                    // A `String` takes whatever is written.
                    Some(escape) => drop(write!(text, "{escape}{shown}\x1b[0m")),
                    None => text.push_str(shown),
                }
            }
            text.push('\n');
        }
        text
    }
}

/// Cuts a line to so many characters, the mark included.
fn cut_line(line: &mut Vec<Span>, columns: usize) {
    let shown = |line: &[Span]| line.iter().map(Span::width).sum::<usize>();
    let trailing = line.last().map_or(0, |span| span.width() - span.text.trim_end().chars().count());
    if shown(line) - trailing <= columns {
        return;
    }
    let mut left = columns.saturating_sub(1);
    for span in line.iter_mut() {
        let width = span.width();
        if width > left {
            span.text = span.text.chars().take(left).collect();
        }
        left -= width.min(left);
    }
    line.retain(|span| !span.text.is_empty());
    line.push(Span::new(Style::Faint, CUT));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_can_not_steer_the_terminal() {
        let mut page = Page::default();
        page.line([Span::plain("a\x1b[2Jb\nc\u{9b}d\u{7f}")]);
        let text = page.text(false);
        assert_eq!(text, "a\\u{1b}[2Jb\\nc\\u{9b}d\\u{7f}\n");
    }

    #[test]
    fn what_is_wider_or_higher_than_the_screen_is_cut_with_a_mark() {
        let mut page = Page::default();
        page.line([Span::plain("12345"), Span::new(Style::Bad, "67890")]);
        page.line([Span::plain("1234567"), Span::plain("    ")]);
        page.line([Span::plain("12")]);
        let cut = |columns, lines| {
            let mut page = page.clone();
            page.cut(columns, lines);
            page.text(false)
        };
        assert_eq!(cut(10, 3), "1234567890\n1234567\n12\n");
        assert_eq!(cut(7, 3), "123456…\n1234567\n12\n");
        assert_eq!(cut(4, 3), "123…\n123…\n12\n");
        assert_eq!(cut(80, 2), "1234567890\n… there is more: make the window higher\n");
        assert_eq!(cut(1, 1), "…\n");
    }

    #[test]
    fn colour_adds_escapes_and_nothing_else() {
        let mut page = Page::default();
        page.field("TRAFFIC", [Span::new(Style::Good, "OK"), Span::plain("  all  ")]);
        assert_eq!(page.text(false), "TRAFFIC    OK  all\n");
        assert_eq!(page.text(true), "\x1b[1mTRAFFIC    \x1b[0m\x1b[32mOK\x1b[0m  all\n");
    }
}
