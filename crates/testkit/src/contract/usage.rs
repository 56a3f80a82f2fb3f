use std::collections::BTreeMap;
use std::sync::Arc;

use latchkey_domain::ports::OldUsage;
use latchkey_domain::{
    ApiKey, ApiKeyId, KeptRefusal, KeyRefused, KeyUse, RefusalReason, RefusedCall, Timestamp,
    UsageBatch, UsageCounts, UsagePeriod, UsageSpan, UsageWriterId,
};

use super::Ports;
use super::steps::{added, concurrently, find, revoke};
use crate::fixtures::{a_key, a_writer, an_id, moment};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// An instant on 2026-03-20 or later.
fn at(millis: i64) -> Timestamp {
    UsageSpan::Day.start_of(moment(-4 * DAY)).saturating_add(std::time::Duration::from_millis(
        u64::try_from(millis).expect("not before"),
    ))
}

fn used(key: ApiKeyId, millis: i64, accepted: u64, cost: u64) -> KeyUse {
    KeyUse { key, last_used_at: at(millis), accepted, cost }
}

fn refused(key: ApiKeyId, reason: RefusalReason, calls: u64, kept: KeptRefusal) -> KeyRefused {
    KeyRefused { key, calls, last: KeptRefusal { reason, ..kept } }
}

fn kept(millis: i64, request_id: &str) -> KeptRefusal {
    let call = RefusedCall {
        address: Some([203, 0, 113, 9].into()),
        request_id: Some(request_id.to_owned()),
        required: Some("docs:read docs:write|admin".to_owned()),
    };
    KeptRefusal { at: at(millis), reason: RefusalReason::Scope, call }
}

async fn record(ports: &Ports, uses: Vec<KeyUse>, refused: Vec<KeyRefused>) {
    record_as(ports, a_writer(), 1, uses, refused).await;
}

async fn record_as(
    ports: &Ports,
    writer: UsageWriterId,
    number: u64,
    uses: Vec<KeyUse>,
    refused: Vec<KeyRefused>,
) {
    let batch = UsageBatch::new(writer, number, uses, refused);
    ports.usage.record(&batch).await.expect("the batch is added");
}

/// From the first of these instants to the end of the third day.
fn period(span: UsageSpan, from: i64, to: i64) -> UsagePeriod {
    UsagePeriod::new(span, Some(at(from)), Some(at(to)), at(0)).expect("it is short")
}

