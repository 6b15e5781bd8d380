//! What is signed, and by whom.

use crate::PkiError;
use arbiter_tls::{Identity, SECONDS_PER_DAY, Who, authority_uri, wall_seconds};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};
use time::OffsetDateTime;

/// A clock that is behind by less than this takes a new certificate all the same.
const CLOCKS_DIFFER_SECONDS: u64 = 300;

/// From when to when a certificate is valid, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: u64,
    /// The last second.
    pub not_after: u64,
}

impl Validity {
    /// From now on, a little earlier for clocks that are behind, for so many days.
    pub fn days(days: u32) -> Self {
        let now = wall_seconds();
        Self {
            not_before: now.saturating_sub(CLOCKS_DIFFER_SECONDS),
            not_after: now.saturating_add(u64::from(days).saturating_mul(SECONDS_PER_DAY)),
        }
    }
}

/// A certificate and its key, in PEM.
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// Who signs.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    cluster: String,
    certificate: String,
}

fn not_made(error: impl std::fmt::Display) -> PkiError {
    PkiError::NotMade(error.to_string())
}

fn at(seconds: u64) -> Result<OffsetDateTime, PkiError> {
    let seconds = i64::try_from(seconds).map_err(not_made)?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(not_made)
}

/// What all of ours have in common.
fn params(uri: String, name: String, validity: Validity) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(uri.try_into().map_err(not_made)?)];
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = at(validity.not_before)?;
    params.not_after = at(validity.not_after)?;
    Ok(params)
}

fn params_of_authority(cluster: &str, validity: Validity) -> Result<CertificateParams, PkiError> {
    let mut params =
        params(authority_uri(cluster), format!("Route Arbiter authority of {cluster}"), validity)?;
    // It signs nodes and people, and no further authority.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

impl Authority {
    /// A new one for a cluster, and what is to be kept of it.
    ///
    /// # Errors
    /// The certificate can't be made.
    pub fn found(cluster: &str, validity: Validity) -> Result<(Self, Issued), PkiError> {
        let key = KeyPair::generate().map_err(not_made)?;
        let params = params_of_authority(cluster, validity)?;
        let certificate = params.self_signed(&key).map_err(not_made)?.pem();
        let issued = Issued { certificate: certificate.clone(), key: key.serialize_pem() };
        Ok((Self { issuer: Issuer::new(params, key), cluster: cluster.to_owned(), certificate }, issued))
    }

    /// The one of a cluster that was founded before, by its certificate and key.
    ///
    /// # Errors
    /// The key is none.
    pub fn of(cluster: &str, certificate: String, key: &str) -> Result<Self, PkiError> {
        let key = KeyPair::from_pem(key).map_err(not_made)?;
        // Of the issuer only its name is written into what it signs.
        let params = params_of_authority(cluster, Validity::days(1))?;
        Ok(Self { issuer: Issuer::new(params, key), cluster: cluster.to_owned(), certificate })
    }

    /// Whose authority it is.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Its own certificate, in PEM: what all must have who shall believe those that it makes.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate with a new key.
    ///
    /// # Errors
    /// The certificate can't be made.
    pub fn issue(&self, identity: &Identity, validity: Validity) -> Result<Issued, PkiError> {
        let key = KeyPair::generate().map_err(not_made)?;
        Ok(Issued { certificate: self.certify(identity, &key, validity)?, key: key.serialize_pem() })
    }

    /// A certificate for a key that is there already.
    ///
    /// # Errors
    /// The key is none, or the certificate can't be made.
    pub fn renew(&self, identity: &Identity, key: &str, validity: Validity) -> Result<String, PkiError> {
        self.certify(identity, &KeyPair::from_pem(key).map_err(not_made)?, validity)
    }

    fn certify(&self, identity: &Identity, key: &KeyPair, validity: Validity) -> Result<String, PkiError> {
        let mut params = params(identity.to_string(), identity.to_string(), validity)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if matches!(identity.who, Who::Node(_)) {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        Ok(params.signed_by(key, &self.issuer).map_err(not_made)?.pem())
    }
}
