use super::*;
use proptest::prelude::*;

const START: MonoMs = MonoMs(10_000);

fn taken(pacer: &mut Pacer, api: Api, now: MonoMs) -> u32 {
    let mut count = 0;
    while pacer.take(api, now).is_ok() {
        count += 1;
    }
    count
}

#[test]
fn the_figures_are_those_that_ec2_publishes() {
    let figures: Vec<_> = Api::ALL.iter().map(|api| (api.rate().capacity, api.rate().per_second)).collect();
    assert_eq!(figures, [(100, 20), (100, 20), (100, 20), (100, 20), (50, 5), (50, 5), (5, 2)]);
}

#[test]
fn a_full_bucket_gives_its_tokens_and_a_quarter_second_of_refill_then_the_refill_only() {
    let mut pacer = Pacer::new(START);
    assert_eq!(pacer.available(Api::ReplaceRoute, START, 0), 50);
    assert_eq!(pacer.available(Api::ReplaceRoute, START, 10_000), 50, "no more than a full bucket");
    assert_eq!(taken(&mut pacer, Api::ReplaceRoute, START), 51, "one of them borrowed");
    assert_eq!(pacer.take(Api::ReplaceRoute, START), Err(Paced { wait_ms: 150 }));
    assert_eq!(taken(&mut pacer, Api::ReplaceRoute, START.plus_ms(1_000)), 5);
    assert_eq!(taken(&mut pacer, Api::StartInstances, START), 5, "each action has its own bucket");
}

#[test]
fn what_is_not_urgent_leaves_half_of_a_bucket() {
    let mut pacer = Pacer::new(START);
    let mut spare = |api, now| std::iter::from_fn(|| pacer.take_spare(api, now).ok()).count();
    assert_eq!(spare(Api::ReplaceRoute, START), 25);
    assert_eq!(
        spare(Api::StartInstances, START),
        3,
        "two are left, and the next is there within half a second"
    );
    assert_eq!(spare(Api::ReplaceRoute, START.plus_ms(1_000)), 5);
    assert_eq!(pacer.take_spare(Api::ReplaceRoute, START.plus_ms(1_000)), Err(Paced { wait_ms: 200 }));
    assert_eq!(taken(&mut pacer, Api::ReplaceRoute, START.plus_ms(1_000)), 26, "half, and one borrowed");
}

#[test]
fn refusals_in_a_row_double_the_pause_up_to_its_limit_and_an_answer_ends_the_row() {
    let mut pacer = Pacer::new(START);
    let mut now = START;
    let mut pauses = Vec::new();
    for _ in 0..8 {
        pacer.refused(Api::StopInstances, now);
        pacer.refused(Api::StopInstances, now);
        assert_eq!(pacer.available(Api::StopInstances, now, 10_000), 0);
        let from = now;
        while let Err(paced) = pacer.take(Api::StopInstances, now) {
            now = now.plus_ms(paced.wait_ms.max(1));
        }
        pauses.push(now.since_ms(from));
        now = now.plus_ms(BACKOFF_MAX_MS);
    }
    // The first token after the pause is borrowed from the refill that begins with its end.
    assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
    pacer.accepted(Api::StopInstances, now);
    pacer.refused(Api::StopInstances, now);
    assert_eq!(pacer.take(Api::StopInstances, now), Err(Paced { wait_ms: 500 }));
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Take,
    Refused,
    Accepted,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0_u64..3_000).prop_map(Step::Wait),
        8 => Just(Step::Take),
        1 => Just(Step::Refused),
        1 => Just(Step::Accepted),
    ]
}

proptest! {
    /// Whatever happens, no span of time sees more calls than a full bucket, its refill and what may be borrowed.
    #[test]
    fn no_span_of_time_sees_more_calls_than_the_bucket_gives(steps in prop::collection::vec(step(), 1..300)) {
        for api in [Api::ReplaceRoute, Api::StartInstances, Api::DescribeRouteTables] {
            let rate = api.rate();
            let (mut pacer, mut now, mut sent) = (Pacer::new(START), START, Vec::new());
            for step in &steps {
                match step {
                    Step::Wait(ms) => now = now.plus_ms(*ms),
                    Step::Take => if pacer.take(api, now).is_ok() { sent.push(now) },
                    Step::Refused => pacer.refused(api, now),
                    Step::Accepted => pacer.accepted(api, now),
                }
            }
            for (first, from) in sent.iter().enumerate() {
                for (last, to) in sent.iter().enumerate().skip(first) {
                    let count = (last - first + 1) as u64;
                    let span_ms = to.since_ms(*from) + BORROW_MS;
                    prop_assert!(count * 1_000 <= u64::from(rate.capacity) * 1_000 + span_ms * u64::from(rate.per_second));
                }
            }
        }
    }

    /// What is announced is given, also all at once.
    #[test]
    fn as_many_calls_as_announced_are_allowed_at_once(
        steps in prop::collection::vec(step(), 0..200), within_ms in 0_u64..2_000,
    ) {
        let (mut pacer, mut now) = (Pacer::new(START), START);
        for step in steps {
            match step {
                Step::Wait(ms) => now = now.plus_ms(ms),
                Step::Take => drop(pacer.take(Api::ReplaceRoute, now)),
                Step::Refused => pacer.refused(Api::ReplaceRoute, now),
                Step::Accepted => pacer.accepted(Api::ReplaceRoute, now),
            }
        }
        for _ in 0..pacer.available(Api::ReplaceRoute, now, within_ms) {
            prop_assert_eq!(pacer.take(Api::ReplaceRoute, now), Ok(()));
        }
    }

    /// The wait that is named is enough, and a refusal silences the action for the first pause at least.
    #[test]
    fn after_the_named_wait_there_is_a_token(steps in prop::collection::vec(step(), 0..200)) {
        let (mut pacer, mut now) = (Pacer::new(START), START);
        for step in steps {
            match step {
                Step::Wait(ms) => now = now.plus_ms(ms),
                Step::Take => if let Err(paced) = pacer.take(Api::StartInstances, now) {
                    let mut later = pacer.clone();
                    prop_assert_eq!(later.take(Api::StartInstances, now.plus_ms(paced.wait_ms)), Ok(()));
                },
                Step::Refused => {
                    let was_paused = pacer.take(Api::StartInstances, now).is_err();
                    pacer.refused(Api::StartInstances, now);
                    let last_moment = now.plus_ms(BACKOFF_FIRST_MS - 1);
                    prop_assert!(pacer.clone().take(Api::StartInstances, now).is_err());
                    prop_assert!(was_paused || pacer.clone().take(Api::StartInstances, last_moment).is_err());
                }
                Step::Accepted => pacer.accepted(Api::StartInstances, now),
            }
        }
    }
}
