//! The doc comments of a source's types and their fields, as far as rustfmt's own layout lets them be read by lines.

use std::collections::BTreeMap;

/// `Type`, `Type.field`, `Type.Variant`, `Type.Variant.field` or `CONSTANT` → its doc comment, in one line.
pub fn of(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    // The items that are open, each with the indentation of its line.
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut doc: Vec<&str> = Vec::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let code = line.trim_start();
        if let Some(words) = code.strip_prefix("///") {
            doc.push(words.trim());
            continue;
        }
        if code.starts_with("#[") || code.is_empty() {
            continue;
        }
        if code.starts_with('}') {
            open.retain(|(outer, _)| *outer < indent);
        } else if let Some(name) = declared(code, !open.is_empty()) {
            let path = open.last().map_or_else(|| name.to_owned(), |(_, outer)| format!("{outer}.{name}"));
            if !doc.is_empty() {
                found.insert(path.clone(), first_paragraph(&doc));
            }
            if code.ends_with('{') {
                open.push((indent, path));
            }
        } else if code.ends_with('{') && open.is_empty() {
            // A function or an implementation: nothing in it is a field.
            open.push((indent, format!("<{code}>")));
        }
        doc.clear();
    }
    found
}

/// The name that a line declares: of a type, a constant, a field or a variant.
fn declared(code: &str, inside: bool) -> Option<&str> {
    let bare = code.strip_prefix("pub(crate) ").or_else(|| code.strip_prefix("pub ")).unwrap_or(code);
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').count();
    for kind in ["struct ", "enum ", "const "] {
        if let Some(rest) = bare.strip_prefix(kind) {
            return Some(&rest[..name(rest)]).filter(|found| *found != "fn");
        }
    }
    let length = name(bare);
    let after = &bare[length..];
    (inside && length > 0 && [":", ",", "(", " {"].iter().any(|mark| after.starts_with(mark)))
        .then_some(&bare[..length])
}

fn first_paragraph(doc: &[&str]) -> String {
    doc.iter().take_while(|line| !line.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

#[test]
fn types_fields_variants_and_constants_are_found() {
    let text = "/// A.\n///\n/// More.\n#[derive(Debug)]\npub struct A {\n    /// The b,\n    /// in ms.\n    #[serde(default)]\n    \
                pub b_ms: u64,\n    c: u8,\n}\n\nimpl A {\n    /// Not a field.\n    pub fn d(&self) {}\n}\n\n/// E.\npub(crate) \
                enum E {\n    /// F.\n    F {\n        /// G.\n        g: u8,\n    },\n    /// H.\n    H,\n}\n/// The J.\nconst J: u64 = 1;\n";
    let found = of(text);
    let expected = [
        ("A", "A."),
        ("A.b_ms", "The b, in ms."),
        ("E", "E."),
        ("E.F", "F."),
        ("E.F.g", "G."),
        ("E.H", "H."),
        ("J", "The J."),
    ];
    let found: Vec<(&str, &str)> = found.iter().map(|(key, doc)| (key.as_str(), doc.as_str())).collect();
    assert_eq!(found, expected);
}
