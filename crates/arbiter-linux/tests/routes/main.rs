//! The one hand on a host's kernel routes: against a kernel that can be made to fail, and against the real one.

mod fake;
mod hand;
mod keeper;
mod provider;
mod real;
mod site;
