//! Calls that are paid from budgets, under the same faults.
//!
//! Each budget has a cost of its own, so that a call that is refused says about the next one of that budget. What was
//! accepted is held against what the database has handed out: never more. A call of which no answer came may have been
//! charged.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use latchkey_domain::ports::Clock as _;
use latchkey_system::SystemClock;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::chance::Chance;
use super::client::{Answer, Client};
use super::instance::Instance;
use super::keys::Key;
use super::nemesis::{self, Tally};
use super::run::Run;

/// Longer than what is unused is held, and than a dead instance stays on the list.
const SETTLED: Duration = Duration::from_secs(13);
const A_MOMENT: Duration = Duration::from_millis(20);
const LIMIT: u64 = 3_000;

/// How much there is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payments {
    /// For each instance.
    pub(crate) payers: usize,
    pub(crate) pause: Duration,
    /// Credits that are added by one top-up, at most.
    pub(crate) top_up: u64,
    pub(crate) quiet: Duration,
    pub(crate) faults: Duration,
}

#[derive(Debug)]
struct Budget {
    name: &'static str,
    /// By which credits are added; none of a limit for each minute.
    credits: Option<String>,
    /// Of the row in the database.
    row: String,
    keys: Vec<Arc<Key>>,
    cost: u64,
    accepted: AtomicU64,
    unanswered: AtomicU64,
    refused: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// What was accepted in each minute for sure.
    minutes: BTreeMap<u64, u64>,
    /// The first call that was refused since the last one that was accepted, or since credits came.
    refused: Option<Refused>,
    /// How long calls were refused that had room, as another one shows that was accepted afterwards.
    early: Duration,
    early_refusals: u64,
    refusals_since: u64,
}

#[derive(Debug)]
struct Refused {
    at: Instant,
    minute: u64,
}

/// What became of the budgets.
#[derive(Debug)]
pub(crate) struct Paid {
    seed: u64,
    faults: Tally,
    budgets: Vec<Line>,
    /// What more was accepted than handed out, in all.
    pub(crate) overshoot: u64,
    pub(crate) accepted: u64,
    /// Calls that were refused in the time without faults although there was room: for how long at most.
    pub(crate) early_in_quiet: Duration,
    pub(crate) wrong: Vec<String>,
}

#[derive(Debug)]
struct Line {
    name: &'static str,
    granted: u64,
    handed_out: u64,
    accepted: u64,
    unanswered: u64,
    stranded: u64,
    refused: u64,
    early_refusals: u64,
    early: Duration,
}

impl Payments {
    /// Goes through all of it, or until more is accepted than was granted where `stops` says so.
    pub(crate) async fn pass(self, run: &Arc<Run>, seed: u64, stops: bool) -> Paid {
        println!("chaos of budgets with CHAOS_SEED={seed}");
        let mut chance = Chance::new(seed);
        let budgets: Arc<[Budget]> = budgets(run).await.into();
        let mut tasks = JoinSet::new();
        for instance in &run.instances {
            for _ in 0..self.payers {
                let (run, client) = (Arc::clone(run), Client::new(instance));
                tasks.spawn(payer(run, Arc::clone(&budgets), client, self.pause, chance.fork()));
            }
        }
        tasks.spawn(topper(Arc::clone(run), Arc::clone(&budgets), self.top_up, chance.fork()));
        sleep(self.quiet).await;
        let early_in_quiet = budgets.iter().map(|it| it.seen().early).max().unwrap_or_default();
        let until = Instant::now() + self.faults;
        let caught = || stops && budgets.iter().any(Budget::is_over_a_limit);
        let faults = nemesis::rage(run, &mut chance, until, caught).await;
        run.stop.cancel();
        tasks.join_all().await;
        sleep(SETTLED).await;
        let mut lines = Vec::new();
        for budget in &*budgets {
            lines.push(budget.line(run).await);
        }
        Paid::new(seed, faults, lines, early_in_quiet, &budgets)
    }
}

