//! `cluster.toml`: from text to a validated [`Config`], with everything that is wrong said at once.
//!
//! One file serves all nodes: `[[node]]` tables say who there is, `--node NAME` says who this is. What is local
//! to a node (addresses, folders, logs) stays in [`LocalConfig`]; what the cluster agrees on becomes core's
//! [`Policy`], with names turned into ids and durations into milliseconds.
//!
//! Reading goes in three steps, and each problem carries its line, column and corrected form:
//! 1. syntax: a file that isn't TOML is only told so;
//! 2. shape (`reader`, `sections`): unknown keys, types, units, names of nodes. A key that is almost right is read as
//!    if it were right, so that one slip makes one problem;
//! 3. meaning: [`Policy::problems`], its places turned back into lines, except where step 2 has already spoken.

mod config;
mod context;
mod duration;
mod keys;
mod problem;
mod reader;
mod render;
mod sections;

pub use config::{
    Config, Ec2Config, FollowConfig, Loaded, LocalConfig, LogConfig, LogFormat, RaftTiming, Seed, TlsConfig,
    TlsFiles, is_loopback,
};
pub use duration::{NotADuration, duration_ms};
pub use keys::{SectionKeys, accepted_keys};
pub use problem::{ConfigProblem, LoadError, Position, Refused};
pub use render::render_policy;

use arbiter_core::policy::{Policy, Severity};
use context::Context;
use sections::Document;
use std::path::Path;

/// A cluster of nine nodes with two thousand routes and five thousand probes takes about one; more is a mistake.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Reads the file as the node of that name.
///
/// # Errors
/// [`LoadError::Unreadable`] if the file can't be read; [`LoadError::Refused`] with all its problems otherwise.
pub fn load(path: &Path, node_name: &str) -> Result<Loaded, LoadError> {
    let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > FILE_BYTES_MAX {
        return Err(LoadError::TooLarge { path: path.to_owned(), size, most: FILE_BYTES_MAX });
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    Ok(parse(path, &text, node_name)?)
}

/// [`load`], of a text that was read before. `path` names it in messages and is where relative folders start.
///
/// # Errors
/// All its problems, if one of them is an error.
pub fn parse(path: &Path, text: &str, node_name: &str) -> Result<Loaded, Refused> {
    let mut context = Context::default();
    let Some(document) = Document::read(text, sections::Use::Node, &mut context) else {
        return Err(refused(path, text, context));
    };
    let local = document.local(path, node_name, &mut context);
    let warnings = finish(path, text, &document.policy, context)?;
    // `local` says what keeps it from existing, so that `finish` has already refused.
    let Some(local) = local else {
        return Err(Refused::default());
    };
    Ok(Loaded {
        config: Config { local, raft: document.raft, policy: document.policy, seed: document.seed },
        warnings,
    })
}

/// Reads only the policy of a file, for `policy apply`: nodes need no addresses there.
///
/// # Errors
/// All its problems, if one of them is an error.
pub fn parse_policy(path: &Path, text: &str) -> Result<(Policy, Vec<ConfigProblem>), Refused> {
    let mut context = Context::default();
    let Some(document) = Document::read(text, sections::Use::Policy, &mut context) else {
        return Err(refused(path, text, context));
    };
    let warnings = finish(path, text, &document.policy, context)?;
    Ok((document.policy, warnings))
}

/// Adds what core finds, and separates what is refused from what is only warned of.
fn finish(
    path: &Path,
    text: &str,
    policy: &Policy,
    mut context: Context,
) -> Result<Vec<ConfigProblem>, Refused> {
    for problem in policy.problems() {
        context.meaning(problem);
    }
    let refused = refused(path, text, context);
    if refused.problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(refused);
    }
    Ok(refused.problems)
}

fn refused(path: &Path, text: &str, context: Context) -> Refused {
    Refused { problems: problem::locate(path, text, context.found) }
}
