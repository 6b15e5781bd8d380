//! Which files a crate compiles, and which of their lines are test code: the tree of `mod` declarations, followed
//! from each crate's root. A file that no `mod` names is not compiled, so nothing that stands in it counts.

use crate::repository;
use crate::rust_text::{line_of, mask};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The functions by which a test names an entry of a catalogue.
pub const CLAIMING: [&str; 2] = ["proves", "bad_day"];

/// The catalogue whose entries are named by themselves: `Code::Drift`.
pub const ALARMS: &str = "Code";

/// What names an entry of a catalogue: the call `proves("rule")`, or `Code::Drift`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// Which of [`CLAIMING`] it calls, or [`ALARMS`].
    pub by: String,
    /// What it names.
    pub name: String,
    /// `path:line`
    pub place: String,
    /// Whether it is compiled for tests only.
    pub in_test: bool,
}

/// What following the modules has found.
#[derive(Default)]
pub struct Tree {
    pub files: BTreeSet<PathBuf>,
    pub claims: Vec<Claim>,
    /// `mod` declarations without a file.
    pub missing: Vec<String>,
}

/// Follows the modules of every crate of the workspace.
pub fn of_workspace() -> Tree {
    let metadata = repository::metadata();
    let mut tree = Tree::default();
    for package in repository::packages(&metadata, true) {
        for target in package["targets"].as_array().expect("a package has targets") {
            let is_test =
                target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "test"));
            let root = PathBuf::from(repository::field(target, "src_path"));
            tree.follow(&root, root.parent().expect("a file has a folder"), is_test);
        }
    }
    tree
}

/// A `{` that is still open.
struct Scope {
    in_test: bool,
    /// Where an inline module's own file modules lie.
    folder: PathBuf,
}

impl Tree {
    /// Reads a file and the files of the modules that it declares, which lie in `folder`.
    fn follow(&mut self, file: &Path, folder: &Path, in_test: bool) {
        let Ok(text) = std::fs::read_to_string(file) else {
            self.missing.push(format!("{} is declared by a `mod`, and isn't there", file.display()));
            return;
        };
        self.files.insert(file.to_path_buf());
        let shown = file.strip_prefix(repository::top()).unwrap_or(file).display().to_string();
        for child in self.scan(&text, &shown, folder, in_test) {
            let file_folder = file.parent().expect("a file has a folder");
            let (path, own_folder) = child.locate(file_folder);
            self.follow(&path, &own_folder, child.in_test);
        }
    }

    /// Collects the claims of one text, and returns the modules that it declares.
    fn scan(&mut self, text: &str, shown: &str, folder: &Path, in_test: bool) -> Vec<Child> {
        let masked = mask(text);
        let code = masked.code.as_bytes();
        let mut scopes = vec![Scope { in_test, folder: folder.to_path_buf() }];
        let mut children = Vec::new();
        let mut attributes: Vec<String> = Vec::new();
        let mut module: Option<String> = None;
        let mut at = 0;
        while at < code.len() {
            let scope = scopes.last().expect("the file's own scope stays");
            let tested = scope.in_test || attributes.iter().any(|attribute| is_for_tests(attribute));
            match code[at] {
                b'#' if code.get(at + 1) == Some(&b'[') => {
                    let end = at + closing(&code[at + 1..]) + 1;
                    attributes.push(text[at + 2..end].split_whitespace().collect());
                    at = end;
                }
                b'{' => {
                    let folder = module.take().map_or(scope.folder.clone(), |name| scope.folder.join(name));
                    scopes.push(Scope { in_test: tested, folder });
                    attributes.clear();
                }
                b'}' => {
                    if scopes.len() > 1 {
                        scopes.pop();
                    }
                    attributes.clear();
                }
                b';' => {
                    if let Some(name) = module.take() {
                        let folder = scope.folder.clone();
                        children.push(Child { name, folder, path: path_of(&attributes), in_test: tested });
                    }
                    attributes.clear();
                }
                byte if is_word(byte) => {
                    let end = at + code[at..].iter().take_while(|byte| is_word(**byte)).count();
                    match &masked.code[at..end] {
                        "mod" => module = Some(next_word(&masked.code[end..])),
                        by if CLAIMING.contains(&by) => {
                            let place = format!("{shown}:{}", line_of(text, at));
                            let name = claimed(&masked.code, &masked.literals, end);
                            let claim = |name| Claim { by: by.to_owned(), name, place, in_test: tested };
                            self.claims.extend(name.map(claim));
                        }
                        ALARMS => {
                            let place = format!("{shown}:{}", line_of(text, at));
                            let name = masked.code[end..].strip_prefix("::").map(next_word);
                            let claim = |name| Claim { by: ALARMS.to_owned(), name, place, in_test: tested };
                            self.claims.extend(name.map(claim));
                        }
                        _ => {}
                    }
                    at = end - 1;
                }
                _ => {}
            }
            at += 1;
        }
        children
    }
}

