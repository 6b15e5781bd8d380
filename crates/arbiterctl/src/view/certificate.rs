//! Certificates in files.

use super::View;
use serde::Serialize;

/// Whose certificates are, and how long they last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CertificatesView {
    /// When they were looked at, by this host's clock.
    pub wall_ms: u64,
    /// In the order in which they were named.
    pub certificates: Vec<CertificateView>,
}

/// One.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CertificateView {
    /// The file.
    pub file: String,
    /// Whose it is; `null` if it is nobody's whom a cluster knows.
    pub identity: Option<String>,
    /// The cluster whose authority it is; `null` if it is none of ours.
    pub authority_of: Option<String>,
    /// Its last second.
    pub ends_wall_ms: u64,
    /// Whole days until then.
    pub days_left: u64,
    /// Nobody believes it any more.
    pub ended: bool,
}

impl View for CertificatesView {
    const KIND: &'static str = "certificates";
}