impl Paid {
    fn new(
        seed: u64,
        faults: Tally,
        lines: Vec<Line>,
        early_in_quiet: Duration,
        budgets: &[Budget],
    ) -> Self {
        let over = |line: &Line| line.accepted.saturating_sub(line.handed_out);
        let of_credits = lines.iter().zip(budgets).filter(|(_, budget)| budget.credits.is_some());
        let overshoot: u64 = of_credits.clone().map(|(line, _)| over(line)).sum();
        let of_minutes: u64 = budgets.iter().map(Budget::over_the_limit).sum();
        let lost = of_credits.filter_map(|(line, _)| {
            let told = line.accepted + line.unanswered + line.stranded;
            let lost = line.handed_out.saturating_sub(told);
            (lost > 0).then(|| format!("{lost} of {} were lost, and nothing told of it", line.name))
        });
        Self {
            wrong: lost.collect(),
            seed,
            faults,
            overshoot: overshoot + of_minutes,
            accepted: lines.iter().map(|line| line.accepted).sum(),
            budgets: lines,
            early_in_quiet,
        }
    }
}

impl Budget {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accepted(&self, answer: &Answer, minutes: [u64; 2]) {
        self.accepted.fetch_add(self.cost, Ordering::Relaxed);
        let mut seen = self.seen();
        let [sent, received] = minutes;
        if let Some(Refused { at, minute }) = seen.refused.take()
            && at < answer.sent
            // One that was under way when a minute ended may have been paid from the next one.
            && (self.credits.is_some() || [minute; 2] == minutes)
        {
            seen.early = seen.early.max(answer.received - at);
            seen.early_refusals += seen.refusals_since;
        }
        seen.refusals_since = 0;
        if sent == received {
            *seen.minutes.entry(sent).or_default() += self.cost;
        }
    }

