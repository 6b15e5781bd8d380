//! What operators ask of a node, and what a followed cluster says.

use crate::{Seen, has_words};
use arbiter_proto::v1;
use arbiterd::foreign;
use prost::Message;

/// An error's words travel in a header, in which every byte that is no letter takes three. Clients take 16 KiB in all.
const WORDS_ESCAPED_MAX: usize = 15 * 1024;

/// An operation, as the leader reads it before it proposes it.
pub fn operation(bytes: &[u8]) -> Seen {
    let request = match v1::OperateRequest::decode(bytes) {
        Ok(request) => request,
        Err(error) => return has_words(error),
    };
    match foreign::operation(request) {
        Ok(_) => Seen::Taken,
        Err(status) => {
            let words = status.message();
            let escaped: usize =
                words.bytes().map(|b| if (0x20..0x7f).contains(&b) && b != b'%' { 1 } else { 3 }).sum();
            assert!(
                escaped <= WORDS_ESCAPED_MAX,
                "the words take {escaped} bytes, and the client gets none of them"
            );
            has_words(words)
        }
    }
}

/// What a followed cluster says of its routes.
pub fn assigned(bytes: &[u8]) -> Seen {
    let word = match v1::Assigned::decode(bytes) {
        Ok(word) => word,
        Err(error) => return has_words(error),
    };
    let said = word.routes.len();
    match foreign::assigned(word, "cloud") {
        Ok(read) => {
            assert!(read <= said, "more was read than said");
            Seen::Taken
        }
        Err(status) => has_words(status.message()),
    }
}
