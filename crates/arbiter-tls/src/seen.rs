//! What a certificate says, for people: nobody has vouched for it here.

use crate::identity::{Identity, authority_cluster};
use crate::verify;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Whose it is.
    pub identity: Option<Identity>,
    /// The cluster whose authority it is, if it is one of `arbiterctl pki init`.
    pub authority_of: Option<String>,
    /// Its last second, since 1970.
    pub not_after: u64,
}

/// Reads the first certificate of a file in PEM.
///
/// # Errors
/// There is none, in words.
pub fn certificate(pem: &[u8]) -> Result<Seen, String> {
    let der = CertificateDer::from_pem_slice(pem)
        .map_err(|error| format!("there is no certificate in it: {error}"))?;
    let not_after = verify::not_after(&der).ok_or("its end can't be read")?;
    let uris = verify::uris(&der).map_err(|why| why.to_string())?;
    let authority_of = uris.iter().find_map(|uri| authority_cluster(uri));
    Ok(Seen { identity: verify::identity(&der).ok(), authority_of, not_after })
}
