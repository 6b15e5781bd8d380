//! What a traced process did to its files and connections: the output of `strace`, read.
//!
//! `strace` stops a thread at the entry and at the exit of a system call, and writes what happened in the order of
//! these stops. If one call waits for another's end, through whatever locks and channels, then its line begins after the
//! other's has ended. So the order of lines never accuses a program that waits; one that does not wait is accused when it
//! is fast enough, which a delay at the end of each sync makes sure of.

mod fields;
mod lines;

pub(crate) use lines::read;

use std::path::PathBuf;

/// One system call. `begin` and `end` are numbers of lines; a call that was cut short by the end of its process ends
/// with that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub begin: usize,
    pub end: usize,
    pub call: Call,
}

/// What matters of a call. Calls that failed are left out, except a failed sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Call {
    /// A file was opened so that it would have been made.
    Create { path: PathBuf },
    /// A file was opened: what is written without a place begins at its start.
    Open { path: PathBuf },
    /// A folder was made.
    MakeFolder { path: PathBuf },
    /// Bytes went into a file; without a place behind those before.
    Write { path: PathBuf, at: Option<u64>, bytes: Vec<u8> },
    /// A file got this length.
    Resize { path: PathBuf, length: u64 },
    /// `fsync` or `fdatasync` of a file or folder. `sync_file_range` is none: it flushes neither a file's length nor the
    /// disk's own cache.
    Sync { path: PathBuf, only_data: bool, ok: bool },
    /// A name took another's place.
    Rename { from: PathBuf, to: PathBuf },
    /// A name went.
    Remove { path: PathBuf },
    /// Bytes left by a connection: `local->remote`.
    Send { by: String, bytes: Vec<u8> },
    /// Bytes came by a connection.
    Receive { by: String, bytes: Vec<u8> },
}

/// The calls that are traced.
pub(crate) const CALLS: &str = "trace=open,openat,creat,mkdir,mkdirat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,\
     fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,read,readv,recvfrom,recvmsg,sendto,sendmsg";
