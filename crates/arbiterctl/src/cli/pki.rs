//! `pki`: certificates.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// A year, and a month in which to renew.
const DAYS: u32 = 397;

/// An authority is changed seldom: everybody's `ca` file changes with it.
const AUTHORITY_DAYS: u32 = 3_650;

/// What to do with certificates. No node is asked.
#[derive(Debug, Subcommand)]
pub enum PkiCommand {
    /// Make a certificate authority for a cluster: ca.crt, which everybody gets, and ca.key, which nobody gets
    Init(InitArgs),
    /// Make a certificate and its key for a node or a person
    Issue(IssueArgs),
    /// Make a new certificate for the same holder and key, in the place of the old one
    Renew(IssueArgs),
    /// Show whose certificates are, and how long they last
    Show(ShowArgs),
}

/// For which cluster, and where.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The cluster's name, as in `[cluster]` of cluster.toml
    #[arg(long, value_name = "NAME")]
    pub cluster: String,
    /// The folder that is made for it; best on no node at all
    #[arg(long, value_name = "DIR", default_value = "pki")]
    pub folder: PathBuf,
    /// How long it lasts
    #[arg(long, value_name = "N", default_value_t = AUTHORITY_DAYS, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub days: u32,
}

/// For whom, and where.
#[derive(Debug, Args)]
pub struct IssueArgs {
    /// node/ID, viewer/NAME, operator/NAME or admin/NAME
    pub who: String,
    /// The authority's folder
    #[arg(long, value_name = "DIR", default_value = "pki")]
    pub folder: PathBuf,
    /// How long it lasts
    #[arg(long, value_name = "N", default_value_t = DAYS, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub days: u32,
}

/// Which.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Certificates in PEM
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}
