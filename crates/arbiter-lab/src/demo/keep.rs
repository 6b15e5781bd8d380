//! What to try with a cluster that is left running.

use super::cluster::{GATEWAY_1, GATEWAY_2, Node};
use super::stage::Stage;
use crate::world::ON_PREMISES;
use std::path::Path;

/// Commands to try, ready to be copied.
pub(super) fn words(stage: &Stage, bin_dir: &Path) -> String {
    let ctl = bin_dir.join("arbiterctl");
    let ctl = ctl.display();
    let nodes: Vec<_> = stage.addresses.listen.values().map(ToString::to_string).collect();
    let lab = format!("{}/_lab", stage.endpoint.url());
    let (table, elsewhere) = (GATEWAY_1.table, GATEWAY_2.interface);
    let witness_log = stage.processes.log(Node::Witness);
    format!(
        "\nThe cluster goes on running until Ctrl-C. In another terminal:\n\n\
         export ARBITER_ENDPOINT={nodes}\n\
         {ctl} status\n\
         {ctl} explain private-1\n\
         {ctl} history\n\
         {ctl} switchover private-1 tunnel-2 --yes\n\n\
         # Somebody moves a route by hand: it is repaired after a grace of 5 s (2 min by default).\n\
         curl -s {lab}/routes -d '{{\"table\":\"{table}\",\"destination\":\"{ON_PREMISES}\",\"target\":\"{elsewhere}\"}}'\n\
         # Every mutating call that EC2 has seen:\n\
         curl -s '{lab}/calls?mutating=true'\n\
         # What a node has to say:\n\
         tail -f {log}",
        nodes = nodes.join(","),
        log = witness_log.display(),
    )
}
