//! What concerns one node alone: its own `[[node]]`, `[log]`, `[ec2]`, `[follow]`.

use super::Document;
use crate::config::{Ec2Config, LocalConfig, LogConfig, LogFormat};
use crate::context::Context;
use crate::reader::Table;
use arbiter_core::policy::suggestion;
use std::path::Path;

impl Document {
    /// The part of the node of that name. `None`, and complained of, if there is none or it is incomplete.
    pub(crate) fn local(&self, file: &Path, name: &str, context: &mut Context) -> Option<LocalConfig> {
        let Some(own) = self.nodes.iter().find(|node| node.policy.name == name) else {
            let known = self.nodes.iter().map(|node| node.policy.name.as_str());
            let help = suggestion(name, known.filter(|name| !name.is_empty()));
            context.error(None, "--node", format!("no `[[node]]` is named `{name}`"), help);
            return None;
        };
        let others = self.nodes.iter().filter(|node| node.policy.name != name);
        let peers = others.map(|node| {
            let reached = own.reach.get(&node.policy.name).unwrap_or(&node.address);
            (node.policy.id, reached.clone())
        });
        let folder = file.parent().unwrap_or(Path::new(""));
        Some(LocalConfig {
            id: own.policy.id,
            name: own.policy.name.clone(),
            listen: own.listen?,
            address: own.address.clone(),
            http: own.http,
            data_dir: folder.join(&own.data_dir),
            peers: peers.collect(),
            log: self.log.clone(),
            ec2: self.ec2.clone(),
            follow: self.follow.clone(),
            tls: self.tls.starting_in(folder),
        })
    }
}

pub(super) fn log(root: &mut Table<'_, '_>) -> LogConfig {
    let raw = root.table("log", "log");
    let mut table = Table::open(root.context, raw, "log", "log", &["format", "filter"]);
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let default = LogConfig::default();
    LogConfig {
        format: table.choice("format", "format", &formats).unwrap_or(default.format),
        filter: table.text("filter", "filter", "\"info\"").map_or(default.filter, str::to_owned),
    }
}

pub(super) fn ec2(root: &mut Table<'_, '_>) -> Ec2Config {
    let raw = root.table("ec2", "ec2");
    let mut table = Table::open(root.context, raw, "ec2", "ec2", &["endpoint", "region"]);
    let endpoint = table.text("endpoint", "endpoint", "\"http://127.0.0.1:8000\"").map(str::to_owned);
    if let Some(url) = &endpoint {
        let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        if !host.is_some_and(|host| {
            !host.is_empty() && !host.starts_with('/') && !url.contains(char::is_whitespace)
        }) {
            let message = format!("`{url}` is not the URL of an endpoint");
            table.error("endpoint", message, "write it as in `https://ec2.cn-north-1.amazonaws.com.cn`");
        }
    }
    let region = table.text("region", "region", "\"cn-north-1\"").map(str::to_owned);
    if let Some(name) = &region {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(fits) {
            table.error(
                "region",
                format!("`{name}` is not the name of a region"),
                "write it as in `cn-north-1`",
            );
        }
    }
    Ec2Config { endpoint, region }
}
