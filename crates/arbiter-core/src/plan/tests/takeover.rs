use super::reference;
use crate::command::{Cause, Mode, Operation, Outcome};
use crate::evidence::Verdict::Up;
use crate::fixture::{eni, no_answer, route, set, tunnel};
use crate::health::Code;
use crate::ids::Resource;
use crate::rules::proves;

#[test]
fn with_nothing_unsettled_a_new_epoch_acts_at_once() {
    proves("takeover.nothing-unsettled-at-once");
    let (mut cluster, healthy) = reference();
    cluster.led_by(1);
    assert_eq!(cluster.does(&healthy.tunnel_down(1, 9)).len(), 1);
    assert_eq!(cluster.elapsed_ms, 0);
}

#[test]
fn with_the_same_target_in_doubt_it_acts_at_once() {
    proves("takeover.same-after-at-once");
    let (mut cluster, healthy) = reference();
    let down = healthy.tunnel_down(1, 9);
    cluster.intends(set(1, Some(eni(1)), 2), Cause::Failover, &down).unwrap();
    cluster.after(1_000);
    cluster.led_by(1);
    assert_eq!(cluster.wish_for(1, &down), Some((tunnel(2), Cause::Reissue)));
    let wish = cluster.only_wish(&down);
    assert!(cluster.grants(&wish, &down).is_ok());
    assert_eq!(cluster.state.unsettled.len(), 2);
    assert_eq!(cluster.wish_for(1, &down), None, "its own is under way");
}

#[test]
fn with_another_target_in_doubt_it_waits_for_the_settle_and_a_read() {
    proves("takeover.otherwise-settle-and-read");
    let (mut cluster, healthy) = reference();
    let down = healthy.clone().tunnel_down(1, 9);
    let id = cluster.intends(set(1, Some(eni(1)), 2), Cause::Failover, &down).unwrap();
    cluster.led_by(1);
    cluster.known_for_ms.insert(id, 0);
    let back = healthy.tunnel(1, Up, 100).tunnel_down(2, 9);
    assert_eq!(cluster.wish_for(1, &back), None);
    assert!(cluster.plan(&back).why(1).contains(&format!("until intent {id} is settled")));
    assert!(cluster.plan(&back).alarms(Code::Unsettled));
    cluster.after(cluster.state.policy.timing.takeover_wait_ms() + 1);
    let settle = cluster.plan(&back).settle;
    cluster.settles(settle);
    cluster.must_read.insert(route(1));
    assert_eq!(cluster.wish_for(1, &back), None);
    assert!(cluster.plan(&back).why(1).contains("read first"));
    cluster.must_read.clear();
    assert_eq!(cluster.wish_for(1, &back), Some((tunnel(1), Cause::Failover)));
}

#[test]
fn the_takeover_wait_is_strictly_longer_than_its_bound() {
    proves("takeover.wait-is-longer");
    let timing = crate::policy::Timing::default();
    // (500 + 2000 + 250) · 1.01 / 0.99, times 1.25.
    assert_eq!(timing.takeover_bound_ms(), 2_806);
    assert!(timing.takeover_wait_ms() * 4 > timing.takeover_bound_ms() * 5);
}

#[test]
fn what_is_under_way_is_not_asked_for_again() {
    proves("intent.once-per-id");
    let (mut cluster, healthy) = reference();
    cluster.in_flight.insert(Resource::Route(route(1)));
    assert_eq!(cluster.wish_for(1, &healthy.clone().tunnel_down(1, 9)), None);
    assert!(cluster.wish_for(2, &healthy.tunnel_down(2, 9)).is_some());
}

#[test]
fn paused_nothing_is_asked_for_and_observing_it_is_advice() {
    proves("intent.paused-or-observing");
    let (mut cluster, healthy) = reference();
    let down = healthy.clone().tunnel_down(1, 9);
    cluster.told(Operation::Pause { reason: "maintenance".into(), for_ms: None });
    let plan = cluster.plan(&down);
    assert!(plan.wishes.is_empty() && plan.alarms(Code::Paused));
    assert!(plan.why(1).contains("paused: maintenance"), "{}", plan.why(1));
    assert_eq!(plan.routes[&route(1)].desired, Some(tunnel(2)), "what it would do is still told");
    cluster.told(Operation::Resume);
    cluster.told(Operation::SetMode(Mode::Observe));
    assert_eq!(cluster.wish_for(1, &down), Some((tunnel(2), Cause::Failover)));
    assert!(cluster.plan(&down).alarms(Code::Observing));
    // While others move the routes, what they do is followed, so that the advice is about the world as it is.
    let moved = down.points_at(1, 2);
    let plan = cluster.plan(&moved);
    assert!(plan.wishes.is_empty(), "{:#?}", plan.wishes);
    cluster.adopts(&moved);
    assert_eq!(cluster.path_of(1), tunnel(2));
    // Stops become advice as well.
    let dead = healthy.dead(1, 500_000).points_at(1, 2);
    let wishes = cluster.plan(&dead).wishes;
    assert!(wishes.iter().any(|wish| wish.action == crate::fixture::stop(1)), "{wishes:#?}");
}

#[test]
fn an_unanswered_call_of_an_older_epoch_is_repeated_after_its_settle() {
    proves("takeover.otherwise-settle-and-read");
    let (mut cluster, healthy) = reference();
    let down = healthy.tunnel_down(1, 9);
    let id = cluster.intends(set(1, Some(eni(1)), 2), Cause::Failover, &down).unwrap();
    cluster.led_by(1);
    cluster.settles(vec![id]);
    cluster.after(1_000);
    assert_eq!(cluster.wish_for(1, &down), Some((tunnel(2), Cause::Reissue)));
    // The settled call may land late; that it is ours is remembered.
    assert!(cluster.state.assignments[&route(1)].own.back().unwrap().may_stray());
    let wish = cluster.only_wish(&down);
    let id = cluster.grants(&wish, &down).unwrap();
    cluster.ended(id, no_answer());
    cluster.after(5_000);
    let wish = cluster.only_wish(&down);
    let id = cluster.grants(&wish, &down).unwrap();
    cluster.ended(id, Outcome::Done);
    assert_eq!(cluster.wish_for(1, &down.points_at(1, 2)), None);
}
