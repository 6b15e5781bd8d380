//! Certificates, a line each.

use super::Readable;
use super::page::{Page, Span};
use crate::view::{CertificateView, CertificatesView};

/// A day, in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

impl Readable for CertificatesView {
    fn page(&self) -> Page {
        let mut page = Page::default();
        for certificate in &self.certificates {
            page.line([Span::plain(line(certificate, self.wall_ms))]);
        }
        page
    }
}

fn line(certificate: &CertificateView, now: u64) -> String {
    let whose = match (&certificate.identity, &certificate.authority_of) {
        (Some(identity), _) => identity.clone(),
        (None, Some(cluster)) => format!("the authority of `{cluster}`"),
        (None, None) => "nobody whom this program knows".to_owned(),
    };
    let left = if certificate.ended {
        format!("expired {} days ago", now.saturating_sub(certificate.ends_wall_ms) / DAY_MS)
    } else {
        format!("{} days left", certificate.days_left)
    };
    format!("{}: {whose}, {left}", certificate.file)
}
