//! Lines that are cut: what two machines that watch only each other get wrong.

use crate::world::{ALL, ONE, TWO, WITNESS, World, reference};
use arbiter_core::evidence::Verdict;
use arbiter_core::rules::proves;
use std::collections::BTreeSet;

#[tokio::test(start_paused = true)]
async fn the_line_between_the_gateways_is_cut_and_nothing_is_touched() {
    proves("gateway.one-observer-never-condemns");
    proves("report.relay");
    for leader in ALL {
        let world = World::settled(reference(), leader).await;
        let entries = world.log.entries().len();
        world.cut_line(ONE, TWO);
        world.pass(70_000).await;
        assert!(world.cloud.calls().is_empty(), "node {leader} leads\n{}", world.tale());
        assert!(world.intended().is_empty());
        assert!(world.log.entries().len() - entries <= 3, "only log time is written down");
        // Each still knows how the other is, through the witness.
        for (me, other) in [(ONE, TWO), (TWO, ONE)] {
            let look = world.look(me).await;
            let age = look.reports.iter().find(|(report, _)| report.node == other).and_then(|(_, age)| *age);
            assert!(age.is_some_and(|age_ms| age_ms <= world.policy.timing.report_stale_after_ms), "{age:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_one_line_is_cut_for_reports_and_nothing_is_touched() {
    for leader in ALL {
        for (a, b) in [(ONE, WITNESS), (TWO, WITNESS)] {
            let world = World::settled(reference(), leader).await;
            world.cut_line(a, b);
            world.pass(15_000).await;
            assert!(world.cloud.calls().is_empty(), "node {leader} leads, {a}-{b} cut\n{}", world.tale());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_cut_off_from_everybody_is_left_and_does_not_act() {
    // It is the leader, and it is cut off with all that it has: the others must act, and it must not.
    let world = World::settled(reference(), ONE).await;
    world.log.cut(ONE);
    world.post.cut(ONE, TWO);
    world.post.cut(ONE, WITNESS);
    world.pass(250).await;
    world.others_see(ONE, Verdict::Down);
    for other in [TWO, WITNESS] {
        world.probers[&ONE].set(&format!("gateway-{other}"), Verdict::Down);
    }
    world.until("private-1 leaves it", 5_000, |w| w.target("private-1") == "eni-2").await;
    world.pass(3_000).await;
    let by: BTreeSet<_> = world.cloud.calls().iter().map(|called| called.by).collect();
    assert!(!by.contains(&ONE), "{}", world.tale());
    assert_eq!(world.target("private-2"), "eni-2");
    world.referee();
}
