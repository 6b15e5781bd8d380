//! The files: a certificate authority, a certificate, its key.

use crate::identity::{Identity, Who};
use crate::refusal::Why;
use crate::verify::{self, Purpose};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A day.
pub const SECONDS_PER_DAY: u64 = 86_400;

/// The longest file that is read: a bundle of some hundred authorities.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Certificates in one file: more is a mistake.
pub(crate) const CERTIFICATES_MAX: usize = 100;

/// Nobody but the owner may write the key, and nobody but the owner and its group may read it.
const KEY_MODE_REFUSED: u32 = 0o027;

/// Where the files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The authorities that are trusted: certificates in PEM.
    pub ca: PathBuf,
    /// The own certificate in PEM, followed by those between it and an authority, if there are any.
    pub certificate: PathBuf,
    /// The own key in PEM.
    pub key: PathBuf,
}

/// One thing that is wrong with the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub help: String,
}

/// All that is wrong with the files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct LoadError {
    /// Each of them.
    pub problems: Vec<Problem>,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Problem { file, what, help }) in self.problems.iter().enumerate() {
            let between = if i == 0 { "" } else { "; " };
            write!(f, "{between}{}: {what} ({help})", file.display())?;
        }
        Ok(())
    }
}

/// What was in the files, found to fit together.
pub(crate) struct Material {
    pub roots: Arc<RootCertStore>,
    pub own: Arc<CertifiedKey>,
    pub identity: Identity,
    /// When the own certificate ends, in seconds since 1970.
    pub not_after: u64,
    /// The same of each authority that is trusted, in the order of the file.
    pub authorities_end: Vec<u64>,
    /// What can't be said against it, but will keep others from believing it: it has expired, say.
    pub doubt: Option<Why>,
}

/// The files' bytes: by these it is seen that they have changed.
#[derive(PartialEq, Eq)]
pub(crate) struct Bytes {
    ca: Vec<u8>,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// Collects what is wrong.
#[derive(Default)]
struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, file: &Path, what: impl Into<String>, help: &str) {
        self.0.push(Problem { file: file.to_owned(), what: what.into(), help: help.to_owned() });
    }

    fn fail<T>(self) -> Result<T, LoadError> {
        Err(LoadError { problems: self.0 })
    }
}

impl Bytes {
    /// Reads the three files.
    pub fn read(files: &Files) -> Result<Self, LoadError> {
        let mut found = Found::default();
        let ca = bytes_of(&files.ca, false, &mut found);
        let certificate = bytes_of(&files.certificate, false, &mut found);
        let key = bytes_of(&files.key, true, &mut found);
        match (ca, certificate, key) {
            (Some(ca), Some(certificate), Some(key)) if found.0.is_empty() => {
                Ok(Self { ca, certificate, key })
            }
            _ => found.fail(),
        }
    }
}

fn bytes_of(path: &Path, secret: bool, found: &mut Found) -> Option<Vec<u8>> {
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (metadata, file) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let help =
                "`arbiterctl pki issue` makes it, or copy it there, and let this program's user read it";
            found.add(path, format!("it can't be read: {error}"), help);
            return None;
        }
    };
    if !metadata.is_file() {
        found.add(path, "it is no file", "name a file in PEM");
        return None;
    }
    // Of the file that was opened: the path may lead to another one by now.
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
    if secret && mode & KEY_MODE_REFUSED != 0 {
        let what = format!("others than its owner can reach this key: its mode is {mode:03o}");
        found.add(
            path,
            what,
            &format!("`chmod 600 {}`, and a new key if somebody may have read it", path.display()),
        );
        return None;
    }
    let mut bytes = Vec::new();
    match file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes) {
        Ok(read) if u64::try_from(read).is_ok_and(|read| read <= FILE_BYTES_MAX) => Some(bytes),
        Ok(_) => {
            found.add(path, format!("it has more than {FILE_BYTES_MAX} bytes"), "is it the right file?");
            None
        }
        Err(error) => {
            found.add(path, format!("it can't be read: {error}"), "is the disk well?");
            None
        }
    }
}

