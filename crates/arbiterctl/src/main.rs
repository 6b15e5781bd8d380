//! arbiterctl
fn main() {}
