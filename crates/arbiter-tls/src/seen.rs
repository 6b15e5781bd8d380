//! What a certificate says, for people: nobody has vouched for it here.

use crate::identity::{Identity, authority_cluster};
use crate::material::CERTIFICATES_MAX;
use crate::verify;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

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
    CertificateDer::from_pem_slice(pem).map_err(|error| none(&error)).and_then(|der| seen(&der))
}

/// Reads all of them: the authorities of a `ca`, or a certificate and those between it and its authority.
///
/// # Errors
/// There is none, or one of them can't be read, in words.
pub fn certificates(pem: &[u8]) -> Result<Vec<Seen>, String> {
    let mut all = Vec::new();
    for (at, der) in CertificateDer::pem_slice_iter(pem).enumerate() {
        if at >= CERTIFICATES_MAX {
            return Err(format!("it has more than {CERTIFICATES_MAX} certificates"));
        }
        let read = der.map_err(|error| error.to_string()).and_then(|der| seen(&der));
        all.push(read.map_err(|why| format!("certificate {} in it: {why}", at + 1))?);
    }
    if all.is_empty() { Err(none(&pem::Error::NoItemsFound)) } else { Ok(all) }
}

fn none(error: &pem::Error) -> String {
    format!("there is no certificate in it: {error}")
}

fn seen(der: &CertificateDer<'_>) -> Result<Seen, String> {
    let not_after = verify::not_after(der).ok_or("its end can't be read")?;
    let uris = verify::uris(der).map_err(|why| why.to_string())?;
    let authority_of = uris.iter().find_map(|uri| authority_cluster(uri));
    Ok(Seen { identity: verify::identity(der).ok(), authority_of, not_after })
}
