//! Clusters of three and of five nodes under virtual time, without trouble: whatever tokio chooses here, they form, come to rest, and leave a
//! tunnel that fails. The time of trouble is `scripts/sim`'s, which seeds tokio's choices too.

use arbiter_sim::cluster::{Nodes, Shape, run};

#[test]
fn a_cluster_comes_to_rest_and_leaves_a_tunnel_that_fails() {
    for nodes in [Nodes::Three, Nodes::Five] {
        let shape = Shape { trouble_s: 0, nodes: Some(nodes), ..Shape::default() };
        let done = run(1, &shape).expect("a runtime");
        let told = |(ms, line): &(u64, String)| format!("{ms} {line}");
        let timeline = || done.timeline.iter().map(told).collect::<Vec<_>>().join("\n");
        assert_eq!(done.nodes as u64, nodes.count());
        assert!(done.violations.is_empty(), "{}\n{:?}", timeline(), done.violations);
        assert!(done.decisions > 0 && done.calls > 0, "{}", timeline());
    }
}
