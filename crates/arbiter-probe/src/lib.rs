//! arbiter-probe
