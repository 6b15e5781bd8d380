//! What came of a command.

use super::Readable;
use super::page::{Page, Span};
use crate::view::WrittenView;

impl Readable for WrittenView {
    fn page(&self) -> Page {
        let mut page = Page::default();
        for line in &self.says {
            page.line([Span::plain(line)]);
        }
        page
    }
}
