//! The provider against endpoints: one suite, run over moto and over the lab; an endpoint that misbehaves; the AWS
//! environment.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test, as the test itself does")]

mod calls;
mod environment;
mod fixture;
mod imds;
mod lab;
mod moto;
mod permissions;
mod raw;
mod rude;
mod rude_server;
mod suite;
