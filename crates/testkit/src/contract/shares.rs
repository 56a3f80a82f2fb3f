use std::sync::Arc;
use std::time::Duration;

use latchkey_domain::ports::InstanceId;
use latchkey_domain::ports::budgets::{Answer, Request, Share, Statement, Wanted};
use latchkey_domain::{ApiKey, BudgetId};
use tokio::time::sleep;

use super::Ports;
use super::budgets::{limited, with_credits};
use super::steps::{Instance, added, concurrently, found};
use crate::fixtures::a_key;

pub async fn what_is_handed_out_is_left_for_nobody_else(ports: &Ports) {
    let budget = budget_of(ports, 10).await;
    let (one, other) = (joined(ports).await, joined(ports).await);
    let answer = asked(ports, one, take(budget, needed(4))).await;
    assert_eq!((answer.share.granted, answer.left, answer.amount), (4, 6, 10));
    assert_eq!(answer.instances, 2);
    assert_eq!(answer.rest, None, "credits have no end");
    let answer = asked(ports, other, take(budget, needed(10))).await;
    assert_eq!((answer.share.granted, answer.left), (6, 0), "all there is");
    let answer = asked(ports, one, take(budget, needed(1))).await;
    assert_eq!((answer.share.granted, answer.left), (4, 0), "nothing more");
}

pub async fn nothing_is_handed_out_that_nobody_could_use(ports: &Ports) {
    let budget = budget_of(ports, 3).await;
    let instance = joined(ports).await;
    let wanted = Wanted { least: 5, needed: 5, ahead: 5 };
    assert_eq!(asked(ports, instance, take(budget, wanted)).await.left, 3);
    let answer = asked(ports, instance, take(budget, Wanted { least: 2, ..wanted })).await;
    assert_eq!((answer.share.granted, answer.left), (3, 0), "one call of those that wait");
}

pub async fn half_of_an_equal_part_is_handed_out_ahead(ports: &Ports) {
    let budget = budget_of(ports, 100).await;
    let (one, _other) = (joined(ports).await, joined(ports).await);
    let ahead = |ahead| take(budget, Wanted { ahead, ..Wanted::default() });
    assert_eq!(asked(ports, one, ahead(1_000)).await.share.granted, 25);
    assert_eq!(asked(ports, one, ahead(2)).await.share.granted, 27);
    let both = Wanted { least: 1, needed: 70, ahead: 1_000 };
    assert_eq!(asked(ports, one, take(budget, both)).await.share.granted, 97);
    assert_eq!(asked(ports, one, ahead(1_000)).await.left, 3, "fewer than two for each");
}

pub async fn what_is_given_back_can_be_handed_out_again(ports: &Ports) {
    let budget = budget_of(ports, 10).await;
    let instance = joined(ports).await;
    let known = asked(ports, instance, take(budget, needed(10))).await.share;
    let answer = asked(ports, instance, give_back(budget, 4, known)).await;
    assert_eq!((answer.share.granted, answer.share.returned, answer.left), (10, 4, 4));
    assert_eq!(asked(ports, instance, take(budget, needed(4))).await.share.granted, 14);
}

pub async fn a_give_back_counts_once_however_often_it_is_sent(ports: &Ports) {
    let budget = budget_of(ports, 10).await;
    let instance = joined(ports).await;
    let known = asked(ports, instance, take(budget, needed(10))).await.share;
    let statement = give_back(budget, 3, known);
    let answers = concurrently((0..8).map(|_| {
        let shares = Arc::clone(&ports.shares);
        async move { shares.settle(instance, &[statement]).await }
    }));
    for answer in answers.await {
        let answers = answer.expect("the store answers").expect("it is listed");
        assert_eq!(answers[0].map(|answer| (answer.share.returned, answer.left)), Some((3, 3)));
    }
}

pub async fn a_late_give_back_counts_nothing(ports: &Ports) {
    let budget = budget_of(ports, 10).await;
    let instance = joined(ports).await;
    let known = asked(ports, instance, take(budget, needed(6))).await.share;
    asked(ports, instance, give_back(budget, 2, known)).await;
    let after = asked(ports, instance, take(budget, needed(1))).await;
    assert_eq!(
        asked(ports, instance, give_back(budget, 2, known)).await,
        Answer { rest: after.rest, ..after }
    );
}

pub async fn of_concurrent_takes_no_more_is_handed_out_than_there_is(ports: &Ports) {
    let budget = budget_of(ports, 50).await;
    let instances = [joined(ports).await, joined(ports).await, joined(ports).await];
    let takes = (0..30).map(|turn: usize| {
        let (shares, instance) = (Arc::clone(&ports.shares), instances[turn % 3]);
        async move { shares.settle(instance, &[take(budget, needed(3))]).await }
    });
    for answer in concurrently(takes).await {
        answer.expect("the store answers").expect("it is listed");
    }
    let mut handed = 0;
    for instance in instances {
        let answer = asked(ports, instance, take(budget, Wanted::default())).await;
        handed += answer.share.granted;
        assert_eq!(answer.left, 0);
    }
    assert_eq!(handed, 50);
}

