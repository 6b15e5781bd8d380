//! The folder in which an authority and what it has made lie.

use crate::{Authority, Issued, PkiError, Validity};
use arbiter_tls::{Identity, Who, certificate};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const OWNER_ALONE: u32 = 0o600;
const EVERYBODY: u32 = 0o644;
const FOLDER: u32 = 0o700;

/// Where an authority lies.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The certificate.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

impl Folder {
    /// That one.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where the authority's own lie.
    pub fn authority(&self) -> Paths {
        self.named("ca")
    }

    /// Where those of somebody lie: `node-3`, `operator-anna`.
    pub fn of(&self, identity: &Identity) -> Paths {
        self.named(&match &identity.who {
            Who::Node(id) => format!("node-{id}"),
            // What is no letter or digit stands in a file's name as it does in the URI.
            Who::Person { .. } => {
                let uri = identity.to_string();
                uri.rsplit('/').take(2).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("-")
            }
        })
    }

    fn named(&self, name: &str) -> Paths {
        Paths {
            certificate: self.path.join(format!("{name}.crt")),
            key: self.path.join(format!("{name}.key")),
        }
    }

    /// Makes a new authority here.
    ///
    /// # Errors
    /// There is one already, or it can't be written.
    pub fn init(&self, cluster: &str, validity: Validity) -> Result<Paths, PkiError> {
        let made = DirBuilder::new().recursive(true).mode(FOLDER).create(&self.path);
        made.map_err(|source| PkiError::File { path: self.path.clone(), source })?;
        let (_, issued) = Authority::found(cluster, validity)?;
        let paths = self.authority();
        write_both(&paths, &issued)?;
        Ok(paths)
    }

    /// The authority that lies here.
    ///
    /// # Errors
    /// There is none that can be used.
    pub fn open(&self) -> Result<Authority, PkiError> {
        let paths = self.authority();
        let unusable = |what| PkiError::Unusable { path: paths.certificate.clone(), what };
        let pem = text(&paths.certificate)?;
        let seen = certificate(pem.as_bytes()).map_err(unusable)?;
        let cluster = seen.authority_of.ok_or_else(|| {
            unusable(
                "it is no authority of `arbiterctl pki init`: let the authority that made it issue"
                    .to_owned(),
            )
        })?;
        Authority::of(&cluster, pem, &text(&paths.key)?)
    }

    /// Makes a certificate and a new key.
    ///
    /// # Errors
    /// There are such already, or they can't be made.
    pub fn issue(&self, identity: &Identity, validity: Validity) -> Result<Paths, PkiError> {
        let issued = self.open()?.issue(identity, validity)?;
        let paths = self.of(identity);
        write_both(&paths, &issued)?;
        Ok(paths)
    }

    /// Makes a new certificate in the place of an old one, for the same holder and key. The file is replaced in one step.
    ///
    /// # Errors
    /// There is none, or it can't be made.
    pub fn renew(&self, identity: &Identity, validity: Validity) -> Result<Paths, PkiError> {
        let paths = self.of(identity);
        let unusable = |what| PkiError::Unusable { path: paths.certificate.clone(), what };
        let old = certificate(&read(&paths.certificate)?).map_err(unusable)?;
        if old.identity.as_ref() != Some(identity) {
            return Err(unusable(format!("it is not of `{identity}`")));
        }
        let renewed = self.open()?.renew(identity, &text(&paths.key)?, validity)?;
        let beside = paths.certificate.with_extension("crt.new");
        let failed = |source| PkiError::File { path: beside.clone(), source };
        // What an interrupted run has left may be written over: it is no key.
        if let Err(error) = std::fs::remove_file(&beside)
            && error.kind() != ErrorKind::NotFound
        {
            return Err(failed(error));
        }
        write(&beside, &renewed, EVERYBODY)?;
        std::fs::rename(&beside, &paths.certificate).map_err(failed)?;
        Ok(paths)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PkiError> {
    std::fs::read(path).map_err(|source| PkiError::File { path: path.to_owned(), source })
}

fn text(path: &Path) -> Result<String, PkiError> {
    std::fs::read_to_string(path).map_err(|source| PkiError::File { path: path.to_owned(), source })
}

/// The key first: a certificate without one would keep a second try from being made.
fn write_both(paths: &Paths, issued: &Issued) -> Result<(), PkiError> {
    if paths.certificate.exists() {
        return Err(PkiError::Exists(paths.certificate.clone()));
    }
    write(&paths.key, &issued.key, OWNER_ALONE)?;
    write(&paths.certificate, &issued.certificate, EVERYBODY)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), PkiError> {
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::AlreadyExists => PkiError::Exists(path.to_owned()),
        _ => PkiError::File { path: path.to_owned(), source },
    };
    let mut file: File =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arbiter_tls::Role;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_of_its_owner_alone_and_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let pki = Folder::at(folder.path().join("pki"));
        let authority = pki.init("vpn", Validity::days(10)).unwrap();
        assert_eq!((mode(&authority.key), mode(&authority.certificate)), (0o600, 0o644));
        assert!(matches!(pki.init("vpn", Validity::days(10)), Err(PkiError::Exists(_))));
        let anna = Identity::person("vpn", Role::Operator, "anna/b");
        let made = pki.issue(&anna, Validity::days(1)).unwrap();
        assert_eq!(made.key.file_name().unwrap(), "operator-anna%2Fb.key");
        assert_eq!(mode(&made.key), 0o600);
        let key = std::fs::read(&made.key).unwrap();
        assert!(matches!(pki.issue(&anna, Validity::days(1)), Err(PkiError::Exists(_))));
        // The key alone is enough to keep it.
        std::fs::remove_file(&made.certificate).unwrap();
        assert!(matches!(pki.issue(&anna, Validity::days(1)), Err(PkiError::Exists(_))));
        assert_eq!(std::fs::read(&made.key).unwrap(), key);
    }

    #[test]
    fn renewed_is_the_certificate_and_not_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let pki = Folder::at(folder.path());
        pki.init("vpn", Validity::days(10)).unwrap();
        let node: Identity = "arbiter://vpn/node/3".parse().unwrap();
        assert!(pki.renew(&node, Validity::days(9)).is_err(), "there is none");
        let made = pki.issue(&node, Validity::days(1)).unwrap();
        let (key, old) = (std::fs::read(&made.key).unwrap(), std::fs::read(&made.certificate).unwrap());
        assert_eq!(pki.renew(&node, Validity::days(9)).unwrap(), made);
        let new = certificate(&std::fs::read(&made.certificate).unwrap()).unwrap();
        assert!(new.not_after > certificate(&old).unwrap().not_after);
        assert_eq!(new.identity, Some(node));
        assert_eq!(std::fs::read(&made.key).unwrap(), key);
    }
}