/// A module that lies in a file of its own.
struct Child {
    name: String,
    folder: PathBuf,
    path: Option<String>,
    in_test: bool,
}

impl Child {
    /// Its file, and the folder of its own children.
    fn locate(&self, declared_in: &Path) -> (PathBuf, PathBuf) {
        if let Some(path) = &self.path {
            let file = declared_in.join(path);
            let folder = file.parent().expect("a file has a folder").to_path_buf();
            // `a/../b` and `b` are one file.
            return (file.canonicalize().unwrap_or(file), folder);
        }
        let own_folder = self.folder.join(&self.name);
        let nested = own_folder.join("mod.rs");
        if nested.exists() {
            return (nested, own_folder);
        }
        (self.folder.join(format!("{}.rs", self.name)), own_folder)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn next_word(code: &str) -> String {
    code.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The offset of the bracket that closes the one that `code` begins with.
fn closing(code: &[u8]) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.iter().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    code.len() - 1
}

/// `cfg(test)`, also together with more; but not `cfg(any(test, …))`, which is compiled without tests too.
fn is_for_tests(attribute: &str) -> bool {
    attribute == "cfg(test)" || attribute.starts_with("cfg(all(test,")
}

/// The file that `#[path = "…"]` names.
fn path_of(attributes: &[String]) -> Option<String> {
    attributes
        .iter()
        .find_map(|attribute| Some(attribute.strip_prefix("path=\"")?.trim_end_matches('"').to_string()))
}

/// What the call whose name ends at `at` claims: the literal right after its `(`.
fn claimed(code: &str, literals: &[(usize, String)], at: usize) -> Option<String> {
    let open = at + code[at..].len() - code[at..].trim_start().len();
    let inside = code[open..].strip_prefix('(')?;
    let quote = open + 1 + (inside.len() - inside.trim_start().len());
    literals.iter().find(|(start, _)| *start == quote).map(|(_, name)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Vec<(String, String, bool)> {
        let mut tree = Tree::default();
        tree.scan(text, "x.rs", Path::new("x"), false);
        tree.claims.into_iter().map(|claim| (claim.by, claim.name, claim.in_test)).collect()
    }

    #[test]
    fn a_claim_counts_in_test_code_only_and_not_in_a_comment() {
        let text = r#"
            fn shipped() { proves("a"); }
            #[cfg(test)]
            mod tests {
                // proves("b");
                /* proves("c"); */
                #[test] fn t() { rules::proves( "d" ); let _ = "proves(\"e\")"; }
            }
            fn again() { bad_day("f"); raise(health::Code::Drift); }
            #[cfg(any(test, feature = "x"))] mod both { fn g() { proves("g"); } }
        "#;
        let expected = [
            ("proves", "a", false),
            ("proves", "d", true),
            ("bad_day", "f", false),
            ("Code", "Drift", false),
            ("proves", "g", false),
        ];
        assert_eq!(claims(text), expected.map(|(by, name, in_test)| (by.into(), name.into(), in_test)));
    }

    #[test]
    fn modules_are_found_with_their_folders_and_their_attributes() {
        let text = r#"
            pub(crate) mod a;
            #[cfg(test)]
            mod b;
            mod c { mod d; }
            #[path = "../e.rs"] mod f;
            // mod g;
        "#;
        let children = Tree::default().scan(text, "x.rs", Path::new("x"), false);
        let seen: Vec<_> =
            children.iter().map(|c| (c.name.as_str(), c.folder.as_path(), c.in_test)).collect();
        let x = Path::new("x");
        assert_eq!(seen, [("a", x, false), ("b", x, true), ("d", Path::new("x/c"), false), ("f", x, false)]);
        assert_eq!(children[3].path.as_deref(), Some("../e.rs"));
    }
}
