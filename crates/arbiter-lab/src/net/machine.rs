//! A host that is switched on: its namespaces, and the processes in them.
//!
//! A host's namespaces (network, mounts, host name) are held by one process that sleeps. When it is killed together
//! with the other processes, the namespaces vanish with their cables, as when a host loses its power.

use super::exec;
use super::topology::Host;
use anyhow::Context;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A host without services is up in some milliseconds; on a busy machine in some tens.
const HOLDER_LIMIT: Duration = Duration::from_secs(20);
/// How long processes may take to end when the host is shut down in good order.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);
/// How much of a log is shown when its process has ended, in lines.
const TAIL_LINES: usize = 6;

/// Makes a host's own view of the files: an empty `/run`, and strongSwan's configuration, if it has one, in the places
/// where a real installation has it. So programs find it there without being told, also under AppArmor.
const HOLDER: &str = r#"
hostname "$1"
mount -t tmpfs -o mode=0755 tmpfs /run
if [ -e "$2/strongswan.conf" ]; then
    mount --bind "$2/strongswan.conf" /etc/strongswan.conf
    mount --bind "$2/swanctl" /etc/swanctl
fi
echo up
exec sleep infinity
"#;

/// What every host gets before its cables: no filter for asymmetric ways, no IPv6 chatter, ping for everybody.
const SETTLE: &str = r"
cd /proc/sys/net/ipv4
for file in conf/*/rp_filter conf/*/send_redirects conf/*/accept_redirects; do echo 0 >$file; done
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 2>/dev/null || true
echo 0 0 >ping_group_range
";

/// The processes that hold the hosts that are on: for those who look into a host without owning it.
#[derive(Debug, Default)]
pub(super) struct Pids(Mutex<BTreeMap<Host, u32>>);

impl Pids {
    /// The holder of a host; none while it is off.
    pub fn of(&self, host: Host) -> Option<u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&host).copied()
    }

    /// A host is on, or off.
    pub fn set(&self, host: Host, pid: Option<u32>) {
        let mut pids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match pid {
            Some(pid) => pids.insert(host, pid),
            None => pids.remove(&host),
        };
    }

    /// All that are on.
    pub fn all(&self) -> BTreeMap<Host, u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a host without power says and hears: nothing.
const DARK: &str = "\
table ip dark {
    chain in { type filter hook prerouting priority raw; policy drop; }
    chain out { type filter hook output priority raw; policy drop; }
}
";

/// A process that a host runs for as long as it is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Service {
    /// strongSwan's daemon.
    Charon,
    /// The node.
    Arbiterd,
    /// What somebody else runs in the node's place.
    Peer,
    /// What that needs beside it.
    Pinger,
}

impl Service {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Charon => "charon",
            Self::Arbiterd => "arbiterd",
            Self::Peer => "peer",
            Self::Pinger => "pinger",
        }
    }
}

/// A host that is switched on.
#[derive(Debug)]
pub(super) struct Machine {
    host: Host,
    /// Its folder: configuration, data and logs. It outlives the host, as a disk does.
    folder: PathBuf,
    pid: u32,
    holder: Child,
    services: BTreeMap<Service, Child>,
}

impl Machine {
    /// Switches a host on. It has no cables yet.
    pub async fn switch_on(host: Host, folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
        let mut holder = Command::new("unshare")
            .args(["--net", "--mount", "--uts", "--propagation", "private", "--"])
            .args(["sh", "-ec", HOLDER, "holder", host.name()])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("`unshare` can't be started; it is in the package util-linux")?;
        let pid = holder.id().context("the holder has ended already")?;
        let out = holder.stdout.take().context("a pipe was asked for")?;
        let mut line = String::new();
        let read = timeout(HOLDER_LIMIT, BufReader::new(out).read_line(&mut line)).await;
        read.with_context(|| format!("the namespaces of {host} are not ready after {HOLDER_LIMIT:?}"))??;
        anyhow::ensure!(line == "up\n", "the namespaces of {host} can't be made (see the line above)");
        let machine = Self { host, folder: folder.to_owned(), pid, holder, services: BTreeMap::new() };
        machine.run(&["sh", "-ec", SETTLE], "").await?;
        if host.forwards() {
            machine.set_forwarding(true).await?;
        }
        Ok(machine)
    }

    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// The words that start a program inside.
    fn enter(&self) -> [String; 7] {
        let words = ["nsenter", "--target", &self.pid.to_string(), "--net", "--mount", "--uts", "--"];
        words.map(str::to_owned)
    }

    /// Runs a program inside to its end.
    pub async fn run(&self, words: &[&str], input: &str) -> anyhow::Result<String> {
        let enter = self.enter();
        let all: Vec<_> = enter.iter().map(String::as_str).chain(words.iter().copied()).collect();
        exec::run(&all, input).await.with_context(|| format!("on {}", self.host))
    }

    /// Runs lines of `ip` inside.
    pub async fn ip(&self, lines: &[String]) -> anyhow::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        self.run(&["ip", "-batch", "-"], &(lines.join("\n") + "\n")).await.map(|_| ())
    }

    /// Gives rules to nftables inside: all of them, or none.
    pub async fn nft(&self, rules: &str) -> anyhow::Result<()> {
        self.run(&["nft", "-f", "-"], rules).await.map(|_| ())
    }

    /// Whether it passes on what is not for itself.
    pub async fn set_forwarding(&self, on: bool) -> anyhow::Result<()> {
        let order = format!("echo {} >/proc/sys/net/ipv4/ip_forward", u8::from(on));
        self.run(&["sh", "-ec", &order], "").await.map(|_| ())
    }

    /// How many packets an interface inside has sent; none if it isn't there.
    pub fn packets_sent(&self, interface: &str) -> Option<u64> {
        let table = std::fs::read_to_string(format!("/proc/{}/net/dev", self.pid)).ok()?;
        packets_sent(&table, interface)
    }

    /// The log of a service.
    pub fn log(&self, service: Service) -> PathBuf {
        self.folder.join(format!("{}.log", service.name()))
    }

    /// Starts a service, unless it runs. `prepare` gives it arguments and environment.
    pub fn start(
        &mut self,
        service: Service,
        program: &Path,
        prepare: impl FnOnce(&mut Command),
    ) -> anyhow::Result<()> {
        if self.services.contains_key(&service) {
            return Ok(());
        }
        let path = self.log(service);
        let log = File::options().create(true).append(true).open(&path);
        let log = log.with_context(|| format!("{} can't be written", path.display()))?;
        let [nsenter, rest @ ..] = self.enter();
        let mut command = Command::new(nsenter);
        command.args(rest).arg(program);
        prepare(&mut command);
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} can't be started on {}", program.display(), self.host))?;
        self.services.insert(service, child);
        Ok(())
    }

    /// Kills a service without warning. Returns when it is gone.
    pub async fn kill(&mut self, service: Service) -> anyhow::Result<()> {
        let Some(mut child) = self.services.remove(&service) else { return Ok(()) };
        child.kill().await.with_context(|| format!("{} on {} can't be killed", service.name(), self.host))
    }

    /// The process of a service, if it runs.
    pub fn pid_of(&self, service: Service) -> Option<u32> {
        self.services.get(&service)?.id()
    }

    /// Whether it runs a service, as far as is known.
    pub fn runs(&self, service: Service) -> bool {
        self.services.contains_key(&service)
    }

    /// How a service has ended that nobody killed, if it has; it is as if it had never been started then.
    pub fn end_of(&mut self, service: Service) -> anyhow::Result<Option<ExitStatus>> {
        let Some(child) = self.services.get_mut(&service) else { return Ok(None) };
        let end = child.try_wait()?;
        if end.is_some() {
            self.services.remove(&service);
        }
        Ok(end)
    }

    /// Fails if a service has ended that nobody killed; the node only if it may not end.
    pub fn check(&mut self, node_may_end: bool) -> anyhow::Result<()> {
        for (service, child) in &mut self.services {
            if node_may_end && *service == Service::Arbiterd {
                continue;
            }
            if let Some(status) = child.try_wait()? {
                let (name, host) = (service.name(), self.host);
                let log = self.folder.join(format!("{name}.log"));
                let tail = tail(&log);
                anyhow::bail!("{name} on {host} has ended by itself ({status}). The end of its log:\n{tail}");
            }
        }
        Ok(())
    }

    /// The host shuts down in good order: services are asked to end, then killed.
    pub async fn shut_down(mut self) -> anyhow::Result<()> {
        for (service, mut child) in std::mem::take(&mut self.services) {
            if let Some(pid) = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()))
                && rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_ok()
                && timeout(SHUTDOWN_LIMIT, child.wait()).await.is_ok()
            {
                continue;
            }
            self.services.insert(service, child);
        }
        self.lose_power().await
    }

    /// The host loses its power: everything in it is killed at once. Returns when it is gone.
    pub async fn lose_power(mut self) -> anyhow::Result<()> {
        // In one instant nothing comes in or goes out any more. To kill takes tens of milliseconds, and until its namespace
        // is gone the host's kernel would go on answering pings.
        self.nft(DARK).await?;
        // All get the signal before any is waited for.
        for child in self.services.values_mut() {
            child.start_kill().ok();
        }
        kill_strays(self.pid)?;
        for child in self.services.values_mut() {
            child.wait().await?;
        }
        self.holder.kill().await.with_context(|| format!("{} can't be switched off", self.host))
    }
}

/// Kills what else runs in the network namespace of that process, such as somebody's shell; not the process itself. All
/// processes that can be seen are the lab's: it has a process namespace of its own.
fn kill_strays(holder: u32) -> anyhow::Result<()> {
    let namespace = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    let Some(ours) = namespace(holder) else { return Ok(()) };
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if pid != holder
            && namespace(pid).as_ref() == Some(&ours)
            && let Some(pid) = rustix::process::Pid::from_raw(pid.cast_signed())
        {
            // It may have ended by itself meanwhile.
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
        }
    }
    Ok(())
}

/// Reads the count of packets sent from the kernel's table of interfaces.
fn packets_sent(table: &str, interface: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.trim().strip_prefix(interface)?.strip_prefix(':'))?;
    // Eight columns of what was received, then bytes and packets of what was sent.
    line.split_whitespace().nth(9)?.parse().ok()
}

fn tail(log: &Path) -> String {
    let text =
        std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let table = "Inter-|   Receive                                                |  Transmit\n\
            face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop\n\
            lo:       0       0    0    0    0     0          0         0        0       0    0    0\n\
            ipsec0: 1664       5    0    0    0     0          0         0     2080      17    0    0\n";
        assert_eq!(packets_sent(table, "ipsec0"), Some(17));
        assert_eq!(packets_sent(table, "ipsec"), None);
        assert_eq!(packets_sent(table, "eth0"), None);
    }
}
