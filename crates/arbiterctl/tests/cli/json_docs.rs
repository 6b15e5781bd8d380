//! `docs/json.md` and the pages beside it against every JSON document that the golden files hold: each field is
//! described with the type that it has, and nothing is described that no document has.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a field may be.
#[derive(Debug, Clone, PartialEq)]
struct Type {
    list: bool,
    of: Of,
    /// "or null"; of a list it is the elements that may not be.
    null: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Of {
    Text,
    Integer,
    Boolean,
    Any,
    /// One of these words.
    Words(Vec<String>),
    /// The object under that heading.
    Object(String),
}

/// By heading's anchor: the fields of each document and object.
type Schema = BTreeMap<String, BTreeMap<String, Type>>;

fn type_of(text: &str) -> Result<Type, String> {
    let (text, null) = text.strip_suffix(" or null").map_or((text, false), |text| (text, true));
    let (text, list) = text.strip_prefix("list of ").map_or((text, false), |text| (text, true));
    let of = match text {
        "string" => Of::Text,
        "integer" => Of::Integer,
        "boolean" => Of::Boolean,
        "any" => Of::Any,
        _ if text.starts_with('[') => {
            let anchor = text.split_once('#').and_then(|(_, rest)| rest.strip_suffix(')'));
            Of::Object(anchor.ok_or_else(|| format!("`{text}` is no link"))?.to_owned())
        }
        _ if text.starts_with('`') => {
            Of::Words(text.split('`').skip(1).step_by(2).map(str::to_owned).collect())
        }
        _ => return Err(format!("`{text}` is no type")),
    };
    Ok(Type { list, of, null })
}

/// Reads the tables of the page.
fn schema(page: &str) -> Result<Schema, String> {
    let (mut schema, mut heading) = (Schema::new(), String::new());
    for line in page.lines() {
        if let Some(text) = line.strip_prefix("### ") {
            heading = text.replace('`', "").to_lowercase().replace(' ', "-");
            schema.insert(heading.clone(), BTreeMap::new());
        }
        let Some(row) = line.strip_prefix("| `") else { continue };
        let (field, rest) = row.split_once("` | ").ok_or_else(|| format!("no field: {line}"))?;
        let (kind, meaning) = rest.split_once(" | ").ok_or_else(|| format!("no type: {line}"))?;
        if meaning.trim_end_matches(" |").is_empty() {
            return Err(format!("{heading}.{field} has no meaning"));
        }
        let known = schema.get_mut(&heading).ok_or_else(|| format!("a table without a heading: {line}"))?;
        let kind = type_of(kind).map_err(|why| format!("{heading}.{field}: {why}"))?;
        if known.insert(field.to_owned(), kind).is_some() {
            return Err(format!("{heading}.{field} stands twice"));
        }
    }
    Ok(schema)
}

/// Walks documents, and remembers what it has seen.
struct Walk<'a> {
    schema: &'a Schema,
    seen: BTreeSet<(String, String)>,
    wrong: BTreeSet<String>,
}

impl Walk<'_> {
    fn document(&mut self, document: &Value) {
        let kind = document["kind"].as_str().unwrap_or_default();
        let heading = format!("document-{kind}");
        if document["version"] != 1 || !self.schema.contains_key(&heading) {
            self.wrong.insert(format!("no document `{kind}` of version 1 is described"));
            return;
        }
        let mut body = document.as_object().unwrap().clone();
        body.remove("version");
        body.remove("kind");
        self.object(&heading, &Value::Object(body));
    }

    fn object(&mut self, heading: &str, value: &Value) {
        let (Some(fields), Some(object)) = (self.schema.get(heading), value.as_object()) else {
            self.wrong.insert(format!("{heading} is not described, or no object: {value}"));
            return;
        };
        for field in fields.keys().filter(|field| !object.contains_key(*field)) {
            self.wrong.insert(format!("{heading}.{field} is described and left out"));
        }
        for (field, value) in object {
            let place = format!("{heading}.{field}");
            match fields.get(field) {
                Some(kind) => {
                    self.seen.insert((heading.to_owned(), field.clone()));
                    self.value(&place, kind, value);
                }
                None => drop(self.wrong.insert(format!("{place} is not described"))),
            }
        }
    }

    fn value(&mut self, place: &str, kind: &Type, value: &Value) {
        if value.is_null() {
            if !kind.null {
                self.wrong.insert(format!("{place} is null, and not said to be"));
            }
            return;
        }
        if !kind.list {
            return self.one(place, &kind.of, value);
        }
        match value.as_array() {
            Some(list) => list.iter().for_each(|value| self.one(place, &kind.of, value)),
            None => drop(self.wrong.insert(format!("{place} is no list: {value}"))),
        }
    }

    fn one(&mut self, place: &str, of: &Of, value: &Value) {
        let fits = match of {
            Of::Text => value.is_string(),
            Of::Integer => value.is_u64(),
            Of::Boolean => value.is_boolean(),
            Of::Any => true,
            Of::Words(words) => value.as_str().is_some_and(|word| words.iter().any(|known| known == word)),
            Of::Object(heading) => {
                self.object(heading, value);
                true
            }
        };
        if !fits {
            self.wrong.insert(format!("{place} is not {of:?}: {value}"));
        }
    }
}

