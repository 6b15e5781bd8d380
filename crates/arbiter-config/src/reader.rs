//! Reading TOML tables key by key, so that every problem is found and each keeps its place.

use crate::context::Context;
use crate::duration;
use arbiter_core::policy::{nearest, suggestion};
use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// Tables of one kind that are read: twice what core lets through. What follows is only counted.
const TABLES_MAX: usize = 10_000;

/// Texts of one list that are read: far more than a cluster has nodes, or a route paths.
const TEXTS_MAX: usize = 1_000;

/// One table of the file, and which of core's structures it becomes.
pub(crate) struct Table<'c, 'd> {
    pub(crate) context: &'c mut Context,
    table: Option<&'d DeTable<'d>>,
    span: Option<Range<usize>>,
    label: String,
    place: String,
    /// A known key → how it was misspelled.
    slips: BTreeMap<&'static str, &'d str>,
}

/// A table of the file, before it is known what it should hold.
#[derive(Clone)]
pub(crate) struct Raw<'d> {
    pub(crate) table: Option<&'d DeTable<'d>>,
    pub(crate) span: Option<Range<usize>>,
}

impl<'c, 'd> Table<'c, 'd> {
    /// Opens a table that may have these keys, and complains of all others.
    pub(crate) fn open(
        context: &'c mut Context,
        raw: Raw<'d>,
        label: &str,
        place: &str,
        keys: &[&'static str],
    ) -> Self {
        let mut slips = BTreeMap::new();
        for (key, _) in raw.table.into_iter().flatten() {
            let (name, span) = (key.get_ref().as_ref(), key.span());
            if keys.contains(&name) {
                continue;
            }
            let free = keys
                .iter()
                .copied()
                .filter(|known| !raw.table.is_some_and(|table| table.contains_key(*known)));
            let meant = nearest(name, free);
            let help = meant
                .map_or_else(|| suggestion(name, keys.iter().copied()), |meant| format!("write `{meant}`"));
            context.error(Some(span), label, format!("unknown key `{name}`"), help);
            if let Some(known) = keys.iter().find(|known| Some(**known) == meant) {
                slips.insert(*known, name);
            }
        }
        context.stands(place, raw.span.clone(), label);
        context.opened.entry(label.to_owned()).or_insert_with(|| keys.to_vec());
        Self {
            context,
            table: raw.table,
            span: raw.span,
            label: label.to_owned(),
            place: place.to_owned(),
            slips,
        }
    }

    /// Core's place of a field of this table.
    pub(crate) fn place(&self, field: &str) -> String {
        if self.place.is_empty() { field.to_owned() } else { format!("{}.{field}", self.place) }
    }

    fn key(&self, key: &str) -> String {
        if self.label.is_empty() { key.to_owned() } else { format!("{}.{key}", self.label) }
    }

    /// The value of a key, remembered as what core calls `field`.
    pub(crate) fn value(&mut self, key: &'static str, field: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        let name = self.slips.get(key).copied().unwrap_or(key);
        let value = self.table.and_then(|table| table.get(name));
        let span = value.map(Spanned::span).or_else(|| self.span.clone());
        self.context.stands(self.place(field), span, self.key(key));
        value
    }

    /// Adds an error about a field.
    pub(crate) fn error(&mut self, field: &str, message: impl Into<String>, help: impl Into<String>) {
        let place = self.place(field);
        self.context.error_at(&place, message, help);
    }

    fn wrong_type(&mut self, key: &str, field: &str, value: &DeValue<'_>, expected: &str, example: &str) {
        let message = format!("{expected} is expected here, not {}", described(value));
        self.error(field, message, format!("write `{key} = {example}`"));
    }

    /// Says that a key is missing.
    pub(crate) fn missing(&mut self, key: &'static str, field: &str, example: &str) {
        self.value(key, field);
        self.error(field, format!("`{key}` is missing"), format!("add `{key} = {example}`"));
    }

    /// A text.
    pub(crate) fn text(&mut self, key: &'static str, field: &str, example: &str) -> Option<&'d str> {
        let value = self.value(key, field)?.get_ref();
        if value.as_str().is_none() {
            self.wrong_type(key, field, value, "a text", example);
        }
        value.as_str()
    }

    /// A text that must be there; empty, and complained of, if it isn't.
    pub(crate) fn required_text(&mut self, key: &'static str, field: &str, example: &str) -> String {
        if self.value(key, field).is_none() {
            self.missing(key, field, example);
        }
        self.text(key, field, example).unwrap_or_default().to_owned()
    }

    /// A text of a certain form.
    pub(crate) fn parsed<T: FromStr>(
        &mut self,
        key: &'static str,
        field: &str,
        what: &str,
        example: &str,
    ) -> Option<T> {
        let text = self.text(key, field, example)?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.error(
                field,
                format!("`{text}` is not {what}"),
                format!("write it as in `{key} = {example}`"),
            );
        }
        parsed
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        field: &str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        let example = words.first().map(|(word, _)| format!("\"{word}\"")).unwrap_or_default();
        let text = self.text(key, field, &example)?;
        let chosen = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if chosen.is_none() {
            self.error(
                field,
                format!("unknown {key} `{text}`"),
                suggestion(text, words.iter().map(|(word, _)| *word)),
            );
        }
        chosen
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, key: &'static str, field: &str) -> Option<bool> {
        let value = self.value(key, field)?.get_ref();
        if value.as_bool().is_none() {
            let meant = match value.as_str() {
                Some("no" | "off" | "false") => "false",
                _ => "true",
            };
            self.wrong_type(key, field, value, "`true` or `false`", meant);
        }
        value.as_bool()
    }

    /// A whole number that fits its type.
    pub(crate) fn number<T: Whole>(&mut self, key: &'static str, field: &str, example: &str) -> Option<T> {
        let value = self.value(key, field)?.get_ref();
        let Some(integer) = value.as_integer() else {
            let meant = value.as_str().filter(|text| text.parse::<u64>().is_ok()).unwrap_or(example);
            self.wrong_type(key, field, value, "a whole number", meant);
            return None;
        };
        let number =
            u64::from_str_radix(integer.as_str(), integer.radix()).ok().and_then(|it| T::try_from(it).ok());
        if number.is_none() {
            let message = format!("{integer} is not between 0 and {}", T::MOST);
            self.error(field, message, format!("write it as in `{key} = {example}`"));
        }
        number
    }

    /// A duration with its unit, in milliseconds.
    pub(crate) fn duration_ms(&mut self, key: &'static str, field: &str) -> Option<u64> {
        let value = self.value(key, field)?.get_ref();
        let parsed = match value {
            DeValue::String(text) => duration::parse(text),
            DeValue::Integer(number) => match number.as_str().parse() {
                Ok(number) => Err(duration::without_unit(number)),
                Err(_) => duration::parse(number.as_str()),
            },
            DeValue::Float(number) => Err(duration::fraction_without_unit(number.as_str())),
            other => {
                self.wrong_type(key, field, other, "a duration", "\"250ms\"");
                return None;
            }
        };
        parsed.map_err(|bad| self.error(field, bad.message, bad.help)).ok()
    }

    /// A list of texts; each stands at core's `field[i]`.
    pub(crate) fn texts(&mut self, key: &'static str, field: &str, example: &str) -> Option<Vec<&'d str>> {
        let value = self.value(key, field)?.get_ref();
        let Some(items) = value.as_array() else {
            let meant = value.as_str().map_or_else(|| example.to_owned(), |text| format!("[\"{text}\"]"));
            self.wrong_type(key, field, value, "a list of texts", &meant);
            return None;
        };
        let label = self.key(key);
        let mut texts = Vec::new();
        if items.len() > TEXTS_MAX {
            self.error(
                field,
                format!("{} texts are too many: at most {TEXTS_MAX}", items.len()),
                "shorten the list",
            );
        }
        for (i, item) in items.iter().take(TEXTS_MAX).enumerate() {
            let field = format!("{field}[{i}]");
            self.context.stands(self.place(&field), Some(item.span()), label.clone());
            match item.get_ref().as_str() {
                Some(text) => texts.push(text),
                None => {
                    self.wrong_type(key, &field, item.get_ref(), "a list of texts", example);
                    texts.push("");
                }
            }
        }
        Some(texts)
    }

    /// A table, empty if it isn't there.
    pub(crate) fn table(&mut self, key: &'static str, field: &str) -> Raw<'d> {
        let Some(value) = self.value(key, field) else {
            return Raw { table: None, span: self.span.clone() };
        };
        if value.get_ref().as_table().is_none() {
            let message = format!("a table is expected here, not {}", described(value.get_ref()));
            self.error(field, message, format!("write `[{key}]`, and its keys below"));
        }
        Raw { table: value.get_ref().as_table(), span: Some(value.span()) }
    }

    /// Repeated tables, `[[key]]`.
    pub(crate) fn tables(&mut self, key: &'static str, field: &str) -> Vec<Raw<'d>> {
        let Some(value) = self.value(key, field) else { return vec![] };
        let raw = |value: &'d Spanned<DeValue<'d>>| Raw {
            table: value.get_ref().as_table(),
            span: Some(value.span()),
        };
        let items: &DeArray<'d> = match value.get_ref() {
            DeValue::Array(items) => items,
            other => {
                let message = format!("repeated tables are expected here, not {}", described(other));
                self.error(field, message, format!("write `[[{key}]]`"));
                return other.as_table().map(|_| raw(value)).into_iter().collect();
            }
        };
        if items.len() > TABLES_MAX {
            self.error(
                field,
                format!("{} tables are too many: at most {TABLES_MAX}", items.len()),
                "is it the right file?",
            );
        }
        let items = || items.iter().take(TABLES_MAX);
        for item in items().filter(|item| !item.get_ref().is_table()) {
            let message = format!("a table is expected here, not {}", described(item.get_ref()));
            self.context.error(
                Some(item.span()),
                key,
                message,
                format!("write `[[{key}]]`, and its keys below"),
            );
        }
        items().filter(|item| item.get_ref().is_table()).map(raw).collect()
    }
}

/// The whole numbers that a key can hold.
pub(crate) trait Whole: TryFrom<u64> {
    /// The largest.
    const MOST: u64;
}

impl Whole for u16 {
    const MOST: u64 = Self::MAX as u64;
}

impl Whole for u32 {
    const MOST: u64 = Self::MAX as u64;
}

impl Whole for u64 {
    const MOST: u64 = Self::MAX;
}

fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text `{text}`"),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(flag) => format!("`{flag}`"),
        DeValue::Datetime(date) => format!("the date {date}"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
