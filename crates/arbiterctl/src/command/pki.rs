//! `pki`: certificates are made here, and no node is asked.

use crate::cli::{IssueArgs, PkiCommand};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Session, write_out};
use crate::view::{CertificateView, CertificatesView};
use arbiter_pki::{Authority, Folder, Paths, PkiError, Validity};
use arbiter_tls::{Identity, Role, Seen, certificates, days_left, wall_seconds};
use std::path::Path;

/// A longer name than the leader records.
const NAME_BYTES_MAX: usize = 200;

/// The longest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Milliseconds in a second.
const MS: u64 = 1_000;

pub(crate) fn run(command: &PkiCommand, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let text = match command {
        PkiCommand::Init(args) => {
            let paths =
                Folder::at(&args.folder).init(&args.cluster, Validity::days(args.days)).map_err(failed)?;
            format!(
                "authority  {}\nits key    {}\nGive the first to every node and person, and keep the second to yourself.\n",
                paths.certificate.display(),
                paths.key.display()
            )
        }
        PkiCommand::Issue(args) => {
            let (folder, identity) = meant(args)?;
            made(&identity, &folder.issue(&identity, Validity::days(args.days)).map_err(failed)?)
        }
        PkiCommand::Renew(args) => {
            let (folder, identity) = meant(args)?;
            made(&identity, &folder.renew(&identity, Validity::days(args.days)).map_err(failed)?)
        }
        PkiCommand::Show(args) => {
            let now = wall_seconds();
            let shown: Vec<_> = args.files.iter().map(|file| show(file, now)).collect::<Result<_, _>>()?;
            session.show(&CertificatesView { wall_ms: now * MS, certificates: shown.concat() })?;
            return Ok(Exit::Ok);
        }
    };
    write_out(session.terminal(), text.as_bytes()).map(|_| Exit::Ok)
}

fn made(identity: &Identity, paths: &Paths) -> String {
    format!(
        "{identity}\ncertificate  {}\nkey          {}\n",
        paths.certificate.display(),
        paths.key.display()
    )
}

/// The folder, and whom a certificate is for.
fn meant(args: &IssueArgs) -> Result<(Folder, Identity), Failure> {
    let folder = Folder::at(&args.folder);
    let authority = folder.open().map_err(|error| {
        failed(error)
            .hint("`arbiterctl pki init --cluster NAME` makes an authority; `--folder` says where it is")
    })?;
    Ok((folder, identity(&authority, &args.who)?))
}

fn identity(authority: &Authority, who: &str) -> Result<Identity, Failure> {
    let wrong = || {
        Failure::new(Exit::Usage, format!("`{who}` is nobody whom a certificate can name"))
            .hint("write it as in node/3, viewer/vera, operator/otto or admin/anna")
    };
    let (kind, name) = who.split_once('/').ok_or_else(wrong)?;
    if kind == "node" {
        // As the file has it: no sign, no zeros before it.
        let id: u64 =
            name.parse().ok().filter(|id: &u64| *id > 0 && id.to_string() == name).ok_or_else(wrong)?;
        return Ok(Identity::node(authority.cluster(), arbiter_core::ids::NodeId(id)));
    }
    let role = Role::ALL.into_iter().find(|role| role.name() == kind).ok_or_else(wrong)?;
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(wrong());
    }
    Ok(Identity::person(authority.cluster(), role, name))
}

fn show(file: &Path, now: u64) -> Result<Vec<CertificateView>, Failure> {
    let wrong = |why: String| Failure::new(Exit::Failed, format!("{}: {why}", file.display()));
    let size = std::fs::metadata(file).map_err(|error| wrong(error.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(wrong(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let view = |seen: Seen| CertificateView {
        file: file.display().to_string(),
        identity: seen.identity.map(|identity| identity.to_string()),
        authority_of: seen.authority_of,
        ends_wall_ms: seen.not_after.saturating_mul(MS),
        days_left: days_left(seen.not_after, now),
        ended: seen.not_after < now,
    };
    Ok(certificates(&pem).map_err(wrong)?.into_iter().map(view).collect())
}

fn failed(error: PkiError) -> Failure {
    Failure::new(Exit::Failed, error.to_string())
}
