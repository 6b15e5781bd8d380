//! Files of what is expected.

use std::path::Path;

/// Compares with `tests/golden/NAME`, or rewrites it if `UPDATE_GOLDEN` is set.
#[track_caller]
pub fn check(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{name} differs; if that is meant: UPDATE_GOLDEN=1 cargo test -p arbiterctl\n\
         --- expected\n{expected}\n--- found\n{found}"
    );
}
