//! Columns as wide as their widest cell. Nothing is cut: what is shown can be copied.

use super::page::{Page, Span, Style};

/// The space between columns.
const GAP: usize = 2;

/// A table of a fixed number of columns.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    heads: [&'static str; N],
    rows: Vec<[Span; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(heads: [&'static str; N]) -> Self {
        Self { heads, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: [Span; N]) {
        self.rows.push(cells);
    }

    /// Lays it out. A table without rows says so instead of standing there with its heads alone.
    pub(super) fn onto(self, page: &mut Page, when_empty: &str) {
        if self.rows.is_empty() {
            page.line([Span::new(Style::Faint, when_empty)]);
            return;
        }
        let heads = self.heads.map(|head| Span::new(Style::Strong, head));
        let rows: Vec<[Span; N]> = std::iter::once(heads).chain(self.rows).collect();
        let widths: [usize; N] =
            std::array::from_fn(|k| rows.iter().map(|row| row[k].width()).max().unwrap_or(0));
        for row in rows {
            page.line(row.into_iter().zip(widths).flat_map(|(cell, width)| {
                let pad = " ".repeat(width - cell.width() + GAP);
                [cell, Span::plain(pad)]
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_their_widest_cell_and_lines_end_without_spaces() {
        let mut table = Table::new(["A", "LONG"]);
        table.row([Span::plain("wide → cell"), Span::plain("x")]);
        table.row([Span::plain("y"), Span::plain("")]);
        let mut page = Page::default();
        table.onto(&mut page, "none");
        assert_eq!(page.text(false), "A            LONG\nwide → cell  x\ny\n");
        let mut empty = Page::default();
        Table::new(["A"]).onto(&mut empty, "none");
        assert_eq!(empty.text(false), "none\n");
    }
}
