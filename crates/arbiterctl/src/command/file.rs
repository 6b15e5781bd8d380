//! Files that operators name.

use crate::exit::Exit;
use crate::failure::Failure;
use std::path::Path;

/// The text of a file that is not too long.
pub(super) fn text(path: &Path, bytes_max: u64) -> Result<String, Failure> {
    let name = path.display();
    let unreadable =
        |why: String| Failure::new(Exit::Usage, format!("can't read {name}: {why}; nothing was asked"));
    let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if size > bytes_max {
        return Err(unreadable(format!("it has {size} bytes, more than {bytes_max}")));
    }
    std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))
}
