//! A small certificate authority, for those who have none.
//!
//! It is two files in a folder of somebody's: `ca.crt`, which every node and person has, and `ca.key`, which nobody else may
//! have. It makes certificates for nodes and people, each with a key of its own, on ECDSA with P-256. A key is made once,
//! readable by its owner alone, and never written over; a certificate is renewed for the same key.

mod authority;
mod folder;

pub use authority::{Authority, Issued, Validity};
pub use folder::{Folder, Paths};

use std::path::PathBuf;

/// Why something was not made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file is there already.
    #[error(
        "{0} is there already, and is not written over: choose another folder, or move it away if nobody needs it"
    )]
    Exists(PathBuf),
    /// A file can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What is in a file is not what is needed.
    #[error("{path}: {what}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The certificate would not be one.
    #[error("the certificate can't be made: {0}")]
    NotMade(String),
}
