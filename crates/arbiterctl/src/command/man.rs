//! `man`: the help as manual pages. No node is asked.

use crate::Terminal;
use crate::cli::{Cli, ManArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::write_out;
use clap::CommandFactory;
use clap_mangen::Man;
use std::path::Path;

const SECTION: &str = "1";

pub(crate) fn run(args: &ManArgs, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let pages = pages()?;
    match &args.dir {
        Some(folder) => {
            write(&pages, folder)?;
            let says = format!("{} pages written to {}\n", pages.len(), folder.display());
            write_out(terminal, says.as_bytes())?;
        }
        None => {
            let own = pages.first().map_or(&[][..], |page| &page.text);
            write_out(terminal, own)?;
        }
    }
    Ok(Exit::Ok)
}

/// One manual page.
struct Page {
    /// `arbiterctl-policy-apply.1`.
    file: String,
    text: Vec<u8>,
}

/// The program's own first, then each command's and subcommand's.
fn pages() -> Result<Vec<Page>, Failure> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    add(&program, None, &mut pages)?;
    Ok(pages)
}

fn add(command: &clap::Command, above: Option<&str>, pages: &mut Vec<Page>) -> Result<(), Failure> {
    let name = match above {
        Some(above) => format!("{above}-{}", command.get_name()),
        None => command.get_name().to_owned(),
    };
    let version = concat!("Route Arbiter ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).title(name.to_uppercase()).section(SECTION).source(version);
    let mut text = Vec::new();
    man.manual("Route Arbiter")
        .render(&mut text)
        .map_err(|error| Failure::new(Exit::Failed, format!("can't lay out the page of {name}: {error}")))?;
    let inner = command.get_subcommands().map(|inner| format!("{name}-{}", inner.get_name()));
    let others: Vec<String> = above.map(str::to_owned).into_iter().chain(inner).collect();
    text.extend(see_also(&others).into_bytes());
    pages.push(Page { file: format!("{name}.{SECTION}"), text });
    command.get_subcommands().try_for_each(|inner| add(inner, Some(&name), pages))
}

fn see_also(others: &[String]) -> String {
    // A hyphen in roff's own form is one that can be copied.
    let names: Vec<String> =
        others.iter().map(|name| format!("\\fB{}\\fR({SECTION})", name.replace('-', "\\-"))).collect();
    if names.is_empty() { String::new() } else { format!(".SH \"SEE ALSO\"\n{}\n", names.join(", ")) }
}

fn write(pages: &[Page], folder: &Path) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| {
        Failure::new(Exit::Failed, format!("can't write {}: {error}", path.display()))
            .hint("name a folder that you may write to, as in `arbiterctl man --dir ./man1`")
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for page in pages {
        let path = folder.join(&page.file);
        std::fs::write(&path, &page.text).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}
