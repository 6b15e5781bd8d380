//! The real binary, in an environment of its own.

use crate::fake::Fake;
use std::process::{Command, Output, Stdio};

/// What it said and how it ended. Addresses of fakes, which differ from run to run, are `NODE-1`, `NODE-2`, ….
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// All of it, as golden files have it.
    pub fn transcript(&self) -> String {
        let mut text = self.out.clone();
        if !self.err.is_empty() {
            text.push_str("--- stderr\n");
            text.push_str(&self.err);
        }
        text.push_str(&format!("--- exit {}\n", self.code));
        text
    }
}

/// Without any surroundings, and without anybody who could be asked.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arbiterctl"));
    command.env_clear().env("USER", "anna").args(arguments).stdin(Stdio::null());
    command
}

pub fn bare(arguments: &[&str]) -> Ran {
    ran(&command(arguments).output().unwrap(), &[])
}

/// Against these fakes, in their order.
pub fn against(fakes: &[&Fake], arguments: &[&str]) -> Ran {
    let addresses: Vec<&str> = fakes.iter().map(|fake| fake.address.as_str()).collect();
    let output = command(arguments).env("ARBITER_ENDPOINT", addresses.join(",")).output().unwrap();
    ran(&output, &addresses)
}

pub fn ran(output: &Output, addresses: &[&str]) -> Ran {
    let text = |bytes: &[u8]| {
        let mut text = String::from_utf8(bytes.to_vec()).unwrap();
        for (k, address) in addresses.iter().enumerate() {
            text = text.replace(address, &format!("NODE-{}", k + 1));
        }
        text
    };
    Ran { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
}
