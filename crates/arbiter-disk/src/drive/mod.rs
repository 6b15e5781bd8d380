//! What is traced: real nodes on real disks that agree over loopback, elect, forget, restart.

mod cluster;

pub(crate) use cluster::{NODES, drive, folder_of};
