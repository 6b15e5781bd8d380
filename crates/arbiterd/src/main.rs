//! arbiterd
fn main() {}