type Counted = Vec<(i64, u64, u64, Vec<(&'static str, u64)>)>;

/// Starts, accepted calls, costs, refused calls.
fn told(by_start: BTreeMap<Timestamp, UsageCounts>) -> Counted {
    let told = by_start.into_iter().map(|(start, counts)| {
        let refused = counts.refused.into_iter().map(|(reason, calls)| (reason.as_str(), calls));
        let start = start.unix_millis() - at(0).unix_millis();
        (start, counts.accepted, counts.cost, refused.collect())
    });
    told.collect()
}

async fn of_key(ports: &Ports, key: ApiKeyId, span: UsageSpan) -> Counted {
    let calls = ports.usage_register.of_keys(&[key], &period(span, 0, 3 * DAY)).await;
    let calls = calls.expect("the store answers").into_iter().map(|(of, counted)| {
        assert_eq!(of, key);
        counted
    });
    told(UsageCounts::by_start(span, &calls.collect::<Vec<_>>()))
}

async fn refusals(ports: &Ports, key: ApiKeyId) -> Vec<KeptRefusal> {
    ports.usage_register.refusals_of(key).await.expect("the store answers")
}

async fn a_stored_key(ports: &Ports) -> (ApiKey, ApiKeyId) {
    let key = added(ports, a_key()).await;
    let id = key.parts().id;
    (key, id)
}

pub async fn what_was_counted_is_added_and_read_by_hour_and_by_day(ports: &Ports) {
    let ((_, key), (_, other)) = (a_stored_key(ports).await, a_stored_key(ports).await);
    assert_eq!(of_key(ports, key, UsageSpan::Day).await, []);
    let scope = |calls, millis| refused(key, RefusalReason::Scope, calls, kept(millis, "r"));
    let rate = refused(key, RefusalReason::Rate, 7, kept(5, "r"));
    record(ports, vec![used(key, 5, 2, 20), used(other, 6, 1, 1)], vec![scope(3, 5), rate]).await;
    record(ports, vec![used(key, 7, 0, 1), used(key, 9, 4, 0)], vec![scope(1, 6)]).await;
    let all = [(0, 6, 21, vec![("scope", 4), ("rate", 7)])];
    for span in UsageSpan::ALL {
        assert_eq!(of_key(ports, key, span).await, all);
        assert_eq!(of_key(ports, other, span).await, [(0, 1, 1, vec![])]);
    }
}

pub async fn when_the_hour_turns_the_one_before_is_kept(ports: &Ports) {
    let (key, id) = a_stored_key(ports).await;
    for (millis, accepted) in [(HOUR - 1, 1), (HOUR, 2), (2 * HOUR - 1, 4), (5 * HOUR, 8)] {
        record(ports, vec![used(id, millis, accepted, 3)], vec![]).await;
    }
    record(ports, vec![used(id, DAY, 16, 3)], vec![]).await;
    let hours =
        [(0, 1, 3, vec![]), (HOUR, 6, 6, vec![]), (5 * HOUR, 8, 3, vec![]), (DAY, 16, 3, vec![])];
    assert_eq!(of_key(ports, id, UsageSpan::Hour).await, hours);
    let days = [(0, 15, 12, vec![]), (DAY, 16, 3, vec![])];
    assert_eq!(of_key(ports, id, UsageSpan::Day).await, days);
    let last = find(ports, &key).await.expect("it is there").last_used_at;
    assert_eq!(last, Some(at(DAY)));
}

pub async fn what_comes_late_is_counted_for_its_own_hour(ports: &Ports) {
    let (key, id) = a_stored_key(ports).await;
    for (millis, accepted) in
        [(DAY + HOUR, 1), (DAY + 5, 2), (6, 4), (DAY + 7, 8), (DAY + HOUR, 16)]
    {
        record(ports, vec![used(id, millis, accepted, 1)], vec![]).await;
    }
    let hours = [(0, 4, 1, vec![]), (DAY, 10, 2, vec![]), (DAY + HOUR, 17, 2, vec![])];
    assert_eq!(of_key(ports, id, UsageSpan::Hour).await, hours);
    let days = [(0, 4, 1, vec![]), (DAY, 27, 4, vec![])];
    assert_eq!(of_key(ports, id, UsageSpan::Day).await, days);
    let last = find(ports, &key).await.expect("it is there").last_used_at;
    assert_eq!(last, Some(at(DAY + HOUR)));
}

async fn recent(ports: &Ports, keys: &[ApiKeyId], until: i64) -> Vec<Option<Vec<u64>>> {
    let recent = ports.usage_register.recent_of_keys(keys).await.expect("the store answers");
    let mut recent: BTreeMap<_, _> = recent.into_iter().collect();
    keys.iter().map(|key| Some(recent.remove(key)?.until(at(until)).to_vec())).collect()
}

pub async fn the_recent_days_of_keys_are_those_of_their_calls(ports: &Ports) {
    let (_, unused) = a_stored_key(ports).await;
    let (_, key) = a_stored_key(ports).await;
    let (_, late) = a_stored_key(ports).await;
    let mut all = BTreeMap::<i64, u64>::new();
    // Days, as they are told: in their order, late, after a gap, after one of more than 30 days.
    for (calls, day) in (1..).zip([0, 1, 1, 0, 5, 3, 33, 34, 30, 4, 34, 90, 89, 60, 91]) {
        let hour = i64::try_from(calls % 20).expect("few");
        record(ports, vec![used(key, day * DAY + hour * HOUR, calls, 7)], vec![]).await;
        *all.entry(day).or_default() += calls;
        let last = *all.keys().max().expect("there is one");
        let days = (last - 29..=last).map(|day| all.get(&day).copied().unwrap_or_default());
        let days: Vec<_> = days.collect();
        assert_eq!(recent(ports, &[unused, key], last * DAY).await, [None, Some(days.clone())]);
        let moved = days.into_iter().skip(3).chain([0; 3]).collect();
        assert_eq!(recent(ports, &[key], (last + 3) * DAY).await, [Some(moved)]);
    }
    // Refused calls are none, and a use that cost nothing is one.
    record(ports, vec![], vec![refused(late, RefusalReason::Scope, 3, kept(0, "r"))]).await;
    assert_eq!(recent(ports, &[late], 0).await, [None]);
    record(ports, vec![used(late, HOUR, 2, 0)], vec![]).await;
    let today = [[0; 29].as_slice(), &[2]].concat();
    assert_eq!(recent(ports, &[late], 0).await, [Some(today)]);
}

pub async fn a_batch_that_was_added_is_not_added_again(ports: &Ports) {
    let (_, key) = a_stored_key(ports).await;
    let (writer, another) = (a_writer(), a_writer());
    let scope = || refused(key, RefusalReason::Scope, 1, kept(5, "r"));
    for (writer, number) in
        [(writer, 1), (writer, 1), (another, 1), (writer, 3), (writer, 2), (writer, 3), (writer, 4)]
    {
        record_as(ports, writer, number, vec![used(key, 5, 1, 2)], vec![scope()]).await;
    }
    let once_each = [(0, 4, 8, vec![("scope", 4)])];
    assert_eq!(of_key(ports, key, UsageSpan::Day).await, once_each);
}

pub async fn counts_that_meet_are_all_added(ports: &Ports) {
    let mut keys = Vec::new();
    for _ in 0..30 {
        keys.push(a_stored_key(ports).await.1);
    }
    // From the first use of each key on, over the turn of an hour, the same batch twice.
    let answers = concurrently((0..20_i64).map(|n| {
        let usage = Arc::clone(&ports.usage);
        let millis = HOUR + (n - 10) * MINUTE;
        let uses = keys.iter().map(|key| used(*key, millis, 1, 2)).collect();
        let scope = |key: &ApiKeyId| refused(*key, RefusalReason::Scope, 1, kept(millis, "r"));
        let batch = UsageBatch::new(a_writer(), 1, uses, keys.iter().map(scope).collect());
        async move {
            usage.record(&batch).await?;
            usage.record(&batch).await
        }
    }))
    .await;
    for answer in answers {
        answer.expect("every batch is added");
    }
    for key in keys {
        let half = vec![("scope", 10)];
        let hours = [(0, 10, 20, half.clone()), (HOUR, 10, 20, half)];
        assert_eq!(of_key(ports, key, UsageSpan::Hour).await, hours);
        let day = [(0, 20, 40, vec![("scope", 20)])];
        assert_eq!(of_key(ports, key, UsageSpan::Day).await, day);
    }
}

pub async fn the_usage_of_an_owner_is_that_of_all_its_keys(ports: &Ports) {
    let ((one, first), (_, second)) = (a_stored_key(ports).await, a_stored_key(ports).await);
    let other = added(ports, a_key().owned_by("another")).await.parts().id;
    let uses = vec![used(first, 5, 1, 1), used(second, HOUR, 2, 2), used(other, 5, 4, 4)];
    let rate = |key| refused(key, RefusalReason::Rate, 1, kept(5, "r"));
    record(ports, uses, vec![rate(first), rate(second), rate(other)]).await;
    record(ports, vec![used(first, HOUR, 8, 8)], vec![]).await;
    revoke(ports, &one, moment(0)).await;
    for (span, want) in [
        (UsageSpan::Hour, vec![(0, 1, 1, vec![("rate", 2)]), (HOUR, 10, 10, vec![])]),
        (UsageSpan::Day, vec![(0, 11, 11, vec![("rate", 2)])]),
    ] {
        let calls = ports.usage_register.of_owner(&one.parts().owner, &period(span, 0, DAY)).await;
        let calls = calls.expect("the store answers");
        assert_eq!(told(UsageCounts::by_start(span, &calls)), want);
    }
}

pub async fn calls_are_read_of_the_asked_hours_and_days_alone(ports: &Ports) {
    let (_, key) = a_stored_key(ports).await;
    for hour in 0..30 {
        let scope = refused(key, RefusalReason::Scope, 1, kept(hour * HOUR, "r"));
        record(ports, vec![used(key, hour * HOUR + 5, 1, 1)], vec![scope]).await;
    }
    for (span, from, to, want) in [
        (UsageSpan::Hour, 3 * HOUR + 1, 5 * HOUR, vec![3 * HOUR, 4 * HOUR, 5 * HOUR]),
        (UsageSpan::Hour, 28 * HOUR, 99 * HOUR, vec![28 * HOUR, 29 * HOUR]),
        (UsageSpan::Hour, 30 * HOUR, 99 * HOUR, vec![]),
        (UsageSpan::Day, 5 * HOUR, 6 * HOUR, vec![0]),
        (UsageSpan::Day, DAY, DAY, vec![DAY]),
        (UsageSpan::Day, 0, 3 * DAY, vec![0, DAY]),
    ] {
        let calls = ports.usage_register.of_keys(&[key], &period(span, from, to)).await;
        let calls: Vec<_> = calls.expect("so").into_iter().map(|(_, calls)| calls).collect();
        let told = told(UsageCounts::by_start(span, &calls));
        let starts: Vec<_> = told.iter().map(|(start, ..)| *start).collect();
        assert_eq!(starts, want, "{span:?} from {from} to {to}");
        let calls = told.iter().all(|(_, accepted, _, refused)| *accepted == refused[0].1);
        assert!(calls, "{told:?}");
    }
}

pub async fn of_a_key_and_reason_one_refusal_a_minute_is_kept(ports: &Ports) {
    let ((_, key), (_, other)) = (a_stored_key(ports).await, a_stored_key(ports).await);
    let scope = |key, millis, id: &str| refused(key, RefusalReason::Scope, 1, kept(millis, id));
    let bare = KeptRefusal { call: RefusedCall::default(), ..kept(MINUTE + 9, "") };
    let rate = refused(key, RefusalReason::Rate, 1, bare.clone());
    record(ports, vec![], vec![scope(key, MINUTE, "a"), scope(other, MINUTE, "b"), rate]).await;
    record(ports, vec![], vec![scope(key, MINUTE + 7, "c")]).await;
    record(ports, vec![], vec![scope(key, MINUTE + 6, "earlier")]).await;
    record(ports, vec![], vec![scope(key, 2 * MINUTE, "d")]).await;
    let bare = KeptRefusal { reason: RefusalReason::Rate, ..bare };
    let want = [kept(2 * MINUTE, "d"), bare, kept(MINUTE + 7, "c")];
    assert_eq!(refusals(ports, key).await, want);
    assert_eq!(refusals(ports, other).await, [kept(MINUTE, "b")]);
    assert_eq!(refusals(ports, an_id()).await, []);
}

pub async fn of_a_key_the_last_20_refusals_are_kept(ports: &Ports) {
    let ((_, key), (_, other)) = (a_stored_key(ports).await, a_stored_key(ports).await);
    for minute in 0..30 {
        let scope = |key| refused(key, RefusalReason::Scope, 1, kept(minute * MINUTE, "r"));
        let of_both = if minute < 20 { vec![scope(key), scope(other)] } else { vec![scope(key)] };
        record(ports, vec![], of_both).await;
    }
    for (key, first) in [(key, 29), (other, 19)] {
        let minutes = refusals(ports, key).await.into_iter().map(|kept| kept.minute());
        let want = (first - 19..=first).rev().map(|minute| at(minute * MINUTE));
        assert_eq!(minutes.collect::<Vec<_>>(), want.collect::<Vec<_>>());
    }
    let all = ports.housekeeping.remove_usage(OldUsage::Refusals, at(DAY), 1_000).await;
    assert_eq!(all.expect("the store answers"), 40, "no others are there");
}

pub async fn a_revoked_key_keeps_its_usage_and_a_forgotten_one_takes_it_along(ports: &Ports) {
    let ((key, id), (_, other)) = (a_stored_key(ports).await, a_stored_key(ports).await);
    let use_both = async || {
        let scope = |key| refused(key, RefusalReason::Scope, 1, kept(5, "r"));
        let uses = [id, other].map(|key| [used(key, 5, 1, 1), used(key, HOUR, 1, 1)]);
        for uses in uses.concat() {
            record(ports, vec![uses], vec![]).await;
        }
        record(ports, vec![], vec![scope(id), scope(other)]).await;
    };
    use_both().await;
    revoke(ports, &key, moment(0)).await;
    let want = [(0, 2, 2, vec![("scope", 1)])];
    assert_eq!(of_key(ports, id, UsageSpan::Day).await, want);
    assert_eq!(refusals(ports, id).await.len(), 1);
    let removed = ports.housekeeping.remove_revoked_keys(moment(1), None, 10).await;
    removed.expect("the store answers");
    assert_eq!(of_key(ports, id, UsageSpan::Day).await, []);
    assert_eq!(refusals(ports, id).await, []);
    assert_eq!(of_key(ports, other, UsageSpan::Day).await, want);
    assert_eq!(refusals(ports, other).await.len(), 1);
}

pub async fn old_usage_is_removed_in_batches(ports: &Ports) {
    let (_, key) = a_stored_key(ports).await;
    for hour in 0..10 {
        let scope = refused(key, RefusalReason::Scope, 1, kept(hour * HOUR, "r"));
        record(ports, vec![used(key, hour * HOUR, 1, 1)], vec![scope]).await;
    }
    let remove = async |old, before, limit| {
        let removed = ports.housekeeping.remove_usage(old, at(before), limit).await;
        removed.expect("the store answers")
    };
    let hours = OldUsage::Counts(UsageSpan::Hour);
    for gone in [7, 3, 0] {
        assert_eq!(remove(hours, 5 * HOUR, 7).await, gone);
    }
    let left = of_key(ports, key, UsageSpan::Hour).await;
    assert_eq!(left.len(), 5, "{left:?}");
    assert_eq!(of_key(ports, key, UsageSpan::Day).await, [(0, 10, 10, vec![("scope", 10)])]);
    assert_eq!(remove(OldUsage::Counts(UsageSpan::Day), 0, 7).await, 0);
    assert_eq!(remove(OldUsage::Counts(UsageSpan::Day), 1, 7).await, 2);
    assert_eq!(remove(OldUsage::Refusals, 4 * HOUR, 7).await, 4);
    assert_eq!(refusals(ports, key).await.len(), 6);
}

pub async fn a_writer_that_was_removed_may_begin_again(ports: &Ports) {
    let (_, key) = a_stored_key(ports).await;
    let writer = a_writer();
    record_as(ports, writer, 5, vec![used(key, 0, 1, 1)], vec![]).await;
    let now = ports.housekeeping.now().await.expect("the store answers");
    let remove = async |before| {
        let removed = ports.housekeeping.remove_usage(OldUsage::Writers, before, 10).await;
        removed.expect("the store answers")
    };
    assert_eq!(remove(now.saturating_sub(std::time::Duration::from_mins(1))).await, 0);
    record_as(ports, writer, 5, vec![used(key, 0, 1, 1)], vec![]).await;
    assert_eq!(remove(now.saturating_add(std::time::Duration::from_mins(1))).await, 1);
    record_as(ports, writer, 1, vec![used(key, 0, 1, 1)], vec![]).await;
    assert_eq!(of_key(ports, key, UsageSpan::Day).await, [(0, 2, 2, vec![])]);
}
