//! What all describes have in common: ids, filters, pages.

use crate::endpoint::args::{Args, Page};
use crate::endpoint::filter::{Facts, Filter};
use crate::world::{IdKind, Refusal};

/// Which items a describe asks for.
#[derive(Debug)]
pub(in crate::endpoint) struct Query {
    kind: IdKind,
    ids: Vec<String>,
    filters: Vec<Filter>,
    page: Page,
}

/// How a kind of describe reads its query.
pub(super) struct Form<'a> {
    pub kind: IdKind,
    /// The parameter that lists ids.
    pub ids: &'a str,
    /// The filters that it knows.
    pub filters: &'a [&'a str],
    /// The most items of one page, also if the caller asked for no pages.
    pub most: usize,
    /// How EC2 calls the list of ids where it refuses it together with `MaxResults`; none where it allows both.
    pub ids_exclude_pages: Option<&'a str>,
}

impl Query {
    pub(super) fn read(args: &mut Args, form: &Form<'_>) -> Result<Self, Refusal> {
        let ids = args.ids(form.ids, form.kind)?;
        let filters = args.filters(form.filters)?;
        let page = args.page(form.most)?;
        if let Some(set) = form.ids_exclude_pages
            && page.asked
            && !ids.is_empty()
        {
            return Err(Refusal::invalid_combination(format!(
                "The parameter {set} cannot be used with the parameter maxResults"
            )));
        }
        Ok(Self { kind: form.kind, ids, filters, page })
    }

    pub(super) fn is_filtered(&self) -> bool {
        !self.ids.is_empty() || !self.filters.is_empty() || self.page.asked
    }

    /// The items of this page, by rising id, and the token of the next. One id that nobody has spoils all.
    pub(super) fn select<'a, T>(
        &self,
        all: impl Iterator<Item = (&'a str, T)>,
        facts: impl Fn(&T) -> Facts<'a>,
    ) -> Result<(Vec<T>, Option<String>), Refusal> {
        let all: Vec<(&str, T)> = all.collect();
        if let Some(stranger) = self.ids.iter().find(|id| !all.iter().any(|(known, _)| known == *id)) {
            return Err(Refusal::not_found(self.kind, stranger));
        }
        let mut found = all.into_iter().filter(|(id, item)| {
            (self.ids.is_empty() || self.ids.iter().any(|wanted| wanted == id))
                && self.page.after.as_deref().is_none_or(|after| *id > after)
                && facts(item).pass(&self.filters)
        });
        let mut page = Vec::new();
        let mut last = "";
        for (id, item) in found.by_ref().take(self.page.most) {
            last = id;
            page.push(item);
        }
        let token = found.next().map(|_| Page::token(last));
        Ok((page, token))
    }
}
