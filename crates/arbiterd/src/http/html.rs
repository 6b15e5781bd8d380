//! HTML, written so that nothing which came from elsewhere can become a tag.

/// A text of HTML that only grows by whole, escaped pieces.
#[derive(Debug, Default)]
pub(super) struct Html {
    text: String,
}

/// How a piece stands out. The words tell as well: no meaning is in the colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Not at all.
    Plain,
    /// As it should be.
    Good,
    /// To be looked at.
    Warn,
    /// To be acted upon.
    Bad,
    /// Of no weight.
    Faint,
}

/// A text and its look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    look: Look,
    text: String,
}

impl Cell {
    pub fn new(look: Look, text: impl Into<String>) -> Self {
        Self { look, text: text.into() }
    }

    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(Look::Plain, text)
    }

    /// The text, or a dash.
    pub fn or_dash(text: &str) -> Self {
        if text.is_empty() { Self::new(Look::Faint, "–") } else { Self::plain(text) }
    }
}

impl Html {
    /// Markup of our own.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.text.push_str(markup);
        self
    }

    /// Somebody's words.
    pub fn words(&mut self, words: &str) -> &mut Self {
        for c in words.chars() {
            match c {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\'' => self.text.push_str("&#39;"),
                c if c.is_control() => self.text.extend(c.escape_default()),
                c => self.text.push(c),
            }
        }
        self
    }

    /// A piece with its look.
    pub fn cell(&mut self, cell: &Cell) -> &mut Self {
        let open = match cell.look {
            Look::Plain => return self.words(&cell.text),
            Look::Good => "<b class=\"good\">",
            Look::Warn => "<b class=\"warn\">",
            Look::Bad => "<b class=\"bad\">",
            Look::Faint => "<span class=\"faint\">",
        };
        let close = if cell.look == Look::Faint { "</span>" } else { "</b>" };
        self.raw(open).words(&cell.text).raw(close)
    }

    /// A line of a list of names and values.
    pub fn field(&mut self, name: &'static str, cells: &[Cell]) -> &mut Self {
        self.raw("<dt>").raw(name).raw("</dt><dd>");
        for cell in cells {
            self.cell(cell);
        }
        self.raw("</dd>\n")
    }

    /// A table with its heading; without rows, what to say instead.
    pub fn table<const N: usize>(
        &mut self,
        title: &'static str,
        heads: [&'static str; N],
        rows: &[[Cell; N]],
        none: &'static str,
    ) -> &mut Self {
        self.raw("<h2>").raw(title).raw("</h2>\n");
        if rows.is_empty() {
            return self.raw("<p class=\"faint\">").raw(none).raw("</p>\n");
        }
        self.raw("<div class=\"wide\"><table>\n<thead><tr>");
        for head in heads {
            self.raw("<th scope=\"col\">").raw(head).raw("</th>");
        }
        self.raw("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.raw("<tr>");
            for cell in row {
                self.raw("<td>").cell(cell).raw("</td>");
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody></table></div>\n")
    }

    pub fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_can_not_become_markup() {
        let mut html = Html::default();
        html.cell(&Cell::new(Look::Bad, "<script>alert('1')</script> & \"x\"\u{1b}[2J\n"));
        assert_eq!(
            html.into_text(),
            "<b class=\"bad\">&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;\\u{1b}[2J\\n</b>"
        );
    }
}
