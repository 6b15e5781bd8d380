//! Members come and go while routes are kept.

use crate::cluster::{ALL, Cluster, ONE, Plan, Process, TWO, WITNESS, arbiterd};
use arbiter_proto::v1;
use arbiter_proto::v1::operate_request::Operation;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A node that joins later, with a file of its own that lists all five; the files of the first three list themselves.
struct Later {
    id: u64,
    name: &'static str,
    address: SocketAddr,
}

impl Later {
    /// On an address beside those of the cluster.
    fn beside(cluster: &Cluster, id: u64, name: &'static str) -> Self {
        let first = cluster.addresses.nodes[0];
        let IpAddr::V4(ip) = first.ip() else { panic!("{first} is no IPv4 address") };
        let [a, b, c, d] = ip.octets();
        // Those of the cluster, and of others in this process, count up from 1; these count down.
        let ip = Ipv4Addr::new(a, b, c, 255 - d - u8::try_from(id).unwrap());
        Self { id, name, address: SocketAddr::from((ip, first.port())) }
    }

    fn policy(&self) -> String {
        format!("\n[[node]]\nid = {}\nname = \"{}\"\nzone = \"zone-{}\"\n", self.id, self.name, self.id)
    }

    fn node(&self) -> String {
        format!("{}address = \"{}\"\ndata_dir = \"{}\"\n", self.policy(), self.address, self.name)
    }

    fn start(&self, cluster: &Cluster, file: &str) -> Process {
        let mut command = arbiterd(cluster.folder());
        command
            .env("AWS_ENDPOINT_URL_EC2", cluster.ec2.url())
            .env("AWS_ACCESS_KEY_ID", format!("AKIDNODE{}", self.id));
        command.arg("--config").arg(cluster.folder().join(file)).args(["--node", self.name]);
        Process::start(&mut command, &cluster.folder().join(format!("{}.log", self.name)))
    }

    fn log(&self, cluster: &Cluster) -> String {
        std::fs::read_to_string(cluster.folder().join(format!("{}.log", self.name))).unwrap_or_default()
    }

    fn add(&self) -> Operation {
        let (node, address) = (self.name.to_owned(), self.address.to_string());
        Operation::AddMember(v1::AddMember { node, id: self.id, address })
    }

    fn promote(&self) -> Operation {
        Operation::PromoteMember(v1::PromoteMember { node: self.name.to_owned() })
    }
}

fn remove(node: &str) -> Operation {
    Operation::RemoveMember(v1::RemoveMember { node: node.to_owned() })
}

/// Asks until it is accepted: a learner needs its time to catch up, and a leader may change meanwhile.
async fn insist(cluster: &mut Cluster, what: &str, operation: Operation) {
    cluster
        .until(what, async |cluster| match cluster.operate(ONE, operation.clone()).await {
            Ok(reply) if reply.accepted => Some(()),
            Ok(reply) if reply.refusal.contains("leads") => {
                // Whom exactly does not matter, only that it is another.
                let _ = cluster.hand_over(ONE, TWO.name()).await;
                None
            }
            // The answer to one that was done was lost.
            Ok(reply) if reply.refusal.contains("and votes") || reply.refusal.contains("was removed") => {
                Some(())
            }
            _ => None,
        })
        .await;
}

async fn refused(cluster: &Cluster, operation: Operation) -> String {
    let reply = cluster.operate(ONE, operation).await.unwrap();
    assert!(!reply.accepted && reply.index == 0, "{reply:?}");
    reply.refusal
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_three_nodes_to_five_and_back_with_failovers_in_the_middle() {
    let mut cluster = Cluster::start(&Plan::default()).await;
    let later = [Later::beside(&cluster, 4, "witness-2"), Later::beside(&cluster, 5, "witness-3")];
    let said = refused(&cluster, later[0].add()).await;
    assert!(said.contains("knows no node witness-2") && said.contains("policy apply"), "{said}");
    let said = refused(&cluster, remove(TWO.name())).await;
    assert!(said.contains("speaks for gateway strongswan-2"), "{said}");

    let (version, toml) = cluster.policy(ONE).await;
    // The later ones watch the gateways too, or the policy is refused.
    let watching = "observers = [\"witness\", ";
    assert_eq!(toml.matches(watching).count(), 2, "{toml}");
    let toml = toml.replace(watching, &format!("{watching}\"witness-2\", \"witness-3\", "));
    let toml = toml + &later[0].policy() + &later[1].policy();
    cluster.accepted(ONE, Operation::ApplyPolicy(v1::ApplyPolicy { version: version + 1, toml })).await;
    let file = std::fs::read_to_string(cluster.folder().join("cluster.toml")).unwrap();
    std::fs::write(cluster.folder().join("five.toml"), file + &later[0].node() + &later[1].node()).unwrap();

    // Four nodes; the tunnel of strongswan-1 fails before the fifth one votes.
    cluster.accepted(TWO, later[0].add()).await;
    let said = refused(&cluster, later[0].promote()).await;
    assert!(said.contains("witness-2 has not joined yet"), "{said}");
    let mut fourth = later[0].start(&cluster, "five.toml");
    insist(&mut cluster, "the fourth votes", later[0].promote()).await;
    cluster.accepted(TWO, later[1].add()).await;
    let mut fifth = later[1].start(&cluster, "five.toml");
    cluster.tunnels[0].fall_silent().await;
    insist(&mut cluster, "the fifth votes", later[1].promote()).await;
    cluster.until_on(ONE, "private-1", "tunnel-2").await;
    let five = cluster
        .until_status(ONE, "five voters", |status| (status.voters, status.voters_heard) == (5, 5))
        .await;
    assert!(five.next_failure.contains("2 more nodes can be lost"), "{}", five.next_failure);
    let member = five.members.iter().find(|member| member.id == 5).unwrap();
    assert_eq!((member.disk.as_str(), member.address.clone()), ("recorded", later[1].address.to_string()));

    // Of five two may be lost, the first leader among them: the tunnel's return is acted on all the same.
    cluster.kill(WITNESS).await;
    cluster.tunnels[0].answer();
    cluster.until_on(ONE, "private-1", "tunnel-1").await;
    cluster.start_node(WITNESS);
    cluster.until_status(ONE, "five heard again", |status| status.voters_heard == 5).await;

    // And back to three.
    for node in &later {
        insist(&mut cluster, "it is removed", remove(node.name)).await;
        let said = "was removed from the cluster";
        cluster.until("it says so", async |cluster| node.log(cluster).contains(said).then_some(())).await;
    }
    cluster.until_status(ONE, "three voters", |status| (status.voters, status.voters_heard) == (3, 3)).await;
    let said = refused(&cluster, later[0].add()).await;
    assert!(said.contains("its id is never used again"), "{said}");
    for process in [&mut fourth, &mut fifth] {
        assert!(process.has_ended().is_none(), "it stands still, and does not end by itself");
    }
    let history = cluster.history(ONE).await.unwrap();
    let by_anna = |event: &&v1::Event| event.kind == "member-changed" && event.actor == "anna";
    assert!(history.iter().filter(by_anna).count() >= 6, "who did it is in the history");

    // The three are as good as before.
    cluster.tunnels[0].fall_silent().await;
    cluster.until_on(ONE, "private-1", "tunnel-2").await;
    cluster.tunnels[0].answer();
    cluster.until_on(ONE, "private-1", "tunnel-1").await;
    assert!(ALL.iter().all(|member| !cluster.log(*member).contains("panicked")));
    cluster.judge().await;
}
