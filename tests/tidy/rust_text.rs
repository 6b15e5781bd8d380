//! Rust source with its comments and literals blanked, so that a check sees code only.

/// A source text after blanking. Offsets are those of the original.
pub struct Masked {
    /// The code; comments and the insides of literals are spaces, line breaks stay.
    pub code: String,
    /// The text literals: the offset of the opening quote, and what stands between the quotes.
    pub literals: Vec<(usize, String)>,
}

/// Blanks comments and the insides of literals.
pub fn mask(text: &str) -> Masked {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = if rest.starts_with(b"//") {
            blank(&mut code, at, at + line_length(rest))
        } else if rest.starts_with(b"/*") {
            blank(&mut code, at, at + block_comment_length(rest))
        } else if let Some(hashes) = raw_string_hashes(bytes, at) {
            let open = at + 1 + hashes;
            let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
            let length = find(&bytes[open + 1..], &close).unwrap_or(bytes.len() - open - 1);
            literals.push((open, text[open + 1..open + 1 + length].to_string()));
            blank(&mut code, open + 1, open + 1 + length);
            (open + 1 + length + close.len()).min(bytes.len())
        } else if rest[0] == b'"' {
            let length = quoted_length(&rest[1..], b'"');
            literals.push((at, text[at + 1..at + 1 + length].to_string()));
            blank(&mut code, at + 1, at + 1 + length);
            at + length + 2
        } else if let Some(length) = char_length(text, at) {
            blank(&mut code, at + 1, at + 1 + length);
            at + length + 2
        } else {
            at + 1
        };
        at = end;
    }
    Masked { code: String::from_utf8(code).expect("whole characters were blanked"), literals }
}

/// Blanks a part, line breaks excepted; returns where it ends.
fn blank(code: &mut [u8], from: usize, to: usize) -> usize {
    let to = to.min(code.len());
    for byte in &mut code[from..to] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
    to
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn line_length(rest: &[u8]) -> usize {
    rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
}

/// Block comments nest.
fn block_comment_length(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Whether a raw string (`r"…"`, `r#"…"#`, `br"…"`) starts here, and with how many `#`.
fn raw_string_hashes(bytes: &[u8], at: usize) -> Option<usize> {
    let word_before = |at: usize| at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    let prefixed = at > 0 && matches!(bytes[at - 1], b'b' | b'c') && !word_before(at - 1);
    if bytes[at] != b'r' || (word_before(at) && !prefixed) {
        return None;
    }
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    (bytes.get(at + 1 + hashes) == Some(&b'"')).then_some(hashes)
}

/// The length up to the closing quote; a backslash hides the next byte.
fn quoted_length(rest: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at.min(rest.len())
}

/// The length inside a character literal that starts here; `None` for a lifetime and anything else.
fn char_length(text: &str, at: usize) -> Option<usize> {
    let rest = text.as_bytes();
    if rest[at] != b'\'' {
        return None;
    }
    if rest.get(at + 1) == Some(&b'\\') {
        return Some(quoted_length(&rest[at + 1..], b'\''));
    }
    let inside = text[at + 1..].chars().next()?.len_utf8();
    (rest.get(at + 1 + inside) == Some(&b'\'')).then_some(inside)
}

/// The line of an offset, from 1.
pub fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
}

#[test]
fn only_code_stays() {
    let text = r##"a("x // y", 'q', '"', b"z\"", r#"w"w"#); // c("d")
/* e /* f */ g */ fn h<'i>(_: &'i str) -> char { '\'' }"##;
    let masked = mask(text);
    assert_eq!(masked.code.len(), text.len());
    let code: String = masked.code.split_whitespace().collect();
    assert_eq!(code, r##"a("",'','',b"",r#""#);fnh<'i>(_:&'istr)->char{''}"##);
    let literals: Vec<_> = masked.literals.iter().map(|(_, inside)| inside.as_str()).collect();
    assert_eq!(literals, ["x // y", "z\\\"", "w\"w"]);
}

#[test]
fn lines_are_kept() {
    let text = "/* one\ntwo */\nlet é = 'é'; // ü\nx";
    let masked = mask(text);
    assert_eq!(masked.code.lines().count(), 4);
    assert_eq!(line_of(text, text.len()), 4);
    assert!(masked.code.contains("let é"));
}
