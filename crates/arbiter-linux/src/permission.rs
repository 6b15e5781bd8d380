//! Whether this process may set kernel routes.

/// The bit of CAP_NET_ADMIN in the kernel's words.
const CAP_NET_ADMIN: u32 = 12;

/// Whether this process may set kernel routes; if not, why, and what to do.
///
/// # Errors
/// It may not.
pub fn may_set_routes() -> Result<(), String> {
    let status = std::fs::read_to_string("/proc/self/status")
        .map_err(|error| format!("/proc/self/status can't be read: {error}"))?;
    if has_net_admin(&status) {
        return Ok(());
    }
    Err("this process lacks CAP_NET_ADMIN, without which the kernel lets nobody set routes: \
         `AmbientCapabilities=CAP_NET_ADMIN` in arbiterd.service"
        .to_owned())
}

fn has_net_admin(status: &str) -> bool {
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    bits.is_some_and(|bits| bits & (1 << CAP_NET_ADMIN) != 0)
}

#[test]
fn the_kernels_words_are_read() {
    assert!(has_net_admin("Name:\tx\nCapEff:\t000001ffffffffff\n"));
    assert!(has_net_admin("CapEff:\t0000000000001000\n"));
    assert!(!has_net_admin("CapEff:\t0000000000002000\n"));
    assert!(!has_net_admin(""));
}