pub async fn a_later_holding_begins_at_nothing_and_ends_the_one_before(ports: &Ports) {
    let budget = budget_of(ports, 10).await;
    let instance = joined(ports).await;
    let before = asked(ports, instance, take(budget, needed(4))).await.share;
    let later = |request| Statement { holding: 2, request, ..take(budget, Wanted::default()) };
    let answer = asked(ports, instance, later(Request::Take(needed(2)))).await;
    assert_eq!((answer.share.granted, answer.left), (2, 4), "what it had before is spent");
    assert_eq!(settled(ports, instance, give_back(budget, 4, before)).await, None);
    assert_eq!(settled(ports, instance, take(budget, needed(1))).await, None);
    let known = answer.share;
    let answer = asked(ports, instance, later(Request::GiveBack { amount: 2, known })).await;
    assert_eq!(answer.left, 6);
}

pub async fn an_instance_that_is_not_on_the_list_gets_nothing(ports: &Ports) {
    let budget = budget_of(ports, 10).await;
    let gone = joined(ports).await;
    asked(ports, gone, take(budget, needed(4))).await;
    ports.feed.leave(gone).await.expect("the store answers");
    let answers = ports.shares.settle(gone, &[take(budget, needed(1))]).await;
    assert!(answers.expect("the store answers").is_none());
    let answer = asked(ports, joined(ports).await, take(budget, Wanted::default())).await;
    assert_eq!(answer.left, 6, "what it had is spent");
}

pub async fn each_window_begins_with_its_whole_limit(ports: &Ports) {
    let key = added(ports, a_key().limited_to("second=5")).await;
    let budget = budgets(ports, &key).await[0];
    let instance = joined(ports).await;
    let first = asked(ports, instance, take(budget, needed(5))).await;
    let late = give_back(budget, 5, first.share);
    for _try in 0..200 {
        let answer = asked(ports, instance, take(budget, needed(5))).await;
        if answer.share.period == first.share.period {
            assert_eq!((answer.share.granted, answer.left), (5, 0));
            assert!(answer.rest.is_some_and(|rest| rest <= Duration::from_secs(1)));
        } else {
            assert_eq!(answer.share, Share { granted: 5, returned: 0, ..answer.share });
            let answer = asked(ports, instance, late).await;
            assert_eq!(answer.share.returned, 0, "that was of the second before");
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    unreachable!("no second ended");
}

pub async fn a_limit_that_changes_leaves_what_was_used(ports: &Ports) {
    let key = added(ports, a_key().limited_to("month=10")).await;
    let budget = found(ports, &key).await.expect("it is there").budgets[0].id;
    let instance = joined(ports).await;
    asked(ports, instance, take(budget, needed(6))).await;
    let key = limited(ports, &key, "month=20").await;
    let answer = asked(ports, instance, take(budget, Wanted::default())).await;
    assert_eq!((answer.amount, answer.left), (20, 14));
    let key = limited(ports, &key, "month=4").await;
    let answer = asked(ports, instance, take(budget, needed(1))).await;
    assert_eq!((answer.amount, answer.left, answer.share.granted), (4, 0, 6));
    let key = limited(ports, &key, "").await;
    assert_eq!(settled(ports, instance, take(budget, needed(1))).await, None, "nothing counts");
    let key = limited(ports, &key, "month=10").await;
    assert_eq!(budgets(ports, &key).await, [budget]);
    assert_eq!(asked(ports, instance, take(budget, Wanted::default())).await.left, 4);
}

pub async fn the_budgets_of_an_instance_are_settled_in_one_call(ports: &Ports) {
    let key = added(ports, a_key().limited_to("hour=5 day=10 month=20")).await;
    let mut budgets = budgets(ports, &key).await;
    budgets.reverse();
    let unknown = BudgetId(i64::MAX);
    let asked = [budgets[0], unknown, budgets[1], budgets[2]];
    let statements = asked.map(|budget| take(budget, needed(1)));
    let instance = joined(ports).await;
    let answers = ports.shares.settle(instance, &statements).await.expect("the store answers");
    let answers = answers.expect("it is listed");
    assert_eq!(answers.len(), 4);
    assert_eq!(answers[1], None);
    let amounts = [0, 2, 3].map(|place: usize| answers[place].expect("it counts").amount);
    assert_eq!(amounts.iter().sum::<u64>(), 35);
    let nothing = ports.shares.settle(instance, &[]).await.expect("the store answers");
    assert_eq!(nothing, Some(Vec::new()));
}

async fn joined(ports: &Ports) -> InstanceId {
    Instance::joined(ports).await.id
}

/// A budget of so many credits.
async fn budget_of(ports: &Ports, number: u64) -> BudgetId {
    let key = with_credits(ports, a_key(), number).await;
    budgets(ports, &key).await[0]
}

async fn budgets(ports: &Ports, key: &ApiKey) -> Vec<BudgetId> {
    let found = found(ports, key).await.expect("it is there");
    found.budgets.iter().map(|budget| budget.id).collect()
}

async fn settled(ports: &Ports, instance: InstanceId, statement: Statement) -> Option<Answer> {
    let answers = ports.shares.settle(instance, &[statement]).await.expect("the store answers");
    answers.expect("it is listed")[0]
}

async fn asked(ports: &Ports, instance: InstanceId, statement: Statement) -> Answer {
    settled(ports, instance, statement).await.expect("it counts")
}

const fn needed(needed: u64) -> Wanted {
    Wanted { least: 1, needed, ahead: 0 }
}

const fn take(budget: BudgetId, wanted: Wanted) -> Statement {
    Statement { budget, holding: 1, spent: 0, request: Request::Take(wanted) }
}

const fn give_back(budget: BudgetId, amount: u64, known: Share) -> Statement {
    Statement { budget, holding: 1, spent: 0, request: Request::GiveBack { amount, known } }
}
