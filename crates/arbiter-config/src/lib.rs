//! arbiter-config
