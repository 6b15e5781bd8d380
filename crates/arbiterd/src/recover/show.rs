//! What was found, and what follows, in words.

use super::others::Other;
use arbiter_core::ids::NodeId;
use arbiter_core::state::{ClusterState, RECOVERY_GAP};
use arbiter_core::time::HumanMs;
use arbiter_raft::recovery::Survivor;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

/// Shows what the folder holds, what is seen of the others, and what a recovery would make of it.
pub(super) fn found(
    out: &mut dyn Write,
    folder: &Path,
    survivor: &Survivor,
    others: &[Other],
) -> io::Result<()> {
    let Survivor { identity, state, last, committed, voters, learners, .. } = survivor;
    let policy = &state.policy;
    let names = |nodes: &BTreeSet<NodeId>| {
        let names: Vec<_> = nodes.iter().map(|id| policy.node_name(*id)).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let office = &state.office;
    let cluster = state.cluster_id.as_ref().map(ToString::to_string).unwrap_or_default();
    let known = committed.map_or(0, |committed| committed.index.min(last.index));
    let by_whom = policy.node_name(office.node);
    writeln!(
        out,
        "RECOVERY  for when the majority of the nodes is lost for good; it can't be undone once they run\n"
    )?;
    writeln!(
        out,
        "NODE      {} (node {}), {}",
        policy.node_name(identity.node),
        identity.node,
        folder.display()
    )?;
    writeln!(out, "CLUSTER   {}, id {cluster}", identity.cluster_name)?;
    writeln!(out, "LOG       its last entry is {}, of term {}", last.index, last.leader_id.term)?;
    writeln!(out, "          {}", doubt_about_the_end(known, last.index))?;
    writeln!(
        out,
        "EPOCH     {}, {by_whom} in office; policy version {}",
        office.epoch, state.policy_version
    )?;
    writeln!(out, "VOTERS    {}; learners: {}", names(voters), names(learners))?;
    if !voters.contains(&identity.node) {
        writeln!(out, "          THIS NODE IS ONLY A LEARNER: it may lack a lot")?;
    }
    for (number, other) in others.iter().enumerate() {
        writeln!(out, "{}{}", if number == 0 { "OTHERS    " } else { "          " }, other.words())?;
    }
    if state.unsettled.is_empty() {
        writeln!(out, "UNSETTLED nothing that this node knows of")?;
    }
    for (number, (id, doubt)) in state.unsettled.iter().enumerate() {
        let head = if number == 0 { "UNSETTLED " } else { "          " };
        let (resource, entry) = (doubt.intent.action.resource(), doubt.entry.index);
        writeln!(out, "{head}{id} on {resource}, entry {entry}: nobody knows how its call ended")?;
    }
    let wait = HumanMs(policy.timing.takeover_wait_ms());
    writeln!(
        out,
        "\nWHAT FOLLOWS\n\
         - This node becomes the only voter of a NEW cluster, with a new id. The name and the certificates stay.\n\
         - EVERY entry of its log counts as agreed, also one that a majority never had.\n\
         - What the others had agreed on and this node never got IS LOST. Nobody can say how much that is.\n\
         - Routes, policy, pauses, drains and pins stay as this node knows them; unsettled calls stay unsettled.\n\
         - After its start it waits {wait} before it changes anything: whatever the others sent has landed by then.\n\
         - The disks of the others are shut out for good. Their names and ids can come back with empty folders.\n\
         - Entries go on {RECOVERY_GAP} higher, so that no number of the old cluster comes again."
    )
}

fn doubt_about_the_end(known: u64, last: u64) -> String {
    if known >= last {
        return "all of it is known to have been agreed".to_owned();
    }
    let first = known.saturating_add(1);
    format!("entries {first} to {last}: this node has not noted that a majority had them")
}

/// Says what it is now.
pub(super) fn done(out: &mut dyn Write, state: &ClusterState) -> io::Result<()> {
    let cluster = state.cluster_id.as_ref().map(ToString::to_string).unwrap_or_default();
    writeln!(
        out,
        "RECOVERED as the cluster {cluster}, from entry {} on.\n\n\
         1. Start it: `systemctl start arbiterd`, then `arbiterctl status` and `arbiterctl history`.\n\
         2. Never start another node with its old disk: move its data folder away first.\n\
         3. Bring the others back, one after the other: `arbiterctl member add NAME --id ID --address HOST:PORT`, start it\n   \
         with an empty folder, `arbiterctl member promote NAME`. Until then the loss of this node stops all failover.",
        state.applied.index
    )
}