    fn refused(&self, answer: &Answer) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let mut seen = self.seen();
        let minute = minute();
        seen.refused.get_or_insert(Refused { at: answer.received, minute });
        seen.refusals_since += 1;
    }

    /// There is more now, or may be.
    fn begins_again(&self) {
        let mut seen = self.seen();
        (seen.refused, seen.refusals_since) = (None, 0);
    }

    /// Adds credits. Without an answer nobody knows; the database does.
    async fn top_up(&self, run: &Run, instance: &Arc<Instance>, number: u64) {
        let Some(path) = &self.credits else { return };
        self.begins_again();
        let top_up = run.managed("POST", path.clone(), format!(r#"{{"add":{number}}}"#));
        if let Some(answer) = top_up.ask(instance).await
            && answer.status != 200
            && !answer.is_unavailable()
        {
            run.ledger.wrong(&format!("top-up at {}: {}", instance.name, answer.head));
        }
        self.begins_again();
    }

    fn over_the_limit(&self) -> u64 {
        let over = |used: &u64| used.saturating_sub(LIMIT);
        if self.credits.is_some() { 0 } else { self.seen().minutes.values().map(over).sum() }
    }

    fn is_over_a_limit(&self) -> bool {
        self.over_the_limit() > 0
    }

    async fn line(&self, run: &Run) -> Line {
        let [granted, handed_out, stranded] = run.postgres.budget(&self.row).await;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let seen = self.seen();
        Line {
            name: self.name,
            granted,
            handed_out,
            accepted: read(&self.accepted),
            unanswered: read(&self.unanswered),
            stranded,
            refused: read(&self.refused),
            early_refusals: seen.early_refusals,
            early: seen.early,
        }
    }
}

async fn budgets(run: &Arc<Run>) -> Vec<Budget> {
    let mut budgets = Vec::new();
    for (name, owner, cost) in [("credits of a key", "one", 1), ("the same, 3 a call", "three", 3)]
    {
        let key = run.create_paid(owner, r#","credits":1000"#).await;
        budgets.push(Budget {
            credits: Some(format!("/api/v1/admin/owners/{owner}/api-keys/{}/credits", key.id)),
            row: format!("family = '{}' and kind = 'credits'", key.id),
            ..Budget::new(name, vec![key], cost)
        });
    }
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(run.create_paid("payer", "").await);
    }
    let of_owner = Budget {
        credits: Some("/api/v1/admin/owners/payer/credits".to_owned()),
        row: "owner = 'payer' and kind = 'credits'".to_owned(),
        ..Budget::new("credits of an owner", keys, 1)
    };
    // Before that, nothing is counted.
    of_owner.top_up(run, &run.instances[0], 1_000).await;
    budgets.push(of_owner);
    let limits = format!(r#","limits":[{{"limit":{LIMIT},"every":"minute"}}]"#);
    let key = run.create_paid("limited", &limits).await;
    let row = format!("family = '{}' and kind = 'minute'", key.id);
    budgets.push(Budget { row, ..Budget::new("a limit for each minute", vec![key], 2) });
    budgets
}

impl Budget {
    fn new(name: &'static str, keys: Vec<Arc<Key>>, cost: u64) -> Self {
        Self {
            name,
            credits: None,
            row: String::new(),
            keys,
            cost,
            accepted: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            seen: Mutex::default(),
        }
    }
}

async fn payer(
    run: Arc<Run>,
    budgets: Arc<[Budget]>,
    mut client: Client,
    pause: Duration,
    mut chance: Chance,
) {
    while !run.stop.is_cancelled() {
        let budget = chance.one_of(&budgets).expect("there are some");
        let key = chance.one_of(&budget.keys).expect("each has one");
        let sent = minute();
        let headers = format!("x-api-key: {}\r\n", key.secret);
        let path = format!("/api/v1/verify?cost={}", budget.cost);
        match client.send("GET", &path, &headers, "").await {
            Err(_) => {
                budget.unanswered.fetch_add(budget.cost, Ordering::Relaxed);
                sleep(A_MOMENT).await;
            }
            Ok(answer) => match answer.status {
                200 => budget.accepted(&answer, [sent, minute()]),
                429 => budget.refused(&answer),
                _ if answer.is_unavailable() => sleep(A_MOMENT).await,
                _ => run.ledger.wrong(&format!("{}: {}", client.instance.name, answer.head)),
            },
        }
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }
}

/// Adds credits, whether or not the answer comes; and begins each minute.
async fn topper(run: Arc<Run>, budgets: Arc<[Budget]>, most: u64, mut chance: Chance) {
    let mut in_minute = minute();
    while !run.stop.is_cancelled() {
        for budget in &*budgets {
            budget.top_up(&run, run.any_instance(&mut chance), 1 + chance.below(most)).await;
        }
        if minute() != in_minute {
            in_minute = minute();
            budgets.iter().filter(|it| it.credits.is_none()).for_each(Budget::begins_again);
        }
        sleep(chance.millis(200..=2_000)).await;
    }
}

fn minute() -> u64 {
    u64::try_from(SystemClock.now().unix_millis() / 60_000).expect("after 1970")
}

impl fmt::Display for Paid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<_> = self.faults.iter().map(|(name, n)| format!("{n} {name}")).collect();
        writeln!(f, "seed             {}", self.seed)?;
        writeln!(f, "faults           {}", faults.join(", "))?;
        writeln!(
            f,
            "budget                      granted handed out  accepted unanswered stranded  refused  early  longest"
        )?;
        for line in &self.budgets {
            writeln!(
                f,
                "{:<25} {:>9} {:>10} {:>9} {:>10} {:>8} {:>8} {:>6} {:>5} ms",
                line.name,
                line.granted,
                line.handed_out,
                line.accepted,
                line.unanswered,
                line.stranded,
                line.refused,
                line.early_refusals,
                line.early.as_millis()
            )?;
        }
        writeln!(f, "accepted         {}", self.accepted)?;
        writeln!(f, "overshoot        {}", self.overshoot)?;
        writeln!(f, "refused with room, without faults: {} ms", self.early_in_quiet.as_millis())?;
        writeln!(f, "wrong            {:?}", self.wrong)
    }
}
