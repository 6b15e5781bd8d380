//! Which addresses are tried.

use crate::exit::Exit;
use crate::failure::Failure;
use std::path::Path;

/// Where a node listens by default, on the host that this runs on.
pub const DEFAULT: &str = "127.0.0.1:7400";

/// A cluster has at most nine nodes; a few of them may be reachable by more than one address.
const ENDPOINTS_MAX: usize = 32;

/// Chooses the addresses: `--endpoint`, else the file's nodes, else the environment's, else this host.
///
/// # Errors
/// A usage failure that names the address or file that can't be used, with its corrected form.
pub fn choose(
    named: &[String],
    config: Option<&Path>,
    environment: Option<&str>,
) -> Result<Vec<String>, Failure> {
    let given = if !named.is_empty() {
        named.to_vec()
    } else if let Some(path) = config {
        return of_file(path);
    } else {
        environment.into_iter().flat_map(|list| list.split(',')).map(str::to_owned).collect()
    };
    let mut chosen: Vec<String> = Vec::new();
    for address in given.iter().map(|address| address.trim()).filter(|address| !address.is_empty()) {
        let address = checked(address)?;
        if !chosen.contains(&address) {
            chosen.push(address);
        }
    }
    if chosen.len() > ENDPOINTS_MAX {
        let what = format!("{} endpoints are given; at most {ENDPOINTS_MAX} are tried", chosen.len());
        return Err(
            Failure::new(Exit::Usage, what).hint("name some nodes of one cluster: any of them answers")
        );
    }
    if chosen.is_empty() {
        chosen.push(DEFAULT.to_owned());
    }
    Ok(chosen)
}

fn checked(address: &str) -> Result<String, Failure> {
    let wrong = |right: String| {
        Failure::new(Exit::Usage, format!("`{address}` is not an endpoint: host:port is expected"))
            .hint(format!("write it as in `--endpoint {right}`"))
    };
    if let Some((_, rest)) = address.split_once("://") {
        return Err(wrong(rest.trim_end_matches('/').to_owned()));
    }
    let with_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port != 0);
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let plain = |host: &str| !host.is_empty() && host.chars().all(fits);
    let v6 = |host: &str| {
        let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        inside.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok())
    };
    match address.rsplit_once(':') {
        Some((host, port)) if with_port(port) && (plain(host) || v6(host)) => Ok(address.to_owned()),
        _ if address.parse::<std::net::Ipv6Addr>().is_ok() => Err(wrong(format!("[{address}]:7400"))),
        None if plain(address) => Err(wrong(format!("{address}:7400"))),
        _ => Err(wrong(DEFAULT.to_owned())),
    }
}

/// Every node's address, in the order of the file.
fn of_file(path: &Path) -> Result<Vec<String>, Failure> {
    let failed = |what: String| {
        Failure::new(Exit::Usage, what)
            .hint("name the right file with `--config`, or a node with `--endpoint host:port`")
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| failed(format!("can't read {}: {error}", path.display())))?;
    let (policy, _) =
        arbiter_config::parse_policy(path, &text).map_err(|refused| failed(refused.to_string()))?;
    let mut addresses = Vec::new();
    for node in &policy.nodes {
        let loaded =
            arbiter_config::parse(path, &text, &node.name).map_err(|refused| failed(refused.to_string()))?;
        addresses.push(loaded.config.local.address);
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(list: &[&str]) -> Result<Vec<String>, Failure> {
        let list: Vec<String> = list.iter().map(|&text| text.to_owned()).collect();
        choose(&list, None, None)
    }

    #[test]
    fn the_command_line_comes_before_the_environment_and_that_before_this_host() {
        assert_eq!(choose(&[], None, None).unwrap(), [DEFAULT]);
        assert_eq!(choose(&[], None, Some("a:1, b:2,,a:1")).unwrap(), ["a:1", "b:2"]);
        assert_eq!(choose(&["c:3".to_owned()], None, Some("a:1")).unwrap(), ["c:3"]);
        assert_eq!(given(&["[::1]:7400", "node-1.example:7400"]).unwrap().len(), 2);
    }

    #[test]
    fn a_wrong_endpoint_is_refused_with_its_corrected_form() {
        let cases = [
            ("witness", "--endpoint witness:7400"),
            ("http://witness:7400/", "--endpoint witness:7400"),
            ("::1", "--endpoint [::1]:7400"),
            ("witness:0", "--endpoint 127.0.0.1:7400"),
            ("wit ness:7400", "--endpoint 127.0.0.1:7400"),
            (":7400", "--endpoint 127.0.0.1:7400"),
        ];
        for (wrong, right) in cases {
            let failure = given(&[wrong]).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.hints[0].contains(right), "{wrong}: {:?}", failure.hints);
        }
        let many: Vec<String> = (0..33).map(|k| format!("n{k}:1")).collect();
        assert!(choose(&many, None, None).is_err());
    }

    #[test]
    fn a_file_gives_every_nodes_address() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cluster.example.toml");
        let addresses = choose(&[], Some(&example), Some("a:1")).unwrap();
        assert_eq!(addresses, ["172.16.1.157:7400", "172.16.2.126:7400", "172.16.5.10:7400"]);
        assert_eq!(choose(&[], Some(Path::new("/nowhere")), None).unwrap_err().exit, Exit::Usage);
    }
}