impl Material {
    /// Makes of the bytes what is needed of them.
    pub fn of(files: &Files, bytes: &Bytes, now: UnixTime) -> Result<Self, LoadError> {
        let mut found = Found::default();
        let authorities = certificates(&files.ca, &bytes.ca, &mut found);
        let authorities_end = authorities.iter().filter_map(verify::not_after).collect();
        let roots = roots(&files.ca, authorities, &mut found);
        let chain = certificates(&files.certificate, &bytes.certificate, &mut found);
        let key = match PrivateKeyDer::from_pem_slice(&bytes.key) {
            Ok(key) => Some(key),
            Err(error) => {
                let help = "write the key in PEM, without a password, as in `-----BEGIN PRIVATE KEY-----`";
                found.add(&files.key, format!("there is no key in it: {error}"), help);
                None
            }
        };
        let identity = chain.first().and_then(|first| match verify::identity(first) {
            Ok(identity) => Some(identity),
            Err(why) => {
                found.add(&files.certificate, why.to_string(), "`arbiterctl pki issue` makes one");
                None
            }
        });
        let own = key.and_then(|key| own(files, chain.clone(), key, &mut found));
        let (Some(own), Some(identity), true) = (own, identity, found.0.is_empty()) else {
            return found.fail();
        };
        let Some(not_after) = chain.first().and_then(verify::not_after) else {
            found.add(&files.certificate, "it does not say until when it is valid", "have it issued anew");
            return found.fail();
        };
        // A node is called as well as it calls.
        let called = matches!(identity.who, Who::Node(_)).then_some(Purpose::Server);
        let mut purposes = called.into_iter().chain([Purpose::Client]);
        let doubt = purposes.find_map(|purpose| verify::chain(&roots, &chain, purpose, now).err());
        if let Some(why @ (Why::OtherAuthority | Why::OtherPurpose | Why::Broken(_))) = &doubt {
            found.add(&files.certificate, why.to_string(), "certificate and `ca` must belong together");
            return found.fail();
        }
        let (roots, own) = (Arc::new(roots), Arc::new(own));
        Ok(Self { roots, own, identity, not_after, authorities_end, doubt })
    }
}

fn certificates(path: &Path, bytes: &[u8], found: &mut Found) -> Vec<CertificateDer<'static>> {
    let help = "write it in PEM, as in `-----BEGIN CERTIFICATE-----`";
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).take(CERTIFICATES_MAX + 1).collect();
    match read {
        Ok(certificates) if certificates.is_empty() => found.add(path, "there is no certificate in it", help),
        Ok(certificates) if certificates.len() > CERTIFICATES_MAX => {
            let what = format!("there are more than {CERTIFICATES_MAX} certificates in it");
            found.add(path, what, "is it the right file?");
        }
        Ok(certificates) => return certificates,
        Err(error) => found.add(path, format!("a certificate in it can't be read: {error}"), help),
    }
    Vec::new()
}

fn roots(path: &Path, authorities: Vec<CertificateDer<'static>>, found: &mut Found) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in authorities {
        if let Err(error) = roots.add(certificate) {
            found.add(path, format!("an authority in it can't be used: {error}"), "have it issued anew");
        }
    }
    roots
}

fn own(
    files: &Files,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    found: &mut Found,
) -> Option<CertifiedKey> {
    if chain.is_empty() {
        return None;
    }
    match CertifiedKey::from_der(chain, key, &verify::provider()) {
        Ok(own) => Some(own),
        Err(rustls::Error::InconsistentKeys(_)) => {
            let what = format!("it is not the key of {}", files.certificate.display());
            found.add(&files.key, what, "put certificate and key there that were made together");
            None
        }
        Err(error) => {
            found.add(
                &files.key,
                format!("the key can't be used: {error}"),
                "use an ECDSA, Ed25519 or RSA key",
            );
            None
        }
    }
}

/// The wall clock, in seconds since 1970: certificates are judged by it.
pub fn wall_seconds() -> u64 {
    UnixTime::now().as_secs()
}

/// How many days are left until then; none from the last one's end on.
pub fn days_left(not_after: u64, now: u64) -> u64 {
    not_after.saturating_sub(now) / SECONDS_PER_DAY
}

/// A time for people: whole days from two on, else hours or less.
pub fn days(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / SECONDS_PER_DAY),
    }
}
