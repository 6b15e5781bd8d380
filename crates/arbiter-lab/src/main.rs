//! arbiter-lab
fn main() {}
