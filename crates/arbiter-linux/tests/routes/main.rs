//! The one hand on a host's kernel routes: against a kernel that can be made to fail, and against the real one.

#![expect(clippy::unwrap_used, reason = "what helps a test may panic as the test may")]

mod fake;
mod hand;
mod keeper;
mod provider;
mod real;
mod site;
