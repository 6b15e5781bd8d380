//! `[tls]`: where certificates lie, and who may speak.

use crate::config::{TlsConfig, TlsFiles};
use crate::reader::Table;
use std::path::{Path, PathBuf};

const KEYS: &[&str] = &["ca", "certificate", "key", "followers", "insecure_without_tls"];

/// Clusters that follow this one, at most: more than any company has data centres.
const FOLLOWERS_MAX: usize = 100;

const CA: &str = "\"/etc/arbiter/ca.crt\"";
const CERTIFICATE: &str = "\"/etc/arbiter/node.crt\"";
const KEY: &str = "\"/etc/arbiter/node.key\"";
const FOLLOWERS: &str = "[\"site\"]";

/// All of it; without the section there is no TLS.
pub(super) fn read(root: &mut Table<'_, '_>) -> TlsConfig {
    let raw = root.table("tls", "tls");
    let mut table = Table::open(root.context, raw, "tls", "tls", KEYS);
    let files = files(&mut table);
    let insecure_without_tls = table.flag("insecure_without_tls", "insecure_without_tls").unwrap_or(false);
    if insecure_without_tls && files.is_some() {
        let message = "with certificates nothing is without TLS";
        table.error("insecure_without_tls", message, "leave it out, or the three files");
    }
    let followers = table.texts("followers", "followers", FOLLOWERS).unwrap_or_default();
    if followers.len() > FOLLOWERS_MAX {
        let message = format!("{} clusters are too many", followers.len());
        table.error("followers", message, format!("at most {FOLLOWERS_MAX}"));
    }
    if !followers.is_empty() && files.is_none() {
        table.error(
            "followers",
            "without TLS nobody knows who follows",
            "name `ca`, `certificate` and `key` as well",
        );
    }
    TlsConfig { files, followers: followers.into_iter().map(str::to_owned).collect(), insecure_without_tls }
}

/// All three or none.
fn files(table: &mut Table<'_, '_>) -> Option<TlsFiles> {
    let named = [("ca", CA), ("certificate", CERTIFICATE), ("key", KEY)];
    let given = named.map(|(key, _)| table.value(key, key).is_some());
    if given == [false; 3] {
        return None;
    }
    for ((key, example), given) in named.into_iter().zip(given) {
        if !given {
            table.missing(key, key, example);
        }
    }
    let [ca, certificate, key] = named.map(|(key, example)| {
        let path = table.text(key, key, example);
        if path.is_some_and(str::is_empty) {
            table.error(key, "this is no path of a file", format!("write `{key} = {example}`"));
        }
        PathBuf::from(path.unwrap_or_default())
    });
    Some(TlsFiles { ca, certificate, key })
}

impl TlsConfig {
    /// The same with relative paths starting in that folder.
    pub(super) fn starting_in(&self, folder: &Path) -> Self {
        let files = self.files.as_ref().map(|files| TlsFiles {
            ca: folder.join(&files.ca),
            certificate: folder.join(&files.certificate),
            key: folder.join(&files.key),
        });
        Self { files, ..self.clone() }
    }
}
