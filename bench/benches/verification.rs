//! One verification from the cache, and what it is made of, in one run.
//!
//! A million keys are cached, through the same look-ups as ever; the store behind them is made
//! up, because it is not asked once they are. They are presented in another order than they were
//! cached in: all of them, or the same few again and again.

#![expect(clippy::panic, clippy::print_stdout, reason = "it tells what it has measured")]

mod digests;
mod made_up;

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use allocation_counter::measure;
use criterion::Criterion;
use digests::{FEW, MANY, by_the_end, digests, known, memory};
use latchkey_domain::ports::{Clock, KeyHasher, SteadyClock};
use latchkey_domain::{Brand, Environment, Secret};
use latchkey_hasher_hmac::{HmacHasher, Pepper, PepperRing};
use latchkey_store_sqlite::SqliteStore;
use latchkey_system::{BootClock, SystemClock};
use latchkey_testkit::fakes::CountingEntropy;
use latchkey_testkit::fixtures::{a_writer, pepper};
use latchkey_verifier::{Answering, Principal, UsageWriter, Verifier, VerifierPorts};
use made_up::AnyKey;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let hasher = Arc::new(HmacHasher::new(&PepperRing::of(Pepper::new(pepper(1), [7; 32]))));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(&folder.path().join("latchkey.db")).expect("it opens");
    let verifier = verifier(store, Arc::<HmacHasher>::clone(&hasher));
    let kept = Arc::clone(&verifier);
    runtime.spawn(async move { kept.keep().await });

    let mut secrets = secrets();
    let mut few = secrets.get(..FEW).expect("a million").to_vec();
    fill(&verifier, &runtime, &few);
    few.sort_unstable();
    of_parts(&mut criterion, &*hasher, &few);
    whole(&mut criterion, &verifier, "10,000 of 10,000 keys", &few);
    fill(&verifier, &runtime, &secrets);
    secrets.sort_unstable();
    // A map with many shards has lost a few of a million.
    secrets.retain(|secret| verify(&verifier, secret).is_some());
    println!("{} keys are cached", secrets.len());
    for (which, presented) in [("1,000", FEW / 10), ("10,000", FEW), ("all", secrets.len())] {
        let presented = secrets.get(..presented).expect("nearly a million");
        whole(&mut criterion, &verifier, &format!("{which} of 1,000,000 keys"), presented);
    }
    criterion.final_summary();
}

type Text = [u8; 46];

fn secrets() -> Vec<Text> {
    let (brand, entropy) = (Brand::default(), CountingEntropy::default());
    let text = || {
        let secret = Secret::generate(&brand, Environment::Live, &entropy).expect("it never fails");
        secret.expose().as_bytes().try_into().expect("46 characters")
    };
    std::iter::repeat_with(text).take(MANY).collect()
}

/// The embedded store lends its log of changes and its table of last uses.
fn verifier(store: SqliteStore, hasher: Arc<HmacHasher>) -> Arc<Verifier> {
    let store = Arc::new(store);
    let ports = VerifierPorts {
        lookup: Arc::new(AnyKey),
        feed: Arc::<SqliteStore>::clone(&store),
        shares: Arc::<SqliteStore>::clone(&store),
        hasher,
        clock: Arc::new(SystemClock),
        lease_clock: Arc::new(BootClock),
        usage: Arc::new(UsageWriter::new(store, a_writer())),
    };
    Arc::new(Verifier::new(ports, Answering::FromCache, None))
}

fn fill(verifier: &Verifier, runtime: &tokio::runtime::Runtime, secrets: &[Text]) {
    while verifier.status().lease_left.is_none() {
        std::thread::yield_now();
    }
    let taken = measure(|| {
        for secret in secrets {
            let principal = runtime.block_on(verifier.verify(secret)).expect("any key is good");
            verifier.accepted(&principal, 1);
        }
    });
    let bytes = taken.bytes_current / i64::try_from(secrets.len()).expect("a million");
    println!("{bytes} bytes for each key beyond the empty map");
}

/// What is answered without waiting, so from the cache.
fn verify(verifier: &Verifier, presented: &[u8]) -> Option<Principal> {
    match pin!(verifier.verify(presented)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.ok().inspect(|principal| verifier.accepted(principal, 1)),
        Poll::Pending => None,
    }
}

fn whole(criterion: &mut Criterion, verifier: &Verifier, which: &str, presented: &[Text]) {
    let mut presented = presented.iter().cycle();
    criterion.bench_function(&format!("verification/{which}"), |bencher| {
        bencher.iter(|| {
            let secret = presented.next().expect("there is always one");
            verify(verifier, secret).unwrap_or_else(|| panic!("it is not cached"))
        });
    });
}

fn of_parts(criterion: &mut Criterion, hasher: &dyn KeyHasher, texts: &[Text]) {
    let parse = |text: &Text| Secret::parse(text).expect("it is well-formed");
    let secrets: Vec<Secret> = texts.iter().map(parse).collect();
    let (memory, mut digests) = (memory(), digests());
    for digest in &digests {
        memory.insert(*digest, known());
    }
    digests.sort_unstable_by(by_the_end);

    let mut group = criterion.benchmark_group("part");
    let mut cycle = texts.iter().cycle();
    group.bench_function("parse", |bencher| bencher.iter(|| cycle.next().map(parse)));
    let mut cycle = secrets.iter().cycle();
    group.bench_function("HMAC", |bencher| {
        bencher.iter(|| cycle.next().map(|secret| hasher.candidates(secret)));
    });
    for (which, asked) in [("look-up, 1,000,000 keys", MANY), ("look-up, 10,000 keys", FEW)] {
        let mut cycle = digests.iter().take(asked).cycle();
        group.bench_function(which, |bencher| {
            bencher.iter(|| black_box(cycle.next().and_then(|digest| memory.get(digest))));
        });
    }
    let (boot, wall) = (black_box(BootClock), black_box(SystemClock));
    group.bench_function("lease clock", |bencher| bencher.iter(|| boot.now()));
    group.bench_function("wall clock", |bencher| bencher.iter(|| wall.now()));
    group.finish();
}
