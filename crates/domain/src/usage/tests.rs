use super::*;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(millis).expect("in range")
}

fn key(number: u128) -> ApiKeyId {
    ApiKeyId::new(Uuid::from_u128(number))
}

fn refused(reason: RefusalReason, calls: u64, millis: i64) -> KeyRefused {
    let last = KeptRefusal { at: at(millis), reason, call: RefusedCall::default() };
    KeyRefused { key: key(1), calls, last }
}

#[test]
fn a_batch_has_each_key_and_each_key_and_reason_once_in_their_order() {
    let used = |number, millis, accepted| {
        let last_used_at = at(millis);
        KeyUse { key: key(number), last_used_at, accepted, cost: 10 * accepted }
    };
    let all_uses = vec![used(2, 5, 1), used(1, 7, 2), used(2, 3, 3), used(2, 9, 4)];
    let [rate, scope] = [RefusalReason::Rate, RefusalReason::Scope];
    let all =
        vec![refused(rate, 1, 5), refused(scope, 2, 5), refused(rate, 3, 9), refused(rate, 4, 7)];
    let batch = UsageBatch::new(UsageWriterId(Uuid::nil()), 1, all_uses, all);
    assert_eq!(batch.uses(), [used(1, 7, 2), used(2, 9, 8)]);
    assert_eq!(batch.refused(), [refused(scope, 2, 5), refused(rate, 8, 9)]);
}

#[test]
fn hours_and_days_begin_by_utc_also_before_1970() {
    assert_eq!(UsageSpan::Hour.start_of(at(2 * HOUR - 1)), at(HOUR));
    assert_eq!(UsageSpan::Day.start_of(at(DAY)), at(DAY));
    assert_eq!(UsageSpan::Day.start_of(at(-1)), at(-DAY));
}

#[test]
fn a_period_is_the_last_30_days_where_nobody_says_more() {
    let now = at(100 * DAY + 5);
    for span in UsageSpan::ALL {
        let period = UsagePeriod::new(span, None, None, now).expect("a period");
        assert_eq!(period.from(), at(71 * DAY));
        let end = if span == UsageSpan::Day { 101 * DAY } else { 100 * DAY + HOUR };
        assert_eq!(period.to(), at(end - 1));
    }
    assert_eq!(UsagePeriod::new(UsageSpan::Day, None, None, now), Ok(UsagePeriod::last_days(now)));
    let until = UsagePeriod::new(UsageSpan::Day, None, Some(at(50 * DAY)), now).expect("a period");
    assert_eq!((until.from(), until.to()), (at(21 * DAY), at(51 * DAY - 1)));
}

#[test]
fn a_period_has_at_most_1000_hours_or_days_and_does_not_end_before_it_begins() {
    let period = |span, from, to| UsagePeriod::new(span, Some(at(from)), Some(at(to)), at(0));
    assert_eq!(period(UsageSpan::Day, 1, 0), Err(UsagePeriodError::Backwards));
    assert!(period(UsageSpan::Day, 1, 1).is_ok());
    for (span, length) in [(UsageSpan::Hour, HOUR), (UsageSpan::Day, DAY)] {
        assert!(period(span, 5, 1_000 * length - 1).is_ok());
        assert_eq!(period(span, 5, 1_000 * length), Err(UsagePeriodError::TooLong(span)));
        let longest = period(span, Timestamp::MIN.unix_millis(), Timestamp::MAX.unix_millis());
        assert_eq!(longest, Err(UsagePeriodError::TooLong(span)));
    }
}

#[test]
fn what_is_counted_by_the_hour_is_added_to_its_day() {
    let counted =
        |start, refused, calls, cost| CountedCalls { start: at(start), refused, calls, cost };
    let rate = Some(RefusalReason::Rate);
    let all = [counted(0, None, 1, 2), counted(5 * HOUR, None, 3, 4), counted(DAY, rate, 5, 0)];
    let days: Vec<_> = UsageCounts::by_start(UsageSpan::Day, &all).into_iter().collect();
    let refused = BTreeMap::from([(RefusalReason::Rate, 5)]);
    let first = UsageCounts { accepted: 4, cost: 6, refused: BTreeMap::new() };
    assert_eq!(
        days,
        [(at(0), first), (at(DAY), UsageCounts { refused, ..UsageCounts::default() })]
    );
    assert_eq!(UsageCounts::by_start(UsageSpan::Hour, &all).len(), 3);
}