/// Every JSON document of the golden files: whole files, lines of them, and what stands in transcripts.
fn documents() -> Vec<Value> {
    fn files(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                files(&entry, found);
            } else if entry.extension().is_some_and(|end| end == "json" || end == "jsonl") {
                found.push(std::fs::read_to_string(entry).unwrap());
            }
        }
    }
    let mut texts = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"), &mut texts);
    let parts = texts.iter().flat_map(|text| {
        // A transcript's other lines begin like this.
        let mut parts = vec![String::new()];
        for line in text.lines() {
            match line.strip_prefix("--- ") {
                Some(_) => parts.push(String::new()),
                None => parts.last_mut().unwrap().push_str(&format!("{line}\n")),
            }
        }
        parts
    });
    parts
        .flat_map(|part| {
            let values: Result<Vec<Value>, _> =
                serde_json::Deserializer::from_str(&part).into_iter().collect();
            values.unwrap_or_else(|error| panic!("{error}: {part}"))
        })
        .collect()
}

fn findings(page: &str, documents: &[Value]) -> Result<BTreeSet<String>, String> {
    let schema = schema(page)?;
    let mut walk = Walk { schema: &schema, seen: BTreeSet::new(), wrong: BTreeSet::new() };
    documents.iter().for_each(|document| walk.document(document));
    let Walk { seen, mut wrong, .. } = walk;
    for (heading, fields) in &schema {
        for (field, kind) in fields {
            if !seen.contains(&(heading.clone(), field.clone())) {
                wrong.insert(format!("{heading}.{field} is described, and no document has it"));
            }
            let counted = ["_ms", "_us", "_permille"].iter().any(|unit| field.ends_with(unit));
            if counted && kind.of != Of::Integer {
                wrong.insert(format!("{heading}.{field} has a unit, and is no integer"));
            }
        }
    }
    Ok(wrong)
}

fn page() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    ["json.md", "json-certificates.md", "json-backups.md"]
        .map(|page| std::fs::read_to_string(folder.join(page)).unwrap())
        .concat()
}

#[test]
fn the_page_says_what_every_document_has() {
    let documents = documents();
    assert!(documents.len() > 50, "{}", documents.len());
    let wrong = findings(&page(), &documents).unwrap();
    assert!(wrong.is_empty(), "{} found\n  {}\n", wrong.len(), Vec::from_iter(wrong).join("\n  "));
}

/// Every kind that the program has, by its source: one without a golden file would escape the walk.
#[test]
fn every_kind_of_document_is_on_the_page() {
    let schema = schema(&page()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/view");
    let sources = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    let kinds: Vec<String> = sources
        .flat_map(|source| {
            let found = source.split("const KIND: &'static str = \"").skip(1);
            found.map(|rest| rest.split('"').next().unwrap().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    assert!(kinds.len() >= 12, "{kinds:?}");
    for kind in kinds {
        assert!(schema.contains_key(&format!("document-{kind}")), "docs/json.md: no document `{kind}`");
    }
}

#[test]
fn a_page_that_says_something_else_is_found_out() {
    let document: Value = serde_json::json!({
        "version": 1, "kind": "x", "name": "a", "age_ms": 5, "parts": [{ "up": "down" }], "more": null
    });
    let table = |rows: &str| format!("### Document `x`\n\n| field | type | meaning |\n|---|---|---|\n{rows}");
    let part = "\n### part\n\n| `up` | `up` or `down` | It. |\n";
    let right = "| `name` | string | It. |\n| `age_ms` | integer or null | It. |\n| `parts` | list of [part](#part) | It. |\n\
                 | `more` | string or null | It. |\n";
    let found = |rows: &str| findings(&(table(rows) + part), std::slice::from_ref(&document));
    assert_eq!(found(right), Ok(BTreeSet::new()));
    for (from, to, says) in [
        ("| `name` | string | It. |\n", "", "document-x.name is not described"),
        ("`name` | string", "`name` | boolean", "document-x.name is not Boolean"),
        ("string or null", "string", "document-x.more is null"),
        ("list of [part]", "[part]", "no object"),
        ("`name`", "`title`", "document-x.title is described and left out"),
        ("integer or null", "string", "has a unit, and is no integer"),
    ] {
        let wrong = found(&right.replacen(from, to, 1)).unwrap();
        assert!(wrong.iter().any(|line| line.contains(says)), "{says}: {wrong:?}");
    }
    for wrong in ["| `name` | strnig | It. |\n", "| `name` | string |  |\n", "| `name` | [part] | It. |\n"] {
        assert!(found(wrong).is_err(), "{wrong}");
    }
    assert!(
        findings(part, std::slice::from_ref(&document))
            .unwrap()
            .iter()
            .any(|line| line.contains("no document"))
    );
}
