//! Judging the other side's certificate.

use crate::identity::{Identity, Who};
use crate::line::Meant;
use crate::refusal::{Refused, Why};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use std::sync::Arc;
use webpki::{EndEntityCert, KeyUsage};

/// What a certificate is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be connected to.
    Server,
    /// To connect.
    Client,
}

/// The one provider of cryptography: ring.
pub(crate) fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    provider().signature_verification_algorithms
}

/// What must lie behind the end of every certificate.
const AFTER_ALL_TIMES: UnixTime = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1 << 40));

/// The URIs of a certificate.
pub(crate) fn uris(certificate: &CertificateDer<'_>) -> Result<Vec<String>, Why> {
    let parsed = EndEntityCert::try_from(certificate)?;
    Ok(parsed.valid_uri_names().map(str::to_owned).collect())
}

/// What a certificate says of its holder.
pub(crate) fn identity(certificate: &CertificateDer<'_>) -> Result<Identity, Why> {
    let uris = uris(certificate)?;
    let mut ours = uris.iter().filter(|uri| Identity::is_meant(uri));
    match (ours.next(), ours.next()) {
        (None, _) => Err(Why::NoIdentity),
        (Some(uri), None) => uri.parse().map_err(|error| Why::BadIdentity(format!("`{uri}`: {error}"))),
        (Some(_), Some(_)) => Err(Why::BadIdentity("it names more than one holder".to_owned())),
    }
}

/// Whether an authority vouches for a certificate, the first of the chain, at that time and for that purpose.
pub(crate) fn chain(
    roots: &RootCertStore,
    chain: &[CertificateDer<'_>],
    purpose: Purpose,
    now: UnixTime,
) -> Result<(), Why> {
    let (first, between) = chain.split_first().ok_or(Why::NoIdentity)?;
    let usage = match purpose {
        Purpose::Server => KeyUsage::server_auth(),
        Purpose::Client => KeyUsage::client_auth(),
    };
    let parsed = EndEntityCert::try_from(first)?;
    parsed.verify_for_usage(algorithms().all, &roots.roots, between, now, usage, None, None)?;
    Ok(())
}

/// When a certificate ends, in seconds since 1970: what verifies it also tells, if it is asked for a time after all times.
pub(crate) fn not_after(certificate: &CertificateDer<'_>) -> Option<u64> {
    let parsed = EndEntityCert::try_from(certificate).ok()?;
    let usage = KeyUsage::client_auth();
    match parsed.verify_for_usage(algorithms().all, &[], &[], AFTER_ALL_TIMES, usage, None, None) {
        Err(webpki::Error::CertExpired { not_after, .. }) => Some(not_after.as_secs()),
        _ => None,
    }
}

/// Whose connections are taken.
#[derive(Debug)]
pub(crate) struct Callers {
    pub roots: Arc<RootCertStore>,
    /// The own cluster.
    pub cluster: String,
    /// Clusters whose nodes may listen to this one.
    pub followers: Vec<String>,
}

impl Callers {
    pub fn judge(&self, chain_shown: &[CertificateDer<'_>], now: UnixTime) -> Result<Identity, Refused> {
        let identity = vouched(&self.roots, chain_shown, Purpose::Client, now)?;
        let follows = matches!(identity.who, Who::Node(_)) && self.followers.contains(&identity.cluster);
        if identity.cluster == self.cluster || follows {
            return Ok(identity);
        }
        let (theirs, meant) = (identity.cluster.clone(), self.cluster.clone());
        Err(Refused { claims: Some(identity), why: Why::OtherCluster { theirs, meant } })
    }
}

/// Whose server is meant.
#[derive(Debug)]
pub(crate) struct Called {
    pub roots: Arc<RootCertStore>,
    pub meant: Meant,
}

impl Called {
    pub fn judge(&self, chain_shown: &[CertificateDer<'_>], now: UnixTime) -> Result<Identity, Refused> {
        let identity = vouched(&self.roots, chain_shown, Purpose::Server, now)?;
        let meant = &self.meant;
        let why = match &identity.who {
            _ if identity.cluster != meant.cluster => {
                Why::OtherCluster { theirs: identity.cluster.clone(), meant: meant.cluster.clone() }
            }
            Who::Person { .. } => Why::NotANode,
            Who::Node(theirs) => match meant.node {
                Some(node) if node != *theirs => Why::OtherNode { theirs: *theirs, meant: node },
                _ => return Ok(identity),
            },
        };
        Err(Refused { claims: Some(identity), why })
    }
}

/// An identity for which an authority vouches.
fn vouched(
    roots: &RootCertStore,
    chain_shown: &[CertificateDer<'_>],
    purpose: Purpose,
    now: UnixTime,
) -> Result<Identity, Refused> {
    let first = chain_shown.first().ok_or(Refused { claims: None, why: Why::NoIdentity })?;
    let claims = identity(first);
    if let Err(why) = chain(roots, chain_shown, purpose, now) {
        return Err(Refused { claims: claims.ok(), why });
    }
    claims.map_err(|why| Refused { claims: None, why })
}

fn refuse(refused: Refused) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
}

fn joined<'a>(first: &CertificateDer<'a>, between: &[CertificateDer<'a>]) -> Vec<CertificateDer<'a>> {
    std::iter::once(first).chain(between).cloned().collect()
}

impl ClientCertVerifier for Callers {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Each side has one certificate only, and shows it anyway.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge(&joined(end_entity, intermediates), now).map_err(refuse)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        algorithms().supported_schemes()
    }
}

impl ServerCertVerifier for Called {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge(&joined(end_entity, intermediates), now).map_err(refuse)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        algorithms().supported_schemes()
    }
}
