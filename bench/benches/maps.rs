//! The maps that were compared for the verifier's cache: a look-up among a million digests, and
//! what an entry takes beyond its digest and its value.

#![expect(clippy::print_stdout, reason = "it tells what it has measured")]

mod digests;

use std::hint::black_box;
use std::time::Duration;

use allocation_counter::measure;
use criterion::Criterion;
use dashmap::DashMap;
use digests::{Digest, FEW, FirstBytes, Known, MANY, by_the_end, digests, known, memory};

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut digests = digests();

    let quick_cache = filled("quick_cache", memory, &digests, |map, digest, it| {
        map.insert(digest, it);
    });
    let papaya = || papaya::HashMap::with_capacity_and_hasher(MANY, FirstBytes);
    let papaya = filled("papaya", papaya, &digests, |map, digest, it| {
        map.pin().insert(digest, it);
    });
    let dashmap = || DashMap::with_capacity_and_hasher(MANY, FirstBytes);
    let dashmap = filled("dashmap", dashmap, &digests, |map, digest, it| {
        map.insert(digest, it);
    });

    digests.sort_unstable_by(by_the_end);
    for (which, asked) in [("cold, of 1,000,000", MANY), ("hot, of 10,000", FEW)] {
        let asked = digests.get(..asked).expect("there are as many");
        let mut group = criterion.benchmark_group(format!("look-up, {which}"));
        let mut look_up = |name, get: &dyn Fn(&Digest) -> Option<Known>| {
            let mut digests = asked.iter().cycle();
            group.bench_function(name, |bencher| {
                bencher.iter(|| black_box(digests.next().and_then(get)).expect("it is there"));
            });
        };
        look_up("quick_cache", &|digest| quick_cache.get(digest));
        look_up("papaya", &|digest| papaya.pin().get(digest).cloned());
        look_up("dashmap", &|digest| dashmap.get(digest).map(|it| it.clone()));
        group.finish();
    }
    criterion.final_summary();
}

/// Fills a map and tells what it takes.
fn filled<M>(
    name: &str,
    new: impl FnOnce() -> M,
    digests: &[Digest],
    insert: impl Fn(&M, Digest, Known),
) -> M {
    let values: Vec<Known> = digests.iter().map(|_| known()).collect();
    let mut map = None;
    let taken = measure(|| {
        let new = new();
        for (digest, value) in digests.iter().zip(values) {
            insert(&new, *digest, value);
        }
        map = Some(new);
    });
    let freed = i64::try_from(size_of_val(digests) / 32 * size_of::<Known>()).expect("small");
    let bytes = (taken.bytes_current + freed) / i64::try_from(digests.len()).expect("a million");
    println!("{name}: {bytes} bytes for each entry, digest and value among them");
    map.expect("it was filled")
}
